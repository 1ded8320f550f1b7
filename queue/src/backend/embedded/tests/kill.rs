//! `kill -9` while jobs are added and run: what was acknowledged is there after opening again.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use rand::RngExt as _;

use crate::backend::Store;
use crate::clock::SystemClock;
use crate::event::{EventKind, Position};
use crate::job::{JobId, JobState, Payload};
use crate::options::JobOptions;
use crate::outcome::{Settled, Verdict};

use super::super::EmbeddedStore;
use super::{claim, job, settlement};

/// Where the child finds its folder; it has no arguments of its own.
const FOLDER: &str = "EMBEDDED_TEST_FOLDER";

/// Not a test: the process that gets killed.
#[test]
#[ignore = "started by the tests that kill it"]
#[expect(clippy::disallowed_methods, reason = "a test binary takes no arguments of its own")]
fn child() {
    let Ok(folder) = std::env::var(FOLDER) else { return };
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let store = EmbeddedStore::open(Path::new(&folder), Arc::new(SystemClock)).unwrap();
        tell("open");
        let produce = produce(Arc::clone(&store));
        tokio::join!(produce, consume(store));
    });
}

/// Tells the parent something, in one write.
fn tell(line: &str) {
    let mut out = std::io::stdout().lock();
    out.write_all(format!("\n#{line}\n").as_bytes()).unwrap();
    out.flush().unwrap();
}

async fn produce(store: Arc<EmbeddedStore>) {
    let queue = store.queue("q").await.unwrap();
    for number in 0_u64.. {
        let bare = JobOptions::bare();
        let jobs = (0..5).map(|_| job(&"x".repeat(300)).with_options(bare.clone())).collect();
        let added = queue.add(jobs).await.unwrap();
        added.iter().for_each(|added| tell(&format!("added {}", added.id())));
        if number.is_multiple_of(50) {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
}

async fn consume(store: Arc<EmbeddedStore>) {
    let queue = store.queue("q").await.unwrap();
    loop {
        queue.wait(Duration::from_secs(1)).await.unwrap();
        let claimed = queue.claim(&claim(4)).await.unwrap();
        claimed.jobs.iter().for_each(|job| tell(&format!("claimed {}", job.job.id)));
        let done = Verdict::Complete { result: Payload::encode("done").unwrap() };
        // The last one stays active, for the next process to take back.
        let settle = claimed.jobs.iter().take(3).map(|job| settlement(job, done.clone()));
        let turn = queue.settle(settle.collect(), None).await.unwrap();
        for (job, settled) in claimed.jobs.iter().zip(turn.settled) {
            assert!(matches!(settled, Settled::Done { .. }));
            tell(&format!("completed {}", job.job.id));
        }
    }
}

fn start_child(folder: &Path) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "backend::embedded::tests::kill::child", "--ignored", "--nocapture"])
        .env(FOLDER, folder)
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .spawn()
        .unwrap()
}

/// What the killed processes were acknowledged, by job.
#[derive(Default)]
struct Acknowledged(BTreeMap<String, String>);

impl Acknowledged {
    /// Lets a process work for a while, kills it and reads what it told.
    fn run(&mut self, folder: &Path, time: Duration) {
        let mut child = start_child(folder);
        let mut lines = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        while !line.starts_with("#open") {
            line.clear();
            assert!(lines.read_line(&mut line).unwrap() > 0, "the child ended early");
        }
        let reader = std::thread::spawn(move || lines.lines().map_while(Result::ok).collect());
        // The moment of the kill is the point: there is no condition to wait for.
        let (stop, stopped) = std::sync::mpsc::channel::<()>();
        let _ = stopped.recv_timeout(time);
        drop(stop);
        child.kill().unwrap();
        child.wait().unwrap();
        let lines: Vec<String> = reader.join().unwrap();
        for line in lines.iter().filter_map(|line| line.strip_prefix('#')) {
            if let Some((what, id)) = line.split_once(' ') {
                self.0.insert(id.to_owned(), what.to_owned());
            }
        }
    }

    /// Checks that every job is at least as far as it was acknowledged to be.
    async fn check(&self, queue: &dyn crate::backend::Backend) {
        let ids: Vec<_> = self.0.keys().map(|id| JobId::from_store(id.as_str())).collect();
        for (found, (id, what)) in queue.jobs(&ids).await.unwrap().into_iter().zip(&self.0) {
            let found = found.unwrap_or_else(|| panic!("job {id}, {what}, was lost"));
            if what == "completed" {
                assert_eq!(found.state, JobState::Completed, "job {id}");
            }
            assert_ne!(found.state, JobState::Active, "the process that held job {id} is gone");
        }
    }
}

#[test]
fn nothing_acknowledged_is_lost_by_kill_9() {
    let folder = tempfile::tempdir().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let mut acknowledged = Acknowledged::default();
    let mut stalled = 0;
    for _ in 0..12 {
        let time = Duration::from_millis(rand::rng().random_range(10..400));
        println!("killed after {time:?}");
        acknowledged.run(folder.path(), time);

        runtime.block_on(async {
            let store = EmbeddedStore::open(folder.path(), Arc::new(SystemClock)).unwrap();
            let queue = store.queue("q").await.unwrap();
            acknowledged.check(&*queue).await;
            assert_eq!(store.counters().lost_rows, 0);
            let page = queue.events(Position::START, 10_000, Duration::ZERO).await.unwrap();
            let is_stalled = |kind: &EventKind| matches!(kind, EventKind::Stalled { .. });
            stalled += page.events.iter().filter(|event| is_stalled(&event.kind)).count();
        });
    }
    let completed = acknowledged.0.values().filter(|what| *what == "completed").count();
    println!("{} jobs, {completed} completed, {stalled} taken back", acknowledged.0.len());
    assert!(completed > 100 && stalled > 0, "there was something to lose");
}
