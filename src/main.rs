//! The program: reads the command line, and does what it says.

mod app;
mod cli;
mod config;
mod telemetry;

use std::process::ExitCode;

use oxherd_adapters::parser::child;

fn main() -> ExitCode {
    // A parser child gives up its rights before anything else runs.
    if std::env::args_os().nth(1).is_some_and(|verb| verb == child::SUBCOMMAND) {
        return ExitCode::from(u8::try_from(child::main()).unwrap_or(1));
    }
    cli::main()
}
