//! What can go wrong between the engine and its store.
//!
//! Named by what the caller does next; the outcome of a job is not an error of the engine (see
//! [`crate::outcome`]).

use crate::job::{JobId, JobState};

/// An operation on a queue that did not succeed.
#[derive(Debug, Clone, thiserror::Error)]
pub enum QueueError {
    /// The store cannot be reached or did not answer in time; the same call may succeed later.
    /// Whether it took effect is not known.
    #[error("store unavailable during {operation}: {cause}")]
    Unavailable {
        /// The operation that was asked for.
        operation: &'static str,
        /// What the store or the network said.
        cause: String,
    },
    /// The store refuses writes (full disk, out of memory, read-only); nothing was changed.
    #[error("store refuses writes during {operation}: {cause}")]
    Refused {
        /// The operation that was asked for.
        operation: &'static str,
        /// What the store said.
        cause: String,
    },
    /// The caller's input cannot be stored; it was refused and nothing was changed.
    #[error("invalid {what}: {why}")]
    Invalid {
        /// The part of the input.
        what: &'static str,
        /// The reason, and what would be accepted.
        why: String,
    },
    /// No job has this id.
    #[error("job {0} does not exist")]
    NoSuchJob(JobId),
    /// The job is in a state in which the operation means nothing.
    #[error("job {id} is {state}, {operation} needs {needs}")]
    WrongState {
        /// The job.
        id: JobId,
        /// Its state now.
        state: JobState,
        /// The operation that was asked for.
        operation: &'static str,
        /// The states in which it would work.
        needs: &'static str,
    },
    /// The parent that a job is to have does not exist; nothing was changed.
    #[error("missing key for parent job {0}")]
    NoSuchParent(String),
    /// The job has another parent that still exists; nothing was changed.
    #[error("job {job} has another parent, it cannot become a child of {parent}")]
    ParentTaken {
        /// The job.
        job: JobId,
        /// The parent that it was to have.
        parent: String,
    },
    /// The job is the next run of a scheduler, which it would end: remove the scheduler instead.
    #[error("job {0} is the next run of a scheduler; remove the scheduler instead")]
    ArmedRun(JobId),
    /// A job of another run stands in the time slot of a scheduler's next run.
    #[error("scheduler {scheduler} is not changed: {why}; try again after its next run")]
    SlotTaken {
        /// The scheduler's id.
        scheduler: String,
        /// What stands in its way.
        why: &'static str,
    },
    /// The keys of one operation would be in several slots of a Redis cluster, which serves that
    /// never; nothing was changed.
    #[error("{what} are in several slots of the Redis cluster; {fix}")]
    CrossSlot {
        /// What the keys belong to.
        what: String,
        /// What to do about it.
        fix: String,
    },
    /// The store holds something that this engine did not write and cannot read.
    #[error("unreadable state in the store: {0}")]
    Corrupt(String),
    /// The store belongs to another installation, is locked, or is set up in a way that loses jobs.
    #[error("{problem}; {fix}")]
    Unusable {
        /// What is wrong.
        problem: String,
        /// What to do about it.
        fix: String,
    },
}

impl QueueError {
    /// Tells whether the same call may succeed later without anyone changing anything.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Unavailable { .. } | Self::Refused { .. })
    }
}

/// The result of an operation on a queue.
pub type Result<T, E = QueueError> = std::result::Result<T, E>;
