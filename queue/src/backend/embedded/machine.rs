//! The state of all queues, changed by operations alone.
//!
//! The same operations in the same order give the same state and the same answers: `apply` never
//! fails, takes its time and its tokens from the operation, and reads nothing else. Journal,
//! tables and threads are others' business.

use std::sync::Arc;

use crate::event::Position;

use super::deduplication::Deduplications;
use super::encoding::{Decode as _, Encode, Input, Malformed, encoded_struct};
use super::ended_jobs::Graves;
use super::event_ring::EventRing;
use super::families::{Families, FamilyRows, Relative};
use super::job_body::{LiveJob, Place};
use super::limiting::Limiting;
use super::metering::{MeterRows, Meters};
use super::operation::{Operation, Outcome, QueueNumber, Stamped, Taken};
use super::queue_state::{Moment, QueueState, Standing};
use super::scheduling::SchedulerBody;

/// How often a job may take its process down before it is failed at its next start.
pub(super) const STALLED_MAX: u32 = 2;

#[derive(Debug, Default)]
pub(super) struct Machine {
    queues: Vec<QueueState>,
    last_serial: u64,
    /// Queues that an operation on another one has changed.
    touched: Vec<QueueNumber>,
}

impl Machine {
    pub(super) fn queue(&self, number: QueueNumber) -> Option<&QueueState> {
        self.queues.get(number as usize)
    }

    pub(super) fn queue_mut(&mut self, number: QueueNumber) -> Option<&mut QueueState> {
        self.queues.get_mut(number as usize)
    }

    pub(super) fn queues(&self) -> impl Iterator<Item = (QueueNumber, &QueueState)> {
        (0..).zip(&self.queues)
    }

    pub(super) fn queues_mut(&mut self) -> impl Iterator<Item = (QueueNumber, &mut QueueState)> {
        (0..).zip(&mut self.queues)
    }

    pub(super) fn last_serial(&self) -> u64 {
        self.last_serial
    }

    pub(super) fn set_last_serial(&mut self, last_serial: u64) {
        self.last_serial = last_serial;
    }

    pub(super) fn touch(&mut self, queue: QueueNumber) {
        if !self.touched.contains(&queue) {
            self.touched.push(queue);
        }
    }

    /// Returns the queues that operations on others have changed since the last call.
    pub(super) fn take_touched(&mut self) -> Vec<QueueNumber> {
        std::mem::take(&mut self.touched)
    }

    /// Changes the state; `number` is the journal row that the operation stands in.
    pub(super) fn apply(&mut self, number: u64, stamped: Stamped) -> Outcome {
        let Stamped { now_ms, queue, operation } = stamped;
        match operation {
            Operation::OpenQueue { name } => return Outcome::Opened(self.open(name)),
            Operation::AddFlow { jobs, ended } => {
                return self.add_flow(jobs, ended, (now_ms, number));
            }
            Operation::Undepend { id } => return self.undepend(&Relative { queue, id }, now_ms),
            Operation::RemoveTree { id } => {
                return self.remove_tree(&Relative { queue, id }, now_ms);
            }
            Operation::RemoveAwaited { id } => {
                return self.remove_awaited(&Relative { queue, id }, now_ms);
            }
            _ => {}
        }
        let outcome = self.apply_in_queue(number, Stamped { now_ms, queue, operation });
        if self.queue(queue).is_some_and(|queue| !queue.families.notes.is_empty()) {
            self.tell_parents(queue, now_ms);
        }
        outcome
    }

    fn apply_in_queue(&mut self, number: u64, stamped: Stamped) -> Outcome {
        let Stamped { now_ms, queue, operation } = stamped;
        let mut moment = Moment { now_ms, number, last_serial: &mut self.last_serial };
        let Some(queue) = self.queues.get_mut(queue as usize) else { return Outcome::Done };
        match operation {
            Operation::OpenQueue { .. }
            | Operation::AddFlow { .. }
            | Operation::Undepend { .. }
            | Operation::RemoveTree { .. }
            | Operation::RemoveAwaited { .. } => Outcome::Done,
            Operation::Add { jobs } => queue.add(jobs, &mut moment),
            Operation::Submit { jobs, runs } => queue.submit(jobs, &runs, &mut moment),
            Operation::Retry { id, reset, ended } => queue.retry(id, reset, ended, &mut moment),
            Operation::Remove { id } => queue.remove(&id, now_ms),
            Operation::Cancel { id } => queue.cancel(&id, &mut moment),
            Operation::Promote { id } => queue.promote(id, now_ms),
            Operation::Pause {} => queue.pause(now_ms),
            Operation::Resume {} => queue.resume(now_ms),
            Operation::Turn { settlements, next } => queue.turn(settlements, next, &mut moment),
            Operation::Renew { held, lock_ms } => queue.renew(held, lock_ms, now_ms),
            Operation::Progress { id, progress, ended } => {
                queue.progress(id, progress, ended, now_ms)
            }
            Operation::Logged { id } => queue.logged(&id),
            Operation::Sweep { interval_ms, stalled_max } => {
                queue.sweep(interval_ms, stalled_max, now_ms)
            }
            Operation::PromoteDue {} => {
                let promoted = queue.promote_due(now_ms);
                Outcome::Promoted(promoted, queue.next_due_ms())
            }
            Operation::Recover { stalled_max } => queue.recover(stalled_max, now_ms),
            Operation::Schedule { body, plan } => queue.schedule(*body, &plan, &mut moment),
            Operation::ArmFollowing { followings } => queue.arm_following(followings, &mut moment),
            Operation::Unschedule { id } => queue.unschedule(&id, now_ms),
            Operation::ChangeDelay { id, delay_ms } => queue.change_delay(id, delay_ms, now_ms),
            Operation::ChangePriority { id, priority, front, ended } => {
                queue.change_priority(id, priority, front, ended)
            }
            Operation::ChangeData { id, data, ended } => {
                queue.change_data(id, data, ended, &mut moment)
            }
            Operation::Erase { state, skip, most, cutoff_ms } => {
                queue.erase(state, skip, most, cutoff_ms, now_ms)
            }
            Operation::Cleaned { count } => queue.cleaned(count, now_ms),
            Operation::Obliterate { force } => queue.obliterate(force, now_ms),
            Operation::RetryAll { ended, .. } => queue.retry_all(ended, &mut moment),
            Operation::PromoteAll {} => queue.promote_all(now_ms),
            Operation::SetRate { rate } => queue.set_rate(rate),
            Operation::SetConcurrency { concurrency } => queue.set_concurrency(concurrency),
            Operation::RateLimit { duration_ms } => queue.rate_limit(duration_ms, now_ms),
            Operation::FreeDeduplication { id, owner } => {
                queue.free_deduplication(&id, owner.as_ref())
            }
        }
    }

    fn open(&mut self, name: Arc<str>) -> QueueNumber {
        let known = self.queues().find(|(_, queue)| queue.name == name).map(|(number, _)| number);
        known.unwrap_or_else(|| {
            let number = u32::try_from(self.queues.len()).unwrap_or(u32::MAX);
            self.queues.push(QueueState::new(name, number));
            number
        })
    }

    /// Answers an operation that would change nothing; `None` when it has to be applied.
    ///
    /// Idle workers and sweeps ask often; their questions need no place in the journal.
    pub(super) fn answer_unchanged(&self, stamped: &Stamped) -> Option<Outcome> {
        let Stamped { now_ms, operation, .. } = stamped;
        if let Operation::OpenQueue { name } = operation {
            let known = self.queues().find(|(_, queue)| queue.name == *name);
            return known.map(|(number, _)| Outcome::Opened(number));
        }
        let queue = self.queue(stamped.queue)?;
        let none_due = || queue.next_due_ms().is_none_or(|due| due > *now_ms);
        match operation {
            Operation::Turn { settlements, next } if settlements.is_empty() => {
                let has_no_room = |claim| queue.has_no_room(claim, *now_ms);
                let nothing =
                    queue.paused || !queue.has_ready() || next.as_ref().is_none_or(has_no_room);
                let taken = Taken {
                    jobs: Vec::new(),
                    next_due_ms: queue.next_reason_ms(next.as_ref(), *now_ms),
                };
                (nothing && none_due()).then_some(Outcome::Turn(Vec::new(), taken))
            }
            Operation::Sweep { .. } => (queue.active.is_empty() || queue.swept_until_ms > *now_ms)
                .then_some(Outcome::Swept(Vec::new())),
            Operation::PromoteDue {} => {
                none_due().then(|| Outcome::Promoted(0, queue.next_due_ms()))
            }
            Operation::Renew { held, .. } if held.is_empty() => {
                Some(Outcome::Renewed(crate::backend::Renewal::default()))
            }
            _ => None,
        }
    }

    /// Writes what is not a job: the queues with their counters.
    pub(super) fn encode_head(&self, out: &mut Vec<u8>) {
        self.last_serial.encode(out);
        self.queues.iter().map(Head::of).collect::<Vec<_>>().encode(out);
        self.queues.iter().map(QueueState::scheduler_bodies).collect::<Vec<_>>().encode(out);
        self.queues.iter().map(|queue| queue.families.rows()).collect::<Vec<_>>().encode(out);
        self.queues.iter().map(|queue| queue.meters.rows()).collect::<Vec<_>>().encode(out);
    }

    pub(super) fn decode_head(bytes: &[u8]) -> Result<Self, Malformed> {
        let input = &mut Input::new(bytes);
        let last_serial = u64::decode(input)?;
        let mut queues: Vec<_> =
            (0..).zip(Vec::<Head>::decode(input)?).map(Head::into_queue).collect();
        // Heads that were written before there were schedulers and flows end here.
        if !input.is_empty() {
            let bodies = Vec::<Vec<SchedulerBody>>::decode(input)?;
            for (queue, bodies) in queues.iter_mut().zip(bodies) {
                queue.schedulers = bodies.into_iter().map(|b| (b.id.clone(), b)).collect();
            }
            let families = Vec::<FamilyRows>::decode(input)?.into_iter().map(Families::of_rows);
            for (queue, families) in queues.iter_mut().zip(families) {
                queue.families = families;
            }
        }
        // And here those from before there were metrics.
        if !input.is_empty() {
            let meters = Vec::<MeterRows>::decode(input)?.into_iter().map(Meters::of_rows);
            for (queue, meters) in queues.iter_mut().zip(meters) {
                queue.meters = meters;
            }
        }
        Ok(Self { queues, last_serial, touched: Vec::new() })
    }

    /// Puts jobs of a checkpoint back in their places.
    pub(super) fn decode_jobs(
        &mut self,
        number: QueueNumber,
        bytes: &[u8],
    ) -> Result<(), Malformed> {
        let queue = self.queue_mut(number).ok_or(Malformed("queue number"))?;
        let input = &mut Input::new(bytes);
        while !input.is_empty() {
            queue.restore(LiveJob::decode(input)?);
        }
        Ok(())
    }
}

impl QueueState {
    fn scheduler_bodies(&self) -> Vec<SchedulerBody> {
        self.schedulers.values().cloned().collect()
    }

    fn restore(&mut self, job: LiveJob) {
        let (id, place) = (job.body.id.clone(), job.place);
        let slot = self.live.insert(job);
        self.index.insert(id.clone(), Standing::Live(slot));
        match place {
            Place::Waiting { order } => self.waiting.insert(order, slot),
            Place::Delayed { due_ms, order } => self.delayed.insert((due_ms, order), slot),
            Place::Active { order } => self.active.insert(order, slot),
            Place::WaitingChildren { since_ms } => {
                self.waiting_children.insert((since_ms, id), slot)
            }
            Place::Prioritized { priority, turn } => {
                self.prioritized.insert((priority, turn, id), slot)
            }
        };
    }
}

/// A queue without its jobs, as checkpoints keep it.
#[derive(Debug)]
struct Head {
    name: Arc<str>,
    paused: bool,
    last_id: u64,
    back: i64,
    front: i64,
    swept_until_ms: u64,
    last_ms: u64,
    last_seq: u64,
    graves: Graves,
    deduplications: Deduplications,
    limiting: Limiting,
}

encoded_struct!(Head {
    name,
    paused,
    last_id,
    back,
    front,
    swept_until_ms,
    last_ms,
    last_seq,
    graves,
    deduplications,
    limiting,
});

impl Head {
    fn of(queue: &QueueState) -> Self {
        let last = queue.events.last();
        Self {
            name: queue.name.clone(),
            paused: queue.paused,
            last_id: queue.last_id,
            back: queue.back,
            front: queue.front,
            swept_until_ms: queue.swept_until_ms,
            last_ms: last.ms,
            last_seq: last.seq,
            graves: queue.ended.graves.clone(),
            deduplications: queue.deduplications.clone(),
            limiting: queue.limiting,
        }
    }

    fn into_queue((number, head): (QueueNumber, Self)) -> QueueState {
        let mut queue = QueueState {
            paused: head.paused,
            last_id: head.last_id,
            back: head.back,
            front: head.front,
            swept_until_ms: head.swept_until_ms,
            deduplications: head.deduplications,
            limiting: head.limiting,
            events: EventRing::starting_after(Position { ms: head.last_ms, seq: head.last_seq }),
            ..QueueState::new(head.name, number)
        };
        queue.ended.graves = head.graves;
        queue
    }
}
