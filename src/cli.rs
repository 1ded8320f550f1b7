//! The command line: one file per command.
//!
//! Exit codes: 0 done, 1 not done, 2 the command line or the configuration is wrong, 70 the
//! service gave up and should be restarted.

mod config;
mod demo;
mod doctor;
mod enqueue;
mod serve;
mod status;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::config::Config;

/// Turns study materials into learning plans, in background jobs that survive anything.
#[derive(Debug, Parser)]
#[command(name = "oxherd", version, about)]
struct Command {
    /// The configuration file; without it `oxherd.toml` in this folder, if there is one.
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Answers in JSON, for programs.
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    verb: Option<Verb>,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Runs the service (also without a command).
    Serve,

    /// Runs the service on a fresh folder and shows the way from two documents to a plan.
    Demo(demo::Demo),
    /// Adds a job to a queue of the running service's store.
    Enqueue(enqueue::Enqueue),
    /// Shows the queues and the actors of the running service.
    Status,
    /// Checks the machine, the configuration and the stores; each finding with its fix.
    Doctor,
    /// Checks or prints the configuration.
    #[command(subcommand)]
    Config(config::Verb),
}

/// Runs the program.
pub(crate) fn main() -> ExitCode {
    let command = Command::parse();
    let config = match Config::load(command.config.as_deref()) {
        Ok(config) => config,
        Err(error) => {
            eprintln!("oxherd: {error:#}");
            return ExitCode::from(2);
        }
    };
    let json = command.json;
    let outcome = match command.verb.unwrap_or(Verb::Serve) {
        Verb::Serve => serve::run(config),

        Verb::Demo(demo) => demo::run(&demo, config),
        Verb::Enqueue(enqueue) => enqueue::run(&enqueue, &config, json),
        Verb::Status => status::run(&config, json),
        Verb::Doctor => doctor::run(&config, json),
        Verb::Config(verb) => config::run(verb, &config, json),
    };
    outcome.unwrap_or_else(|error| {
        eprintln!("oxherd: {error:#}");
        ExitCode::FAILURE
    })
}

/// Runs a command's future on a runtime of its own.
fn block_on<T>(future: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(future)
}
