//! The role of changing what a job is: its time, its place in the line, its input.
//!
//! Never starts, ends or removes a job.

use std::time::Duration;

use async_trait::async_trait;

use crate::error::Result;
use crate::event::Position;
use crate::job::{JobId, Payload};

/// Changing jobs that exist.
///
/// Every call fails with [`crate::QueueError::NoSuchJob`] when there is no such job, and changes
/// nothing when it fails.
#[async_trait]
pub trait Change: Send + Sync {
    /// Lets a delayed job become due this long from now, whatever was said before.
    ///
    /// # Errors
    /// [`crate::QueueError::WrongState`] when it is not delayed.
    async fn change_delay(&self, id: &JobId, delay: Duration) -> Result<Position>;

    /// Gives a job another priority (0 to [`crate::JobOptions::PRIORITY_MAX`], 0 is none).
    ///
    /// A job that may be claimed takes its new place at once, as the last of its priority, or as
    /// the first with `front`; any other takes it when it comes to wait. No event tells it, and the
    /// job's options still say what its producer asked for.
    ///
    /// # Errors
    /// [`crate::QueueError::Invalid`] when the priority is out of range.
    async fn change_priority(&self, id: &JobId, priority: u32, front: bool) -> Result<()>;

    /// Replaces the input of a job in any state; a run that is under way goes on with the old one.
    ///
    /// # Errors
    /// [`crate::QueueError::Invalid`] when it is over [`crate::NewJob::DATA_MAX`] bytes.
    async fn change_data(&self, id: &JobId, data: Payload) -> Result<()>;
}
