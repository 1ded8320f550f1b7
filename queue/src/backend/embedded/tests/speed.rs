//! The figures of this store alone; `cargo xtask bench engine` sets them beside others.
//!
//! ```sh
//! cargo test --release -p oxherd-queue --lib embedded::tests::speed -- --ignored --nocapture --test-threads 1
//! ```

use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::task::JoinSet;

use crate::backend::{Backend, Store as _};
use crate::clock::SystemClock;
use crate::job::{NewJob, Payload};
use crate::options::JobOptions;
use crate::outcome::Verdict;

use super::super::EmbeddedStore;
use super::{claim, job, settlement};

fn record() -> NewJob {
    job(&"x".repeat(400)).with_options(JobOptions::default())
}

fn run<F: Future>(work: impl FnOnce(tempfile::TempDir) -> F) -> F::Output {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(work(tempfile::tempdir().unwrap()))
}

fn open(folder: &Path) -> Arc<EmbeddedStore> {
    EmbeddedStore::open(folder, Arc::new(SystemClock)).unwrap()
}

/// Returns the processor time of this process and its resident memory in KiB.
fn usage() -> (Duration, u64) {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    let ticks: u64 = fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap();
    let pages: u64 = fields[21].parse().unwrap();
    (Duration::from_millis(ticks * 10), pages * 4)
}

/// Prints how many jobs a second were done, and the processor time of each.
fn report(what: &str, jobs: u64, started: Instant, used: Duration) {
    let took = started.elapsed();
    let (used, _) = (usage().0 - used, ());
    #[expect(clippy::cast_precision_loss, reason = "figures for people")]
    let (rate, each) = (jobs as f64 / took.as_secs_f64(), used.as_secs_f64() * 1e6 / jobs as f64);
    println!("{what:40} {rate:9.0} jobs/s  {each:6.1} us CPU a job");
}

fn percentile(times: &mut [Duration], share: usize) -> Duration {
    times.sort_unstable();
    times[(times.len() - 1) * share / 1000]
}

async fn add_from(producers: u64, each: u64, bulk: usize) {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    let queue = store.queue("q").await.unwrap();
    let (started, used) = (Instant::now(), usage().0);
    let mut tasks = JoinSet::new();
    for _ in 0..producers {
        let queue = Arc::clone(&queue);
        tasks.spawn(async move {
            for _ in 0..each {
                queue.add(vec![record(); bulk]).await.unwrap();
            }
        });
    }
    while tasks.join_next().await.is_some() {}
    let jobs = producers * each * bulk as u64;
    report(&format!("add, {producers} producers, bulk {bulk}"), jobs, started, used);
    println!("{:?}", store.counters());
}

#[test]
#[ignore = "measures; run it alone on a quiet machine"]
fn adds_a_second() {
    run(|_| async {
        add_from(1, 10_000, 1).await;
        add_from(16, 10_000, 1).await;
        add_from(256, 2_000, 1).await;
        add_from(1, 300, 1000).await;
    });
}

async fn cycle(queue: Arc<dyn Backend>, turns: usize) {
    let mut done = Vec::new();
    for _ in 0..turns {
        let claimed = queue.settle(std::mem::take(&mut done), Some(&claim(1))).await.unwrap();
        let complete = || Verdict::Complete { result: Payload::null() };
        done = claimed.claimed.jobs.iter().map(|job| settlement(job, complete())).collect();
    }
    queue.settle(done, None).await.unwrap();
}

#[test]
#[ignore = "measures; run it alone on a quiet machine"]
fn cycles_a_second() {
    run(|folder| async move {
        let store = open(folder.path());
        let queue = store.queue("q").await.unwrap();
        for _ in 0..400 {
            queue.add(vec![record(); 1000]).await.unwrap();
        }
        let (started, used) = (Instant::now(), usage().0);
        let mut tasks = JoinSet::new();
        (0..50).for_each(|_| drop(tasks.spawn(cycle(Arc::clone(&queue), 4000))));
        while tasks.join_next().await.is_some() {}
        report("cycle, 50 callers of one job", 200_000, started, used);

        let (started, used) = (Instant::now(), usage().0);
        let mut done = Vec::new();
        for _ in 0..2000 {
            let turn = queue.settle(std::mem::take(&mut done), Some(&claim(50))).await.unwrap();
            let complete = || Verdict::Complete { result: Payload::null() };
            let claimed = turn.claimed.jobs.iter();
            done = claimed.map(|job| settlement(job, complete())).collect();
        }
        report("cycle, one caller of 50 jobs", 100_000, started, used);
        println!("{:?}", store.counters());
    });
}

/// Returns how long the disk takes to sync 4 KiB appended to a file, at the 99th percentile.
fn sync_p99(folder: &Path) -> Duration {
    let mut file = std::fs::File::create(folder.join("probe")).unwrap();
    let mut times: Vec<_> = (0..1000)
        .map(|_| {
            let started = Instant::now();
            file.write_all(&[7; 4096]).unwrap();
            file.sync_data().unwrap();
            started.elapsed()
        })
        .collect();
    percentile(&mut times, 990)
}

#[test]
#[ignore = "measures; run it alone on a quiet machine"]
fn answers_under_steady_load() {
    run(|folder| async move {
        let sync = sync_p99(folder.path());
        let store = open(folder.path());
        let queue = store.queue("q").await.unwrap();
        let mut ticks = tokio::time::interval(Duration::from_millis(1));
        let mut tasks = JoinSet::new();
        for _ in 0..30_000 {
            ticks.tick().await;
            for _ in 0..2 {
                let queue = Arc::clone(&queue);
                tasks.spawn(async move {
                    let started = Instant::now();
                    queue.add(vec![record()]).await.unwrap();
                    started.elapsed()
                });
            }
        }
        let mut times = tasks.join_all().await;
        let [half, most, nearly, all] =
            [500, 990, 999, 1000].map(|share| percentile(&mut times, share));
        println!("2,000 adds/s: p50 {half:?} p99 {most:?} p99.9 {nearly:?} max {all:?}");
        println!("sync of the disk p99 {sync:?}; {:?}", store.counters());
    });
}

#[test]
#[ignore = "measures; run it alone on a quiet machine"]
fn wake_up() {
    run(|folder| async move {
        let store = open(folder.path());
        let queue = store.queue("q").await.unwrap();
        let mut times = Vec::new();
        for _ in 0..2000 {
            let consumer = Arc::clone(&queue);
            let waiting = tokio::spawn(async move {
                while consumer.claim(&claim(1)).await.unwrap().jobs.is_empty() {
                    consumer.wait(Duration::from_secs(5)).await.unwrap();
                }
                Instant::now()
            });
            tokio::time::sleep(Duration::from_millis(1)).await;
            let started = Instant::now();
            queue.add(vec![record()]).await.unwrap();
            times.push(waiting.await.unwrap() - started);
        }
        let [half, most] = [500, 990].map(|share| percentile(&mut times, share));
        println!("from add to claimed: p50 {half:?} p99 {most:?}");
    });
}

#[test]
#[ignore = "measures; run it alone on a quiet machine"]
fn opening() {
    for (what, complete, closed) in [
        ("100,000 finished jobs, closed", true, true),
        ("100,000 finished jobs, killed", true, false),
        ("100,000 waiting jobs, closed", false, true),
        ("100,000 waiting jobs, killed", false, false),
    ] {
        run(|folder| async move {
            fill(folder.path(), complete, closed).await;
            let (started, before) = (Instant::now(), usage().1);
            let store = open(folder.path());
            let took = started.elapsed();
            println!("{what}: opened in {took:?}, {} KiB more", usage().1.saturating_sub(before));
            println!("{:?}", store.queue("q").await.unwrap().counts().await.unwrap());
        });
    }
}

async fn fill(folder: &Path, complete: bool, closed: bool) {
    let store = open(folder);
    let queue = store.queue("q").await.unwrap();
    for _ in 0..100 {
        let forever = record().with_options(JobOptions::bare());
        queue.add(vec![forever; 1000]).await.unwrap();
        if complete {
            let claimed = queue.claim(&claim(1000)).await.unwrap().jobs;
            let done = || Verdict::Complete { result: Payload::null() };
            let done = claimed.iter().map(|job| settlement(job, done())).collect();
            queue.settle(done, None).await.unwrap();
        }
    }
    if closed {
        store.close().await;
    }
}
