//! `cargo xtask <task>`: everything that is done to the workspace, beside building it.

mod bench;
mod fixtures;
mod install;
mod run;
mod screenshots;
mod test;
mod tidy;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Tasks of the workspace.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask")]
struct Command {
    #[command(subcommand)]
    task: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Installs what the tests need and runs all of them.
    Test(test::Options),
    /// Measures, and prints the figures beside those of others; asserts nothing about time.
    #[command(subcommand)]
    Bench(Bench),
    /// Fetches the real documents of the tests from Debian packages.
    Fixtures,
    /// Takes screenshots of the pages, into `target/screenshots`.
    Screenshots,
    /// Checks the rules of the code base.
    Tidy,
}

#[derive(Debug, Subcommand)]
enum Bench {
    /// The job engine: adds, the full cycle, latencies, BullMQ beside it.
    Engine(bench::engine::EngineOptions),
    /// npm's BullMQ beside ours on one Redis, in turn: jobs a second, processor, commands, bytes.
    Peers(bench::peers::PeersOptions),
    /// One run of our engine, as `peers` starts it.
    #[command(hide = true)]
    Work(bench::peers::OurWork),
}

fn main() -> ExitCode {
    let done = match Command::parse().task {
        Task::Test(options) => test::run(&options),
        Task::Bench(Bench::Engine(options)) => bench::engine::engine(&options),
        Task::Bench(Bench::Peers(options)) => bench::peers::peers(&options),
        Task::Bench(Bench::Work(work)) => work.run(),
        Task::Fixtures => fixtures::fetch(),
        Task::Screenshots => screenshots::take(),
        Task::Tidy => tidy::run(),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}
