//! The full cycle on Redis: ours and npm's BullMQ, on the same server in the same run.

use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use oxherd_queue::Store as _;
use oxherd_queue::backend::redis::{RedisOptions, RedisStore};
use oxherd_queue::clock::SystemClock;
use oxherd_queue::worker::{Handlers, Worker, WorkerOptions};
use serde::Deserialize;

use super::embedded::run_cycle;
use super::report::{Report, Row};
use super::{CONCURRENCY, DATA_BYTES, Scale, cpu, folder, median, say};

/// Where the other engines' scripts and their lock file are, from the root of the workspace.
const PEERS: &str = "benches/peers";
/// How long npm and a whole Node run may take.
const NODE_DEADLINE: Duration = Duration::from_secs(300);

/// Measures our cycle and BullMQ's, turn by turn, as far as their programs are installed.
pub(super) async fn redis_cycles(dir: &Path, scale: Scale, report: &mut Report) -> Result<()> {
    if !is_installed("redis-server") {
        eprintln!("skipped: the cycles on Redis need redis-server");
        return Ok(());
    }
    let folder = folder(dir)?;
    let server = Server::start(folder.path()).await?;
    let has_node = prepare_node().await?;
    let mut ours = Figures::default();
    let mut theirs = Figures::default();
    for _ in 0..scale.rounds {
        say("our cycle on Redis");
        ours.push(our_cycle(&server, scale.jobs).await?);
        if has_node {
            say("BullMQ's cycle on Redis");
            theirs.push(bullmq_cycle(&server, scale.jobs).await?);
        }
    }
    tell(report, ours, has_node.then_some(theirs));
    idle(&server, scale, report).await
}

/// Counts what an idle worker asks of the server.
#[expect(clippy::cast_precision_loss, reason = "counts of commands")]
async fn idle(server: &Server, scale: Scale, report: &mut Report) -> Result<()> {
    say("an idle worker on Redis");
    let store = server.store().await?;
    let queue = store.queue(&format!("idle-{}", rand::random::<u32>())).await?;
    let worker = Worker::new(queue, WorkerOptions::default().with_concurrency(CONCURRENCY))?;
    let time = Duration::from_secs((scale.seconds * 12).max(30));
    let watched = async {
        // The first sweep and the first claims are those of the start.
        tokio::time::sleep(Duration::from_secs(2)).await;
        let before = server.commands().await;
        tokio::time::sleep(time).await;
        Ok::<_, anyhow::Error>(server.commands().await?.saturating_sub(before?))
    };
    let (counted, mut count) = tokio::sync::oneshot::channel();
    let stop = async {
        let _ = counted.send(watched.await);
    };
    worker.run(Handlers::new(), stop).await?;
    store.close().await;
    let commands = count.try_recv()?? as f64;
    let row = Row::new("idle worker on Redis", "commands/min");
    report.push(row.beside("30", "", "").measured(commands * 60.0 / time.as_secs_f64()));
    Ok(())
}

fn tell(report: &mut Report, ours: Figures, theirs: Option<Figures>) {
    let own_rate = median(ours.rates);
    let row = Row::new("cycle on Redis (AOF everysec), 50 slots", "jobs/s");
    report.push(row.beside("2.5 x BullMQ", "31-32k (bare scripts)", "7,342").measured(own_rate));
    let row = Row::new("cycle on Redis, our processor", "µs a job");
    report.push(row.measured(median(ours.client)));
    let row = Row::new("cycle on Redis, the server's processor", "µs a job");
    report.push(row.beside("", "31", "").measured(median(ours.server)));
    let Some(theirs) = theirs else { return };
    let rate = median(theirs.rates);
    let row = Row::new("npm bullmq 6.7, the same", "jobs/s");
    report.push(row.beside("", "", "5,774").measured(rate));
    let row = Row::new("npm bullmq 6.7, its processor", "µs a job");
    report.push(row.beside("", "", "94").measured(median(theirs.client)));
    let row = Row::new("npm bullmq 6.7, the server's processor", "µs a job");
    report.push(row.beside("", "", "120").measured(median(theirs.server)));
    let row = Row::new("ours to npm bullmq, cycle on Redis", "times");
    report.push(row.beside("2.5", "", "").measured(own_rate / rate));
}

#[derive(Default)]
struct Figures {
    rates: Vec<f64>,
    client: Vec<f64>,
    server: Vec<f64>,
}

impl Figures {
    fn push(&mut self, (rate, client, server): (f64, Option<f64>, Option<f64>)) {
        self.rates.push(rate);
        self.client.extend(client);
        self.server.extend(server);
    }
}

type Cycle = (f64, Option<f64>, Option<f64>);

async fn our_cycle(server: &Server, jobs: usize) -> Result<Cycle> {
    let store = server.store().await?;
    let queue = store.queue(&format!("bench-{}", rand::random::<u32>())).await?;
    // The adds stand in the server's figure too, as in BullMQ's.
    let before = cpu::used(&server.id());
    let (rate, client) = run_cycle(queue, jobs).await?;
    store.close().await;
    Ok((rate, client, cpu::micros_per_job(&server.id(), before, jobs)))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct NodeCycle {
    jobs: usize,
    seconds: f64,
    cpu_micros_per_job: f64,
}

#[expect(clippy::cast_precision_loss, reason = "counts of jobs")]
async fn bullmq_cycle(server: &Server, jobs: usize) -> Result<Cycle> {
    let before = cpu::used(&server.id());
    let mut node = tokio::process::Command::new("node");
    node.arg("bullmq_cycle.mjs").current_dir(PEERS).kill_on_drop(true);
    for argument in [usize::from(server.port), jobs, CONCURRENCY, DATA_BYTES] {
        node.arg(argument.to_string());
    }
    let output = tokio::time::timeout(NODE_DEADLINE, node.output()).await??;
    if !output.status.success() {
        bail!("bullmq_cycle.mjs: {}", String::from_utf8_lossy(&output.stderr));
    }
    let cycle: NodeCycle = serde_json::from_slice(&output.stdout)?;
    let rate = cycle.jobs as f64 / cycle.seconds;
    let server = cpu::micros_per_job(&server.id(), before, jobs);
    Ok((rate, Some(cycle.cpu_micros_per_job), server))
}

/// Installs the pinned packages if need be; tells whether Node can be used.
async fn prepare_node() -> Result<bool> {
    if !is_installed("node") || !is_installed("npm") {
        eprintln!("skipped: BullMQ's cycle needs node and npm");
        return Ok(false);
    }
    if Path::new(PEERS).join("node_modules/bullmq").exists() {
        return Ok(true);
    }
    say("npm ci");
    let mut npm = tokio::process::Command::new("npm");
    npm.args(["ci", "--no-audit", "--no-fund"]).current_dir(PEERS).kill_on_drop(true);
    let output = tokio::time::timeout(NODE_DEADLINE, npm.output()).await??;
    if !output.status.success() {
        eprintln!("skipped: npm ci failed: {}", String::from_utf8_lossy(&output.stderr));
    }
    Ok(output.status.success())
}

fn is_installed(program: &str) -> bool {
    let found = Command::new(program).arg("--version").stdout(Stdio::null()).status();
    found.is_ok_and(|status| status.success())
}

/// A Redis server with its data on the disk; killed when dropped.
struct Server {
    child: Child,
    port: u16,
}

impl Server {
    async fn start(folder: &Path) -> Result<Self> {
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let child = Command::new("redis-server")
            .args(["--bind", "127.0.0.1", "--port", &port.to_string()])
            .args(["--save", "", "--appendonly", "yes", "--appendfsync", "everysec"])
            .arg("--dir")
            .arg(folder)
            .stdout(Stdio::null())
            .spawn()
            .context("cannot start redis-server")?;
        let server = Self { child, port };
        let deadline = Instant::now() + Duration::from_secs(10);
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            if Instant::now() > deadline {
                bail!("redis-server does not answer on port {port}");
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Ok(server)
    }

    async fn store(&self) -> Result<Arc<RedisStore>> {
        let options = RedisOptions::new(self.url());
        Ok(RedisStore::connect(options, Arc::new(SystemClock)).await?)
    }

    /// Returns how many commands the server has run, those of scripts among them.
    async fn commands(&self) -> Result<u64> {
        let client = redis::Client::open(self.url())?;
        let mut connection = client.get_multiplexed_async_connection().await?;
        let stats: String = redis::cmd("INFO").arg("stats").query_async(&mut connection).await?;
        let line = stats.lines().find_map(|line| line.strip_prefix("total_commands_processed:"));
        Ok(line.context("no total_commands_processed")?.trim().parse()?)
    }

    fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    fn id(&self) -> String {
        self.child.id().to_string()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
