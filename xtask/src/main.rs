//! `cargo xtask <task>`: everything that is done to the workspace, beside building it.

mod install;
mod run;
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
    /// Checks the rules of the code base.
    Tidy,
}

fn main() -> ExitCode {
    let done = match Command::parse().task {
        Task::Test(options) => test::run(&options),
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
