//! The state of one queue, and the moves of a job between its places.
//!
//! What the operations mean stands in [`super::producing`], [`super::consuming`] and
//! [`super::recovery`]. Never fails, never looks at a clock.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use crate::event::{EventKind, Position};
use crate::job::{JobId, JobState, Payload};
use crate::options::Retention;

use super::deduplication::Deduplications;
use super::ended_jobs::{EndedJobs, EndedKey};
use super::event_ring::EventRing;
use super::families::Families;
use super::job_body::{JobBody, LiveJob, Place, Record};
use super::limiting::Limiting;
use super::metering::Meters;
use super::operation::QueueNumber;
use super::scheduling::SchedulerBody;
use super::slots::{Slot, Slots};

/// When and in which journal row an operation takes place.
#[derive(Debug)]
pub(super) struct Moment<'a> {
    pub(super) now_ms: u64,
    pub(super) number: u64,
    pub(super) last_serial: &'a mut u64,
}

impl Moment<'_> {
    pub(super) fn next_serial(&mut self) -> u64 {
        *self.last_serial += 1;
        *self.last_serial
    }
}

/// Where the job with an id is.
#[derive(Debug, Clone, Copy)]
pub(super) enum Standing {
    Live(Slot),
    Ended(EndedKey),
}

/// The side of the line on which a job comes to wait.
#[derive(Debug, Clone, Copy)]
pub(super) enum Side {
    Front,
    Back,
}

/// How a job ended.
#[derive(Debug)]
pub(super) enum End {
    Completed(Payload),
    Failed(String),
}

#[derive(Debug)]
pub(super) struct QueueState {
    pub(super) name: Arc<str>,
    pub(super) number: QueueNumber,
    pub(super) paused: bool,
    /// The last id that the queue gave, as BullMQ's `id` counts.
    pub(super) last_id: u64,
    /// The last keys that were given at the ends of the line.
    pub(super) back: i64,
    pub(super) front: i64,
    /// Until when no other sweep is due.
    pub(super) swept_until_ms: u64,
    pub(super) index: HashMap<JobId, Standing>,
    pub(super) live: Slots,
    pub(super) waiting: BTreeMap<i64, Slot>,
    /// By priority, then by turn; jobs that were put in front share a turn and go by their ids, as
    /// in BullMQ.
    pub(super) prioritized: BTreeMap<(u32, i64, JobId), Slot>,
    pub(super) delayed: BTreeMap<(u64, i64), Slot>,
    pub(super) active: BTreeMap<i64, Slot>,
    /// By the time since which they wait, then by their ids, as in BullMQ.
    pub(super) waiting_children: BTreeMap<(u64, JobId), Slot>,
    pub(super) ended: EndedJobs,
    pub(super) deduplications: Deduplications,
    pub(super) limiting: Limiting,
    pub(super) schedulers: BTreeMap<Arc<str>, SchedulerBody>,
    pub(super) families: Families,
    pub(super) meters: Meters,
    pub(super) events: EventRing,
}

impl QueueState {
    pub(super) fn new(name: Arc<str>, number: QueueNumber) -> Self {
        Self {
            name,
            number,
            paused: false,
            last_id: 0,
            back: 0,
            front: 0,
            swept_until_ms: 0,
            index: HashMap::new(),
            live: Slots::default(),
            waiting: BTreeMap::new(),
            prioritized: BTreeMap::new(),
            delayed: BTreeMap::new(),
            active: BTreeMap::new(),
            waiting_children: BTreeMap::new(),
            ended: EndedJobs::default(),
            deduplications: Deduplications::default(),
            limiting: Limiting::default(),
            schedulers: BTreeMap::new(),
            families: Families::default(),
            meters: Meters::default(),
            events: EventRing::default(),
        }
    }

    pub(super) fn next_due_ms(&self) -> Option<u64> {
        self.delayed.first_key_value().map(|((due_ms, _), _)| *due_ms)
    }

    /// Tells whether some job could be claimed at once.
    pub(super) fn has_ready(&self) -> bool {
        !self.waiting.is_empty() || !self.prioritized.is_empty()
    }

    /// Tells whether a claim would find something.
    pub(super) fn is_claimable(&self, now_ms: u64) -> bool {
        self.next_chance_ms(now_ms).is_some_and(|at| at <= now_ms)
    }

    /// Gives the room of a backlog that is gone back.
    pub(super) fn trim_memory(&mut self) {
        self.live.trim_memory();
        if self.index.len() < self.index.capacity() / 8 {
            self.index.shrink_to(2 * self.index.len());
        }
    }

    /// Returns the key of a job's log.
    pub(super) fn log_of(&self, id: &JobId) -> Option<u64> {
        self.index.get(id).map(|standing| match standing {
            Standing::Live(slot) => self.live[*slot].body.log,
            Standing::Ended(key) => key.log,
        })
    }

    pub(super) fn count(&self, state: JobState) -> usize {
        match state {
            JobState::Waiting => self.waiting.len(),
            JobState::Delayed => self.delayed.len(),
            JobState::Active => self.active.len(),
            JobState::Completed | JobState::Failed => self.ended.order(state).len(),
            JobState::Prioritized => self.prioritized.len(),
            JobState::WaitingChildren => self.waiting_children.len(),
        }
    }

    /// Takes a job that comes from outside: new, or with another life before it.
    pub(super) fn admit(&mut self, body: JobBody, now_ms: u64) -> Slot {
        let id = body.id.clone();
        let place = Place::Active { order: 0 };
        let job = LiveJob {
            body,
            place,
            since_ms: now_ms,
            hold: None,
            cancel_requested: false,
            epoch: 0,
        };
        let slot = self.live.insert(job);
        self.index.insert(id, Standing::Live(slot));
        slot
    }

    /// Returns the side on which a job comes to wait by its own options.
    pub(super) fn own_side(&self, slot: Slot) -> Side {
        let body = &self.live[slot].body;
        if body.priority == 0 && body.options.unpack().lifo { Side::Front } else { Side::Back }
    }

    /// Puts a job that stands nowhere where its priority belongs, and tells it.
    pub(super) fn enqueue(
        &mut self,
        slot: Slot,
        side: Side,
        prev: Option<JobState>,
        now_ms: u64,
    ) -> Position {
        self.line_up(slot, side);
        self.told_waiting(slot, prev, now_ms)
    }

    /// Puts a job that stands nowhere where its priority belongs.
    pub(super) fn line_up(&mut self, slot: Slot, side: Side) {
        let body = &self.live[slot].body;
        let priority = body.priority;
        if priority == 0 {
            return self.line_up_plain(slot, side);
        }
        let id = body.id.clone();
        let turn = match side {
            Side::Back => self.next_order(),
            Side::Front => 0,
        };
        self.prioritized.insert((priority, turn, id), slot);
        self.live.change(slot).place = Place::Prioritized { priority, turn };
    }

    /// Puts a job that stands nowhere in the line of those without a priority, and tells it.
    pub(super) fn enqueue_plain(
        &mut self,
        slot: Slot,
        side: Side,
        prev: Option<JobState>,
        now_ms: u64,
    ) -> Position {
        self.line_up_plain(slot, side);
        self.told_waiting(slot, prev, now_ms)
    }

    pub(super) fn line_up_plain(&mut self, slot: Slot, side: Side) {
        let order = match side {
            Side::Back => self.next_order(),
            Side::Front => {
                self.front -= 1;
                self.front
            }
        };
        self.waiting.insert(order, slot);
        self.live.change(slot).place = Place::Waiting { order };
    }

    /// Tells that a job has come to wait.
    fn told_waiting(&mut self, slot: Slot, prev: Option<JobState>, now_ms: u64) -> Position {
        let job = self.live.change(slot);
        job.since_ms = now_ms;
        if prev == Some(JobState::Delayed) {
            job.body.delay_ms = 0;
        }
        let id = job.body.id.clone();
        self.events.push(now_ms, EventKind::Waiting { id, prev })
    }

    /// Lets a job that stands nowhere wait for its time, and tells it.
    pub(super) fn delay(&mut self, slot: Slot, due_ms: u64, now_ms: u64) -> Position {
        let order = self.next_order();
        self.delayed.insert((due_ms, order), slot);
        let job = self.live.change(slot);
        job.place = Place::Delayed { due_ms, order };
        job.since_ms = now_ms;
        let id = job.body.id.clone();
        self.events.push(now_ms, EventKind::Delayed { id, due_ms })
    }

    pub(super) fn next_order(&mut self) -> i64 {
        self.back += 1;
        self.back
    }

    /// Takes a job out of where it stands; a lock goes with it.
    pub(super) fn leave(&mut self, slot: Slot) {
        match self.live[slot].place {
            Place::Waiting { order } => self.waiting.remove(&order),
            Place::Delayed { due_ms, order } => self.delayed.remove(&(due_ms, order)),
            Place::Active { order } => self.active.remove(&order),
            Place::WaitingChildren { since_ms } => {
                let id = self.live[slot].body.id.clone();
                self.waiting_children.remove(&(since_ms, id))
            }
            Place::Prioritized { priority, turn } => {
                let id = self.live[slot].body.id.clone();
                self.prioritized.remove(&(priority, turn, id))
            }
        };
        self.live.change(slot).hold = None;
    }

    /// Ends a job that stands nowhere, evicts what has to go after it, and tells it; `keep` holds
    /// if its producer did not say.
    pub(super) fn end(
        &mut self,
        slot: Slot,
        end: End,
        keep: Option<Retention>,
        moment: &mut Moment<'_>,
    ) -> Position {
        let options = self.live[slot].body.options.unpack();
        let own = match end {
            End::Completed(_) => options.remove_on_complete,
            End::Failed(_) => options.remove_on_fail,
        };
        let keep = own.or(keep).unwrap_or(Retention::ALL);
        if let Some(rule) = options.deduplication {
            let id = self.live[slot].body.id.clone();
            self.end_deduplication(&rule.id, &id, moment);
        }
        let mut body = self.live.remove(slot).body;
        let id = body.id.clone();
        self.families.ended(&id, &end);
        self.tell_own_parents(moment.now_ms);
        let (state, result, event) = match end {
            End::Completed(result) => {
                let event = EventKind::Completed { id: id.clone(), result: result.clone() };
                (JobState::Completed, Some(result), event)
            }
            End::Failed(reason) => {
                let history = body.history_mut();
                history.failed_reason = Some(reason.as_str().into());
                history.deferred_failure = None;
                (JobState::Failed, None, EventKind::Failed { id: id.clone(), reason })
            }
        };
        if keep.count == Some(0) {
            self.index.remove(&id);
            self.deduplications.forget_job(&id);
            self.families.removed(&id);
            self.tell_own_parents(moment.now_ms);
            self.bury(&body);
        } else {
            let Moment { now_ms: finished_ms, number, .. } = *moment;
            let has_rows = body.data_stored;
            let record = Record { body, state, finished_ms, result, number, has_rows };
            let key = self.ended.insert(record);
            self.index.insert(id, Standing::Ended(key));
            self.evict(state, keep, finished_ms);
        }
        self.events.push(moment.now_ms, event)
    }

    /// Removes the jobs that have to go now that a job of their state ended, as BullMQ does.
    fn evict(&mut self, state: JobState, keep: Retention, now_ms: u64) {
        self.forget(self.ended.aged(state, now_ms, keep), now_ms);
        let beyond = keep.count.map(|count| self.ended.beyond(state, count));
        self.forget(beyond.unwrap_or_default(), now_ms);
    }

    fn forget(&mut self, ids: Vec<JobId>, now_ms: u64) {
        for id in ids {
            if let Some(Standing::Ended(key)) = self.index.remove(&id) {
                self.ended.remove(&id, key, false);
                self.deduplications.forget_job(&id);
                self.families.removed(&id);
                self.tell_own_parents(now_ms);
            }
        }
    }

    /// Notes the rows of a living job that is gone.
    pub(super) fn bury(&mut self, body: &JobBody) {
        if body.data_stored {
            self.ended.graves.jobs.push(body.serial);
        }
        if body.has_log {
            self.ended.graves.logs.push(body.log);
        }
    }
}
