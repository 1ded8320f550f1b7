//! Oxherd and BullMQ's own clients on the same queues: the numbered scenarios of interoperability.
//!
//! A scenario is written once, against two sides: who acts, and who answers. It is played by BullMQ
//! alone, whose keyspace is the model, and then with Oxherd in the roles that it names, with the
//! newest BullMQ 6 and 5. What is asserted is what a Node client sees. Without arguments all of
//! them are played and the table `RESULTS.md` is written; an argument plays those whose name
//! contains it. Never looks into the engine: it runs in a process of its own.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "all of it is tests; the lints' own exceptions are by function"
)]

mod board;
mod catalog;
mod keyspace;
mod lockstep;
mod oxherd;
mod peer;
#[path = "../../queue/tests/conformance/redis_server.rs"]
mod redis_server;
mod report;
mod row;
mod scenario;
mod scenarios;
mod side;

use std::path::PathBuf;
use std::process::ExitCode;

/// The folder of the suite, with the Node packages.
fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../tests/interop")
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [first, url] = arguments.as_slice()
        && first == peer::OXHERD
    {
        oxherd::run(url);
        return ExitCode::SUCCESS;
    }
    if arguments.iter().any(|argument| argument == "--list") {
        return ExitCode::SUCCESS;
    }
    if !folder().join("node_modules/bullmq5").exists() {
        println!(
            "SKIPPED: interoperability with BullMQ needs the packages of tests/interop; `cargo xtask test` installs them"
        );
        return ExitCode::SUCCESS;
    }
    let Some(url) = redis_server::url() else { return ExitCode::SUCCESS };
    let filter = arguments.iter().find(|argument| !argument.starts_with('-'));
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let filter = filter.map(String::as_str);
    if filter == Some("lockstep") {
        let equal = runtime.block_on(lockstep::play(url));
        return if equal { ExitCode::SUCCESS } else { ExitCode::FAILURE };
    }
    let mut all_held =
        tokio::task::LocalSet::new().block_on(&runtime, scenario::play_all(url, filter));
    if filter.is_none() {
        all_held &= runtime.block_on(lockstep::play(url));
    }
    if all_held { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
