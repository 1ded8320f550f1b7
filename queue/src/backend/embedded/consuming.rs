//! What claiming, settling, renewing, progress and log rows do to a queue.
//!
//! Pure: the answer depends on the state and the operation alone.

use crate::backend::{Claim, Held, Renewal};
use crate::error::QueueError;
use crate::event::{EventKind, Position};
use crate::job::{JobId, JobState, Payload, Token};
use crate::outcome::{Failure, Settled, Settlement, Verdict};

use super::job_body::{Hold, Place};
use super::operation::{Ended, Operation, Outcome, Taken, TakenJob, millis};
use super::queue_state::{End, Moment, QueueState, Side, Standing};
use super::slots::Slot;

impl QueueState {
    /// Settles in the order given, then promotes what is due, then claims.
    pub(super) fn turn(
        &mut self,
        settlements: Vec<Settlement>,
        next: Option<Claim>,
        moment: &mut Moment<'_>,
    ) -> Outcome {
        let limits = |one: &Settlement| matches!(one.verdict, Verdict::RateLimited);
        let told_off = settlements.iter().any(limits);
        let settled: Vec<_> =
            settlements.into_iter().map(|settlement| self.settle(settlement, moment)).collect();
        let next = next.filter(|claim| claim.max > 0 || settled.is_empty());
        let (taken, is_full) = match &next {
            Some(claim) => self.claim(claim, told_off, moment.now_ms),
            None => (Taken { jobs: Vec::new(), next_due_ms: self.next_due_ms() }, false),
        };
        let is_end = |one: &Settled| matches!(one, Settled::Done { state, .. } if state.is_final());
        let held_back = is_full || next.is_some() && (self.paused || !self.delayed.is_empty());
        if settled.iter().any(is_end)
            && taken.jobs.is_empty()
            && !held_back
            && !self.has_ready()
            && self.active.is_empty()
        {
            self.events.push(moment.now_ms, EventKind::Drained);
        }
        Outcome::Turn(settled, taken)
    }

    /// Takes jobs; tells as well whether some limit allowed none.
    fn claim(&mut self, claim: &Claim, told_off: bool, now_ms: u64) -> (Taken, bool) {
        self.promote_due(now_ms);
        let room = self.room(claim, told_off, now_ms);
        let (mut jobs, mut counted) = (Vec::new(), 0);
        while !self.paused && jobs.len() < room.jobs {
            let plain = self.waiting.pop_first().map(|(_, slot)| slot);
            let next = plain.or_else(|| self.prioritized.pop_first().map(|(_, slot)| slot));
            let Some(slot) = next else { break };
            let taken = self.activate(slot, claim, now_ms);
            // One that will not be run does not count as a start, as in BullMQ.
            counted += u64::from(taken.job.deferred_failure.is_none());
            jobs.push(taken);
        }
        self.note_starts(claim, room, counted, now_ms);
        let next_due_ms = self.next_due_ms().into_iter().chain(room.again_ms).min();
        (Taken { jobs, next_due_ms }, room.jobs == 0 && claim.max > 0)
    }

    fn activate(&mut self, slot: Slot, claim: &Claim, now_ms: u64) -> TakenJob {
        let order = self.next_order();
        self.active.insert(order, slot);
        let job = self.live.change(slot);
        job.place = Place::Active { order };
        job.since_ms = now_ms;
        let until_ms = now_ms.saturating_add(millis(claim.lock));
        job.hold = Some(Box::new(Hold { token: claim.token.clone(), until_ms, marked: false }));
        job.body.processed_on_ms = Some(now_ms);
        job.body.attempts_started = job.body.attempts_started.saturating_add(1);
        if let Some(worker) = &claim.worker {
            job.body.history_mut().processed_by = Some(worker.as_str().into());
        }
        let version = self.events.push(now_ms, EventKind::Active { id: job.body.id.clone() });
        let data = job.body.data.clone();
        let data_at = data.is_none().then_some(job.body.serial);
        TakenJob {
            job: job.body.to_job(data.unwrap_or_else(Payload::null)),
            version,
            token: claim.token.clone(),
            data_at,
        }
    }

    fn settle(&mut self, settlement: Settlement, moment: &mut Moment<'_>) -> Settled {
        let Settlement { id, token, verdict, keep, attempts_max, metrics } = settlement;
        let slot = match self.held(&id, &token, moment.now_ms) {
            Ok(slot) => slot,
            Err(found) => return Settled::Lost { found },
        };
        let asked = self.live[slot].cancel_requested;
        let cancelled = asked && !matches!(verdict, Verdict::Complete { .. });
        let completes = matches!(verdict, Verdict::Complete { .. });
        let verdict = self.with_children_in_mind(slot, verdict, attempts_max);
        // What a worker keeps of completed jobs is not meant for one that fails after all.
        let keep = keep.filter(|_| !completes || matches!(verdict, Verdict::Complete { .. }));
        self.note_failure(slot, &verdict);
        let verdict = if cancelled { cancel_verdict() } else { verdict };
        if uses_attempt(&verdict) {
            let body = &mut self.live.change(slot).body;
            body.attempts_made = body.attempts_made.saturating_add(1);
        }
        let attempts_made = self.live[slot].body.attempts_made;
        let now_ms = moment.now_ms;
        self.leave(slot);
        let (state, version) = match verdict {
            Verdict::Complete { result } => {
                (JobState::Completed, self.end(slot, End::Completed(result), keep, moment))
            }
            Verdict::Fail { reason, .. } => {
                let version = self.end(slot, End::Failed(reason), keep, moment);
                if attempts_made >= attempts_max {
                    self.events.push(now_ms, EventKind::RetriesExhausted { id, attempts_made });
                }
                (JobState::Failed, version)
            }
            Verdict::Retry { pause, .. } if millis(pause) == 0 => {
                // It stands behind those that became due before.
                self.promote_due(now_ms);
                let side = self.own_side(slot);
                let version = self.enqueue(slot, side, Some(JobState::Active), now_ms);
                (self.live[slot].place.state(), version)
            }
            Verdict::Retry { pause, .. } => self.delay_by(slot, millis(pause), now_ms),
            Verdict::Delay { until_ms, .. } => {
                self.delay_by(slot, until_ms.saturating_sub(now_ms), now_ms)
            }
            Verdict::HandBack | Verdict::RateLimited => {
                let version = self.enqueue(slot, Side::Front, Some(JobState::Active), now_ms);
                (self.live[slot].place.state(), version)
            }
            Verdict::WaitForChildren => {
                (JobState::WaitingChildren, self.await_children(slot, now_ms, now_ms))
            }
        };
        if let Some(kept) = metrics {
            self.meters.count(state, kept, now_ms);
        }
        Settled::Done { state, version, attempts_made, cancelled }
    }

    fn delay_by(&mut self, slot: Slot, delay_ms: u64, now_ms: u64) -> (JobState, Position) {
        self.live.change(slot).body.delay_ms = delay_ms;
        (JobState::Delayed, self.delay(slot, now_ms.saturating_add(delay_ms), now_ms))
    }

    /// Writes down what a verdict says about a failure.
    fn note_failure(&mut self, slot: Slot, verdict: &Verdict) {
        match verdict {
            Verdict::Fail { reason, stack_trace } | Verdict::Retry { reason, stack_trace, .. } => {
                let history = self.live.change(slot).body.history_mut();
                history.failed_reason = Some(reason.as_str().into());
                history.stack_trace.clone_from(stack_trace);
            }
            Verdict::Delay { reason: Some(reason), .. } => {
                let history = self.live.change(slot).body.history_mut();
                history.failed_reason = Some(reason.as_str().into());
            }
            Verdict::Complete { .. }
            | Verdict::Delay { .. }
            | Verdict::HandBack
            | Verdict::RateLimited
            | Verdict::WaitForChildren => {}
        }
    }

    fn held(&self, id: &JobId, token: &Token, now_ms: u64) -> Result<Slot, &'static str> {
        let Some(standing) = self.index.get(id) else { return Err("no such job") };
        let Standing::Live(slot) = standing else { return Err("no lock: the job has ended") };
        match &self.live[*slot].hold {
            None => Err("no lock"),
            Some(hold) if hold.until_ms <= now_ms => Err("no lock: it ran out"),
            Some(hold) if hold.token != *token => Err("the lock of another claim"),
            Some(_) => Ok(*slot),
        }
    }

    pub(super) fn renew(&mut self, held: Vec<Held>, lock_ms: u64, now_ms: u64) -> Outcome {
        let mut renewal = Renewal::default();
        for Held { id, token } in held {
            let Ok(slot) = self.held(&id, &token, now_ms) else {
                renewal.lost.push(id);
                continue;
            };
            let job = self.live.change(slot);
            if let Some(hold) = &mut job.hold {
                hold.until_ms = now_ms.saturating_add(lock_ms);
                hold.marked = false;
            }
            if job.cancel_requested {
                renewal.cancelled.push(id);
            }
        }
        Outcome::Renewed(renewal)
    }

    pub(super) fn progress(
        &mut self,
        id: JobId,
        progress: Payload,
        mut ended: Vec<Ended>,
        now_ms: u64,
    ) -> Outcome {
        match self.index.get(&id) {
            None => return Outcome::Denied(QueueError::NoSuchJob(id)),
            Some(Standing::Live(slot)) => {
                self.live.change(*slot).body.history_mut().progress = Some(progress.clone());
            }
            Some(Standing::Ended(key)) => match ended.pop() {
                Some(mut ended) if ended.record.body.serial == key.serial => {
                    ended.record.body.history_mut().progress = Some(progress.clone());
                    self.ended.update(ended);
                }
                _ => {
                    let again = Operation::Progress { id, progress, ended: Vec::new() };
                    return Outcome::Again(Box::new(again));
                }
            },
        }
        Outcome::At(self.events.push(now_ms, EventKind::Progress { id, data: progress }))
    }

    /// Notes that a job has log rows; they are in the tables alone.
    pub(super) fn logged(&mut self, id: &JobId) -> Outcome {
        match self.index.get_mut(id) {
            None => {}
            Some(Standing::Ended(key)) => key.has_log = true,
            Some(Standing::Live(slot)) => self.live.change(*slot).body.has_log = true,
        }
        Outcome::Done
    }
}

fn uses_attempt(verdict: &Verdict) -> bool {
    matches!(verdict, Verdict::Complete { .. } | Verdict::Fail { .. } | Verdict::Retry { .. })
}

fn cancel_verdict() -> Verdict {
    Verdict::Fail { reason: Failure::cancelled().to_string(), stack_trace: Vec::new() }
}
