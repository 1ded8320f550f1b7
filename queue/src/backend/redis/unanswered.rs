//! Settlements that were sent and never answered.
//!
//! The script may have run before the connection broke. When the caller settles again, the store
//! refuses, because nobody holds the job any more; then the event stream tells whether the first
//! try was what ended the attempt. Never remembers what was answered.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use crate::event::{Event, EventKind, Position};
use crate::job::{JobId, JobState, Token};
use crate::outcome::{Failure, Settled, Settlement, Verdict};

/// The most settlements remembered; beyond it all are forgotten, and refusals stand.
const KEPT_MAX: usize = 10_000;

/// What was sent without an answer, and since when.
#[derive(Default)]
pub(super) struct Unanswered {
    since_ms: Mutex<HashMap<(JobId, Token), u64>>,
}

impl Unanswered {
    /// Remembers settlements of a call that failed; the time of the first try counts.
    pub(super) fn note(&self, settlements: &[Settlement], since_ms: u64) {
        let mut kept = self.since_ms.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() + settlements.len() > KEPT_MAX {
            kept.clear();
        }
        for settlement in settlements {
            kept.entry((settlement.id.clone(), settlement.token.clone())).or_insert(since_ms);
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.since_ms.lock().unwrap_or_else(PoisonError::into_inner).is_empty()
    }

    /// Forgets settlements that are answered now; returns since when each had waited for it.
    pub(super) fn take(&self, settlements: &[Settlement]) -> Vec<Option<u64>> {
        let mut kept = self.since_ms.lock().unwrap_or_else(PoisonError::into_inner);
        let key = |settlement: &Settlement| (settlement.id.clone(), settlement.token.clone());
        settlements.iter().map(|settlement| kept.remove(&key(settlement))).collect()
    }
}

/// Reads from the events since the first try how the attempt ended.
///
/// Only what a settlement leaves counts, and only if the attempt is the last that began: a job that
/// was taken back, or that runs again, was not ended by this caller as far as anyone can tell.
pub(super) fn end_of_attempt(
    events: &[Event],
    settlement: &Settlement,
    attempts_made: Option<u32>,
) -> Option<Settled> {
    let own: Vec<&Event> =
        events.iter().filter(|event| event.kind.job() == Some(&settlement.id)).collect();
    let began = own.iter().rposition(|event| matches!(event.kind, EventKind::Active { .. }));
    let own = &own[began.map_or(0, |place| place + 1)..];
    if own.iter().any(|event| matches!(event.kind, EventKind::Stalled { .. })) {
        return None;
    }
    own.iter().find_map(|event| {
        let (state, cancelled) = match (&event.kind, &settlement.verdict) {
            (EventKind::Completed { .. }, Verdict::Complete { .. }) => (JobState::Completed, false),
            (EventKind::Failed { reason, .. }, verdict) => {
                (JobState::Failed, turned(reason, verdict)?)
            }
            (EventKind::Delayed { .. }, Verdict::Retry { .. } | Verdict::Delay { .. }) => {
                (JobState::Delayed, false)
            }
            (
                EventKind::Waiting { prev: Some(JobState::Active), .. },
                Verdict::Retry { .. }
                | Verdict::HandBack
                | Verdict::RateLimited
                | Verdict::WaitForChildren,
            ) => (JobState::Waiting, false),
            (EventKind::Other { name, .. }, Verdict::WaitForChildren)
                if name == "waiting-children" =>
            {
                (JobState::WaitingChildren, false)
            }
            _ => return None,
        };
        Some(done(state, event.position, attempts_made, cancelled))
    })
}

/// Tells whether a failure is a cancellation that took the place of the verdict; nothing if it is
/// neither that nor the verdict's own.
fn turned(reason: &str, verdict: &Verdict) -> Option<bool> {
    match verdict {
        Verdict::Fail { reason: told, .. } if told == reason => Some(false),
        Verdict::Complete { .. } => None,
        _ => (reason == Failure::cancelled().to_string()).then_some(true),
    }
}

fn done(state: JobState, version: Position, made: Option<u32>, cancelled: bool) -> Settled {
    // A job that was removed at its end does not tell any more how many attempts it had used.
    Settled::Done { state, version, attempts_made: made.unwrap_or(1), cancelled }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::job::Payload;

    fn id() -> JobId {
        JobId::from_store("7")
    }

    fn settlement(verdict: Verdict) -> Settlement {
        let token = Token::from_store("t");
        Settlement { id: id(), token, verdict, keep: None, attempts_max: 3, metrics: None }
    }

    fn events(kinds: &[EventKind]) -> Vec<Event> {
        let numbered = kinds.iter().cloned().zip(1..);
        numbered.map(|(kind, ms)| Event { position: Position { ms, seq: 0 }, kind }).collect()
    }

    fn complete() -> Settlement {
        settlement(Verdict::Complete { result: Payload::null() })
    }

    fn completed(id: JobId) -> EventKind {
        EventKind::Completed { id, result: Payload::null() }
    }

    #[test]
    fn the_event_of_the_end_tells_that_the_first_try_counted() {
        let told = events(&[
            EventKind::Active { id: id() },
            completed(JobId::from_store("8")),
            completed(id()),
        ]);
        let expected = Settled::Done {
            state: JobState::Completed,
            version: Position { ms: 3, seq: 0 },
            attempts_made: 2,
            cancelled: false,
        };
        assert_eq!(end_of_attempt(&told, &complete(), Some(2)), Some(expected));
    }

    #[test]
    fn a_job_that_was_taken_back_or_runs_again_was_not_ended_by_the_first_try() {
        let back = EventKind::Waiting { id: id(), prev: Some(JobState::Active) };
        let hand_back = settlement(Verdict::HandBack);
        let stalled = events(&[back.clone(), EventKind::Stalled { id: id() }]);
        assert_eq!(end_of_attempt(&stalled, &hand_back, None), None);
        let again = events(&[back, EventKind::Active { id: id() }]);
        assert_eq!(end_of_attempt(&again, &hand_back, None), None);
        assert_eq!(end_of_attempt(&[], &complete(), None), None);
    }

    #[test]
    fn a_failure_counts_only_with_its_own_reason_or_as_a_cancellation() {
        let failed =
            |reason: &str| events(&[EventKind::Failed { id: id(), reason: reason.into() }]);
        let fail =
            settlement(Verdict::Fail { reason: "X_Y: z".to_owned(), stack_trace: Vec::new() });
        assert!(end_of_attempt(&failed("X_Y: z"), &fail, None).is_some());
        assert!(end_of_attempt(&failed("other"), &fail, None).is_none());
        let cancelled = Failure::cancelled().to_string();
        assert!(matches!(
            end_of_attempt(&failed(&cancelled), &fail, None),
            Some(Settled::Done { cancelled: true, .. })
        ));
        assert!(end_of_attempt(&failed(&cancelled), &complete(), None).is_none());
    }

    #[test]
    fn the_time_of_the_first_try_is_kept_until_an_answer() {
        let unanswered = Unanswered::default();
        unanswered.note(&[complete()], 5);
        unanswered.note(&[complete()], 9);
        assert_eq!(unanswered.take(&[complete()]), [Some(5)]);
        assert_eq!(unanswered.take(&[complete()]), [None]);
        assert!(unanswered.is_empty());
    }
}
