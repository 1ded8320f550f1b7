//! `cargo xtask bench peers --instructions`: what a job costs Redis in instructions, under valgrind.
//!
//! Each figure is the difference of two runs of different length on servers of their own, so that
//! neither the start nor the checks count. Repeated runs differ by one or two per cent.

use std::fmt;

use anyhow::{Result, bail};

use super::Workload;
use super::run::{self, Peer};
use crate::bench::redis_server::Server;
use crate::run::is_installed;

const FEW: usize = 500;
const MANY: usize = 1500;

/// The kinds of work, with the most that ours may cost of what the package costs.
const KINDS: [Kind; 4] = [
    Kind { name: "bulk add", kind: "bulk", concurrency: 1, with_adds: false, aim: 0.32 },
    Kind { name: "cycle, 50 slots", kind: "cycle", concurrency: 50, with_adds: true, aim: 0.45 },
    Kind { name: "lone add", kind: "add", concurrency: 1, with_adds: false, aim: 0.65 },
    Kind { name: "cycle, 1 slot", kind: "cycle", concurrency: 1, with_adds: true, aim: 0.8 },
];

#[derive(Debug, Clone, Copy)]
struct Kind {
    name: &'static str,
    kind: &'static str,
    concurrency: usize,
    /// Whether its jobs are added in bulk before: that is taken off.
    with_adds: bool,
    aim: f64,
}

/// The package, and ours.
const PEERS: [Peer; 2] = [Peer::Node, Peer::Ours];

/// Instructions of Redis for each job.
pub(super) struct Instructions(Vec<(Kind, [f64; 2])>);

/// Counts for both.
///
/// # Errors
/// When valgrind is missing, or a peer did not do its work.
pub(super) async fn count() -> Result<Instructions> {
    if !is_installed("valgrind") {
        bail!("valgrind is not installed; on Debian it is the package valgrind");
    }
    let mut rows: Vec<(Kind, [f64; 2])> = Vec::new();
    for kind in KINDS {
        let mut row = [0.0; 2];
        for (peer, figure) in PEERS.into_iter().zip(&mut row) {
            eprintln!("{}: {}", kind.name, peer.name());
            *figure = per_job(peer, kind).await?;
        }
        if kind.with_adds
            && let Some((_, adds)) = rows.iter().find(|(row, _)| row.kind == "bulk")
        {
            row.iter_mut().zip(adds).for_each(|(figure, adds)| *figure -= adds);
        }
        rows.push((kind, row));
    }
    Ok(Instructions(rows))
}

#[expect(clippy::cast_precision_loss, reason = "counts")]
async fn per_job(peer: Peer, kind: Kind) -> Result<f64> {
    let few = whole_run(peer, kind, FEW).await?;
    let many = whole_run(peer, kind, MANY).await?;
    Ok(many.saturating_sub(few) as f64 / (MANY - FEW) as f64)
}

async fn whole_run(peer: Peer, kind: Kind, jobs: usize) -> Result<u64> {
    let folder = tempfile::tempdir_in("target")?;
    let server = Server::counted(folder.path()).await?;
    let Kind { name, kind, concurrency, .. } = kind;
    run::run(&server, peer, Workload { name, kind, concurrency, jobs, aim: 0.0 }).await?;
    server.instructions().await
}

impl fmt::Display for Instructions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "| Redis instructions a job | npm bullmq | ours | of npm, aim |\n|---|---|---|---|"
        )?;
        self.0.iter().try_for_each(|(kind, [node, ours])| {
            let (name, aim) = (kind.name, kind.aim);
            let share = ours / node;
            writeln!(f, "| {name} | {node:.0} | {ours:.0} | {share:.2}, {aim} |")
        })
    }
}
