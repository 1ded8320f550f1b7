//! One run of one peer: a process that gets ready, works when told, and is checked afterwards.

use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::process::Command;
use tokio::time::timeout;

use super::Workload;
use crate::bench::redis_server::{Server, Work};

/// Where the other engines' programs and their lock file are, from the root of the workspace.
pub(super) const FOLDER: &str = "benches/peers";
/// The program of the official Rust port, as [`build_official`] builds it.
const OFFICIAL: &str = "target/peers/release/official-peer";
/// How long one run may take.
const DEADLINE: Duration = Duration::from_secs(300);

/// Who works.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Peer {
    Node,
    Official,
    Ours,
}

impl Peer {
    pub(super) const ALL: [Self; 3] = [Self::Node, Self::Official, Self::Ours];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Node => "npm bullmq 6.7",
            Self::Official => "bullmq-official 1.4",
            Self::Ours => "oxherd-queue",
        }
    }

    fn command(self) -> Result<Command> {
        Ok(match self {
            Self::Node => {
                let mut node = Command::new("node");
                node.arg("node.mjs").current_dir(FOLDER);
                node
            }
            Self::Official => Command::new(OFFICIAL),
            Self::Ours => {
                let mut own = Command::new(std::env::current_exe()?);
                own.args(["bench", "work"]);
                own
            }
        })
    }
}

/// Builds the program of the official Rust port: a workspace of its own, so that nothing of it comes
/// into the product's build.
pub(super) fn build_official() -> Result<()> {
    let manifest = format!("{FOLDER}/official/Cargo.toml");
    let arguments = ["build", "--release", "--locked", "--quiet", "--manifest-path", &manifest];
    let target = ["--target-dir", "target/peers"];
    crate::run::run("cargo", &[&arguments[..], &target[..]].concat())
}

/// What a peer says of its run.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Said {
    pub(super) jobs: usize,
    pub(super) seconds: f64,
    pub(super) cpu_seconds: f64,
    pub(super) rss_mib: f64,
    /// How many different jobs it ran.
    pub(super) distinct: usize,
    /// Of a workload that waits for each job: how long each took to start, in microseconds.
    #[serde(default)]
    pub(super) waited_micros: Vec<u64>,
}

/// The figures of one run, per job.
#[derive(Debug, Clone)]
pub(super) struct Figures {
    pub(super) rate: f64,
    pub(super) server_micros: f64,
    pub(super) client_micros: f64,
    pub(super) commands: f64,
    pub(super) bytes: f64,
    pub(super) rss_mib: f64,
    pub(super) waited_micros: Vec<u64>,
}

/// Has a peer do a workload on a queue of its own.
pub(super) async fn run(server: &Server, peer: Peer, workload: Workload) -> Result<Figures> {
    let queue = format!("peers-{}", rand::random::<u32>());
    let mut command = peer.command()?;
    command.arg(server.port.to_string()).arg(&queue).arg(workload.kind);
    command.arg(workload.concurrency.to_string()).arg(workload.jobs.to_string());
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true);
    let mut child = command.spawn().with_context(|| format!("cannot start {}", peer.name()))?;
    let mut orders = child.stdin.take().context("no way to tell it")?;
    let mut lines = BufReader::new(child.stdout.take().context("no way to hear it")?).lines();
    let mut line = async || -> Result<String> {
        let line = timeout(DEADLINE, lines.next_line()).await.context("it takes too long")??;
        line.with_context(|| format!("{} ended early", peer.name()))
    };
    ensure!(line().await? == "READY", "{} said something else than READY", peer.name());
    let before = server.work().await?;
    orders.write_all(b"go\n").await?;
    let said: Said = serde_json::from_str(&line().await?)?;
    let after = server.work().await?;
    timeout(DEADLINE, child.wait()).await.context("it does not end")??;
    check(server, &queue, workload, &said).await?;
    Ok(figures(said, before, after))
}

#[expect(clippy::cast_precision_loss, reason = "counts")]
fn figures(said: Said, before: Work, after: Work) -> Figures {
    let jobs = said.jobs as f64;
    let cpu = after.cpu.zip(before.cpu).map(|(after, before)| after.saturating_sub(before));
    Figures {
        rate: jobs / said.seconds,
        server_micros: cpu.map_or(f64::NAN, |cpu| cpu.as_secs_f64() * 1e6 / jobs),
        client_micros: said.cpu_seconds * 1e6 / jobs,
        commands: (after.commands - before.commands) as f64 / jobs,
        bytes: (after.bytes - before.bytes) as f64 / jobs,
        rss_mib: said.rss_mib,
        waited_micros: said.waited_micros,
    }
}

/// Checks that everything was done once and nothing is left behind, and clears the queue away.
async fn check(server: &Server, queue: &str, workload: Workload, said: &Said) -> Result<()> {
    let client = redis::Client::open(server.url())?;
    let mut connection = client.get_multiplexed_async_connection().await?;
    let base = format!("bull:{queue}:");
    let (waiting, active, completed): (usize, usize, usize) = redis::pipe()
        .cmd("LLEN")
        .arg(format!("{base}wait"))
        .cmd("LLEN")
        .arg(format!("{base}active"))
        .cmd("ZCARD")
        .arg(format!("{base}completed"))
        .query_async(&mut connection)
        .await?;
    let runs = !matches!(workload.kind, "bulk" | "add");
    let expected = if runs { (0, 0, 100.min(workload.jobs)) } else { (workload.jobs, 0, 0) };
    if (waiting, active, completed) != expected {
        bail!("left {waiting} waiting, {active} active, {completed} completed jobs");
    }
    if runs {
        ensure!(said.distinct == workload.jobs, "{} of {} jobs ran", said.distinct, workload.jobs);
    }
    redis::cmd("FLUSHALL").query_async::<()>(&mut connection).await?;
    Ok(())
}
