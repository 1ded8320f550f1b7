//! Adds and the full cycle on the embedded store.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::Result;
use async_trait::async_trait;
use oxherd_queue::backend::embedded::EmbeddedStore;
use oxherd_queue::clock::SystemClock;
use oxherd_queue::job::ClaimedJob;
use oxherd_queue::worker::{Handlers, JobContext, Processor, Worker, WorkerOptions};
use oxherd_queue::{Backend, JobError, NewJob, Payload, Store};
use tokio::sync::Notify;

use super::report::{Report, Row};
use super::{CONCURRENCY, DATA_BYTES, Scale, folder, median, say};
use crate::bench::cpu;

/// Measures adds from one, few and many producers, and in bulk.
pub(super) async fn adds(dir: &Path, scale: Scale, report: &mut Report) -> Result<()> {
    for (producers, row) in [
        (1, Row::new("adds, 1 producer", "jobs/s").beside("3,000", "3.4-4.9k", "2,469")),
        (16, Row::new("adds, 16 producers", "jobs/s").beside("20,000", "28-31k", "2,682")),
        (256, Row::new("adds, 256 producers", "jobs/s").beside("80,000", "94k", "46,411")),
    ] {
        say(&format!("adds from {producers} producers"));
        report.push(row.measured(add_rate(dir, scale, producers, 1).await?));
    }
    say("bulk adds");
    let bulk = Row::new("adds, bulk of 1,000", "jobs/s").beside("130,000", "166k", "64,759");
    report.push(bulk.measured(add_rate(dir, scale, 1, 1_000).await?));
    Ok(())
}

#[expect(clippy::cast_precision_loss, reason = "counts of jobs")]
async fn add_rate(dir: &Path, scale: Scale, producers: usize, batch: usize) -> Result<f64> {
    let folder = folder(dir)?;
    let store = open(folder.path())?;
    let queue = store.queue("bench").await?;
    let added = Arc::new(AtomicU64::new(0));
    let start = Instant::now();
    let end = start + Duration::from_secs(scale.seconds);
    let producers = (0..producers).map(|_| {
        let (queue, added) = (Arc::clone(&queue), Arc::clone(&added));
        tokio::spawn(async move {
            while Instant::now() < end {
                queue.add(vec![job(); batch]).await?;
                added.fetch_add(batch as u64, Ordering::Relaxed);
            }
            Ok::<_, oxherd_queue::QueueError>(())
        })
    });
    for producer in producers.collect::<Vec<_>>() {
        producer.await??;
    }
    let rate = added.load(Ordering::Relaxed) as f64 / start.elapsed().as_secs_f64();
    store.close().await;
    Ok(rate)
}

/// Measures the full cycle through the plain driver: preloaded jobs, claimed and completed.
pub(super) async fn cycle(dir: &Path, scale: Scale, report: &mut Report) -> Result<()> {
    say("the cycle of the embedded store");
    let mut rates = Vec::new();
    let mut costs = Vec::new();
    let mut shares = Vec::new();
    for _ in 0..scale.rounds {
        let folder = folder(dir)?;
        let store = open(folder.path())?;
        let (rate, cost) = run_cycle(store.queue("bench").await?, scale.jobs).await?;
        rates.push(rate);
        costs.extend(cost);
        shares.push(jobs_per_commit(&store, scale.jobs));
        store.close().await;
    }
    let rate = Row::new("cycle, 50 slots", "jobs/s").beside("40,000", "78-86k", "22,556 (memory)");
    report.push(rate.measured(median(rates)));
    let cost = Row::new("cycle, processor", "µs a job").beside("25", "10-11", "45 (memory)");
    report.push(if costs.is_empty() { cost } else { cost.measured(median(costs)) });
    let share = Row::new("cycle, completed with one sync", "jobs").beside("", "25.6", "");
    report.push(share.measured(median(shares)));
    Ok(())
}

#[expect(clippy::cast_precision_loss, reason = "counts of jobs")]
fn jobs_per_commit(store: &EmbeddedStore, jobs: usize) -> f64 {
    // The preloading took one commit per thousand.
    let preloads = jobs.div_ceil(1_000) as u64;
    let commits = store.counters().groups.saturating_sub(preloads).max(1);
    jobs as f64 / commits as f64
}

/// Runs preloaded no-op jobs; returns jobs a second and this process's microseconds per job.
#[expect(clippy::cast_precision_loss, reason = "counts of jobs")]
async fn run_cycle(queue: Arc<dyn Backend>, jobs: usize) -> Result<(f64, Option<f64>)> {
    for _ in 0..jobs.div_ceil(1_000) {
        queue.add(vec![job(); 1_000]).await?;
    }
    let jobs = jobs.div_ceil(1_000) * 1_000;
    let done = Arc::new(Notify::new());
    let noop = NoOp { left: AtomicUsize::new(jobs), done: Arc::clone(&done) };
    let handlers = Handlers::new().with("noop", Arc::new(noop));
    let worker = Worker::new(queue, WorkerOptions::default().with_concurrency(CONCURRENCY))?;
    let before = cpu::used("self");
    let start = Instant::now();
    worker.run(handlers, async move { done.notified().await }).await?;
    let rate = jobs as f64 / start.elapsed().as_secs_f64();
    Ok((rate, cpu::micros_per_job("self", before, jobs)))
}

/// Does nothing, and says when it has done so often enough.
struct NoOp {
    left: AtomicUsize,
    done: Arc<Notify>,
}

#[async_trait]
impl Processor for NoOp {
    async fn run(&self, _: &ClaimedJob, _: &JobContext) -> Result<Payload, JobError> {
        if self.left.fetch_sub(1, Ordering::Relaxed) == 1 {
            self.done.notify_one();
        }
        Ok(Payload::null())
    }
}

/// Opens an embedded store with the machine's clock.
pub(super) fn open(folder: &Path) -> Result<Arc<EmbeddedStore>> {
    Ok(EmbeddedStore::open(folder, Arc::new(SystemClock))?)
}

/// A job as all measurements add it.
pub(super) fn job() -> NewJob {
    let text = "x".repeat(DATA_BYTES);
    NewJob::new("noop", Payload::from_store(format!(r#"{{"text":"{text}"}}"#)))
}
