//! `cargo xtask <task>`: the tasks of the workspace.

mod bench;

use anyhow::Result;
use clap::{Parser, Subcommand};

/// Tasks of the workspace.
#[derive(Parser)]
enum Task {
    /// Measures, and prints the figures beside those of others.
    #[command(subcommand)]
    Bench(Bench),
}

#[derive(Subcommand)]
enum Bench {
    /// The job engine: adds, the full cycle, latencies, BullMQ beside it.
    Engine(bench::engine::EngineOptions),
}

fn main() -> Result<()> {
    match Task::parse() {
        Task::Bench(Bench::Engine(options)) => bench::engine::engine(&options),
    }
}
