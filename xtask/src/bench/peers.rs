//! `cargo xtask bench peers`: our engine, npm's BullMQ and its official Rust port on one Redis, in turn,
//! several rounds.
//!
//! Each run is a process of its own; what it did is checked on the server before it counts. Times
//! are printed only, as ratios within a round: the machine's mood is the same for both.

mod instructions;
mod ours;
mod run;
mod table;

use std::path::Path;

use anyhow::{Result, bail};

pub(crate) use self::ours::Work as OurWork;
use self::run::Peer;
use self::table::Table;
use super::redis_server::Server;
use crate::run::is_installed;

/// What to measure.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct PeersOptions {
    /// Rounds; the median of the ratios counts.
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// A fifth of the jobs: figures are rougher.
    #[arg(long)]
    quick: bool,
    /// Only workloads whose name contains this.
    #[arg(long, default_value = "")]
    only: String,
    /// Redis writes its append-only file and syncs it every second, as it should where jobs matter.
    #[arg(long)]
    durable: bool,
    /// Counts the instructions of Redis under valgrind instead of measuring times.
    #[arg(long)]
    instructions: bool,
}

/// One load, the same for all peers.
#[derive(Debug, Clone, Copy)]
struct Workload {
    name: &'static str,
    /// How the peers call it.
    kind: &'static str,
    /// Slots of the worker, or callers that each await their answer.
    concurrency: usize,
    jobs: usize,
    /// The least times of BullMQ's jobs a second to aim for.
    aim: f64,
}

/// The job options of all: attempts 3, exponential 1 s, completed 1 h / 100, failed 24 h.
const WORKLOADS: [Workload; 9] = [
    Workload { name: "cycle, 1 slot", kind: "cycle", concurrency: 1, jobs: 4_000, aim: 1.6 },
    Workload { name: "cycle, 10 slots", kind: "cycle", concurrency: 10, jobs: 20_000, aim: 2.5 },
    Workload { name: "cycle, 50 slots", kind: "cycle", concurrency: 50, jobs: 20_000, aim: 3.5 },
    Workload { name: "cycle, 200 slots", kind: "cycle", concurrency: 200, jobs: 20_000, aim: 3.5 },
    Workload { name: "bulk of 1,000", kind: "bulk", concurrency: 1, jobs: 50_000, aim: 4.0 },
    Workload { name: "add, 50 callers", kind: "add", concurrency: 50, jobs: 20_000, aim: 3.0 },
    Workload { name: "add, 1 caller", kind: "add", concurrency: 1, jobs: 4_000, aim: 1.0 },
    Workload { name: "idle worker woken", kind: "wake", concurrency: 1, jobs: 2_000, aim: 0.0 },
    Workload { name: "delayed, 10 slots", kind: "late", concurrency: 10, jobs: 1_000, aim: 0.0 },
];

/// Measures and prints.
///
/// # Errors
/// When Redis or Node is missing, or a peer did not do its work.
pub(crate) fn peers(options: &PeersOptions) -> Result<()> {
    for program in ["redis-server", "node", "npm"] {
        if !is_installed(program) {
            bail!("{program} is not installed; `cargo xtask test` installs it");
        }
    }
    if !Path::new(run::FOLDER).join("node_modules/bullmq").exists() {
        crate::run::run("npm", &["ci", "--no-audit", "--no-fund", "--prefix", run::FOLDER])?;
    }
    run::build_official()?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    if options.instructions {
        print!("{}", runtime.block_on(instructions::count())?);
    } else {
        print!("{}", runtime.block_on(measure(options))?);
    }
    Ok(())
}

async fn measure(options: &PeersOptions) -> Result<Table> {
    let folder = tempfile::tempdir_in("target")?;
    let server = Server::start(folder.path(), options.durable).await?;
    let mut table = Table::default();
    for workload in WORKLOADS.iter().filter(|workload| workload.name.contains(&options.only)) {
        let jobs = if options.quick { workload.jobs / 5 } else { workload.jobs };
        let workload = Workload { jobs, ..*workload };
        for round in 0..options.rounds {
            // Who goes first changes, so that none always meets the colder server.
            let mut turn = Peer::ALL;
            turn.rotate_left(round % Peer::ALL.len());
            for peer in turn {
                eprintln!("{}, round {}: {}", workload.name, round + 1, peer.name());
                let figures = run::run(&server, peer, workload).await?;
                table.push(workload, peer, figures);
            }
        }
    }
    Ok(table)
}
