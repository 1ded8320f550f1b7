//! What removing and running again many jobs does to a queue, and how callers ask for it.
//!
//! The part on the state is pure: the answer depends on the state and the operation alone.

use std::collections::HashSet;
use std::time::Duration;

use async_trait::async_trait;

use crate::backend::clear::{check_cleanable, check_ended, still_active};
use crate::backend::{Clear, Produce as _};
use crate::error::Result;
use crate::event::EventKind;
use crate::job::{JobId, JobState};

use super::event_ring::EventRing;
use super::limiting::Limiting;
use super::metering::Meters;
use super::operation::{Ended, Operation, Outcome, millis};
use super::queue_handle::{QueueHandle, unexpected};
use super::queue_state::{Moment, QueueState, Side, Standing};
use super::slots::Slot;

/// The most jobs that one operation looks at.
const STEP_MAX: usize = 1000;
/// The most ended jobs that one operation puts back: their inputs go through the journal.
pub(super) const REQUEUED_MAX: usize = 100;

/// What an operation removed.
#[derive(Debug)]
pub(super) struct Erased {
    pub(super) ids: Vec<JobId>,
    /// How many were looked at and stay.
    pub(super) kept: u64,
    pub(super) more: bool,
}

impl QueueState {
    /// Looks at up to `most` jobs of a state, from the oldest on, leaving out the first `skip`, and
    /// removes those that may go.
    pub(super) fn erase(
        &mut self,
        state: JobState,
        skip: u64,
        most: u64,
        cutoff_ms: Option<u64>,
        now_ms: u64,
    ) -> Outcome {
        let is_list = matches!(state, JobState::Waiting | JobState::Active);
        let most = usize::try_from(most).unwrap_or(usize::MAX).min(STEP_MAX);
        let candidates = self.oldest(state, usize::try_from(skip).unwrap_or(usize::MAX), most);
        let armed: HashSet<JobId> =
            self.schedulers.values().map(|body| body.run_at(body.next_ms)).collect();
        let mut erased = Erased { ids: Vec::new(), kept: 0, more: candidates.len() == most };
        for id in candidates {
            // The run of a series that is over may have ended.
            if (armed.contains(&id) && !state.is_final())
                || !self.is_older(&id, state, cutoff_ms, now_ms)
            {
                erased.kept += 1;
                continue;
            }
            erased.ids.push(id);
        }
        // A list is read from its head, that is from the youngest, as in BullMQ.
        if is_list {
            erased.ids.reverse();
        }
        erased.ids.iter().for_each(|id| self.erase_one(id, now_ms));
        Outcome::Erased(erased)
    }

    fn oldest(&self, state: JobState, skip: usize, most: usize) -> Vec<JobId> {
        let id = |slot: &Slot| self.live[*slot].body.id.clone();
        match state {
            JobState::Waiting => self.waiting.values().skip(skip).take(most).map(id).collect(),
            JobState::Prioritized => {
                self.prioritized.values().skip(skip).take(most).map(id).collect()
            }
            JobState::Delayed => self.delayed.values().skip(skip).take(most).map(id).collect(),
            JobState::Active => self.active.values().skip(skip).take(most).map(id).collect(),
            JobState::Completed | JobState::Failed => {
                let ended = self.ended.order(state).keys().skip(skip).take(most);
                ended.map(|(_, id)| id.clone()).collect()
            }
            JobState::WaitingChildren => Vec::new(),
        }
    }

    /// Tells whether a job is as old as it has to be, and nobody holds it.
    fn is_older(&self, id: &JobId, state: JobState, cutoff_ms: Option<u64>, now_ms: u64) -> bool {
        let since_ms = match self.index.get(id) {
            Some(Standing::Ended(key)) => key.finished_ms,
            Some(Standing::Live(slot)) => {
                let job = &self.live[*slot];
                if job.hold.as_ref().is_some_and(|hold| hold.until_ms > now_ms) {
                    return false;
                }
                let started = job.body.processed_on_ms.filter(|_| state != JobState::Prioritized);
                started.unwrap_or(job.body.timestamp_ms)
            }
            None => return false,
        };
        cutoff_ms.is_none_or(|cutoff| since_ms <= cutoff)
    }

    pub(super) fn erase_one(&mut self, id: &JobId, now_ms: u64) {
        if let Some(Standing::Ended(key)) = self.index.get(id) {
            let key = *key;
            self.ended.remove(id, key, false);
            self.index.remove(id);
        } else {
            self.take_out(id);
        }
        self.deduplications.remove_job(id);
        self.families.erased(id);
        self.tell_own_parents(now_ms);
    }

    pub(super) fn cleaned(&mut self, count: u64, now_ms: u64) -> Outcome {
        Outcome::At(self.events.push(now_ms, EventKind::Cleaned { count }))
    }

    /// Removes everything; only the event positions go on, for they must never go back.
    pub(super) fn obliterate(&mut self, force: bool, now_ms: u64) -> Outcome {
        if !force && !self.active.is_empty() {
            return Outcome::Denied(still_active(self.active.len() as u64));
        }
        let mut ids: Vec<JobId> = self.index.keys().cloned().collect();
        // In the same order whenever the journal is repeated: parents in other queues hear of it.
        ids.sort_unstable();
        ids.iter().for_each(|id| self.erase_one(id, now_ms));
        self.schedulers.clear();
        self.limiting = Limiting::default();
        self.meters = Meters::default();
        self.events = EventRing::starting_after(self.events.last());
        (self.paused, self.last_id, self.swept_until_ms) = (false, 0, 0);
        Outcome::Done
    }

    /// Puts ended jobs that were read back to wait; those that went meanwhile are left out.
    pub(super) fn retry_all(&mut self, ended: Vec<Ended>, moment: &mut Moment<'_>) -> Outcome {
        let mut moved = 0;
        for ended in ended {
            let body = &ended.record.body;
            let is_it = |key: &super::ended_jobs::EndedKey| key.serial == body.serial;
            match self.index.get(&body.id) {
                Some(Standing::Ended(key)) if is_it(key) => {}
                _ => continue,
            }
            self.revive(ended, false, Some(Side::Back), moment);
            moved += 1;
        }
        Outcome::Count(moved)
    }

    /// Puts delayed jobs to wait; unlike those that become due they keep their delay, as in BullMQ.
    pub(super) fn promote_all(&mut self, now_ms: u64) -> Outcome {
        let mut moved = 0;
        while moved < STEP_MAX as u64 {
            let Some((_, slot)) = self.delayed.pop_first() else { break };
            let delay_ms = self.live[slot].body.delay_ms;
            self.enqueue(slot, Side::Back, Some(JobState::Delayed), now_ms);
            self.live.change(slot).body.delay_ms = delay_ms;
            moved += 1;
        }
        Outcome::Count(moved)
    }
}

#[async_trait]
impl Clear for QueueHandle {
    async fn clean(&self, state: JobState, grace: Duration, limit: u64) -> Result<Vec<JobId>> {
        check_cleanable(state)?;
        let cutoff_ms = self.door.clock.now_ms().saturating_sub(millis(grace));
        let limit = if limit == 0 { u64::MAX } else { limit };
        let ids = self.erase_all(state, Some(cutoff_ms), limit).await?;
        self.operate("clean", Operation::Cleaned { count: ids.len() as u64 }).await?;
        Ok(ids)
    }

    async fn drain(&self, delayed: bool) -> Result<u64> {
        let mut removed = 0;
        let delayed = delayed.then_some(JobState::Delayed);
        let lines = [JobState::Waiting].into_iter().chain(delayed);
        for state in lines.chain([JobState::Prioritized]) {
            removed += self.erase_all(state, None, u64::MAX).await?.len() as u64;
        }
        Ok(removed)
    }

    async fn obliterate(&self, force: bool) -> Result<()> {
        self.pause().await?;
        self.operate("obliterate", Operation::Obliterate { force }).await.map(drop)
    }

    async fn retry_all(&self, state: JobState, until_ms: Option<u64>) -> Result<u64> {
        check_ended(state)?;
        // What ends from now on is not meant.
        let until_ms = until_ms.unwrap_or_else(|| self.door.clock.now_ms());
        let mut moved = 0;
        loop {
            let operation = Operation::RetryAll { state, until_ms, ended: Vec::new() };
            let some = self.count("retry many", operation).await?;
            moved += some;
            if some == 0 {
                return Ok(moved);
            }
        }
    }

    async fn promote_all(&self) -> Result<u64> {
        let mut moved = 0;
        loop {
            let some = self.count("promote many", Operation::PromoteAll {}).await?;
            moved += some;
            if some < STEP_MAX as u64 {
                return Ok(moved);
            }
        }
    }
}

impl QueueHandle {
    async fn count(&self, name: &'static str, operation: Operation) -> Result<u64> {
        match self.operate(name, operation).await? {
            Outcome::Count(count) => Ok(count),
            other => unexpected(&other),
        }
    }

    async fn erase_all(
        &self,
        state: JobState,
        cutoff_ms: Option<u64>,
        limit: u64,
    ) -> Result<Vec<JobId>> {
        let (mut removed, mut skip) = (Vec::new(), 0);
        loop {
            // Only so many are looked at as may be removed, as in BullMQ.
            let most = limit.saturating_sub(removed.len() as u64 + skip).min(STEP_MAX as u64);
            if most == 0 {
                return Ok(removed);
            }
            let operation = Operation::Erase { state, skip, most, cutoff_ms };
            let erased = match self.operate("remove many", operation).await? {
                Outcome::Erased(erased) => erased,
                other => return unexpected(&other),
            };
            removed.extend(erased.ids);
            skip += erased.kept;
            if !erased.more {
                return Ok(removed);
            }
        }
    }
}
