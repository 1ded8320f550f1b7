//! Our engine as a peer: the same workloads as `benches/peers/node.mjs`, in a process of its own.

use std::collections::HashSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, Result, bail};
use async_trait::async_trait;
use oxherd_queue::backend::redis::{RedisOptions, RedisStore};
use oxherd_queue::clock::SystemClock;
use oxherd_queue::job::ClaimedJob;
use oxherd_queue::worker::{Handlers, JobContext, Processor, Worker, WorkerOptions};
use oxherd_queue::{Backend, JobError, NewJob, Payload, Store as _};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::sync::Notify;

use super::run::Said;
use crate::bench::cpu;

/// A workload, as the parent process asks for it.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Work {
    port: u16,
    queue: String,
    kind: String,
    concurrency: usize,
    jobs: usize,
}

impl Work {
    /// Gets ready, waits for a line, works, and says in one line of JSON what it took.
    ///
    /// # Errors
    /// When the server does not answer or refuses something.
    pub(crate) fn run(&self) -> Result<()> {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        runtime.block_on(self.work())
    }

    async fn work(&self) -> Result<()> {
        let options = RedisOptions::new(format!("redis://127.0.0.1:{}", self.port));
        let store = RedisStore::connect(options, Arc::new(SystemClock)).await?;
        let queue = store.queue(&self.queue).await?;
        if self.kind == "cycle" {
            bulk(&queue, self.jobs).await?;
        }
        println!("READY");
        let mut order = String::new();
        BufReader::new(tokio::io::stdin()).read_line(&mut order).await?;

        let mut waited = Vec::new();
        let (before, start) = (cpu::used("self"), Instant::now());
        let distinct = match self.kind.as_str() {
            "cycle" => cycle(queue, self.concurrency, self.jobs).await?,
            "bulk" => bulk(&queue, self.jobs).await?,
            "add" => add(&queue, self.concurrency, self.jobs).await?,
            "wake" => wake(queue, self.jobs, &mut waited).await?,
            "late" => late(queue, self.concurrency, self.jobs, &mut waited).await?,
            other => bail!("there is no workload {other}"),
        };
        let seconds = start.elapsed().as_secs_f64();
        let cpu = cpu::used("self").zip(before).map(|(after, before)| after.saturating_sub(before));
        let said = Said {
            jobs: self.jobs,
            seconds,
            cpu_seconds: cpu.map_or(f64::NAN, |cpu| cpu.as_secs_f64()),
            rss_mib: peak_rss_mib().context("the system does not tell the memory")?,
            distinct,
            waited_micros: waited.iter().map(|wait| micros(*wait)).collect(),
        };
        println!("{}", serde_json::to_string(&said)?);
        store.close().await;
        Ok(())
    }
}

fn job() -> NewJob {
    let text = "x".repeat(200);
    let data = Payload::from_store(format!(r#"{{"text":"{text}"}}"#));
    // The default options are those of all peers.
    NewJob::new("noop", data)
}

async fn bulk(queue: &Arc<dyn Backend>, jobs: usize) -> Result<usize> {
    let mut left = jobs;
    while left > 0 {
        let batch = left.min(1_000);
        queue.add(vec![job(); batch]).await?;
        left -= batch;
    }
    Ok(jobs)
}

async fn add(queue: &Arc<dyn Backend>, callers: usize, jobs: usize) -> Result<usize> {
    let begun = Arc::new(AtomicUsize::new(0));
    let callers: Vec<_> = (0..callers)
        .map(|_| {
            let (queue, begun) = (Arc::clone(queue), Arc::clone(&begun));
            tokio::spawn(async move {
                while begun.fetch_add(1, Ordering::Relaxed) < jobs {
                    queue.add(vec![job()]).await?;
                }
                Ok::<_, oxherd_queue::QueueError>(())
            })
        })
        .collect();
    for caller in callers {
        caller.await??;
    }
    Ok(jobs)
}

async fn cycle(queue: Arc<dyn Backend>, slots: usize, jobs: usize) -> Result<usize> {
    let (noop, handlers) = noop(jobs);
    work(queue, slots, handlers, noop.done.notified()).await?;
    Ok(noop.distinct())
}

/// One job at a time, each for an idle worker: from the call to the start.
async fn wake(queue: Arc<dyn Backend>, jobs: usize, waited: &mut Vec<Duration>) -> Result<usize> {
    let (noop, handlers) = noop(jobs);
    let adds = async {
        for _ in 0..jobs {
            tokio::time::sleep(Duration::from_millis(3)).await;
            let begun = Instant::now();
            queue.add(vec![job()]).await?;
            noop.ended.notified().await;
            waited.push(noop.started_last().duration_since(begun));
        }
        Ok::<_, oxherd_queue::QueueError>(())
    };
    let (added, worked) =
        tokio::join!(adds, work(Arc::clone(&queue), 1, handlers, noop.done.notified()));
    added?;
    worked?;
    Ok(noop.distinct())
}

/// Jobs with a delay of up to two seconds: from the time they are due to the start.
async fn late(
    queue: Arc<dyn Backend>,
    slots: usize,
    jobs: usize,
    waited: &mut Vec<Duration>,
) -> Result<usize> {
    let (noop, handlers) = noop(jobs);
    let delayed = |place: usize| {
        let delay =
            Duration::from_millis(200) + Duration::from_millis(1800).mul_f64(part(place, jobs));
        let job = job();
        let options = job.options.clone().delayed(delay);
        job.with_options(options)
    };
    queue.add((0..jobs).map(delayed).collect()).await?;
    work(queue, slots, handlers, noop.done.notified()).await?;
    waited.append(&mut noop.lock().late);
    Ok(noop.distinct())
}

#[expect(clippy::cast_precision_loss, reason = "counts")]
fn part(place: usize, of: usize) -> f64 {
    place as f64 / of as f64
}

async fn work(
    queue: Arc<dyn Backend>,
    slots: usize,
    handlers: Handlers,
    done: impl Future<Output = ()>,
) -> Result<()> {
    let worker = Worker::new(queue, WorkerOptions::default().with_concurrency(slots))?;
    Ok(worker.run(handlers, done).await?)
}

fn noop(jobs: usize) -> (Arc<NoOp>, Handlers) {
    let noop =
        Arc::new(NoOp { jobs, ran: Mutex::default(), ended: Notify::new(), done: Notify::new() });
    let handlers = Handlers::new().with("noop", Arc::clone(&noop) as Arc<dyn Processor>);
    (noop, handlers)
}

/// Does nothing, and says when it has done so for every job.
struct NoOp {
    jobs: usize,
    ran: Mutex<Ran>,
    /// One job has started.
    ended: Notify,
    done: Notify,
}

#[derive(Default)]
struct Ran {
    ids: HashSet<String>,
    last: Option<Instant>,
    /// How long after its time each delayed job started.
    late: Vec<Duration>,
}

impl NoOp {
    fn lock(&self) -> MutexGuard<'_, Ran> {
        self.ran.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn distinct(&self) -> usize {
        self.lock().ids.len()
    }

    fn started_last(&self) -> Instant {
        self.lock().last.unwrap_or_else(Instant::now)
    }
}

#[async_trait]
impl Processor for NoOp {
    async fn run(&self, job: &ClaimedJob, _: &JobContext) -> Result<Payload, JobError> {
        let mut ran = self.lock();
        ran.ids.insert(job.job.id.as_str().to_owned());
        ran.last = Some(Instant::now());
        if job.job.options.delay_ms > 0 {
            let due = Duration::from_millis(job.job.timestamp_ms + job.job.options.delay_ms);
            let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
            ran.late.push(now.saturating_sub(due));
        }
        self.ended.notify_one();
        if ran.ids.len() == self.jobs {
            self.done.notify_one();
        }
        Ok(Payload::null())
    }
}

fn micros(wait: Duration) -> u64 {
    u64::try_from(wait.as_micros()).unwrap_or(u64::MAX)
}

/// Returns the most memory that this process had, where Linux tells it.
fn peak_rss_mib() -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kib: f64 = line.split_whitespace().next()?.parse().ok()?;
    Some(kib / 1024.0)
}
