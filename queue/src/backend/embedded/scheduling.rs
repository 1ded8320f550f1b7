//! What job schedulers are in the state, and what the operations on them do.
//!
//! Pure: times of cron patterns and counts come with the operation.

use std::sync::Arc;

use crate::event::EventKind;
use crate::job::{JobId, JobState, Payload};
use crate::options::JobOptions;
use crate::scheduler::{
    Armed, EMPTY, NewScheduler, Plan, Rhythm, Scheduler, Slots, next_slot, scheduler_of,
};

use super::encoding::encoded_struct;
use super::job_body::Place;
use super::operation::{AddedJob, Outcome};
use super::packed_options::PackedOptions;
use super::queue_state::{Moment, QueueState, Standing};

/// How many slots of an interval are tried before an upsert is refused, as in BullMQ.
const SLOTS_TRIED: u32 = 32;

/// A job scheduler.
#[derive(Debug, Clone)]
pub(super) struct SchedulerBody {
    pub(super) id: Arc<str>,
    pub(super) name: Arc<str>,
    pub(super) every_ms: Option<u64>,
    pub(super) offset_ms: Option<u64>,
    pub(super) pattern: Option<String>,
    pub(super) tz: Option<String>,
    pub(super) start_ms: Option<u64>,
    pub(super) end_ms: Option<u64>,
    pub(super) limit: Option<u64>,
    pub(super) data: Option<Payload>,
    pub(super) options: PackedOptions,
    /// How many runs were armed.
    pub(super) iterations: u64,
    /// The slot of the run that is armed, or was last.
    pub(super) next_ms: u64,
}

encoded_struct!(SchedulerBody {
    id,
    name,
    every_ms,
    offset_ms,
    pattern,
    tz,
    start_ms,
    end_ms,
    limit,
    data,
    options,
    iterations,
    next_ms,
});

encoded_struct!(Plan { scheduler, every_ms, slot_ms, options, repeat, priority, is_lifo });

impl SchedulerBody {
    /// Takes what was asked for; slot and count are still to be found.
    pub(super) fn new(scheduler: &NewScheduler) -> Self {
        let (every_ms, offset_ms) = scheduler.rhythm.interval().unzip();
        let (pattern, tz) = match &scheduler.rhythm {
            Rhythm::Cron { pattern, tz } => (Some(pattern.clone()), tz.clone()),
            Rhythm::Every { .. } => (None, None),
        };
        Self {
            id: scheduler.id.as_str().into(),
            name: scheduler.name().into(),
            every_ms,
            offset_ms: offset_ms.flatten(),
            pattern,
            tz,
            start_ms: scheduler.start_ms,
            end_ms: scheduler.end_ms,
            limit: scheduler.limit,
            data: scheduler.kept_data().cloned(),
            options: PackedOptions::pack(&scheduler.job.options),
            iterations: 1,
            next_ms: 0,
        }
    }

    pub(super) fn to_scheduler(&self) -> Scheduler {
        let (pattern, tz) = (self.pattern.clone(), self.tz.clone());
        let rhythm = Rhythm::of(self.every_ms, self.offset_ms, pattern, tz);
        Scheduler {
            id: (*self.id).to_owned(),
            name: (*self.name).to_owned(),
            rhythm,
            start_ms: self.start_ms,
            end_ms: self.end_ms,
            limit: self.limit,
            data: self.data.clone().unwrap_or_else(|| Payload::from_store(EMPTY)),
            options: self.options.unpack(),
            iterations: self.iterations,
            next_ms: self.next_ms,
        }
    }

    pub(super) fn run_at(&self, slot_ms: u64) -> JobId {
        JobId::from_store(format!("repeat:{}:{slot_ms}", self.id))
    }

    fn slots(&self) -> Option<Slots> {
        let every_ms = self.every_ms?;
        let offset_ms = self.offset_ms.unwrap_or(0);
        Some(Slots { every_ms, offset_ms, start_ms: self.start_ms })
    }
}

/// A claimed run and the one that may follow it.
#[derive(Debug, Clone)]
pub(super) struct Following {
    pub(super) run: JobId,
    pub(super) plan: Plan,
}

encoded_struct!(Following { run, plan });

impl QueueState {
    /// Tells whether a job is the next run of a scheduler and has not started.
    pub(super) fn is_armed_run(&self, id: &JobId) -> bool {
        let scheduler = scheduler_of(id).and_then(|scheduler| self.schedulers.get(scheduler));
        scheduler.is_some_and(|scheduler| scheduler.run_at(scheduler.next_ms) == *id)
    }

    /// Tells whether a job is a run of a scheduler that still exists.
    pub(super) fn is_run_of_living(&self, id: &JobId) -> bool {
        scheduler_of(id).is_some_and(|scheduler| self.schedulers.contains_key(scheduler))
    }

    pub(super) fn schedule(
        &mut self,
        mut body: SchedulerBody,
        plan: &Plan,
        moment: &mut Moment<'_>,
    ) -> Outcome {
        let now_ms = moment.now_ms;
        let old = self.schedulers.get(&body.id);
        let same = old.is_some_and(|old| body.every_ms.is_some() && old.every_ms == body.every_ms);
        let (given, kept) = (body.offset_ms, old.and_then(|old| old.offset_ms));
        let armed_ms = old.map(|old| old.next_ms);
        let iterations = old.map_or(1, |old| old.iterations);
        let leaving =
            armed_ms.map(|slot_ms| body.run_at(slot_ms)).filter(|id| self.has_not_begun(id));

        let slot_ms = if leaving.is_some() && same {
            armed_ms.unwrap_or(now_ms)
        } else {
            body.offset_ms = given.or(kept.filter(|_| same));
            let prev_ms = armed_ms.filter(|_| same);
            let of_interval = |slots| next_slot(slots, prev_ms, now_ms);
            plan.slot_ms.or_else(|| body.slots().map(of_interval)).unwrap_or(now_ms)
        };
        let Some(slot_ms) = self.free_slot(&body, slot_ms, leaving.as_ref()) else {
            return Outcome::SlotTaken;
        };

        if let Some(id) = &leaving {
            self.take_out(id);
        }
        body.offset_ms = match body.every_ms {
            Some(every_ms) if leaving.is_none() => given.or(Some(slot_ms % every_ms.max(1))),
            // A pattern that replaces nothing begins anew.
            None if leaving.is_none() => Some(0),
            _ => given.or(kept),
        };
        (body.iterations, body.next_ms) = (iterations, slot_ms);
        let id = self.arm(&body, plan, slot_ms, moment);
        self.schedulers.insert(body.id.clone(), body);
        Outcome::Scheduled(Armed { id, slot_ms })
    }

    /// Returns the slot, or the next one of the interval in which no other job stands.
    fn free_slot(
        &self,
        body: &SchedulerBody,
        mut slot_ms: u64,
        leaving: Option<&JobId>,
    ) -> Option<u64> {
        let is_free = |slot_ms| {
            let id = body.run_at(slot_ms);
            !self.index.contains_key(&id) || leaving == Some(&id)
        };
        for _ in 0..SLOTS_TRIED {
            if is_free(slot_ms) {
                return Some(slot_ms);
            }
            slot_ms = slot_ms.saturating_add(body.every_ms?);
        }
        is_free(slot_ms).then_some(slot_ms)
    }

    fn has_not_begun(&self, id: &JobId) -> bool {
        match self.index.get(id) {
            Some(Standing::Live(slot)) => !matches!(self.live[*slot].place, Place::Active { .. }),
            Some(Standing::Ended(_)) | None => false,
        }
    }

    /// Takes a living job out without a word.
    pub(super) fn take_out(&mut self, id: &JobId) {
        if let Some(Standing::Live(slot)) = self.index.remove(id) {
            self.leave(slot);
            let body = self.live.remove(slot).body;
            self.bury(&body);
        }
    }

    /// Creates the run in a slot.
    fn arm(
        &mut self,
        body: &SchedulerBody,
        plan: &Plan,
        slot_ms: u64,
        moment: &mut Moment<'_>,
    ) -> JobId {
        self.last_id += 1;
        let id = body.run_at(slot_ms);
        let options = serde_json::from_str(&plan.options_at(slot_ms, moment.now_ms)).ok();
        let options = options.and_then(|wire| JobOptions::from_wire(wire).ok());
        let options = options.unwrap_or_else(JobOptions::bare);
        let data = body.data.clone().unwrap_or_else(|| Payload::from_store(EMPTY));
        let job = crate::job::NewJob { name: (*body.name).to_owned(), data, options, id: None };
        self.create(id.clone(), AddedJob::new(job), None, moment);
        id
    }

    /// Arms the run after one that was claimed; a run that is not the armed one arms nothing.
    pub(super) fn arm_following(
        &mut self,
        followings: Vec<Following>,
        moment: &mut Moment<'_>,
    ) -> Outcome {
        for Following { run, plan } in followings {
            let Some(body) = self.schedulers.get(plan.scheduler.as_str()) else { continue };
            if body.run_at(body.next_ms) != run {
                continue;
            }
            let of_interval = |slots| next_slot(slots, Some(body.next_ms), moment.now_ms);
            let slot_ms = body.slots().map(of_interval).or(plan.slot_ms);
            let Some(slot_ms) = slot_ms else { continue };
            let id = body.run_at(slot_ms);
            if self.index.contains_key(&id) {
                self.events.push(moment.now_ms, EventKind::Duplicated { id });
                continue;
            }
            let mut body = body.clone();
            self.arm(&body, &plan, slot_ms, moment);
            (body.iterations, body.next_ms) = (body.iterations + 1, slot_ms);
            self.schedulers.insert(body.id.clone(), body);
        }
        Outcome::Done
    }

    pub(super) fn unschedule(&mut self, id: &str, now_ms: u64) -> Outcome {
        let Some(body) = self.schedulers.remove(id) else { return Outcome::Removed(false) };
        let run = body.run_at(body.next_ms);
        let is_delayed = matches!(
            self.index.get(&run),
            Some(Standing::Live(slot)) if matches!(self.live[*slot].place, Place::Delayed { .. })
        );
        if is_delayed {
            self.take_out(&run);
            let prev = Some(JobState::Delayed);
            self.events.push(now_ms, EventKind::Removed { id: run, prev });
        }
        Outcome::Removed(true)
    }
}
