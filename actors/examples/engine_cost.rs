//! Measures what supervision costs: the same no-op jobs through the plain driver and through the
//! actors, on the embedded store with its files in a folder. Prints jobs a second and CPU per job.
//!
//! `cargo run --release -p oxherd-actors --example engine_cost [jobs] [concurrency]`

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use oxherd_actors::engine::Engine;
use oxherd_actors::handles::Drain;
use oxherd_actors::parts::QueueSpec;
use oxherd_queue::backend::embedded::EmbeddedStore;
use oxherd_queue::clock::SystemClock;
use oxherd_queue::job::ClaimedJob;
use oxherd_queue::worker::{Handlers, JobContext, Processor, Worker, WorkerOptions};
use oxherd_queue::{JobError, NewJob, Payload, Store as _};
use tokio::sync::Notify;

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

/// Does nothing, and tells when it has done it often enough.
struct Noop {
    left: AtomicU64,
    done: Notify,
}

#[async_trait]
impl Processor for Noop {
    async fn run(&self, _: &ClaimedJob, _: &JobContext) -> Result<Payload, JobError> {
        if self.left.fetch_sub(1, Ordering::Relaxed) == 1 {
            self.done.notify_one();
        }
        Ok(Payload::null())
    }
}

#[tokio::main]
async fn main() -> Outcome<()> {
    let mut numbers = std::env::args().skip(1).filter_map(|number| number.parse().ok());
    let jobs = numbers.next().unwrap_or(100_000);
    let concurrency = usize::try_from(numbers.next().unwrap_or(50))?;
    println!("{jobs} no-op jobs, concurrency {concurrency}");
    let mut per_job = [Vec::new(), Vec::new()];
    for _ in 0..3 {
        per_job[0].push(measure("plain driver", jobs, concurrency, false).await?);
        per_job[1].push(measure("actors", jobs, concurrency, true).await?);
    }
    let median = |mut of: Vec<f64>| {
        of.sort_by(f64::total_cmp);
        of[of.len() / 2]
    };
    let [plain, actors] = per_job.map(median);
    println!(
        "median CPU: plain {plain:.1} us/job, actors {actors:.1} us/job, ratio {:.2}",
        actors / plain
    );
    Ok(())
}

async fn measure(what: &str, jobs: u64, concurrency: usize, with_actors: bool) -> Outcome<f64> {
    let folder = tempfile::tempdir()?;
    let store = EmbeddedStore::open(folder.path(), Arc::new(SystemClock))?;
    let backend = store.queue("work").await?;
    for _ in 0..jobs / 1_000 {
        let job = || NewJob::new("work", Payload::null());
        backend.add((0..1_000).map(|_| job()).collect()).await?;
    }
    let jobs = jobs / 1_000 * 1_000;
    let noop = Arc::new(Noop { left: AtomicU64::new(jobs), done: Notify::new() });
    let handlers = Handlers::new().with("work", Arc::clone(&noop) as Arc<dyn Processor>);
    let worker = WorkerOptions::default().with_concurrency(concurrency);
    let (began, used) = (Instant::now(), cpu()?);
    if with_actors {
        let spec = QueueSpec { name: "work".to_owned(), slot_kind: "Work", worker, handlers };
        let engine = Engine::start(&*store, vec![spec], Arc::new(SystemClock)).await?;
        let drain = Drain::default();
        let grace = Duration::from_secs(5);
        let ended = async {
            noop.done.notified().await;
            drain.begin();
        };
        tokio::join!(engine.wait(&drain, grace), ended);
    } else {
        Worker::new(backend, worker)?.run(handlers, noop.done.notified()).await?;
    }
    let (took, used) = (began.elapsed(), cpu()? - used);
    #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
    let jobs = jobs as f64;
    let per_job = used.as_secs_f64() * 1e6 / jobs;
    println!("{what:>12}: {:.0} jobs/s, {per_job:.1} us CPU per job", jobs / took.as_secs_f64());
    println!("              {:?}", store.counters());
    store.close().await;
    Ok(per_job)
}

/// Returns the CPU time of this process so far, user and system, in steps of 10 ms.
fn cpu() -> Outcome<Duration> {
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
    let ticks: u64 = fields.skip(11).take(2).filter_map(|ticks| ticks.parse::<u64>().ok()).sum();
    Ok(Duration::from_millis(ticks * 10))
}
