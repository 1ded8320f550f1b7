//! The embedded store under random operations, crashes, damage and a full disk.
//!
//! What the operations mean is checked by the conformance suite; here it is what survives.

mod damage;
mod families;
mod kill;
mod random;
mod speed;
mod state;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tempfile::TempDir;

use crate::backend::{Claim, Store as _};
use crate::clock::Clock;
use crate::job::{ClaimedJob, JobId, NewJob, Payload, Token};
use crate::options::JobOptions;
use crate::outcome::{Settlement, Verdict};

use super::checkpoint::Pace;
use super::door::Door;
use super::queue_handle::QueueHandle;
use super::writer::SharedConnection;
use super::{EmbeddedStore, FILE, LOCK, open_files};

/// A clock that tests move.
#[derive(Debug)]
struct TestClock(AtomicU64);

impl TestClock {
    fn new() -> Arc<Self> {
        Arc::new(Self(AtomicU64::new(1_700_000_000_000)))
    }

    fn pass(&self, ms: u64) {
        self.0.fetch_add(ms, Ordering::SeqCst);
    }
}

impl Clock for TestClock {
    fn now_ms(&self) -> u64 {
        self.0.load(Ordering::SeqCst)
    }
}

/// Checkpoints all the time, in steps of one row.
const RESTLESS: Pace = Pace {
    journal_bytes: 600,
    step: Duration::ZERO,
    rows: 1,
    jobs: 3,
    retry_pause: Duration::ZERO,
};

/// A store on files that works in the test's own thread.
struct World {
    folder: TempDir,
    clock: Arc<TestClock>,
    store: EmbeddedStore,
    queue: QueueHandle,
    connection: SharedConnection,
}

impl World {
    async fn new(pace: Pace) -> Self {
        Self::open(tempfile::tempdir().unwrap(), TestClock::new(), pace).await
    }

    /// Opens what is in a folder, without handing jobs back.
    async fn open(folder: TempDir, clock: Arc<TestClock>, pace: Pace) -> Self {
        let (writer, reader) = open_files(folder.path(), pace).unwrap();
        let connection = Arc::clone(&writer.connection);
        // These tests end processes, not power supplies.
        let quick = |connection: &rusqlite::Connection| {
            connection.execute_batch("PRAGMA synchronous = OFF; PRAGMA wal_autocheckpoint = 50;")
        };
        quick(locked(&connection).as_ref().unwrap()).unwrap();
        let door = Arc::new(Door::direct(writer, reader, Arc::clone(&clock) as _));
        let store = EmbeddedStore { door: Arc::clone(&door) };
        store.queue("q").await.unwrap();
        let queue = QueueHandle::new(door, 0);
        Self { folder, clock, store, queue, connection }
    }

    /// Opens what a crash at this moment would leave.
    async fn after_crash(&self, pace: Pace) -> Self {
        let folder = copy_of(&self.folder);
        let clock = Arc::new(TestClock(AtomicU64::new(self.clock.now_ms())));
        Self::open(folder, clock, pace).await
    }

    /// Lets the file grow no further, as a full disk does, or gives it room again.
    fn fill_disk(&self, full: bool) {
        let connection = locked(&self.connection);
        let connection = connection.as_ref().unwrap();
        let pages: i64 = connection.query_row("PRAGMA page_count", [], |row| row.get(0)).unwrap();
        let most = if full { pages } else { i64::from(u32::MAX - 1) };
        connection.query_row(&format!("PRAGMA max_page_count = {most}"), [], |_| Ok(())).unwrap();
    }
}

/// Copies the files of a store that is in use.
fn copy_of(folder: &TempDir) -> TempDir {
    let copy = tempfile::tempdir().unwrap();
    for name in [FILE, LOCK, "queue.sqlite-wal"] {
        if folder.path().join(name).exists() {
            std::fs::copy(folder.path().join(name), copy.path().join(name)).unwrap();
        }
    }
    copy
}

fn job(data: &str) -> NewJob {
    NewJob::new("work", Payload::encode(data).unwrap()).with_options(JobOptions::bare())
}

fn id(text: &str) -> JobId {
    JobId::custom(text).unwrap()
}

fn claim(max: usize) -> Claim {
    Claim { max, token: Token::unique(), lock: Duration::from_secs(15), worker: None, rate: None }
}

fn settlement(job: &ClaimedJob, verdict: Verdict) -> Settlement {
    let attempts_max = job.job.options.attempts_max();
    Settlement {
        id: job.job.id.clone(),
        token: job.token.clone(),
        verdict,
        keep: None,
        attempts_max,
        metrics: None,
    }
}

fn locked<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    super::shared::locked(mutex)
}
