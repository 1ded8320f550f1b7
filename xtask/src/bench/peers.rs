//! `cargo xtask bench peers`: our engine and npm's BullMQ on one Redis, in turn, several rounds.
//!
//! Each run is a process of its own; what it did is checked on the server before it counts. Times
//! are printed only, as ratios within a round: the machine's mood is the same for both.

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
const WORKLOADS: [Workload; 7] = [
    Workload { name: "cycle, 1 slot", kind: "cycle", concurrency: 1, jobs: 4_000, aim: 1.6 },
    Workload { name: "cycle, 10 slots", kind: "cycle", concurrency: 10, jobs: 20_000, aim: 2.5 },
    Workload { name: "cycle, 50 slots", kind: "cycle", concurrency: 50, jobs: 20_000, aim: 3.5 },
    Workload { name: "cycle, 200 slots", kind: "cycle", concurrency: 200, jobs: 20_000, aim: 3.5 },
    Workload { name: "bulk of 1,000", kind: "bulk", concurrency: 1, jobs: 50_000, aim: 4.0 },
    Workload { name: "add, 50 callers", kind: "add", concurrency: 50, jobs: 20_000, aim: 3.0 },
    Workload { name: "add, 1 caller", kind: "add", concurrency: 1, jobs: 4_000, aim: 1.0 },
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
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let table = runtime.block_on(measure(options))?;
    print!("{table}");
    Ok(())
}

async fn measure(options: &PeersOptions) -> Result<Table> {
    let folder = tempfile::tempdir_in("target")?;
    let server = Server::start(folder.path()).await?;
    let mut table = Table::default();
    for workload in WORKLOADS.iter().filter(|workload| workload.name.contains(&options.only)) {
        let jobs = if options.quick { workload.jobs / 5 } else { workload.jobs };
        let workload = Workload { jobs, ..*workload };
        for round in 0..options.rounds {
            // Who goes first changes, so that neither always meets the colder server.
            let mut turn = [Peer::Node, Peer::Ours];
            turn.rotate_left(round % 2);
            for peer in turn {
                eprintln!("{}, round {}: {}", workload.name, round + 1, peer.name());
                let figures = run::run(&server, peer, workload).await?;
                table.push(workload.name, workload.aim, peer, figures);
            }
        }
    }
    Ok(table)
}
