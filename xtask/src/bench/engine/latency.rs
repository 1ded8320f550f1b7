//! How long single things take: a sync of the disk, an acknowledged add, a wake-up.

use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use async_trait::async_trait;
use hdrhistogram::Histogram;
use oxherd_queue::job::ClaimedJob;
use oxherd_queue::worker::{Handlers, JobContext, Processor, Worker, WorkerOptions};
use oxherd_queue::{JobError, Payload, Store as _};
use tokio::sync::{mpsc, oneshot};
use tokio::time::MissedTickBehavior;

use super::embedded::{job, open};
use super::report::{Report, Row};
use super::{CONCURRENCY, Scale, folder, say};

/// Adds a millisecond: 2,000 a second.
const ADDS_PER_TICK: usize = 2;
const TICK: Duration = Duration::from_millis(1);

/// Measures what the disk itself needs to sync an appended page.
pub(super) fn disk(dir: &Path, scale: Scale, report: &mut Report) -> Result<()> {
    say("the disk");
    let folder = folder(dir)?;
    let mut file = File::create(folder.path().join("page"))?;
    let mut times = histogram()?;
    for _ in 0..scale.samples {
        let start = Instant::now();
        file.write_all(&[7; 4096])?;
        file.sync_data()?;
        record(&mut times, start.elapsed())?;
    }
    let row = |name| Row::new(name, "µs");
    report.push(
        row("disk, append and fdatasync, p50").beside("", "234-293", "").quantile(&times, 0.5),
    );
    report.push(
        row("disk, append and fdatasync, p99").beside("", "348-437", "").quantile(&times, 0.99),
    );
    Ok(())
}

/// Measures acknowledged adds at 2,000 a second while 50 slots work them off.
pub(super) async fn acks(dir: &Path, scale: Scale, report: &mut Report) -> Result<()> {
    say("acknowledgements at 2,000 adds/s");
    let folder = folder(dir)?;
    let store = open(folder.path())?;
    let queue = store.queue("bench").await?;
    let options = WorkerOptions::default().with_concurrency(CONCURRENCY);
    let worker = Worker::new(Arc::clone(&queue), options)?;
    let (stop, stopped) = oneshot::channel::<()>();
    let (started, _) = mpsc::channel(1);
    let handlers = Handlers::new().with("noop", Arc::new(Starts(started)));
    let working = tokio::spawn(worker.run(handlers, async {
        let _ = stopped.await;
    }));

    let mut ticks = tokio::time::interval(TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let mut adds = tokio::task::JoinSet::new();
    let mut times = histogram()?;
    let end = Instant::now() + Duration::from_secs(scale.seconds * 2);
    while Instant::now() < end {
        ticks.tick().await;
        for _ in 0..ADDS_PER_TICK {
            let queue = Arc::clone(&queue);
            let start = Instant::now();
            adds.spawn(async move { queue.add(vec![job()]).await.map(|_| start.elapsed()) });
        }
        while let Some(took) = adds.try_join_next() {
            record(&mut times, took??)?;
        }
    }
    while let Some(took) = adds.join_next().await {
        record(&mut times, took??)?;
    }
    let _ = stop.send(());
    working.await??;
    store.close().await;
    let row = |name| Row::new(name, "µs");
    report.push(row("ack at 2,000 adds/s, p50").quantile(&times, 0.5));
    let p99 = row("ack at 2,000 adds/s, p99").beside("10 x the disk's p99", "", "");
    report.push(p99.quantile(&times, 0.99));
    Ok(())
}

/// Measures the time from an add to the start of the job in an idle worker.
pub(super) async fn wake_ups(dir: &Path, scale: Scale, report: &mut Report) -> Result<()> {
    say("wake-ups");
    let folder = folder(dir)?;
    let store = open(folder.path())?;
    let queue = store.queue("bench").await?;
    let options = WorkerOptions::default().with_concurrency(CONCURRENCY);
    let worker = Worker::new(Arc::clone(&queue), options)?;
    let (started, mut starts) = mpsc::channel(1);
    let handlers = Handlers::new().with("noop", Arc::new(Starts(started)));
    let (stop, stopped) = oneshot::channel::<()>();
    let working = tokio::spawn(worker.run(handlers, async {
        let _ = stopped.await;
    }));

    let mut times = histogram()?;
    for _ in 0..scale.samples {
        // Long enough for the worker to settle and to be idle again.
        tokio::time::sleep(Duration::from_millis(rand::random_range(5..15))).await;
        let start = Instant::now();
        queue.add(vec![job()]).await?;
        let begun: Instant = starts.recv().await.context("the worker ended")?;
        record(&mut times, begun.saturating_duration_since(start))?;
    }
    let _ = stop.send(());
    working.await??;
    store.close().await;
    let row = |name| Row::new(name, "µs");
    report
        .push(row("wake-up from add to start, p50").beside("", "", "1,900").quantile(&times, 0.5));
    report.push(
        row("wake-up from add to start, p99").beside("2,000", "", "46,000").quantile(&times, 0.99),
    );
    Ok(())
}

/// Tells when it was started, if anybody listens.
struct Starts(mpsc::Sender<Instant>);

#[async_trait]
impl Processor for Starts {
    async fn run(&self, _: &ClaimedJob, _: &JobContext) -> Result<Payload, JobError> {
        let _ = self.0.try_send(Instant::now());
        Ok(Payload::null())
    }
}

fn histogram() -> Result<Histogram<u64>> {
    Ok(Histogram::new(3)?)
}

fn record(times: &mut Histogram<u64>, took: Duration) -> Result<()> {
    Ok(times.record(u64::try_from(took.as_micros())?)?)
}
