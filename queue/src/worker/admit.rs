//! Decides, before a claimed job runs, whether it may run at all.

use std::time::Duration;

use crate::job::{ClaimedJob, Job, PAYLOAD_MAX};
use crate::outcome::Failure;
use crate::worker::WorkerOptions;

/// The code of a job whose name has no handler here.
pub const UNKNOWN_JOB_NAME: &str = "UNKNOWN_JOB_NAME";

/// What to do with a job that was just claimed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Admission {
    /// Run it.
    Run,
    /// Fail it for good without running it.
    FailFor(Failure),
}

/// Decides whether a claimed job may run.
///
/// It may not when nobody ran it and its failure was decided already, when it cannot be read, when
/// its data is too large, when its life time is over, or when it was not started in time.
#[must_use]
pub fn admit(job: &ClaimedJob, options: &WorkerOptions, now_ms: u64) -> Admission {
    if let Some(reason) = job.unreadable.as_deref().or(job.job.deferred_failure.as_deref()) {
        return Admission::FailFor(Failure::from_reason(reason));
    }
    let size = job.job.data.as_str().len();
    if size > PAYLOAD_MAX {
        let why = format!("the data has {size} bytes, at most {PAYLOAD_MAX} are run");
        return Admission::FailFor(Failure::new(Failure::DATA_TOO_LARGE, why));
    }
    if now_ms >= expires_ms(&job.job, options.expires_after) {
        return Admission::FailFor(expired());
    }
    if is_late(&job.job, now_ms) {
        return Admission::FailFor(not_started());
    }
    Admission::Run
}

/// Tells whether nothing else should run in this process while this job does.
///
/// It was active in two deaths of its process: if it dies alone, it was the cause.
#[must_use]
pub fn runs_alone(job: &Job) -> bool {
    job.stalled_count >= 2
}

/// Returns the failure of a job whose name has no handler.
#[must_use]
pub fn unknown_name(name: &str) -> Failure {
    Failure::new(UNKNOWN_JOB_NAME, format!("no handler for jobs named {name:?}"))
}

/// Returns when the life of a job ends, in milliseconds since the epoch.
///
/// It begins when the producer wanted the job to run; the pauses between attempts count.
pub(crate) fn expires_ms(job: &Job, expires_after: Duration) -> u64 {
    let life = u64::try_from(expires_after.as_millis()).unwrap_or(u64::MAX);
    job.timestamp_ms.saturating_add(job.options.delay_ms).saturating_add(life)
}

/// Tells whether a job begins later for the first time than its producer wants it to.
fn is_late(job: &Job, now_ms: u64) -> bool {
    let due_ms = job.timestamp_ms.saturating_add(job.options.delay_ms);
    let latest = job.options.expires_after_ms.map(|after| due_ms.saturating_add(after));
    job.attempts_started <= 1 && latest.is_some_and(|latest| now_ms > latest)
}

fn not_started() -> Failure {
    Failure::new(Failure::EXPIRED, "the job was not started in time")
}

pub(crate) fn expired() -> Failure {
    Failure::new(Failure::EXPIRED, "the job was not done within its life time")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::job::Payload;
    use crate::outcome::STALLED_REASON;
    use crate::worker::tests::claimed;

    const DAY_MS: u64 = 24 * 60 * 60 * 1000;

    fn code(job: &ClaimedJob, now_ms: u64) -> Option<String> {
        match admit(job, &WorkerOptions::default(), now_ms) {
            Admission::Run => None,
            Admission::FailFor(failure) => Some(failure.code),
        }
    }

    #[test]
    fn a_fresh_job_runs() {
        assert_eq!(code(&claimed("a"), 1_000), None);
    }

    #[test]
    fn a_failure_decided_while_nobody_ran_it_is_carried_out() {
        let mut job = claimed("a");
        job.job.deferred_failure = Some(STALLED_REASON.to_owned());
        assert_eq!(code(&job, 1_000).as_deref(), Some(Failure::POISON));
    }

    #[test]
    fn an_unreadable_job_fails_with_its_own_code() {
        let mut job = claimed("a");
        job.unreadable = Some("DATA_INVALID: not JSON".to_owned());
        assert_eq!(code(&job, 1_000).as_deref(), Some("DATA_INVALID"));
    }

    #[test]
    fn data_over_a_mebibyte_is_not_run() {
        let mut job = claimed("a");
        job.job.data = Payload::encode(&"x".repeat(PAYLOAD_MAX)).unwrap();
        assert_eq!(code(&job, 1_000).as_deref(), Some(Failure::DATA_TOO_LARGE));
    }

    #[test]
    fn a_job_lives_a_day_from_when_it_was_to_run() {
        let mut job = claimed("a");
        job.job.timestamp_ms = 1_000;
        job.job.options.delay_ms = 500;
        job.job.delay_ms = 99_999;
        assert_eq!(code(&job, 1_500 + DAY_MS - 1), None);
        assert_eq!(code(&job, 1_500 + DAY_MS).as_deref(), Some(Failure::EXPIRED));
    }

    #[test]
    fn a_job_may_have_to_be_started_in_time_but_its_retries_have_not() {
        let mut job = claimed("a");
        job.job.timestamp_ms = 1_000;
        job.job.options.delay_ms = 500;
        job.job.options.expires_after_ms = Some(100);
        assert_eq!(code(&job, 1_600), None);
        assert_eq!(code(&job, 1_601).as_deref(), Some(Failure::EXPIRED));
        job.job.attempts_started = 2;
        assert_eq!(code(&job, 1_601), None);
    }

    #[test]
    fn a_job_that_saw_two_deaths_runs_alone() {
        let mut job = claimed("a").job;
        job.stalled_count = 1;
        assert!(!runs_alone(&job));
        job.stalled_count = 2;
        assert!(runs_alone(&job));
    }
}
