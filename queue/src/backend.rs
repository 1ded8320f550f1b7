//! The roles of a store, batch-first; two implementations, one conformance suite over both.
//!
//! The reference for the meaning of each operation is BullMQ's observable behaviour. A `Backend`
//! serves one queue; a [`Store`] holds the queues and the status records of an installation.
//! Every call answers within a deadline of a few seconds, with [`QueueError::Unavailable`] if the
//! store does not.

mod attend;
mod change;
mod clear;
mod deduplicate;
pub mod embedded;
mod limit;
mod metrics;
pub mod redis;
mod server;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use crate::error::Result;
use crate::event::{Event, Position};
use crate::flow::{Flow, JobKey, Relate};
use crate::job::{ClaimedJob, JobId, JobSnapshot, JobState, NewJob, Payload, Token};
use crate::options::RateLimit;
use crate::outcome::{Settled, Settlement};
use crate::scheduler::Schedule;
use crate::status::StatusStore;

pub use self::attend::{Attend, Attendance, WorkerClient};
pub use self::change::Change;
pub use self::clear::Clear;
pub use self::deduplicate::Deduplicate;
pub use self::limit::{Limit, Limits};
pub use self::metrics::Metrics;
pub use self::server::ServerInfo;

/// Everything that a queue can do.
pub trait Backend:
    Produce
    + Change
    + Deduplicate
    + Limit
    + Consume
    + Inspect
    + Maintain
    + Clear
    + Schedule
    + Relate
    + Attend
{
}

impl<
    T: Produce
        + Change
        + Deduplicate
        + Limit
        + Consume
        + Inspect
        + Maintain
        + Clear
        + Schedule
        + Relate
        + Attend,
> Backend for T
{
}

/// The queues and status records of an installation, on one store.
#[async_trait]
pub trait Store: Send + Sync + 'static {
    /// Opens a queue; the same name gives the same queue.
    ///
    /// # Errors
    /// When the name is empty, contains `:`, or the store cannot be used.
    async fn queue(&self, name: &str) -> Result<Arc<dyn Backend>>;

    /// Adds a tree of jobs as a whole; returns their names, each parent before its children.
    ///
    /// A job whose id exists is left as it is, but becomes a child of its parent in the tree; if it
    /// has completed, its result counts.
    ///
    /// # Errors
    /// [`crate::QueueError::Invalid`] for a tree that cannot be kept;
    /// [`crate::QueueError::NoSuchParent`] when the root's parent does not exist,
    /// [`crate::QueueError::ParentTaken`] when a job belongs to another parent. Nothing was changed.
    async fn add_flow(&self, flow: Flow) -> Result<Vec<JobKey>>;

    /// Returns the store of job records.
    fn status(&self) -> Arc<dyn StatusStore>;

    /// Returns the installation id that the store carries, after writing `id` if it had none.
    async fn installation(&self, id: &str) -> Result<String>;

    /// Answers when the store does, for readiness checks (2 s at most).
    async fn ping(&self) -> Result<()>;

    /// Returns what the server tells of itself; nothing where there is none, or it does not tell.
    async fn server(&self) -> Result<Option<ServerInfo>> {
        Ok(None)
    }

    /// Writes out what is buffered and closes files and connections; later calls fail.
    async fn close(&self);
}

/// Putting jobs in, and changing jobs that nobody runs.
#[async_trait]
pub trait Produce: Send + Sync {
    /// Adds jobs in order, in one round trip; per job its own result.
    ///
    /// An acknowledged add survives what the store survives. A custom id that exists changes
    /// nothing ([`Added::Duplicate`]). What [`NewJob::check`] refuses, such as data over
    /// [`NewJob::DATA_MAX`] or a priority out of range, refuses the whole call before anything is
    /// written.
    async fn add(&self, jobs: Vec<NewJob>) -> Result<Vec<Added>>;

    /// Asks for runs, safely however often: see [`Submitted`].
    ///
    /// Each job must have an id and no deduplication; its run is the `generation` member of its data.
    async fn submit(&self, jobs: Vec<NewJob>) -> Result<Vec<Submitted>>;

    /// Puts a finished job back to wait (BullMQ `job.retry()`), with its attempts reset if asked.
    async fn retry(&self, id: &JobId, reset_attempts: bool) -> Result<Position>;

    /// Removes a job that nobody holds; `false` when there is none.
    ///
    /// # Errors
    /// [`crate::QueueError::WrongState`] while a worker holds it,
    /// [`crate::QueueError::ArmedRun`] when a scheduler would end with it.
    async fn remove(&self, id: &JobId) -> Result<bool>;

    /// Ends a job that nobody runs at once, as failed with the code `CANCELLED`, also in a paused
    /// queue; asks a running one to stop.
    async fn cancel(&self, id: &JobId) -> Result<Cancelled>;

    /// Moves a delayed job to wait now.
    async fn promote(&self, id: &JobId) -> Result<Position>;

    /// Stops claims in the whole queue; running jobs go on.
    async fn pause(&self) -> Result<()>;

    /// Allows claims again.
    async fn resume(&self) -> Result<()>;
}

/// What an add did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Added {
    /// The job was created.
    Created {
        /// Its id.
        id: JobId,
        /// The position of its `waiting` or `delayed` event.
        version: Position,
    },
    /// A job with this id exists and was left as it is.
    Duplicate {
        /// The id.
        id: JobId,
    },
    /// Another job stands for the add (see [`crate::options::Deduplication`]); none was created.
    Deduplicated {
        /// The id of that job.
        id: JobId,
    },
}

impl Added {
    /// Returns the id of the job that stands for the add, new or old.
    #[must_use]
    pub fn id(&self) -> &JobId {
        match self {
            Self::Created { id, .. } | Self::Duplicate { id } | Self::Deduplicated { id } => id,
        }
    }
}

/// What a submit did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Submitted {
    /// There was no such job: it was added.
    Added {
        /// The position of its `waiting` or `delayed` event.
        version: Position,
    },
    /// It had ended with a lower generation: it starts over as this request describes it (name,
    /// data, options, creation time), and nothing of the old run is left but its log.
    Again {
        /// The position of its `waiting` event.
        version: Position,
    },
    /// It lives, or it ended with this generation or a higher one: nothing was changed.
    Unchanged {
        /// Its state.
        state: JobState,
    },
}

/// What a cancel did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cancelled {
    /// Nobody ran the job; it is failed now.
    Ended {
        /// The position of its `failed` event.
        version: Position,
    },
    /// Its worker was told; renewals of its lock return it from now on.
    Requested {
        /// The position of the request.
        version: Position,
        /// Whether a worker of another engine holds it, which may not listen.
        foreign: bool,
    },
    /// It had ended before.
    AlreadyFinished {
        /// Its state.
        state: JobState,
    },
    /// No such job.
    Unknown,
}

/// Taking jobs, and telling how they went.
#[async_trait]
pub trait Consume: Send + Sync {
    /// Takes up to `request.max` jobs that are due, in one round trip: those without a priority
    /// first, oldest first, then those with one, lowest number first.
    async fn claim(&self, request: &Claim) -> Result<Claimed>;

    /// Tells how attempts ended and, in the same round trip, claims the next jobs.
    ///
    /// One settlement that lost its lock does not disturb the others.
    async fn settle(&self, settlements: Vec<Settlement>, next: Option<&Claim>) -> Result<Turn>;

    /// Renews locks; tells which were lost and which of the jobs were asked to stop.
    async fn renew(&self, held: &[Held], lock: Duration) -> Result<Renewal>;

    /// Stores a handler's progress as JSON and tells it on the stream.
    async fn progress(&self, id: &JobId, progress: Payload) -> Result<Position>;

    /// Appends a row to the job's log, keeping the newest `keep` rows if given.
    async fn log(&self, id: &JobId, row: &str, keep: Option<u64>) -> Result<()>;

    /// Returns as soon as there may be something to claim, or after `timeout`.
    ///
    /// Wake-ups may be spurious, never lost. Cancel-safe.
    async fn wait(&self, timeout: Duration) -> Result<Waited>;
}

/// What a wait brought.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Waited {
    /// There may be something to claim; only a claim tells.
    News,
    /// The store has answered since the wait began, and has nothing new: a claim would be in vain.
    Quiet,
}

/// A request for jobs.
#[derive(Debug, Clone)]
pub struct Claim {
    /// The most jobs; one per idle slot. 0 claims nothing.
    pub max: usize,
    /// The token of the locks; a new one per claim.
    pub token: Token,
    /// How long the locks hold without renewal.
    pub lock: Duration,
    /// The name of the worker, shown by dashboards.
    pub worker: Option<String>,
    /// The rate limit that the worker keeps; the claim takes at most what is left of it. The
    /// workers of a queue count together, so they should have the same.
    pub rate: Option<RateLimit>,
}

/// What a claim found.
#[derive(Debug, Clone, Default)]
pub struct Claimed {
    /// The jobs, in the order in which they should start.
    pub jobs: Vec<ClaimedJob>,
    /// When there is a reason to claim again (milliseconds since the epoch): the earliest delayed
    /// job is due, or the rate limit that is reached ends.
    pub next_due_ms: Option<u64>,
}

/// What a settle-and-claim did.
#[derive(Debug, Clone)]
pub struct Turn {
    /// One result per settlement, in order.
    pub settled: Vec<Settled>,
    /// The jobs claimed next.
    pub claimed: Claimed,
}

/// A lock that this process holds.
#[derive(Debug, Clone)]
pub struct Held {
    /// The job.
    pub id: JobId,
    /// The proof.
    pub token: Token,
}

/// What a renewal found.
#[derive(Debug, Clone, Default)]
pub struct Renewal {
    /// Jobs that this process no longer holds: stop running them, their result is void.
    pub lost: Vec<JobId>,
    /// Jobs that were asked to stop and are still held.
    pub cancelled: Vec<JobId>,
}

/// Looking, without changing.
#[async_trait]
pub trait Inspect: Send + Sync {
    /// Returns jobs with their states, `None` for each that does not exist.
    async fn jobs(&self, ids: &[JobId]) -> Result<Vec<Option<JobSnapshot>>>;

    /// Returns the number of jobs in each state.
    async fn counts(&self) -> Result<Counts>;

    /// Returns the number of jobs that may be claimed, for each of these priorities; 0 counts the
    /// jobs without one.
    async fn counts_by_priority(&self, priorities: &[u32]) -> Result<Vec<u64>>;

    /// Returns a page of the jobs of a state: `skip` left out, at most `limit`.
    async fn list(&self, query: ListQuery) -> Result<Vec<JobSnapshot>>;

    /// Returns rows of a job's log, oldest first, and how many there are.
    async fn logs(&self, id: &JobId, skip: u64, limit: u64) -> Result<(Vec<String>, u64)>;

    /// Tells whether claims are stopped.
    async fn is_paused(&self) -> Result<bool>;

    /// Returns how many jobs ended so, a point a minute, the newest first: `skip` left out, at most
    /// `limit` and [`Metrics::POINTS_MAX`]. Counted by the workers that are told to
    /// ([`crate::worker::WorkerOptions::metrics`]).
    ///
    /// # Errors
    /// [`crate::QueueError::Invalid`] for a state that is no end.
    async fn metrics(&self, ended: JobState, skip: u64, limit: u64) -> Result<Metrics>;

    /// Returns how many jobs stand before this one; `None` if it does not wait.
    async fn place(&self, id: &JobId) -> Result<Option<u64>>;

    /// Returns events after a position, waiting up to `block` for the first.
    async fn events(&self, after: Position, limit: usize, block: Duration) -> Result<EventPage>;

    /// Returns the position of the newest event.
    async fn last_position(&self) -> Result<Position>;
}

/// Which jobs to list.
#[derive(Debug, Clone, Copy)]
pub struct ListQuery {
    /// Their state.
    pub state: JobState,
    /// How many to leave out at the front.
    pub skip: u64,
    /// The most to return, at most 1,000.
    pub limit: u64,
    /// Whether the newest come first.
    pub newest_first: bool,
}

/// The number of jobs in each state.
pub type Counts = BTreeMap<&'static str, u64>;

/// A part of the event stream.
#[derive(Debug, Clone, Default)]
pub struct EventPage {
    /// The events, in order.
    pub events: Vec<Event>,
    /// The position to go on after.
    pub next: Position,
    /// Whether events between the asked position and the first one were trimmed away.
    pub gap: bool,
}

/// Upkeep that any process does for all.
#[async_trait]
pub trait Maintain: Send + Sync {
    /// Takes back the jobs of workers that let their lock run out, as BullMQ's two-phase sweep
    /// does; returns them. A job that stalled more than `stalled_max` times gets a deferred
    /// failure.
    async fn sweep_stalled(&self, interval: Duration, stalled_max: u32) -> Result<Vec<JobId>>;

    /// Moves delayed jobs that are due to wait; returns how many, and when the next is due.
    async fn promote_due(&self) -> Result<(u64, Option<u64>)>;

    /// Returns the age of the job that has waited longest, in milliseconds.
    async fn oldest_waiting_ms(&self) -> Result<Option<u64>>;
}
