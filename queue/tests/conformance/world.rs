//! A store with one queue, a clock that can be moved on, and short words for what cases do.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use oxherd_queue::backend::embedded::EmbeddedStore;
use oxherd_queue::backend::redis::{RedisOptions, RedisStore};
use oxherd_queue::backend::{Added, Claim, Claimed, ListQuery, Turn};
use oxherd_queue::clock::{Clock, SystemClock};
use oxherd_queue::job::{ClaimedJob, JobSnapshot, Token};
use oxherd_queue::outcome::{Settled, Settlement, Verdict};
use oxherd_queue::{
    Backend, Event, Failure, Job, JobId, JobOptions, JobState, NewJob, Payload, Position,
    QueueError, Retention, Store,
};

/// Which store a case runs on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The store in this process.
    Embedded,
    /// A real Redis server.
    Redis,
}

/// The system's time and what a case added to it.
#[derive(Debug, Default)]
pub(crate) struct MovableClock {
    ahead_ms: AtomicU64,
}

impl Clock for MovableClock {
    fn now_ms(&self) -> u64 {
        SystemClock.now_ms() + self.ahead_ms.load(Ordering::SeqCst)
    }
}

/// What a case works on.
pub(crate) struct World {
    pub(crate) kind: Kind,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) queue: Arc<dyn Backend>,
    clock: Arc<MovableClock>,
    _folder: Option<tempfile::TempDir>,
}

/// Runs a case on a store of its own; does nothing when that store cannot be had here.
pub(crate) fn run<F: Future<Output = ()>>(kind: Kind, case: fn(World) -> F) {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let Some(world) = World::open(kind).await else { return };
        let store = Arc::clone(&world.store);
        tokio::time::timeout(Duration::from_secs(60), case(world)).await.expect("a case hangs");
        store.close().await;
    });
    runtime.shutdown_timeout(Duration::from_secs(1));
}

impl World {
    /// Opens an empty store.
    pub(crate) async fn open(kind: Kind) -> Option<Self> {
        let clock = Arc::new(MovableClock::default());
        let (store, folder) = match kind {
            Kind::Embedded => open_embedded(&clock).await?,
            Kind::Redis => (open_redis(&clock).await?, None),
        };
        let queue = store.queue("conformance").await.unwrap();
        Some(Self { kind, store, queue, clock, _folder: folder })
    }

    /// The same store with another queue.
    pub(crate) async fn with_queue(&self, name: &str) -> Self {
        Self {
            kind: self.kind,
            store: Arc::clone(&self.store),
            queue: self.store.queue(name).await.unwrap(),
            clock: Arc::clone(&self.clock),
            _folder: None,
        }
    }

    /// Lets time pass: really on Redis, whose clock is its own.
    pub(crate) async fn pass(&self, time: Duration) {
        match self.kind {
            Kind::Embedded => {
                let ms = u64::try_from(time.as_millis()).unwrap();
                self.clock.ahead_ms.fetch_add(ms, Ordering::SeqCst);
            }
            Kind::Redis => tokio::time::sleep(time + Duration::from_millis(5)).await,
        }
    }

    /// Moves the clock of the store on. Redis itself does not notice: keys that end by themselves
    /// stay as long as before.
    pub(crate) async fn leap(&self, time: Duration) {
        let ms = u64::try_from(time.as_millis()).unwrap();
        self.clock.ahead_ms.fetch_add(ms, Ordering::SeqCst);
    }

    /// The time by which the store goes, to a few milliseconds.
    pub(crate) fn now_ms(&self) -> u64 {
        self.clock.now_ms()
    }

    /// Adds a job with BullMQ's bare options.
    pub(crate) async fn add(&self, name: &str) -> JobId {
        self.add_with(name, JobOptions::bare()).await
    }

    /// Adds a job.
    pub(crate) async fn add_with(&self, name: &str, options: JobOptions) -> JobId {
        self.add_job(job(name).with_options(options)).await
    }

    /// Adds a job, which must be new.
    pub(crate) async fn add_job(&self, job: NewJob) -> JobId {
        match self.queue.add(vec![job]).await.unwrap().swap_remove(0) {
            Added::Created { id, .. } => id,
            other => panic!("no job was created: {other:?}"),
        }
    }

    /// Claims up to `max` jobs for 30 s.
    pub(crate) async fn claim_all(&self, max: usize) -> Claimed {
        self.queue.claim(&claim(max)).await.unwrap()
    }

    /// Claims one job, which must be there.
    pub(crate) async fn claim(&self) -> ClaimedJob {
        let mut claimed = self.claim_all(1).await.jobs;
        assert_eq!(claimed.len(), 1, "there is a job to claim");
        claimed.swap_remove(0)
    }

    /// Claims one job with a lock of its own length.
    pub(crate) async fn claim_for(&self, lock: Duration) -> ClaimedJob {
        let claimed = self.queue.claim(&Claim { lock, ..claim(1) }).await.unwrap();
        claimed.jobs.into_iter().next().expect("there is a job to claim")
    }

    /// Settles one claimed job.
    pub(crate) async fn settle(&self, job: &ClaimedJob, verdict: Verdict) -> Settled {
        self.settle_all(vec![settlement(job, verdict)]).await.settled.swap_remove(0)
    }

    /// Settles without claiming.
    pub(crate) async fn settle_all(&self, settlements: Vec<Settlement>) -> Turn {
        let turn = self.queue.settle(settlements, None).await.unwrap();
        assert!(turn.claimed.jobs.is_empty(), "nothing was to be claimed");
        turn
    }

    /// Completes a claimed job.
    pub(crate) async fn complete(&self, job: &ClaimedJob) -> Settled {
        self.settle(job, completed()).await
    }

    /// Adds, claims and ends a job with this verdict.
    pub(crate) async fn ended(&self, name: &str, verdict: Verdict) -> JobId {
        let id = self.add(name).await;
        let job = self.claim().await;
        assert_eq!(job.job.id, id);
        assert!(matches!(self.settle(&job, verdict).await, Settled::Done { .. }));
        id
    }

    /// Returns a job and its state, which must exist.
    pub(crate) async fn snapshot(&self, id: &JobId) -> JobSnapshot {
        self.find(id).await.unwrap_or_else(|| panic!("job {id} exists"))
    }

    /// Returns a job and its state.
    pub(crate) async fn find(&self, id: &JobId) -> Option<JobSnapshot> {
        self.queue.jobs(std::slice::from_ref(id)).await.unwrap().swap_remove(0)
    }

    /// Returns a job, which must exist.
    pub(crate) async fn job(&self, id: &JobId) -> Job {
        self.snapshot(id).await.job
    }

    /// Returns the state of a job, which must exist.
    pub(crate) async fn state(&self, id: &JobId) -> JobState {
        self.snapshot(id).await.state
    }

    /// Returns the ids of the jobs of a state, oldest first.
    pub(crate) async fn list(&self, state: JobState) -> Vec<JobId> {
        let query = ListQuery { state, skip: 0, limit: 1000, newest_first: false };
        let page = self.queue.list(query).await.unwrap();
        page.into_iter().map(|found| found.job.id).collect()
    }

    /// Returns all events after a position.
    pub(crate) async fn events_after(&self, after: Position) -> Vec<Event> {
        let mut events: Vec<Event> = Vec::new();
        loop {
            let from = events.last().map_or(after, |event| event.position);
            let page = self.queue.events(from, 10_000, Duration::ZERO).await.unwrap().events;
            if page.is_empty() {
                return events;
            }
            events.extend(page);
        }
    }

    /// Returns all events as words: `completed 3`.
    pub(crate) async fn words_after(&self, after: Position) -> Vec<String> {
        self.events_after(after).await.iter().map(word).collect()
    }
}

/// A job with empty data and BullMQ's bare options.
pub(crate) fn job(name: &str) -> NewJob {
    NewJob::new(name, Payload::parse("{}").unwrap()).with_options(JobOptions::bare())
}

/// An id that a producer chose.
pub(crate) fn id(text: &str) -> JobId {
    JobId::custom(text).unwrap()
}

/// A claim for 30 s under a new token.
pub(crate) fn claim(max: usize) -> Claim {
    Claim { max, token: Token::unique(), lock: Duration::from_secs(30), worker: None, rate: None }
}

/// The settlement of a claimed job by its own options.
pub(crate) fn settlement(job: &ClaimedJob, verdict: Verdict) -> Settlement {
    Settlement {
        id: job.job.id.clone(),
        token: job.token.clone(),
        verdict,
        keep: Some(Retention::ALL),
        attempts_max: job.job.options.attempts_max(),
        metrics: None,
    }
}

/// The job completed with the result 1.
pub(crate) fn completed() -> Verdict {
    Verdict::Complete { result: Payload::encode(&1).unwrap() }
}

/// The job failed for good.
pub(crate) fn failed() -> Verdict {
    let reason = Failure::new("BROKEN", "it broke").to_string();
    Verdict::Fail { stack_trace: vec![reason.clone()], reason }
}

/// The attempt failed and another follows after the pause.
pub(crate) fn retried(pause: Duration) -> Verdict {
    let reason = Failure::new("BROKEN", "it broke").to_string();
    Verdict::Retry { stack_trace: vec![reason.clone()], reason, pause }
}

/// The state that a settlement led to.
pub(crate) fn state_of(settled: &Settled) -> JobState {
    match settled {
        Settled::Done { state, .. } => *state,
        Settled::Lost { found } => panic!("the lock was lost: {found}"),
    }
}

/// Checks that an operation was refused because of its input.
pub(crate) fn assert_invalid<T: std::fmt::Debug>(result: Result<T, QueueError>) {
    assert!(matches!(result, Err(QueueError::Invalid { .. })), "{result:?}");
}

/// Checks that an operation was refused because of the state of the job.
pub(crate) fn assert_wrong_state<T: std::fmt::Debug>(result: Result<T, QueueError>) {
    assert!(matches!(result, Err(QueueError::WrongState { .. })), "{result:?}");
}

/// Checks that an operation found no such job.
pub(crate) fn assert_no_such_job<T: std::fmt::Debug>(result: Result<T, QueueError>) {
    assert!(matches!(result, Err(QueueError::NoSuchJob(_))), "{result:?}");
}

fn word(event: &Event) -> String {
    use oxherd_queue::EventKind as Kind;
    let from = |prev: &Option<JobState>| prev.map_or(String::new(), |prev| format!(" from {prev}"));
    match &event.kind {
        Kind::Added { id, .. } => format!("added {id}"),
        Kind::Waiting { id, prev } => format!("waiting {id}{}", from(prev)),
        Kind::Delayed { id, .. } => format!("delayed {id}"),
        Kind::Active { id } => format!("active {id}"),
        Kind::Progress { id, data } => format!("progress {id} {}", data.as_str()),
        Kind::Completed { id, .. } => format!("completed {id}"),
        Kind::Failed { id, .. } => format!("failed {id}"),
        Kind::RetriesExhausted { id, .. } => format!("retries-exhausted {id}"),
        Kind::Stalled { id } => format!("stalled {id}"),
        Kind::Duplicated { id } => format!("duplicated {id}"),
        Kind::Deduplicated { id, dropped, .. } => format!("deduplicated {id} for {dropped}"),
        Kind::Removed { id, prev } => format!("removed {id}{}", from(prev)),
        Kind::CancelRequested { id } => format!("cancel-requested {id}"),
        Kind::Cleaned { count } => format!("cleaned {count}"),
        Kind::Drained => "drained".to_owned(),
        Kind::Paused => "paused".to_owned(),
        Kind::Resumed => "resumed".to_owned(),
        Kind::Other { name, .. } => format!("other {name}"),
    }
}

// The two doors. A store that cannot be had here gives nothing, and says why.

async fn open_embedded(
    clock: &Arc<MovableClock>,
) -> Option<(Arc<dyn Store>, Option<tempfile::TempDir>)> {
    let folder = tempfile::tempdir().unwrap();
    let clock = Arc::clone(clock);
    let store = EmbeddedStore::open(folder.path(), clock).unwrap();
    Some((store, Some(folder)))
}

async fn open_redis(clock: &Arc<MovableClock>) -> Option<Arc<dyn Store>> {
    static OPENED: AtomicU64 = AtomicU64::new(0);
    let mut options = RedisOptions::new(crate::redis_server::url()?);
    options.prefix = format!("case{}", OPENED.fetch_add(1, Ordering::SeqCst));
    let clock = Arc::clone(clock);
    let store = RedisStore::connect(options, clock).await.unwrap();
    Some(store as Arc<dyn Store>)
}
