//! How an attempt ends: what a handler returns, and what the store is told.
//!
//! A handler's error says what happens next; a crash of the handler is an attempt that failed.

use std::time::Duration;

use crate::event::Position;
use crate::job::{JobId, JobState, Payload, Token};
use crate::options::Retention;

/// An error of a handler, named by what happens to the job.
#[derive(Debug, Clone, thiserror::Error)]
pub enum JobError {
    /// The attempt failed; the next one follows after the backoff, if any is left.
    #[error("{0}")]
    Retry(Failure),
    /// No attempt would succeed: the job fails for good.
    #[error("{0}")]
    Unrecoverable(Failure),
    /// Something outside is not ready: the job runs again at this time (milliseconds since the
    /// epoch) and no attempt is used.
    #[error("delayed until {until_ms}: {failure}")]
    DelayUntil {
        /// When to run again.
        until_ms: u64,
        /// Why, for the log and the status.
        failure: Failure,
    },
    /// Something outside asked for fewer requests: the job goes back to the front of the queue
    /// without using an attempt, and nothing is started while the rate limit holds that the
    /// handler asked for ([`crate::worker::JobContext::rate_limit`]).
    #[error("rate limited")]
    RateLimited,
    /// The job runs again when its children have ended, those that its handler has added as well;
    /// uses no attempt. At once if there are none that it could wait for.
    #[error("waiting for children")]
    WaitForChildren,
    /// The handler stopped because the job was cancelled.
    #[error("cancelled")]
    Cancelled,
    /// Another run of the same entity took over: the job is given up without a trace in the
    /// domain, and completes with an empty result.
    #[error("superseded by a newer run")]
    Superseded,
}

/// Why an attempt failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// An `UPPER_SNAKE` word that programs match on.
    pub code: String,
    /// One sentence for a person.
    pub message: String,
}

impl Failure {
    /// The code of a failure whose text has none.
    pub const JOB_FAILED: &'static str = "JOB_FAILED";
    /// The code of a job that a user or an operator stopped.
    pub const CANCELLED: &'static str = "CANCELLED";
    /// The code of a job that took down its process too often.
    pub const POISON: &'static str = "POISON";
    /// The code of a job that was not done within its life time.
    pub const EXPIRED: &'static str = "EXPIRED";
    /// The code of a scheduler's run whose rhythm cannot be followed.
    pub const SCHEDULER_UNREADABLE: &'static str = "SCHEDULER_UNREADABLE";
    /// The code of a job whose data or result is too large.
    pub const DATA_TOO_LARGE: &'static str = "DATA_TOO_LARGE";

    /// Describes a failure.
    #[must_use]
    pub fn new(code: impl Into<String>, message: impl Into<String>) -> Self {
        Self { code: code.into(), message: message.into() }
    }

    /// The failure of a cancelled job.
    #[must_use]
    pub fn cancelled() -> Self {
        Self::new(Self::CANCELLED, "the job was cancelled")
    }

    /// Reads a `failedReason`: `CODE: message`, or any other text, which gets the code
    /// `JOB_FAILED`. BullMQ's stalled text becomes `POISON`.
    #[must_use]
    pub fn from_reason(reason: &str) -> Self {
        if reason == STALLED_REASON {
            return Self::new(Self::POISON, "the job took its worker down too often");
        }
        let is_code = |code: &str| {
            code.len() >= 3
                && code.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_')
        };
        match reason.split_once(": ") {
            Some((code, message)) if is_code(code) => Self::new(code, message),
            _ => Self::new(Self::JOB_FAILED, reason),
        }
    }
}

/// BullMQ's reason for a job that stalled more often than allowed.
pub const STALLED_REASON: &str = "job stalled more than allowable limit";

impl std::fmt::Display for Failure {
    /// Writes the wire form, `CODE: message`.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.code, self.message)
    }
}

/// The end of one attempt, as the store is told.
#[derive(Debug, Clone)]
pub struct Settlement {
    /// The job.
    pub id: JobId,
    /// Proves that the caller holds it.
    pub token: Token,
    /// What happens to it.
    pub verdict: Verdict,
    /// How long it is kept if this is its end.
    pub keep: Option<Retention>,
    /// The attempts it may use; decides whether `retries-exhausted` follows a failure.
    pub attempts_max: u32,
    /// Counts its end in the queue's metrics, which keep so many minutes.
    pub metrics: Option<u32>,
}

/// Adds the trace of a failed attempt to those before it, and keeps the newest `limit`.
pub(crate) fn add_trace(mut before: Vec<String>, trace: &str, limit: Option<u64>) -> Vec<String> {
    before.push(trace.to_owned());
    let limit = limit.map_or(usize::MAX, |limit| usize::try_from(limit).unwrap_or(usize::MAX));
    before.split_off(before.len().saturating_sub(limit))
}

/// What happens to a job whose attempt ended.
///
/// A job that was asked to stop (see [`crate::backend::Produce::cancel`]) completes if it
/// completed; every other verdict on it becomes a failure for good with the code `CANCELLED`.
#[derive(Debug, Clone)]
pub enum Verdict {
    /// It completed with this result; uses an attempt.
    Complete {
        /// The result as JSON.
        result: Payload,
    },
    /// It failed for good; uses an attempt.
    Fail {
        /// The `failedReason`.
        reason: String,
        /// Every stack trace that is kept, this attempt's last.
        stack_trace: Vec<String>,
    },
    /// This attempt failed and another follows; uses an attempt.
    Retry {
        /// The `failedReason`.
        reason: String,
        /// Every stack trace that is kept, this attempt's last.
        stack_trace: Vec<String>,
        /// The pause before it; zero puts the job to the back of the queue at once.
        pause: Duration,
    },
    /// It runs again at this time (milliseconds since the epoch); uses no attempt.
    Delay {
        /// When it is due.
        until_ms: u64,
        /// The `failedReason` that is shown meanwhile.
        reason: Option<String>,
    },
    /// It goes back to the front of the queue; uses no attempt.
    HandBack,
    /// It waits for its children and runs again after them; goes back to the front of the queue if
    /// none is pending, and fails if one failed that it depends on. Uses no attempt.
    WaitForChildren,
    /// As [`Self::HandBack`], and the claim in the same trip takes nothing while the window of a
    /// rate limit is open, even if it knows no limit.
    RateLimited,
}

/// What became of one settlement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Settled {
    /// It took effect.
    Done {
        /// The state that the job is in now.
        state: JobState,
        /// The position of the event that tells it.
        version: Position,
        /// The attempts used so far.
        attempts_made: u32,
        /// Whether the verdict was turned into a cancellation.
        cancelled: bool,
    },
    /// The caller no longer held the job; nothing was changed.
    Lost {
        /// What was found instead: the lock gone, another's, or no such job.
        found: &'static str,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_reads_back_from_the_wire() {
        let failure = Failure::new("MATERIAL_NO_TEXT", "the document has no text");
        assert_eq!(Failure::from_reason(&failure.to_string()), failure);
    }

    #[test]
    fn a_foreign_reason_gets_a_code_of_its_own() {
        for reason in ["smtp down", "Error: no", "TypeError: x", ""] {
            let failure = Failure::from_reason(reason);
            assert_eq!((failure.code.as_str(), failure.message.as_str()), ("JOB_FAILED", reason));
        }
        assert_eq!(Failure::from_reason(STALLED_REASON).code, "POISON");
    }
}
