//! Ends that the children of a job do not allow.
//!
//! Pure: the answer depends on the state alone.

use crate::outcome::{Verdict, add_trace};

use super::queue_state::QueueState;
use super::slots::Slot;

impl QueueState {
    /// Returns what a verdict means for a job with children: one that failed or is pending keeps the
    /// job from completing.
    pub(super) fn with_children_in_mind(
        &self,
        slot: Slot,
        verdict: Verdict,
        attempts_max: u32,
    ) -> Verdict {
        let operation = match verdict {
            Verdict::Complete { .. } => "moveToFinished",
            Verdict::WaitForChildren => "moveToWaitingChildren",
            _ => return verdict,
        };
        let body = &self.live[slot].body;
        let (id, counts) = (&body.id, self.families.counts(&body.id));
        let stack_trace = |reason: &str| {
            let before = body.history.as_ref().map_or_else(Vec::new, |h| h.stack_trace.clone());
            add_trace(before, reason, body.options.unpack().stack_trace_limit)
        };
        // Who wants to complete hears of pending children first.
        let is_pending = matches!(verdict, Verdict::Complete { .. }) && counts.unprocessed > 0;
        if counts.failed > 0 && !is_pending {
            let why = "because it has at least one failed child";
            let reason = format!("Cannot complete job {id} {why}. {operation}");
            return Verdict::Fail { stack_trace: stack_trace(&reason), reason };
        }
        match verdict {
            Verdict::WaitForChildren if counts.unprocessed == 0 => Verdict::HandBack,
            Verdict::Complete { .. } if counts.unprocessed > 0 => {
                let reason = format!("Job {id} has pending dependencies. {operation}");
                let (stack_trace, made) =
                    (stack_trace(&reason), body.attempts_made.saturating_add(1));
                if made < attempts_max {
                    // Without its dice: an operation has to do the same whenever it is repeated.
                    let backoff = body.options.unpack().backoff;
                    let pause = backoff.map(|backoff| backoff.with_jitter(0.0).pause(made));
                    let pause = pause.unwrap_or_default();
                    return Verdict::Retry { reason, stack_trace, pause };
                }
                Verdict::Fail { reason, stack_trace }
            }
            verdict => verdict,
        }
    }
}
