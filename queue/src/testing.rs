//! A queue in memory whose time a test moves by hand.
//!
//! Jobs go through the engine itself: the embedded store, the steps of a worker, retries, delays,
//! deduplication, flows and schedulers are those of production. No server, no waiting.
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), oxherd_queue::QueueError> {
//! use std::time::Duration;
//! use oxherd_queue::testing::TestQueue;
//! use oxherd_queue::worker::Handlers;
//! use oxherd_queue::{JobOptions, JobState};
//!
//! let greet = |name: String, _| async move { Ok(format!("hello, {name}")) };
//! let queue = TestQueue::new(Handlers::new().with_fn("greet", greet)).await?;
//! queue.enqueue("greet", &"Ada", JobOptions::default().delayed(Duration::from_secs(60))).await?;
//! queue.assert_enqueued("greet", &"Ada").await;
//!
//! assert!(queue.run_one().await?.is_none(), "it is not due yet");
//! queue.advance(Duration::from_secs(60));
//! let ran = queue.run_one().await?.expect("it is due");
//! assert_eq!(ran.after.expect("it is kept").state, JobState::Completed);
//! # Ok(())
//! # }
//! ```
//!
//! The names follow Oban's testing module, which its users know.

use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use serde_json::Value;

use crate::backend::embedded::EmbeddedStore;
use crate::backend::{Backend, ListQuery, Store as _};
use crate::clock::{Clock as _, ManualClock};
use crate::error::{QueueError, Result};
use crate::job::{ClaimedJob, JobId, JobSnapshot, JobState, NewJob, Payload};
use crate::options::JobOptions;
use crate::worker::attempt::Shared;
use crate::worker::{Handlers, HeldLocks, WorkerOptions, sweep};

/// When the time of a test begins: 2026-01-01T00:00:00Z.
pub const EPOCH_MS: u64 = 1_767_225_600_000;

/// The most runs of [`TestQueue::run_all`]; more are a job that comes back for ever.
pub const RUNS_MAX: usize = 100_000;

/// The states of jobs that have not ended, in the order in which they are shown.
const UNFINISHED: [JobState; 5] = [
    JobState::Waiting,
    JobState::Prioritized,
    JobState::Delayed,
    JobState::Active,
    JobState::WaitingChildren,
];

/// A queue for tests: in memory, in virtual time, run step by step.
pub struct TestQueue {
    clock: Arc<ManualClock>,
    store: Arc<EmbeddedStore>,
    shared: Arc<Shared>,
}

/// A run that a test made.
#[derive(Debug, Clone)]
pub struct Ran {
    /// The job.
    pub id: JobId,
    /// Its name.
    pub name: String,
    /// The job after the run; `None` when its retention removed it at once.
    pub after: Option<JobSnapshot>,
}

impl TestQueue {
    /// Makes an empty queue with the worker's default options.
    ///
    /// # Errors
    /// When there is no memory for its store.
    pub async fn new(handlers: Handlers) -> Result<Self> {
        Self::with_options(handlers, WorkerOptions::default()).await
    }

    /// Makes an empty queue whose worker has these options.
    ///
    /// # Errors
    /// As [`TestQueue::new`], and [`QueueError::Invalid`] when the options contradict each other.
    pub async fn with_options(handlers: Handlers, options: WorkerOptions) -> Result<Self> {
        let clock = Arc::new(ManualClock::starting_at(EPOCH_MS));
        let store = EmbeddedStore::in_memory(Arc::clone(&clock) as _)?;
        let shared = Arc::new(Shared {
            backend: store.queue("test").await?,
            handlers,
            options: options.validated()?,
            clock: Arc::clone(&clock) as _,
            observer: Arc::new(()),
            locks: HeldLocks::default(),
        });
        Ok(Self { clock, store, shared })
    }

    /// Adds a job; returns its id, or that of the job which it duplicates.
    ///
    /// # Errors
    /// As [`crate::backend::Produce::add`].
    pub async fn enqueue<D: Serialize + ?Sized>(
        &self,
        name: &str,
        data: &D,
        options: JobOptions,
    ) -> Result<JobId> {
        let job = NewJob::new(name, Payload::encode(data)?).with_options(options);
        let added = self.backend().add(vec![job]).await?;
        Ok(added[0].id().clone())
    }

    /// Returns the time, milliseconds since the epoch.
    #[must_use]
    pub fn now_ms(&self) -> u64 {
        self.clock.now_ms()
    }

    /// Moves the time on. Nothing runs by itself: what became due is found by the next run.
    pub fn advance(&self, by: Duration) {
        self.clock.advance(by);
    }

    /// Runs the job whose turn it is, to the end of this attempt; `None` when nothing is ready now.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn run_one(&self) -> Result<Option<Ran>> {
        let Some(job) = self.claim().await? else { return Ok(None) };
        let (id, name) = (job.job.id.clone(), job.job.name.clone());
        let context = self.shared.hold(&job);
        let ended = Arc::clone(&self.shared).attempt(job, context).await;
        Arc::clone(&self.shared).turn(vec![ended], 0).await.claimed?;
        let after = self.job(&id).await?;
        Ok(Some(Ran { id, name, after }))
    }

    /// Runs what is ready now until nothing is, follow-up jobs included; returns the runs.
    ///
    /// # Errors
    /// [`QueueError::Invalid`] after [`RUNS_MAX`] runs.
    pub async fn run_all(&self) -> Result<Vec<Ran>> {
        let mut all = Vec::new();
        while let Some(ran) = self.run_one().await? {
            all.push(ran);
            if all.len() == RUNS_MAX {
                let what = "run of everything";
                let why = format!("{RUNS_MAX} jobs ran and more are ready: does one add itself?");
                return Err(QueueError::Invalid { what, why });
            }
        }
        Ok(all)
    }

    /// Claims the next job and forgets it, as a worker does that dies.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn abandon_one(&self) -> Result<Option<JobId>> {
        Ok(self.claim().await?.map(|job| job.job.id))
    }

    /// Lets the locks of abandoned jobs run out and sweeps, as a living worker does; returns the
    /// jobs that were taken back. The time moves on by the lock and the pause between sweeps.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn recover_stalled(&self) -> Result<Vec<JobId>> {
        let options = &self.shared.options;
        // The first sweep marks what runs, the second one takes back what nobody renewed.
        let mut recovered = sweep(&**self.backend(), options).await?;
        self.advance(options.lock.max(options.stalled_every));
        recovered.extend(sweep(&**self.backend(), options).await?);
        Ok(recovered)
    }

    /// Returns a job and its state.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn job(&self, id: &JobId) -> Result<Option<JobSnapshot>> {
        Ok(self.backend().jobs(std::slice::from_ref(id)).await?.pop().flatten())
    }

    /// Returns the jobs that have not ended.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn enqueued(&self) -> Result<Vec<JobSnapshot>> {
        let mut all = Vec::new();
        for state in UNFINISHED {
            let query = ListQuery { state, skip: 0, limit: 1000, newest_first: false };
            all.extend(self.backend().list(query).await?);
        }
        Ok(all)
    }

    /// Asserts that a job of this name waits, is due later or runs, whose data is `like` this: an
    /// object may have more fields than asked for.
    ///
    /// # Panics
    /// When there is none; the message lists what there is.
    pub async fn assert_enqueued<D: Serialize + ?Sized>(&self, name: &str, like: &D) {
        let (found, wanted, all) = self.search(name, like).await;
        assert!(found, "no job {name} with {wanted} is enqueued; there is:\n{all}");
    }

    /// Asserts that no job of this name and data has yet to end.
    ///
    /// # Panics
    /// When there is one; the message lists what there is.
    pub async fn refute_enqueued<D: Serialize + ?Sized>(&self, name: &str, like: &D) {
        let (found, wanted, all) = self.search(name, like).await;
        assert!(!found, "a job {name} with {wanted} is enqueued; there is:\n{all}");
    }

    /// Returns the queue itself, for everything else.
    #[must_use]
    pub fn backend(&self) -> &Arc<dyn Backend> {
        &self.shared.backend
    }

    /// Returns the store, for flows and for other queues of the same test.
    #[must_use]
    pub fn store(&self) -> &Arc<EmbeddedStore> {
        &self.store
    }

    async fn claim(&self) -> Result<Option<ClaimedJob>> {
        Ok(self.backend().claim(&self.shared.options.claim(1)).await?.jobs.pop())
    }

    async fn search<D: Serialize + ?Sized>(&self, name: &str, like: &D) -> (bool, Value, String) {
        let wanted = serde_json::to_value(like).unwrap_or_default();
        let jobs = self.enqueued().await.unwrap_or_default();
        let fits = |found: &JobSnapshot| {
            let data = found.job.data.decode::<Value>().unwrap_or_default();
            found.job.name == name && contains(&data, &wanted)
        };
        let line = |found: &JobSnapshot| {
            let job = &found.job;
            format!("  {} {} {}: {}\n", found.state, job.id, job.name, job.data.as_str())
        };
        (jobs.iter().any(fits), wanted, jobs.iter().map(line).collect())
    }
}

/// Tells whether a value has everything that another one has; fields of objects may be more.
fn contains(value: &Value, part: &Value) -> bool {
    match (value, part) {
        (Value::Object(value), Value::Object(part)) => {
            part.iter().all(|(key, part)| value.get(key).is_some_and(|value| contains(value, part)))
        }
        _ => value == part,
    }
}

#[cfg(test)]
mod tests;
