//! What promotion of due jobs, the stalled sweep and the recovery at opening do to a queue.
//!
//! Pure: the answer depends on the state and the operation alone.

use crate::event::EventKind;
use crate::job::{JobId, JobState};
use crate::outcome::{Failure, STALLED_REASON};

use super::operation::Outcome;
use super::queue_state::{QueueState, Side};
use super::slots::Slot;

/// The most delayed jobs that one step moves, as in BullMQ.
const PROMOTED_MAX: u64 = 1000;

impl QueueState {
    /// Moves due jobs to the end of the line; returns how many.
    pub(super) fn promote_due(&mut self, now_ms: u64) -> u64 {
        let mut promoted = 0;
        while promoted < PROMOTED_MAX
            && let Some(first) = self.delayed.first_entry()
            && first.key().0 <= now_ms
        {
            let slot = first.remove();
            self.enqueue(slot, Side::Back, Some(JobState::Delayed), now_ms);
            promoted += 1;
        }
        promoted
    }

    pub(super) fn sweep(&mut self, interval_ms: u64, stalled_max: u32, now_ms: u64) -> Outcome {
        if self.swept_until_ms > now_ms {
            return Outcome::Swept(Vec::new());
        }
        self.swept_until_ms = now_ms.saturating_add(interval_ms);
        let is_stalled = |slot: &Slot| {
            let hold = &self.live[*slot].hold;
            hold.as_ref().is_none_or(|hold| hold.marked && hold.until_ms <= now_ms)
        };
        let stalled: Vec<_> = self.active.values().copied().filter(is_stalled).collect();
        // As in BullMQ, a series must not end because its runs stall.
        let limit = |queue: &Self, slot: Slot| {
            let is_run = queue.is_run_of_living(&queue.live[slot].body.id);
            if is_run { u32::MAX } else { stalled_max }
        };
        let ids = self.take_back(&stalled, limit, now_ms);
        for slot in self.active.values() {
            if let Some(hold) = &mut self.live.change(*slot).hold {
                hold.marked = true;
            }
        }
        Outcome::Swept(ids)
    }

    /// Takes back every active job: the process that held them is gone.
    pub(super) fn recover(&mut self, stalled_max: u32, now_ms: u64) -> Outcome {
        let all: Vec<_> = self.active.values().copied().collect();
        Outcome::Swept(self.take_back(&all, |_, _| stalled_max, now_ms))
    }

    fn take_back(
        &mut self,
        stalled: &[Slot],
        stalled_max: impl Fn(&Self, Slot) -> u32,
        now_ms: u64,
    ) -> Vec<JobId> {
        // From the newest to the oldest, each to the front: the oldest runs first.
        for &slot in stalled.iter().rev() {
            self.leave(slot);
            let stalled_max = stalled_max(self, slot);
            let job = self.live.change(slot);
            job.body.stalled_count = job.body.stalled_count.saturating_add(1);
            let id = job.body.id.clone();
            if job.cancel_requested {
                let reason = Failure::cancelled().to_string();
                job.body.history_mut().deferred_failure = Some(reason.into());
            } else if job.body.stalled_count > stalled_max {
                job.body.history_mut().deferred_failure = Some(STALLED_REASON.into());
            }
            // Before all others, also if it has a priority, as in BullMQ.
            self.enqueue_plain(slot, Side::Front, Some(JobState::Active), now_ms);
            self.events.push(now_ms, EventKind::Stalled { id });
        }
        stalled.iter().map(|slot| self.live[*slot].body.id.clone()).collect()
    }
}
