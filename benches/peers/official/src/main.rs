//! The official Rust port of BullMQ under a load of `cargo xtask bench peers`; the arguments, the
//! words and the figures are those of `../../node.mjs`.

use std::collections::HashSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, Result, bail};
use bullmq::options::{JobOptions, QueueOptions, RedisConnectionOptions, WorkerOptions};
use bullmq::queue::BulkJob;
use bullmq::types::{BackoffStrategy, KeepJobs, RemoveOnFinish};
use bullmq::worker::CancellationToken;
use bullmq::{Job, Queue, Worker};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::sync::Notify;

#[tokio::main]
async fn main() -> Result<()> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [port, name, workload, concurrency, jobs] = words.as_slice() else {
        bail!("arguments: Redis port, queue, workload, concurrency, jobs");
    };
    let connection = RedisConnectionOptions {
        url: format!("redis://127.0.0.1:{port}"),
        ..RedisConnectionOptions::default()
    };
    let (concurrency, jobs) = (concurrency.parse()?, jobs.parse()?);
    let ours = QueueOptions { connection: connection.clone(), ..QueueOptions::default() };
    let queue = Arc::new(Queue::with_options(name, ours).await?);
    let ran = Arc::new(Ran::new(jobs));
    let mut worker = None;
    if matches!(workload.as_str(), "cycle" | "wake" | "late") {
        if workload == "cycle" {
            bulk(&queue, jobs).await?;
        }
        let ours =
            WorkerOptions { connection, concurrency, autorun: false, ..WorkerOptions::default() };
        let noted = Arc::clone(&ran);
        let noop = move |job: Job, _: CancellationToken| {
            noted.note(&job);
            async { Ok(Value::Null) }
        };
        worker = Some(Worker::with_options(name, noop, ours).await?);
    }
    println!("READY");
    let mut order = String::new();
    BufReader::new(tokio::io::stdin()).read_line(&mut order).await?;

    let (before, start) = (cpu()?, Instant::now());
    match (workload.as_str(), &worker) {
        ("cycle", Some(worker)) => {
            worker.run().await?;
            ran.all.notified().await;
            worker.close(5_000).await?;
        }
        ("wake", Some(worker)) => {
            worker.run().await?;
            for _ in 0..jobs {
                tokio::time::sleep(Duration::from_millis(3)).await;
                let begun = Instant::now();
                queue.add("noop", data()).options(options()).await?;
                ran.one.notified().await;
                let mut notes = ran.lock();
                let started = notes.last.context("a start without a time")?;
                notes.waited.push(started.duration_since(begun));
            }
            worker.close(5_000).await?;
        }
        ("late", Some(worker)) => {
            worker.run().await?;
            delayed(&queue, jobs).await?;
            ran.all.notified().await;
            worker.close(5_000).await?;
        }
        ("bulk", _) => bulk(&queue, jobs).await?,
        ("add", _) => add(&queue, concurrency, jobs).await?,
        (other, _) => bail!("there is no workload {other}"),
    }
    let seconds = start.elapsed().as_secs_f64();
    let cpu_seconds = (cpu()? - before).as_secs_f64();
    let notes = ran.lock();
    let waited: Vec<u128> = notes.waited.iter().map(Duration::as_micros).collect();
    let said = json!({
        "jobs": jobs, "seconds": seconds, "cpuSeconds": cpu_seconds, "rssMib": peak_rss_mib()?,
        "distinct": notes.ids.len(), "waitedMicros": waited,
    });
    println!("{said}");
    Ok(())
}

/// The jobs that ran.
struct Ran {
    jobs: usize,
    notes: Mutex<Notes>,
    one: Notify,
    all: Notify,
}

#[derive(Default)]
struct Notes {
    ids: HashSet<String>,
    last: Option<Instant>,
    waited: Vec<Duration>,
}

impl Ran {
    fn new(jobs: usize) -> Self {
        Self { jobs, notes: Mutex::default(), one: Notify::new(), all: Notify::new() }
    }

    fn lock(&self) -> MutexGuard<'_, Notes> {
        self.notes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note(&self, job: &Job) {
        let mut notes = self.lock();
        notes.ids.insert(job.id().to_owned());
        notes.last = Some(Instant::now());
        if let Some(delay) = job.opts().delay {
            let due = Duration::from_millis(job.timestamp() + delay);
            let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
            notes.waited.push(now.saturating_sub(due));
        }
        self.one.notify_one();
        if notes.ids.len() == self.jobs {
            self.all.notify_one();
        }
    }
}

async fn delayed(queue: &Queue, jobs: usize) -> Result<()> {
    let job = |place: usize| {
        let delay = Some(200 + u64::try_from(1800 * place / jobs).unwrap_or_default());
        BulkJob::with_options("noop", data(), JobOptions { delay, ..options() })
    };
    queue.add_bulk((0..jobs).map(job).collect()).await?;
    Ok(())
}

fn data() -> Value {
    json!({ "text": "x".repeat(200) })
}

fn options() -> JobOptions {
    let keep =
        |age, count| Some(RemoveOnFinish::Options(KeepJobs { age: Some(age), count, limit: None }));
    JobOptions {
        attempts: Some(3),
        backoff: Some(BackoffStrategy::Exponential(1000)),
        remove_on_complete: keep(3600, Some(100)),
        remove_on_fail: keep(86_400, None),
        ..JobOptions::default()
    }
}

async fn bulk(queue: &Queue, jobs: usize) -> Result<()> {
    let mut left = jobs;
    while left > 0 {
        let batch = left.min(1_000);
        let job = || BulkJob::with_options("noop", data(), options());
        queue.add_bulk(std::iter::repeat_with(job).take(batch).collect()).await?;
        left -= batch;
    }
    Ok(())
}

async fn add(queue: &Arc<Queue>, callers: usize, jobs: usize) -> Result<()> {
    let begun = Arc::new(AtomicUsize::new(0));
    let callers: Vec<_> = (0..callers)
        .map(|_| {
            let (queue, begun) = (Arc::clone(queue), Arc::clone(&begun));
            tokio::spawn(async move {
                while begun.fetch_add(1, Ordering::Relaxed) < jobs {
                    queue.add("noop", data()).options(options()).await?;
                }
                Ok::<_, bullmq::Error>(())
            })
        })
        .collect();
    for caller in callers {
        caller.await??;
    }
    Ok(())
}

/// Returns the processor time of this process, where Linux tells it: 100 ticks a second.
fn cpu() -> Result<Duration> {
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    let (_, fields) = stat.rsplit_once(')').context("no processor time")?;
    let ticks = fields.split_whitespace().skip(11).take(2).map(str::parse::<u64>);
    Ok(Duration::from_millis(ticks.sum::<Result<u64, _>>()? * 10))
}

/// Returns the most memory that this process had, where Linux tells it.
fn peak_rss_mib() -> Result<f64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let line = line.context("the system does not tell the memory")?;
    let kib: f64 = line.split_whitespace().next().context("no figure")?.parse()?;
    Ok(kib / 1024.0)
}
