//! What the rest of the program holds of the tree: cloneable, typed, free of actors, and buildable
//! in tests from a channel or a fake.

use std::sync::Arc;

use async_trait::async_trait;
use oxherd_queue::backend::Counts;
use oxherd_queue::status::StatusRecord;
use oxherd_queue::{JobId, QueueError};
use oxherd_study::accept::{Accepted, Intent};
use oxherd_study::ports::Effects;
use oxherd_study::{StudyError, UserId};
use tokio::sync::{mpsc, oneshot, watch};

use crate::tree::TreeNode;

/// Hands requests to the only committer.
#[derive(Clone)]
pub struct Intake {
    requests: mpsc::Sender<IntakeRequest>,
}

/// A request on its way to the committer.
pub struct IntakeRequest {
    /// What is wanted.
    pub intent: Intent,
    /// Where the answer goes.
    pub answer: oneshot::Sender<Result<Accepted, StudyError>>,
}

impl Intake {
    /// The most requests that wait for the committer.
    pub const BOUND: usize = 1024;

    /// Makes a handle and the end that the committer reads.
    #[must_use]
    pub fn channel() -> (Self, mpsc::Receiver<IntakeRequest>) {
        let (requests, receiver) = mpsc::channel(Self::BOUND);
        (Self { requests }, receiver)
    }

    /// Has an intent carried out, durably, before it returns: row, outbox and idempotency key are
    /// written and the job's record can be read.
    ///
    /// # Errors
    /// The contract's codes; `STORAGE_UNAVAILABLE` or `QUEUE_UNAVAILABLE` within 3 s, decided
    /// before anything is written.
    pub async fn accept(&self, intent: Intent) -> Result<Accepted, StudyError> {
        let (answer, reply) = oneshot::channel();
        let unavailable = || StudyError::storage("the service cannot take requests right now");
        self.requests.try_send(IntakeRequest { intent, answer }).map_err(|_| unavailable())?;
        reply.await.map_err(|_| unavailable())?
    }
}

/// Answers what is known about a job.
#[async_trait]
pub trait StatusSource: Send + Sync + 'static {
    /// Returns the newest record; reads through to the stores on a miss.
    async fn lookup(&self, job: &JobId) -> Result<Option<Arc<StatusRecord>>, QueueError>;

    /// Returns a receiver that always holds the newest record known here (`None` until one is).
    fn watch(&self, job: &JobId) -> watch::Receiver<Option<Arc<StatusRecord>>>;

    /// Returns how many jobs stand before this one in its queue, if it waits.
    async fn place(&self, job: &JobId) -> Option<u64>;
}

/// Shows what is known about jobs.
pub type StatusView = Arc<dyn StatusSource>;

/// Changes jobs on behalf of a person or an operator.
#[async_trait]
pub trait JobControl: Send + Sync + 'static {
    /// Cancels the job of an entity of this user; returns its record afterwards.
    ///
    /// # Errors
    /// [`CancelError`].
    async fn cancel(&self, user: &UserId, job: &JobId) -> Result<Arc<StatusRecord>, CancelError>;

    /// Ends the job of an entity that was just deleted, if it lives, without touching its row.
    async fn forget(&self, user: &UserId, job: &JobId);

    /// Hears what a deletion did to plans that waited for the entity.
    fn happened(&self, effects: &Effects);
}

/// Why a job could not be cancelled.
#[derive(Debug, Clone, thiserror::Error)]
pub enum CancelError {
    /// The user has no such job.
    #[error("no such job")]
    Unknown,
    /// It has ended.
    #[error("the job has ended already")]
    Finished(Arc<StatusRecord>),
    /// A store does not answer.
    #[error("{0}")]
    Unavailable(String),
}

/// Cancels jobs.
pub type Cancel = Arc<dyn JobControl>;

/// Shows the health of the tree.
#[async_trait]
pub trait Health: Send + Sync + 'static {
    /// Returns the tree as it is now; never waits for an actor.
    fn tree(&self) -> TreeNode;

    /// Returns the checks of readiness, each with its cause and fix.
    fn readiness(&self) -> Vec<Check>;

    /// Tells whether the process has started fully once.
    fn is_started(&self) -> bool;

    /// Returns the names of the queues.
    fn queue_names(&self) -> Vec<String>;

    /// Returns the queues with their counts, within 2.5 s.
    ///
    /// # Errors
    /// When their store does not answer.
    async fn queues(&self) -> Result<Vec<QueueOverview>, QueueError>;
}

/// Shows the health of the tree.
pub type TreeView = Arc<dyn Health>;

/// One thing that must be well.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Check {
    /// What is checked, e.g. `consumer material-processing`.
    pub name: String,
    /// Whether it is well.
    pub ok: bool,
    /// What was found.
    pub cause: String,
    /// What to do about it; empty when it is well.
    pub fix: String,
}

/// A queue as operators see it.
#[derive(Debug, Clone, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub struct QueueOverview {
    /// Its name.
    pub name: String,
    /// Whether claims are stopped.
    pub paused: bool,
    /// Jobs per state.
    pub counts: Counts,
    /// Slots of this process.
    pub workers: u32,
    /// The age of the job that has waited longest.
    pub oldest_waiting_ms: Option<u64>,
}

/// Tells everyone when the process goes down, and lets anyone ask for it.
#[derive(Clone, Debug)]
pub struct Drain {
    begun: watch::Sender<bool>,
}

impl Default for Drain {
    fn default() -> Self {
        Self { begun: watch::Sender::new(false) }
    }
}

impl Drain {
    /// Begins to drain; more calls change nothing.
    pub fn begin(&self) {
        self.begun.send_replace(true);
    }

    /// Tells whether the drain has begun.
    #[must_use]
    pub fn has_begun(&self) -> bool {
        *self.begun.borrow()
    }

    /// Completes when the drain begins.
    pub async fn begun(&self) {
        let mut begun = self.begun.subscribe();
        let _ = begun.wait_for(|begun| *begun).await;
    }
}
