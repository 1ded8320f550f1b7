//! Steering a queue and its jobs: stopping, limiting, retrying, removing, scheduling.
//!
//! What each call means in full stands at the roles of [`crate::backend`], to which it is passed on.

use std::time::Duration;

use super::Queue;
use crate::backend::Cancelled;
use crate::error::Result;
use crate::event::Position;
use crate::job::{JobId, JobState};
use crate::options::RateLimit;
use crate::scheduler::{Armed, NewScheduler};

/// One job.
impl<D> Queue<D> {
    /// Puts an ended job back to wait; its attempts go on counting.
    ///
    /// # Errors
    /// [`crate::QueueError::NoSuchJob`]; [`crate::QueueError::WrongState`] when it has not ended.
    pub async fn retry(&self, id: &JobId) -> Result<Position> {
        self.backend.retry(id, false).await
    }

    /// Moves a delayed job to wait now.
    ///
    /// # Errors
    /// [`crate::QueueError::NoSuchJob`]; [`crate::QueueError::WrongState`] when it is not delayed.
    pub async fn promote(&self, id: &JobId) -> Result<Position> {
        self.backend.promote(id).await
    }

    /// Removes a job that nobody runs; `false` when there is none.
    ///
    /// # Errors
    /// As [`crate::backend::Produce::remove`].
    pub async fn remove(&self, id: &JobId) -> Result<bool> {
        self.backend.remove(id).await
    }

    /// Removes a job with all jobs below it; `false` when there is none.
    ///
    /// # Errors
    /// As [`crate::flow::Relate::remove_tree`].
    pub async fn remove_tree(&self, id: &JobId) -> Result<bool> {
        self.backend.remove_tree(id).await
    }

    /// Ends a job that nobody runs as failed, or asks a running one to stop.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn cancel(&self, id: &JobId) -> Result<Cancelled> {
        self.backend.cancel(id).await
    }

    /// Lets a delayed job become due this long from now.
    ///
    /// # Errors
    /// As [`crate::backend::Change::change_delay`].
    pub async fn change_delay(&self, id: &JobId, delay: Duration) -> Result<Position> {
        self.backend.change_delay(id, delay).await
    }

    /// Gives a job another priority (0 is none); it comes to stand behind the others of it.
    ///
    /// # Errors
    /// As [`crate::backend::Change::change_priority`].
    pub async fn change_priority(&self, id: &JobId, priority: u32) -> Result<()> {
        self.backend.change_priority(id, priority, false).await
    }
}

/// The queue as a whole.
impl<D> Queue<D> {
    /// Stops claims in the whole queue; running jobs go on.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn pause(&self) -> Result<()> {
        self.backend.pause().await
    }

    /// Allows claims again.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn resume(&self) -> Result<()> {
        self.backend.resume().await
    }

    /// Puts all failed or all completed jobs back to wait, and returns how many.
    ///
    /// # Errors
    /// [`crate::QueueError::Invalid`] for another state.
    pub async fn retry_all(&self, state: JobState) -> Result<u64> {
        self.backend.retry_all(state, None).await
    }

    /// Puts all delayed jobs to wait now, and returns how many.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn promote_all(&self) -> Result<u64> {
        self.backend.promote_all().await
    }

    /// Removes all jobs that wait to be claimed, with `delayed` also those that are not due.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn drain(&self, delayed: bool) -> Result<u64> {
        self.backend.drain(delayed).await
    }

    /// Removes up to `limit` jobs of a state (0 for all) that are older than `grace`.
    ///
    /// # Errors
    /// [`crate::QueueError::Invalid`] for jobs that wait for children.
    pub async fn clean(&self, state: JobState, grace: Duration, limit: u64) -> Result<Vec<JobId>> {
        self.backend.clean(state, grace, limit).await
    }

    /// Pauses the queue, and removes it with everything in it.
    ///
    /// # Errors
    /// [`crate::QueueError::Invalid`] while jobs are active, unless `force` is set.
    pub async fn obliterate(&self, force: bool) -> Result<()> {
        self.backend.obliterate(force).await
    }
}

/// Limits, for the workers of all processes.
impl<D> Queue<D> {
    /// Sets or removes the queue's rate limit.
    ///
    /// # Errors
    /// [`crate::QueueError::Invalid`] for what [`RateLimit::check`] refuses.
    pub async fn set_rate(&self, rate: Option<RateLimit>) -> Result<()> {
        self.backend.set_rate(rate).await
    }

    /// Sets or removes the most jobs that run at a time.
    ///
    /// # Errors
    /// [`crate::QueueError::Invalid`] for 0.
    pub async fn set_concurrency(&self, concurrency: Option<u64>) -> Result<()> {
        self.backend.set_concurrency(concurrency).await
    }

    /// Lets workers that know a rate limit start nothing for this long.
    ///
    /// # Errors
    /// [`crate::QueueError::Invalid`] when it is under 1 ms.
    pub async fn rate_limit(&self, duration: Duration) -> Result<()> {
        self.backend.rate_limit(duration).await
    }

    /// Ends the window of a rate limit that is reached.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn end_rate_limit(&self) -> Result<()> {
        self.backend.end_rate_limit().await
    }

    /// Frees a deduplication id, so that the next add makes a job.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn free_deduplication(&self, deduplication_id: &str) -> Result<bool> {
        self.backend.free_deduplication(deduplication_id, None).await
    }
}

/// Series of jobs.
impl<D> Queue<D> {
    /// Creates a scheduler or replaces the one with its id, and arms its next run; what the runs are
    /// comes from [`Self::describe`].
    ///
    /// # Errors
    /// As [`crate::scheduler::Schedule::upsert_scheduler`].
    pub async fn schedule(&self, scheduler: NewScheduler) -> Result<Option<Armed>> {
        self.backend.upsert_scheduler(scheduler).await
    }

    /// Ends a series; `false` when there is no such scheduler.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn remove_scheduler(&self, id: &str) -> Result<bool> {
        self.backend.remove_scheduler(id).await
    }
}
