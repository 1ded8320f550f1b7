//! Looking at a queue: jobs of a state, counts, logs, limits, schedulers, workers.
//!
//! Never changes anything.

use std::time::Duration;

use serde::de::DeserializeOwned;

use super::Queue;
use crate::backend::{Counts, Limits, ListQuery, Metrics, WorkerClient};
use crate::error::{QueueError, Result};
use crate::job::{Job, JobId, JobSnapshot, JobState};
use crate::scheduler::Scheduler;

impl<D: DeserializeOwned> Queue<D> {
    /// Reads the input of a job of this queue.
    ///
    /// # Errors
    /// [`QueueError::Invalid`] when it is not a `D`: another producer may have added it.
    pub fn data_of(&self, job: &Job) -> Result<D> {
        let refuse =
            |why: serde_json::Error| QueueError::Invalid { what: "job data", why: why.to_string() };
        job.data.decode().map_err(refuse)
    }
}

/// What is in the queue; every call fails when the store does not answer.
impl<D> Queue<D> {
    /// Returns a page of the jobs of a state, the newest first: `skip` left out, at most `limit`
    /// (1,000).
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn jobs(&self, state: JobState, skip: u64, limit: u64) -> Result<Vec<JobSnapshot>> {
        self.backend.list(ListQuery { state, skip, limit, newest_first: true }).await
    }

    /// Returns the number of jobs in each state.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn counts(&self) -> Result<Counts> {
        self.backend.counts().await
    }

    /// Returns the number of jobs that may be claimed, for each of these priorities (0 is none).
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn counts_by_priority(&self, priorities: &[u32]) -> Result<Vec<u64>> {
        self.backend.counts_by_priority(priorities).await
    }

    /// Returns rows of a job's log, oldest first, and how many there are.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn logs(&self, id: &JobId, skip: u64, limit: u64) -> Result<(Vec<String>, u64)> {
        self.backend.logs(id, skip, limit).await
    }

    /// Returns how many jobs completed or failed in each of the last `minutes`, where the workers
    /// count them.
    ///
    /// # Errors
    /// [`QueueError::Invalid`] for a state that is no end.
    pub async fn metrics(&self, ended: JobState, minutes: u64) -> Result<Metrics> {
        self.backend.metrics(ended, 0, minutes).await
    }

    /// Tells whether claims are stopped.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn is_paused(&self) -> Result<bool> {
        self.backend.is_paused().await
    }

    /// Tells whether as many jobs run as may at a time.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn is_maxed(&self) -> Result<bool> {
        self.backend.is_maxed().await
    }

    /// Returns the limits that hold for the whole queue.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn limits(&self) -> Result<Limits> {
        self.backend.limits().await
    }

    /// Returns how long the rate limit that is reached lets nothing start.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn rate_limit_left(&self) -> Result<Option<Duration>> {
        self.backend.rate_limit_left(None).await
    }

    /// Returns the job that owns a deduplication id now, if any; it may have ended.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn deduplication_owner(&self, deduplication_id: &str) -> Result<Option<JobId>> {
        self.backend.deduplication_owner(deduplication_id).await
    }

    /// Returns a scheduler.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn scheduler(&self, id: &str) -> Result<Option<Scheduler>> {
        self.backend.scheduler(id).await
    }

    /// Returns schedulers by the time of their armed run, the earliest first.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn schedulers(&self, skip: u64, limit: u64) -> Result<Vec<Scheduler>> {
        self.backend.schedulers(skip, limit).await
    }

    /// Returns the workers of all processes; nothing where the store has no server that knows them.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn workers(&self) -> Result<Option<Vec<WorkerClient>>> {
        self.backend.workers().await
    }
}
