//! Decides what happens to a job after its run. Pure: the time is an argument, the dice are those
//! of the backoff's jitter.

use std::time::Duration;

use crate::job::{ClaimedJob, PAYLOAD_MAX, Payload};
use crate::outcome::{Failure, JobError, Settlement, Verdict, add_trace};
use crate::worker::admit::{expired, expires_ms};
use crate::worker::{RunEnd, Stop, WorkerOptions};

/// The code of an attempt that ended in a panic.
pub const JOB_PANICKED: &str = "JOB_PANICKED";
/// The code of an attempt that took longer than it may.
pub const JOB_TIMEOUT: &str = "JOB_TIMEOUT";

/// What happens to a job after its run.
#[derive(Debug, Clone)]
pub struct Decision {
    /// What the store is to be told; nothing when the lock was lost, for then the job is
    /// another's.
    pub settlement: Option<Settlement>,
    /// Why the job fails for good, if it does: [`crate::worker::Processor::failed_for_good`] comes
    /// first.
    pub terminal_failure: Option<Failure>,
    /// Whether the handler panicked.
    pub panicked: bool,
}

/// Decides what happens to a job after its run.
#[must_use]
pub fn classify(job: &ClaimedJob, end: RunEnd, options: &WorkerOptions, now_ms: u64) -> Decision {
    match end {
        RunEnd::Returned(result) => returned(job, result, options),
        RunEnd::Errored(error) => errored(job, error, options, now_ms),
        RunEnd::Panicked(message) => {
            let failure = Failure::new(JOB_PANICKED, message);
            Decision { panicked: true, ..attempt_failed(job, failure, options) }
        }
        RunEnd::Stopped(Stop::Cancelled) => fail_for_good(job, Failure::cancelled(), options),
        RunEnd::Stopped(Stop::Shutdown) => settle(job, Verdict::HandBack, options),
        RunEnd::Stopped(Stop::LockLost) => {
            Decision { settlement: None, terminal_failure: None, panicked: false }
        }
        RunEnd::Stopped(Stop::Deadline) => {
            let seconds = options.deadline_of(&job.job).as_secs_f64();
            let failure = Failure::new(JOB_TIMEOUT, format!("the run took more than {seconds} s"));
            attempt_failed(job, failure, options)
        }
    }
}

/// Ends a job for good, with or without a run.
///
/// A failure that was decided while nobody ran the job keeps its text on the wire.
#[must_use]
pub fn fail_for_good(job: &ClaimedJob, failure: Failure, options: &WorkerOptions) -> Decision {
    let reason = job.job.deferred_failure.clone().unwrap_or_else(|| failure.to_string());
    let stack_trace = stack_trace(job, &reason);
    let decision = settle(job, Verdict::Fail { reason, stack_trace }, options);
    Decision { terminal_failure: Some(failure), ..decision }
}

fn returned(job: &ClaimedJob, result: Payload, options: &WorkerOptions) -> Decision {
    let size = result.as_str().len();
    if size > PAYLOAD_MAX {
        let why = format!("the result has {size} bytes, at most {PAYLOAD_MAX} are kept");
        return fail_for_good(job, Failure::new(Failure::DATA_TOO_LARGE, why), options);
    }
    settle(job, Verdict::Complete { result }, options)
}

fn errored(job: &ClaimedJob, error: JobError, options: &WorkerOptions, now_ms: u64) -> Decision {
    match error {
        JobError::Retry(failure) => attempt_failed(job, failure, options),
        JobError::Unrecoverable(failure) => fail_for_good(job, failure, options),
        JobError::RateLimited => settle(job, Verdict::RateLimited, options),
        JobError::WaitForChildren => settle(job, Verdict::WaitForChildren, options),
        JobError::Cancelled => fail_for_good(job, Failure::cancelled(), options),
        JobError::Superseded => settle(job, Verdict::Complete { result: Payload::null() }, options),
        JobError::DelayUntil { until_ms, failure } => {
            let expires_ms = expires_ms(&job.job, options.expires_after);
            if now_ms >= expires_ms {
                return fail_for_good(job, expired(), options);
            }
            let reason = Some(failure.to_string());
            settle(job, Verdict::Delay { until_ms: until_ms.min(expires_ms), reason }, options)
        }
    }
}

fn attempt_failed(job: &ClaimedJob, failure: Failure, options: &WorkerOptions) -> Decision {
    let attempts_made = job.job.attempts_made.saturating_add(1);
    if attempts_made >= job.job.options.attempts_max() {
        return fail_for_good(job, failure, options);
    }
    let pause = job.job.options.backoff.map_or(Duration::ZERO, |b| b.pause(attempts_made));
    let reason = failure.to_string();
    let stack_trace = stack_trace(job, &reason);
    settle(job, Verdict::Retry { reason, stack_trace, pause }, options)
}

fn settle(job: &ClaimedJob, verdict: Verdict, options: &WorkerOptions) -> Decision {
    let asked = &job.job.options;
    let keep = match verdict {
        Verdict::Complete { .. } => asked.remove_on_complete.or(options.remove_on_complete),
        _ => asked.remove_on_fail.or(options.remove_on_fail),
    };
    let settlement = Settlement {
        id: job.job.id.clone(),
        token: job.token.clone(),
        verdict,
        keep,
        attempts_max: asked.attempts_max(),
        metrics: options.metrics,
    };
    Decision { settlement: Some(settlement), terminal_failure: None, panicked: false }
}

/// The traces so far and this attempt's, the newest as many as the producer wants.
fn stack_trace(job: &ClaimedJob, reason: &str) -> Vec<String> {
    add_trace(job.job.stack_trace.clone(), reason, job.job.options.stack_trace_limit)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::options::{Backoff, Retention};
    use crate::outcome::STALLED_REASON;
    use crate::worker::tests::claimed;

    const NOW_MS: u64 = 10_000;

    fn decide(job: &ClaimedJob, end: RunEnd) -> Decision {
        classify(job, end, &WorkerOptions::default(), NOW_MS)
    }

    fn smtp() -> Failure {
        Failure::new("SMTP_DOWN", "the mail server does not answer")
    }

    fn verdict(decision: Decision) -> Verdict {
        decision.settlement.unwrap().verdict
    }

    #[test]
    fn a_result_completes_the_job() {
        let decision = decide(&claimed("a"), RunEnd::Returned(Payload::encode(&7).unwrap()));
        assert!(decision.terminal_failure.is_none());
        assert!(
            matches!(verdict(decision), Verdict::Complete { result } if result.as_str() == "7")
        );
    }

    #[test]
    fn a_result_over_a_mebibyte_fails_for_good() {
        let result = Payload::encode(&"x".repeat(PAYLOAD_MAX)).unwrap();
        let decision = decide(&claimed("a"), RunEnd::Returned(result));
        assert_eq!(decision.terminal_failure.unwrap().code, Failure::DATA_TOO_LARGE);
    }

    #[test]
    fn an_error_is_tried_again_after_the_backoff_until_no_attempt_is_left() {
        let mut job = claimed("a");
        job.job.options.attempts = 3;
        job.job.options.backoff = Some(Backoff::exponential(Duration::from_secs(1)));
        for (made, expected) in [(0, Some(1)), (1, Some(2)), (2, None)] {
            job.job.attempts_made = made;
            let decision = decide(&job, RunEnd::Errored(JobError::Retry(smtp())));
            match (verdict(decision), expected) {
                (Verdict::Retry { pause, reason, .. }, Some(seconds)) => {
                    assert_eq!(pause, Duration::from_secs(seconds));
                    assert_eq!(reason, "SMTP_DOWN: the mail server does not answer");
                }
                (Verdict::Fail { .. }, None) => {}
                (other, _) => panic!("after {made}: {other:?}"),
            }
        }
    }

    #[test]
    fn a_job_without_backoff_is_tried_again_at_once() {
        let mut job = claimed("a");
        job.job.options.attempts = 2;
        job.job.options.backoff = None;
        let decision = decide(&job, RunEnd::Errored(JobError::Retry(smtp())));
        assert!(matches!(verdict(decision), Verdict::Retry { pause: Duration::ZERO, .. }));
    }

    #[test]
    fn an_unrecoverable_error_leaves_attempts_unused() {
        let decision = decide(&claimed("a"), RunEnd::Errored(JobError::Unrecoverable(smtp())));
        assert_eq!(decision.terminal_failure.clone().unwrap(), smtp());
        assert!(matches!(verdict(decision), Verdict::Fail { .. }));
    }

    #[test]
    fn a_panic_uses_an_attempt() {
        let mut job = claimed("a");
        job.job.options.attempts = 2;
        let decision = decide(&job, RunEnd::Panicked("index out of range".to_owned()));
        assert!(decision.panicked && decision.terminal_failure.is_none());
        assert!(matches!(verdict(decision), Verdict::Retry { .. }));

        job.job.attempts_made = 1;
        let decision = decide(&job, RunEnd::Panicked("index out of range".to_owned()));
        assert!(decision.panicked);
        assert_eq!(decision.terminal_failure.unwrap().code, JOB_PANICKED);
    }

    #[test]
    fn waiting_for_something_uses_no_attempt_but_ends_with_the_life_of_the_job() {
        let job = claimed("a");
        let expires_ms = expires_ms(&job.job, WorkerOptions::default().expires_after);
        let until = |until_ms| RunEnd::Errored(JobError::DelayUntil { until_ms, failure: smtp() });

        assert!(matches!(
            verdict(decide(&job, until(20_000))),
            Verdict::Delay { until_ms: 20_000, .. }
        ));
        assert!(matches!(
            verdict(decide(&job, until(u64::MAX))),
            Verdict::Delay { until_ms, .. } if until_ms == expires_ms
        ));
        let late = classify(&job, until(u64::MAX), &WorkerOptions::default(), expires_ms);
        assert_eq!(late.terminal_failure.unwrap().code, Failure::EXPIRED);
    }

    #[test]
    fn stops_end_as_their_reason_says() {
        let job = claimed("a");
        let stopped = |stop| decide(&job, RunEnd::Stopped(stop));

        assert_eq!(stopped(Stop::Cancelled).terminal_failure.unwrap().code, Failure::CANCELLED);
        assert!(matches!(verdict(stopped(Stop::Shutdown)), Verdict::HandBack));
        assert!(stopped(Stop::LockLost).settlement.is_none());
        let Verdict::Retry { reason, .. } = verdict(stopped(Stop::Deadline)) else {
            panic!("a run over its deadline is a failed attempt");
        };
        assert_eq!(Failure::from_reason(&reason).code, JOB_TIMEOUT);
    }

    #[test]
    fn a_rate_limited_run_uses_no_attempt() {
        let decision = decide(&claimed("a"), RunEnd::Errored(JobError::RateLimited));
        assert!(decision.terminal_failure.is_none());
        assert!(matches!(verdict(decision), Verdict::RateLimited));
    }

    #[test]
    fn a_superseded_run_completes_with_an_empty_result() {
        let decision = decide(&claimed("a"), RunEnd::Errored(JobError::Superseded));
        assert!(
            matches!(verdict(decision), Verdict::Complete { result } if result.as_str() == "null")
        );
    }

    #[test]
    fn the_producers_retention_wins_over_the_workers() {
        let options = WorkerOptions {
            remove_on_complete: Some(Retention::ALL),
            remove_on_fail: Some(Retention::ALL),
            ..WorkerOptions::default()
        };
        let keep = |job: &ClaimedJob| {
            let end = RunEnd::Returned(Payload::null());
            classify(job, end, &options, NOW_MS).settlement.unwrap().keep
        };
        let mut job = claimed("a");
        job.job.options.remove_on_complete = Some(Retention::NONE);
        assert_eq!(keep(&job), Some(Retention::NONE));
        job.job.options.remove_on_complete = None;
        assert_eq!(keep(&job), Some(Retention::ALL));
    }

    #[test]
    fn the_newest_stack_traces_are_kept() {
        let mut job = claimed("a");
        job.job.stack_trace = vec!["one".to_owned(), "two".to_owned()];
        let traces = |limit, job: &mut ClaimedJob| {
            job.job.options.stack_trace_limit = limit;
            match verdict(decide(job, RunEnd::Errored(JobError::Retry(smtp())))) {
                Verdict::Retry { stack_trace, .. } => stack_trace.len(),
                other => panic!("{other:?}"),
            }
        };
        assert_eq!(traces(None, &mut job), 3);
        assert_eq!(traces(Some(2), &mut job), 2);
        assert_eq!(traces(Some(0), &mut job), 0);
    }

    #[test]
    fn a_deferred_failure_keeps_its_text_on_the_wire() {
        let mut job = claimed("a");
        job.job.deferred_failure = Some(STALLED_REASON.to_owned());
        let failure = Failure::from_reason(STALLED_REASON);
        let decision = fail_for_good(&job, failure, &WorkerOptions::default());
        assert!(
            matches!(verdict(decision), Verdict::Fail { reason, .. } if reason == STALLED_REASON)
        );
    }
}
