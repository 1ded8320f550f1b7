//! The typed door to a queue, for library users.
//!
//! What a user of BullMQ expects of a queue stands here, each call passed on to the store; `looking`
//! reads, `steering` changes. Never runs jobs; see [`crate::worker::Worker`].

mod looking;
mod steering;

use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use tokio::time::Instant;

use crate::backend::{Added, Backend};
use crate::error::{QueueError, Result};
use crate::event::{EventKind, Position};
use crate::job::{JobId, JobSnapshot, JobState, NewJob, Payload};
use crate::options::JobOptions;
use crate::outcome::Failure;

/// How many events are read at a time while waiting for a job.
const EVENTS_AT_A_TIME: usize = 1000;
/// The longest single wait for events; the job itself is looked at in between, so that a lost
/// event costs time only.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// A queue whose jobs carry data of type `D`.
#[derive(Clone)]
pub struct Queue<D> {
    backend: Arc<dyn Backend>,
    data: PhantomData<fn(D)>,
}

/// How a job ended.
#[derive(Debug, Clone, PartialEq)]
pub enum End {
    /// It completed with this result.
    Completed(Payload),
    /// It failed for good.
    Failed(Failure),
    /// It was removed, before or after its end.
    Removed,
}

impl<D: Serialize + Send> Queue<D> {
    /// Wraps an open queue.
    #[must_use]
    pub fn new(backend: Arc<dyn Backend>) -> Self {
        Self { backend, data: PhantomData }
    }

    /// Adds one job with the default options.
    ///
    /// # Errors
    /// As [`crate::backend::Produce::add`].
    pub async fn add(&self, name: &str, data: &D) -> Result<Added> {
        self.add_with(name, data, JobOptions::default()).await
    }

    /// Adds one job.
    ///
    /// # Errors
    /// As [`crate::backend::Produce::add`].
    pub async fn add_with(&self, name: &str, data: &D, options: JobOptions) -> Result<Added> {
        let job = self.describe(name, data)?.with_options(options);
        let mut added = self.backend.add(vec![job]).await?;
        Ok(added.swap_remove(0))
    }

    /// Adds many jobs of one name in one trip, in this order, with the default options.
    ///
    /// # Errors
    /// As [`crate::backend::Produce::add`].
    pub async fn add_all(&self, name: &str, data: &[D]) -> Result<Vec<Added>> {
        let jobs = data.iter().map(|data| self.describe(name, data));
        self.backend.add(jobs.collect::<Result<_>>()?).await
    }

    /// Describes a job with the default options, for a flow or a scheduler.
    ///
    /// # Errors
    /// [`QueueError::Invalid`] when the data has no JSON form.
    pub fn describe(&self, name: &str, data: &D) -> Result<NewJob> {
        Ok(NewJob::new(name, Payload::encode(data)?))
    }

    /// Returns a job and its state.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn job(&self, id: &JobId) -> Result<Option<JobSnapshot>> {
        Ok(self.backend.jobs(std::slice::from_ref(id)).await?.pop().flatten())
    }

    /// Replaces the input of a job.
    ///
    /// # Errors
    /// As [`crate::backend::Change::change_data`].
    pub async fn change_data(&self, id: &JobId, data: &D) -> Result<()> {
        self.backend.change_data(id, Payload::encode(data)?).await
    }

    /// Waits until a job has ended; returns nothing when it has not after `timeout`.
    ///
    /// # Errors
    /// [`QueueError::NoSuchJob`] when it did not exist in the first place.
    pub async fn finished(&self, id: &JobId, timeout: Duration) -> Result<Option<End>> {
        let deadline = Instant::now() + timeout;
        let mut after = self.backend.last_position().await?;
        let found = self.job(id).await?.ok_or_else(|| QueueError::NoSuchJob(id.clone()))?;
        if let Some(end) = end_of(Some(found)) {
            return Ok(Some(end));
        }
        loop {
            let block = deadline.saturating_duration_since(Instant::now()).min(LOOK_EVERY);
            if let Some(end) = self.end_after(id, &mut after, block).await? {
                return Ok(Some(end));
            }
            if Instant::now() >= deadline {
                return Ok(None);
            }
        }
    }

    async fn end_after(
        &self,
        id: &JobId,
        after: &mut Position,
        block: Duration,
    ) -> Result<Option<End>> {
        let page = self.backend.events(*after, EVENTS_AT_A_TIME, block).await?;
        *after = page.next;
        let ended = page.events.into_iter().find_map(|event| match event.kind {
            EventKind::Completed { id: of, result } if of == *id => Some(End::Completed(result)),
            EventKind::Failed { id: of, reason } if of == *id => {
                Some(End::Failed(Failure::from_reason(&reason)))
            }
            EventKind::Removed { id: of, .. } if of == *id => Some(End::Removed),
            _ => None,
        });
        if ended.is_some() || *after != self.backend.last_position().await? {
            return Ok(ended);
        }
        Ok(end_of(self.job(id).await?))
    }

    /// Returns the queue itself, for everything else.
    #[must_use]
    pub fn backend(&self) -> &Arc<dyn Backend> {
        &self.backend
    }
}

fn end_of(found: Option<JobSnapshot>) -> Option<End> {
    let Some(found) = found else { return Some(End::Removed) };
    match found.state {
        JobState::Completed => Some(End::Completed(found.job.result.unwrap_or_else(Payload::null))),
        JobState::Failed => {
            Some(End::Failed(Failure::from_reason(&found.job.failed_reason.unwrap_or_default())))
        }
        _ => None,
    }
}
