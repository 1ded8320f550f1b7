//! The role of treating many jobs at a time: removing them, running them again.
//!
//! Never touches a job that a worker holds, unless a queue is taken down by force.

use std::time::Duration;

use async_trait::async_trait;

use crate::error::{QueueError, Result};
use crate::job::{JobId, JobState};

/// Operations on all jobs of a state.
///
/// They work in steps of up to a thousand jobs, between which others may change the queue. The next
/// run of a scheduler stays where it is, but for [`Clear::obliterate`].
#[async_trait]
pub trait Clear: Send + Sync {
    /// Removes those of the oldest `limit` jobs of a state (0 for all) that are older than `grace`,
    /// and returns them. An ended job is as old as its end, another as its last start or its
    /// creation. Active jobs are removed only if nobody holds them.
    ///
    /// # Errors
    /// [`crate::QueueError::Invalid`] for jobs that wait for children.
    async fn clean(&self, state: JobState, grace: Duration, limit: u64) -> Result<Vec<JobId>>;

    /// Removes all jobs that wait to be claimed, with `delayed` also those that are not due, and
    /// returns how many. No event tells it.
    async fn drain(&self, delayed: bool) -> Result<u64>;

    /// Pauses the queue, and removes it with everything in it.
    ///
    /// # Errors
    /// [`crate::QueueError::Invalid`] while jobs are active, unless `force` is set; the queue stays
    /// paused then.
    async fn obliterate(&self, force: bool) -> Result<()>;

    /// Puts all failed or all completed jobs back to wait, those with a priority by it; only those
    /// that ended until a time (milliseconds since the epoch) if one is given. Returns how many.
    ///
    /// # Errors
    /// [`crate::QueueError::Invalid`] for another state.
    async fn retry_all(&self, state: JobState, until_ms: Option<u64>) -> Result<u64>;

    /// Puts all delayed jobs to wait now, and returns how many.
    async fn promote_all(&self) -> Result<u64>;
}

/// Refuses to clean a state whose jobs others depend on.
pub(super) fn check_cleanable(state: JobState) -> Result<()> {
    if state != JobState::WaitingChildren {
        return Ok(());
    }
    let why = "jobs that wait for children cannot be cleaned".to_owned();
    Err(QueueError::Invalid { what: "job state", why })
}

/// Refuses a state that is no end.
pub(super) fn check_ended(state: JobState) -> Result<()> {
    if state.is_final() {
        return Ok(());
    }
    let why = format!("{state}; completed or failed is meant");
    Err(QueueError::Invalid { what: "job state", why })
}

/// The refusal to take down a queue whose jobs run.
pub(super) fn still_active(active: u64) -> QueueError {
    let why = format!("{active} jobs are active; let them end, or force it");
    QueueError::Invalid { what: "queue", why }
}
