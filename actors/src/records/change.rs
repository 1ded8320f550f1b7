//! What a change makes of a record; pure.

use oxherd_queue::job::{Job, JobSnapshot};
use oxherd_queue::outcome::Failure;
use oxherd_queue::status::{StatusError, StatusRecord};
use oxherd_queue::{JobState, Payload, Position};
use serde_json::Value;

use super::AcceptedRun;

/// A change of a job within its generation.
#[derive(Debug, Clone, PartialEq)]
pub enum Change {
    /// It may be claimed (again).
    Waiting,
    /// It becomes due later, perhaps after a failure.
    Delayed {
        /// When, milliseconds since the epoch.
        due_ms: Option<u64>,
        /// Why its last attempt failed.
        error: Option<Failure>,
        /// The attempts used.
        attempts_made: Option<u32>,
    },
    /// A worker started it.
    Active {
        /// When, milliseconds since the epoch.
        at_ms: u64,
    },
    /// Its handler came further, 0 to 100.
    Progress(u8),
    /// It ended well.
    Completed {
        /// Its result.
        result: Option<Value>,
        /// When, milliseconds since the epoch.
        at_ms: u64,
        /// The attempts used.
        attempts_made: Option<u32>,
    },
    /// It ended without success.
    Failed {
        /// Why.
        error: Failure,
        /// When, milliseconds since the epoch.
        at_ms: u64,
        /// The attempts used.
        attempts_made: Option<u32>,
    },
}

/// Returns the record after a change at a position, or `None` when it changes nothing.
///
/// Versions always grow: a position that is not above the record's version (another clock) counts
/// as the next one. A final state is never left.
pub(super) fn apply(
    record: &StatusRecord,
    change: &Change,
    position: Position,
) -> Option<StatusRecord> {
    if record.state.is_final() {
        return None;
    }
    let mut next = record.clone();
    match change {
        Change::Waiting => {
            next.state = JobState::Waiting;
            next.next_attempt_ms = None;
        }
        Change::Delayed { due_ms, error, attempts_made } => {
            next.state = JobState::Delayed;
            next.next_attempt_ms = *due_ms;
            next.error = error.as_ref().map(status_error).or(next.error);
            next.attempts_made = attempts_made.unwrap_or(next.attempts_made);
        }
        Change::Active { at_ms } => {
            next.state = JobState::Active;
            next.started_ms = Some(*at_ms);
            next.next_attempt_ms = None;
        }
        Change::Progress(progress) => next.progress = next.progress.max((*progress).min(100)),
        Change::Completed { result, at_ms, attempts_made } => {
            next.state = JobState::Completed;
            next.progress = 100;
            next.result.clone_from(result);
            next.error = None;
            next.finished_ms = Some(*at_ms);
            next.next_attempt_ms = None;
            next.attempts_made = attempts_made.unwrap_or(next.attempts_made);
        }
        Change::Failed { error, at_ms, attempts_made } => {
            next.state = JobState::Failed;
            next.error = Some(status_error(error));
            next.finished_ms = Some(*at_ms);
            next.next_attempt_ms = None;
            next.attempts_made = attempts_made.unwrap_or(next.attempts_made);
        }
    }
    if next == *record {
        return None;
    }
    next.version = position.max(record.version.next());
    Some(next)
}

fn status_error(failure: &Failure) -> StatusError {
    StatusError { code: failure.code.clone(), message: failure.message.clone() }
}

/// Reads what a job in the store says as a change of its record.
pub(super) fn change_of(snapshot: &JobSnapshot, now_ms: u64) -> Change {
    let job = &snapshot.job;
    let attempts_made = Some(job.attempts_made);
    match snapshot.state {
        JobState::Completed => Change::Completed {
            result: job.result.as_ref().and_then(|result| result.decode().ok()),
            at_ms: job.finished_on_ms.unwrap_or(now_ms),
            attempts_made,
        },
        JobState::Failed => Change::Failed {
            error: Failure::from_reason(job.failed_reason.as_deref().unwrap_or_default()),
            at_ms: job.finished_on_ms.unwrap_or(now_ms),
            attempts_made,
        },
        JobState::Delayed => Change::Delayed {
            due_ms: snapshot.due_ms,
            error: job.failed_reason.as_deref().map(Failure::from_reason),
            attempts_made,
        },
        JobState::Active => Change::Active { at_ms: job.processed_on_ms.unwrap_or(now_ms) },
        JobState::Waiting | JobState::Prioritized | JobState::WaitingChildren => Change::Waiting,
    }
}

/// Reads a progress: a number, or an object that holds one under `progress`.
pub(super) fn progress_of(payload: &Payload) -> Option<u8> {
    let value: Value = payload.decode().ok()?;
    let number = value.as_f64().or_else(|| value.get("progress")?.as_f64())?;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped")]
    Some(number.clamp(0.0, 100.0) as u8)
}

/// Describes a job that was found in the store, before any change.
pub(super) fn record_of(queue: &str, owner: &str, job: &Job) -> StatusRecord {
    StatusRecord {
        job: job.id.clone(),
        queue: queue.to_owned(),
        name: job.name.clone(),
        owner: owner.to_owned(),
        generation: job.generation(),
        version: Position { ms: job.timestamp_ms, seq: 0 },
        state: JobState::Waiting,
        progress: job.progress.as_ref().and_then(progress_of).unwrap_or(0),
        attempts_made: job.attempts_made,
        attempts_max: job.options.attempts_max(),
        error: None,
        result: None,
        created_ms: job.timestamp_ms,
        started_ms: job.processed_on_ms,
        finished_ms: None,
        next_attempt_ms: None,
    }
}

/// Describes a run that was accepted.
pub(super) fn waiting(run: &AcceptedRun, version: Position) -> StatusRecord {
    StatusRecord {
        job: run.job.clone(),
        queue: run.queue.to_owned(),
        name: run.name.to_owned(),
        owner: run.user.as_str().to_owned(),
        generation: run.generation,
        version,
        state: JobState::Waiting,
        progress: 0,
        attempts_made: 0,
        attempts_max: oxherd_queue::JobOptions::default().attempts_max(),
        error: None,
        result: None,
        created_ms: run.accepted_ms,
        started_ms: None,
        finished_ms: None,
        next_attempt_ms: None,
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use oxherd_queue::JobId;

    pub(in crate::records) fn waiting() -> StatusRecord {
        StatusRecord {
            job: JobId::from_store("mat_1"),
            queue: "material-processing".to_owned(),
            name: "process-material".to_owned(),
            owner: "local".to_owned(),
            generation: 1,
            version: at(100),
            state: JobState::Waiting,
            progress: 0,
            attempts_made: 0,
            attempts_max: 3,
            error: None,
            result: None,
            created_ms: 100,
            started_ms: None,
            finished_ms: None,
            next_attempt_ms: None,
        }
    }

    fn at(ms: u64) -> Position {
        Position { ms, seq: 0 }
    }

    #[test]
    fn a_final_state_is_never_left() {
        let failed =
            Change::Failed { error: Failure::cancelled(), at_ms: 120, attempts_made: None };
        let ended = apply(&waiting(), &failed, at(120)).unwrap();
        assert_eq!(apply(&ended, &Change::Active { at_ms: 130 }, at(130)), None);
        assert_eq!(apply(&ended, &Change::Progress(90), at(131)), None);
    }

    #[test]
    fn the_version_grows_even_when_the_stores_clock_is_behind() {
        let active = apply(&waiting(), &Change::Active { at_ms: 50 }, at(50)).unwrap();
        assert_eq!(active.version, Position { ms: 100, seq: 1 });
    }

    #[test]
    fn progress_never_falls() {
        let further = apply(&waiting(), &Change::Progress(60), at(101)).unwrap();
        assert_eq!(apply(&further, &Change::Progress(40), at(102)), None);
    }

    #[test]
    fn the_last_failure_is_shown_until_the_job_completes() {
        let failed = Change::Delayed {
            due_ms: Some(2000),
            error: Some(Failure::new("X_Y", "no")),
            attempts_made: Some(1),
        };
        let delayed = apply(&waiting(), &failed, at(101)).unwrap();
        let active = apply(&delayed, &Change::Active { at_ms: 2000 }, at(2000)).unwrap();
        assert_eq!(active.error.as_ref().unwrap().code, "X_Y");
        assert_eq!(active.next_attempt_ms, None);
        let done = Change::Completed { result: None, at_ms: 2100, attempts_made: Some(2) };
        let completed = apply(&active, &done, at(2100)).unwrap();
        assert_eq!((completed.error, completed.attempts_made), (None, 2));
    }

    #[test]
    fn progress_is_read_from_a_number_or_an_object() {
        let read = |text: &str| progress_of(&Payload::from_store(text));
        assert_eq!(read("40"), Some(40));
        assert_eq!(read(r#"{"progress": 55.5, "step": "x"}"#), Some(55));
        assert_eq!(read("400"), Some(100));
        assert_eq!(read(r#""half""#), None);
    }
}
