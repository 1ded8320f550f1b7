//! What a worker may be told, with the product's defaults.

use std::time::Duration;

use crate::backend::Claim;
use crate::error::{QueueError, Result};
use crate::job::{Job, Token};
use crate::options::{JobOptions, RateLimit, Retention};

/// How a worker treats the jobs of its queue.
#[derive(Debug, Clone, PartialEq)]
pub struct WorkerOptions {
    /// How many jobs run at a time, 1 to 1,000.
    pub concurrency: usize,
    /// How long a lock holds without renewal: 15 s, so that a frozen process is noticed soon.
    pub lock: Duration,
    /// The pause between two renewals of all locks: 5 s, so that two of three may fail.
    pub renew_every: Duration,
    /// The pause between two sweeps for jobs of dead workers while jobs are active.
    pub stalled_every: Duration,
    /// The same while nothing is active here: another process may have died.
    pub stalled_every_idle: Duration,
    /// How often a job may be taken back from a dead worker: twice, and the next run is alone.
    pub stalled_max: u32,
    /// The longest one run may take by the wall clock.
    pub job_deadline: Duration,
    /// How long after it became due a job may still be started.
    pub expires_after: Duration,
    /// How long a completed job is kept whose producer did not say.
    pub remove_on_complete: Option<Retention>,
    /// How long a failed job is kept whose producer did not say.
    pub remove_on_fail: Option<Retention>,
    /// How many jobs may be started in a time, by all workers of the queue together; the number
    /// of the queue's own limit goes before this one.
    pub rate: Option<RateLimit>,
    /// How many minutes the metrics of the queue keep, 1 to [`WorkerOptions::METRICS_MAX`]: a point
    /// a minute for completed jobs and one for failed ones. Without it this worker counts nothing.
    pub metrics: Option<u32>,
    /// The name that dashboards show.
    pub name: Option<String>,
    /// How long running jobs may go on after a shutdown was asked for.
    pub grace: Duration,
}

impl Default for WorkerOptions {
    fn default() -> Self {
        let jobs = JobOptions::default();
        Self {
            concurrency: 1,
            lock: Duration::from_secs(15),
            renew_every: Duration::from_secs(5),
            stalled_every: Duration::from_secs(5),
            stalled_every_idle: Duration::from_secs(30),
            stalled_max: 2,
            job_deadline: Duration::from_secs(30 * 60),
            expires_after: Duration::from_secs(24 * 60 * 60),
            remove_on_complete: jobs.remove_on_complete,
            remove_on_fail: jobs.remove_on_fail,
            rate: None,
            metrics: None,
            name: None,
            grace: Duration::from_secs(25),
        }
    }
}

impl WorkerOptions {
    /// The most jobs that one worker runs at a time.
    pub const CONCURRENCY_MAX: usize = 1000;
    /// The most minutes that metrics keep: eight weeks, BullMQ's `ONE_MONTH`.
    pub const METRICS_MAX: u32 = 80_640;

    /// Sets how many jobs run at a time.
    #[must_use]
    pub fn with_concurrency(self, concurrency: usize) -> Self {
        Self { concurrency, ..self }
    }

    /// Checks that the options fit each other.
    ///
    /// # Errors
    /// [`QueueError::Invalid`] naming the option and what would be accepted.
    pub fn validated(self) -> Result<Self> {
        let refuse = |what, why: &str| Err(QueueError::Invalid { what, why: why.to_owned() });
        if !(1..=Self::CONCURRENCY_MAX).contains(&self.concurrency) {
            return refuse("concurrency", "must be 1 to 1000");
        }
        if self.lock < Duration::from_millis(10) {
            return refuse("lock", "must be at least 10 ms");
        }
        if self.renew_every.is_zero() || self.renew_every > self.lock / 2 {
            return refuse("renew_every", "must be above zero and at most half of the lock");
        }
        if self.stalled_every.is_zero() || self.stalled_every_idle.is_zero() {
            return refuse("stalled_every", "must be above zero");
        }
        if self.job_deadline.is_zero() || self.expires_after.is_zero() {
            return refuse("job_deadline", "deadlines must be above zero");
        }
        if self.metrics.is_some_and(|points| !(1..=Self::METRICS_MAX).contains(&points)) {
            return refuse("metrics", "must be 1 to 80640 minutes");
        }
        self.rate.as_ref().map_or(Ok(()), RateLimit::check)?;
        Ok(self)
    }

    /// Returns the request for up to `max` jobs, with a new token.
    #[must_use]
    pub fn claim(&self, max: usize) -> Claim {
        Claim {
            max,
            token: Token::unique(),
            lock: self.lock,
            worker: self.name.clone(),
            rate: self.rate,
        }
    }

    /// Returns how long one run of a job may take: its own timeout, if that is shorter.
    #[must_use]
    pub fn deadline_of(&self, job: &Job) -> Duration {
        let own = job.options.timeout_ms.map(Duration::from_millis);
        own.map_or(self.job_deadline, |own| own.min(self.job_deadline))
    }

    /// Returns the pause until the next sweep, while `active` jobs run here.
    #[must_use]
    pub fn sweep_pause(&self, active: usize) -> Duration {
        if active == 0 { self.stalled_every_idle } else { self.stalled_every }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_valid() {
        assert!(WorkerOptions::default().validated().is_ok());
    }

    #[test]
    fn options_that_contradict_each_other_are_refused_by_name() {
        let check = |change: fn(&mut WorkerOptions), what: &str| {
            let mut options = WorkerOptions::default();
            change(&mut options);
            let error = options.validated().unwrap_err().to_string();
            assert!(error.contains(what), "{error}");
        };
        check(|options| options.concurrency = 0, "concurrency");
        check(|options| options.concurrency = 1001, "concurrency");
        check(|options| options.lock = Duration::ZERO, "lock");
        check(|options| options.renew_every = options.lock, "renew_every");
        check(|options| options.stalled_every = Duration::ZERO, "stalled_every");
        check(|options| options.job_deadline = Duration::ZERO, "job_deadline");
        check(|options| options.metrics = Some(0), "metrics");
        check(|options| options.metrics = Some(u32::MAX), "metrics");
        let none = RateLimit::new(0, Duration::from_secs(1));
        assert!(
            WorkerOptions { rate: Some(none), ..WorkerOptions::default() }.validated().is_err()
        );
    }
}
