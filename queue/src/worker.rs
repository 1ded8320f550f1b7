//! The worker as values and steps, and the plain driver over them.
//!
//! The steps have no tasks of their own: `claim`, `run` (panic caught, deadline, cancellation),
//! `classify`, `settle`, `renew`, `sweep`. The plain driver calls them with tokio alone; a
//! supervision tree may call the same ones. No decision is written twice.

pub mod options;

pub mod admit;
pub mod classify;
pub mod finish;
pub mod locks;
pub mod run;
pub mod settle;
pub mod sweep;

pub(crate) mod attempt;
pub mod driver;
pub mod handlers;
mod turn;
mod upkeep;

use std::sync::Arc;

use async_trait::async_trait;

use crate::backend::Backend;
use crate::error::Result;
use crate::event::Position;
use crate::flow::Children;
use crate::job::{ClaimedJob, JobId, Payload, Token};
use crate::outcome::{Failure, JobError};

pub use admit::{Admission, admit, runs_alone};
pub use classify::{Decision, classify, fail_for_good};
pub use driver::Worker;
pub use finish::finish_for_good;
pub use handlers::Handlers;
pub use locks::{HeldLocks, renew_all};
pub use options::WorkerOptions;
pub use run::{RunEnd, StopSender, run_control, run_job};
pub use settle::settle_until_told;
pub use sweep::sweep;

/// Does the work of one kind of job.
///
/// A run may happen more than once for the same job (at-least-once): effects outside must be
/// fenced or idempotent.
#[async_trait]
pub trait Processor: Send + Sync + 'static {
    /// Does the work and returns the result as JSON.
    ///
    /// # Errors
    /// The error says what happens to the job next.
    async fn run(&self, job: &ClaimedJob, context: &JobContext) -> Result<Payload, JobError>;

    /// Tells the domain that the job fails for good; called inside the lock, before the store is
    /// told, by whoever decides it: after the last attempt, a poison job, an expired one, a
    /// cancelled one. May be called more than once for the same job.
    ///
    /// # Errors
    /// An error leaves the job as it is: it is tried again later.
    async fn failed_for_good(&self, job: &ClaimedJob, failure: &Failure) -> Result<(), JobError> {
        let _ = (job, failure);
        Ok(())
    }
}

/// What a handler may ask and tell while it runs one job.
#[derive(Clone)]
pub struct JobContext {
    pub(crate) backend: Arc<dyn Backend>,
    pub(crate) id: JobId,
    pub(crate) token: Token,
    pub(crate) keep_logs: Option<u64>,
    pub(crate) stop: StopSender,
    pub(crate) observer: Arc<dyn ProgressObserver>,
}

/// Why a run should stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stop {
    /// Someone cancelled the job.
    Cancelled,
    /// The lock was lost: the result will not count.
    LockLost,
    /// The process shuts down and its grace is over.
    Shutdown,
    /// The run took longer than the job may.
    Deadline,
}

/// Hears of progress in this process, before it comes back on the event stream.
///
/// `()` is the one that does not listen.
pub trait ProgressObserver: Send + Sync {
    /// A handler's progress was stored at this position.
    fn progressed(&self, job: &JobId, progress: &Payload, version: Position);
}

impl ProgressObserver for () {
    fn progressed(&self, _: &JobId, _: &Payload, _: Position) {}
}

impl JobContext {
    /// Returns the id of the job.
    #[must_use]
    pub fn id(&self) -> &JobId {
        &self.id
    }

    /// Stores progress, any JSON; 0 to 100 for this product's jobs.
    ///
    /// # Errors
    /// When the store does not answer; a handler may ignore it.
    pub async fn progress(&self, progress: Payload) -> Result<Position> {
        let version = self.backend.progress(&self.id, progress.clone()).await?;
        self.observer.progressed(&self.id, &progress, version);
        Ok(version)
    }

    /// Appends a row to the job's log, keeping as many of the newest as the producer wants.
    ///
    /// # Errors
    /// When the store does not answer; a handler may ignore it.
    pub async fn log(&self, row: &str) -> Result<()> {
        self.backend.log(&self.id, row, self.keep_logs).await
    }

    /// Lets no worker that knows a rate limit start anything for this long; return
    /// [`crate::JobError::RateLimited`] then.
    ///
    /// # Errors
    /// As [`crate::backend::Limit::rate_limit`].
    pub async fn rate_limit(&self, duration: std::time::Duration) -> Result<()> {
        self.backend.rate_limit(duration).await
    }

    /// Returns what became of the job's children: the results of those that completed, for one.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn children(&self) -> Result<Children> {
        self.backend.children(&self.id).await
    }

    /// Removes the children that the job still waits for, but for those that run or failed: it may
    /// complete without them.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn remove_awaited_children(&self) -> Result<()> {
        self.backend.remove_awaited_children(&self.id).await
    }

    /// Returns the token that proves the ownership of this run.
    #[must_use]
    pub fn token(&self) -> &Token {
        &self.token
    }

    /// Returns why the run should stop, if it should.
    #[must_use]
    pub fn stop_reason(&self) -> Option<Stop> {
        self.stop.reason()
    }

    /// Completes when the run should stop.
    pub async fn stopped(&self) -> Stop {
        self.stop.stopped().await
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use crate::event::Position;
    use crate::job::{ClaimedJob, Job, JobId, Payload, Token};
    use crate::options::JobOptions;

    /// A job as a claim returns it: started once, no attempt used.
    pub(crate) fn claimed(id: &str) -> ClaimedJob {
        let job = Job {
            id: JobId::from_store(id),
            name: "work".to_owned(),
            data: Payload::null(),
            options: JobOptions::default(),
            timestamp_ms: 1_000,
            delay_ms: 0,
            priority: 0,
            attempts_started: 1,
            attempts_made: 0,
            stalled_count: 0,
            processed_on_ms: Some(1_000),
            processed_by: None,
            finished_on_ms: None,
            progress: None,
            result: None,
            failed_reason: None,
            stack_trace: Vec::new(),
            deferred_failure: None,
        };
        let version = Position { ms: 1_000, seq: 0 };
        ClaimedJob { job, token: Token::unique(), version, unreadable: None }
    }
}
