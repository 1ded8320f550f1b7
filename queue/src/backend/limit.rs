//! The role of holding jobs back: how many may start in a time, how many may run at a time.
//!
//! Never touches a job.

use std::time::Duration;

use async_trait::async_trait;

use crate::error::Result;
use crate::options::RateLimit;

/// The limits of a queue, kept in the store and heeded by the workers of all processes.
#[async_trait]
pub trait Limit: Send + Sync {
    /// Returns the limits that hold for the whole queue.
    async fn limits(&self) -> Result<Limits>;

    /// Sets or removes the queue's rate limit. Its number of starts goes before a worker's own, a
    /// worker's own window before this one's.
    ///
    /// # Errors
    /// [`crate::QueueError::Invalid`] for what [`RateLimit::check`] refuses.
    async fn set_rate(&self, rate: Option<RateLimit>) -> Result<()>;

    /// Sets or removes the most jobs that run at a time, at least 1. Running jobs go on.
    ///
    /// # Errors
    /// [`crate::QueueError::Invalid`] for 0: pausing the queue is what stops it.
    async fn set_concurrency(&self, concurrency: Option<u64>) -> Result<()>;

    /// Lets workers that know a rate limit, the queue's or their own, start nothing for this long.
    ///
    /// # Errors
    /// [`crate::QueueError::Invalid`] when it is under 1 ms.
    async fn rate_limit(&self, duration: Duration) -> Result<()>;

    /// Ends the window that is open, so that jobs may be started again.
    async fn end_rate_limit(&self) -> Result<()>;

    /// Returns how long nothing may be started, if a limit is reached: the queue's, or `max`
    /// starts if given. Without either it tells how long the open window lasts.
    async fn rate_limit_left(&self, max: Option<u64>) -> Result<Option<Duration>>;

    /// Tells whether as many jobs run as may at a time.
    async fn is_maxed(&self) -> Result<bool>;
}

/// The limits that hold for a whole queue.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Limits {
    /// How many jobs may be started in a time.
    pub rate: Option<RateLimit>,
    /// How many jobs may run at a time.
    pub concurrency: Option<u64>,
}
