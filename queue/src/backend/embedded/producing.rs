//! What adding, submitting, retrying, removing, cancelling, promoting and pausing do to a queue.
//!
//! Pure: the answer depends on the state and the operation alone.

use crate::backend::{Added, Cancelled, Submitted};
use crate::error::QueueError;
use crate::event::{EventKind, Position};
use crate::job::{JobId, JobState};
use crate::outcome::Failure;

use super::ended_jobs::EndedKey;
use super::job_body::{JobBody, Place};
use super::operation::{AddedJob, Ended, EndedRun, Operation, Outcome};
use super::queue_state::{End, Moment, QueueState, Side, Standing};
use super::slots::Slot;

impl QueueState {
    pub(super) fn add(&mut self, jobs: Vec<AddedJob>, moment: &mut Moment<'_>) -> Outcome {
        Outcome::Added(jobs.into_iter().map(|job| self.add_one(job, moment)).collect())
    }

    fn add_one(&mut self, job: AddedJob, moment: &mut Moment<'_>) -> Added {
        // Counted for a custom id too, as BullMQ does.
        self.last_id += 1;
        let id = match &job.id {
            Some(id) => id.clone(),
            None => JobId::from_store(self.last_id.to_string()),
        };
        if self.index.contains_key(&id) {
            self.events.push(moment.now_ms, EventKind::Duplicated { id: id.clone() });
            return Added::Duplicate { id };
        }
        if let Some(owner) = self.deduplicate(&id, &job, moment.now_ms) {
            return Added::Deduplicated { id: owner };
        }
        let version = self.create(id.clone(), job, None, moment);
        Added::Created { id, version }
    }

    /// Makes a job, new or in the place of one that ended.
    pub(super) fn create(
        &mut self,
        id: JobId,
        job: AddedJob,
        after: Option<EndedKey>,
        moment: &mut Moment<'_>,
    ) -> Position {
        let now_ms = moment.now_ms;
        let due_ms = job.timestamp_ms.unwrap_or(now_ms).saturating_add(job.delay_ms);
        let side = if job.front { Side::Front } else { Side::Back };
        let delay_ms = job.delay_ms;
        let slot = self.admit_new(id, job, after, moment);
        if delay_ms > 0 {
            self.delay(slot, due_ms, now_ms)
        } else {
            self.enqueue(slot, side, after.map(|key| key.state), now_ms)
        }
    }

    /// Makes a job that stands nowhere yet.
    pub(super) fn admit_new(
        &mut self,
        id: JobId,
        job: AddedJob,
        after: Option<EndedKey>,
        moment: &mut Moment<'_>,
    ) -> Slot {
        let now_ms = moment.now_ms;
        let timestamp_ms = job.timestamp_ms.unwrap_or(now_ms);
        if after.is_none() {
            let name = job.name.to_string();
            self.events.push(now_ms, EventKind::Added { id: id.clone(), name });
        }
        let serial = moment.next_serial();
        let body = JobBody {
            serial,
            id,
            name: job.name,
            options: job.options,
            timestamp_ms,
            timestamp_given: job.timestamp_ms.is_some(),
            delay_ms: job.delay_ms,
            priority: job.priority,
            attempts_started: 0,
            attempts_made: 0,
            stalled_count: 0,
            processed_on_ms: None,
            log: after.map_or(serial, |key| key.log),
            has_log: after.is_some_and(|key| key.has_log),
            history: None,
            data: Some(job.data),
            data_stored: false,
        };
        self.admit(body, now_ms)
    }

    pub(super) fn submit(
        &mut self,
        jobs: Vec<AddedJob>,
        runs: &[EndedRun],
        moment: &mut Moment<'_>,
    ) -> Outcome {
        let is_known = |job: &AddedJob| match job.id.as_ref().and_then(|id| self.index.get(id)) {
            Some(Standing::Ended(key)) => runs.iter().any(|run| run.serial == key.serial),
            _ => true,
        };
        if !jobs.iter().all(is_known) {
            return Outcome::Again(Box::new(Operation::Submit { jobs, runs: Vec::new() }));
        }
        let submit = |job| self.submit_one(job, runs, moment);
        Outcome::Submitted(jobs.into_iter().map(submit).collect())
    }

    /// A run that follows an ended one starts without a trace of that, but for its log.
    fn submit_one(
        &mut self,
        job: AddedJob,
        runs: &[EndedRun],
        moment: &mut Moment<'_>,
    ) -> Submitted {
        let id = job.id.clone().unwrap_or_else(|| JobId::from_store(""));
        let key = match self.index.get(&id) {
            None => {
                self.last_id += 1;
                return Submitted::Added { version: self.create(id, job, None, moment) };
            }
            Some(Standing::Live(slot)) => {
                return Submitted::Unchanged { state: self.live[*slot].place.state() };
            }
            Some(Standing::Ended(key)) => *key,
        };
        let run = runs.iter().find(|run| run.serial == key.serial);
        if run.is_none_or(|run| run.generation >= job.generation) {
            return Submitted::Unchanged { state: key.state };
        }
        self.ended.remove(&id, key, true);
        self.families.back(&id);
        self.tell_own_parents(moment.now_ms);
        Submitted::Again { version: self.create(id, job, Some(key), moment) }
    }

    pub(super) fn retry(
        &mut self,
        id: JobId,
        reset: bool,
        mut ended: Vec<Ended>,
        moment: &mut Moment<'_>,
    ) -> Outcome {
        let key = match self.index.get(&id) {
            Some(Standing::Ended(key)) => *key,
            Some(Standing::Live(slot)) => {
                return self.wrong_state(*slot, "retry", "completed or failed");
            }
            None => return Outcome::Denied(QueueError::NoSuchJob(id)),
        };
        match ended.pop() {
            Some(ended) if ended.record.body.serial == key.serial => {
                Outcome::At(self.revive(ended, reset, None, moment))
            }
            _ => Outcome::Again(Box::new(Operation::Retry { id, reset, ended: Vec::new() })),
        }
    }

    /// Puts an ended job back to the end of the line, as another life of the same job.
    ///
    /// Without a side it is the one of the job's own options.
    pub(super) fn revive(
        &mut self,
        ended: Ended,
        reset: bool,
        side: Option<Side>,
        moment: &mut Moment<'_>,
    ) -> Position {
        let Ended { record, data } = ended;
        let mut body = record.body;
        if let Some(Standing::Ended(key)) = self.index.get(&body.id) {
            let key = *key;
            body.has_log = key.has_log;
            self.ended.remove(&body.id, key, true);
        }
        self.families.back(&body.id);
        self.tell_own_parents(moment.now_ms);
        body.serial = moment.next_serial();
        body.data = Some(data);
        body.data_stored = false;
        body.processed_on_ms = None;
        if record.state == JobState::Failed {
            body.history_mut().failed_reason = None;
        }
        if reset {
            body.attempts_made = 0;
            body.attempts_started = 0;
        }
        let slot = self.admit(body, moment.now_ms);
        let side = side.unwrap_or_else(|| self.own_side(slot));
        self.enqueue(slot, side, Some(record.state), moment.now_ms)
    }

    pub(super) fn remove(&mut self, id: &JobId, now_ms: u64) -> Outcome {
        let prev = match self.index.get(id) {
            None => return Outcome::Removed(false),
            Some(Standing::Ended(key)) => {
                let key = *key;
                self.ended.remove(id, key, false);
                key.state
            }
            Some(Standing::Live(slot)) => {
                let slot = *slot;
                if self.live[slot].hold.as_ref().is_some_and(|hold| hold.until_ms > now_ms) {
                    return self.wrong_state(slot, "remove", "any but active");
                }
                if self.is_armed_run(id) {
                    return Outcome::Denied(QueueError::ArmedRun(id.clone()));
                }
                let state = self.live[slot].place.state();
                self.leave(slot);
                let body = self.live.remove(slot).body;
                self.bury(&body);
                state
            }
        };
        self.index.remove(id);
        self.deduplications.remove_job(id);
        self.families.removed(id);
        self.tell_own_parents(now_ms);
        self.events.push(now_ms, EventKind::Removed { id: id.clone(), prev: Some(prev) });
        Outcome::Removed(true)
    }

    pub(super) fn cancel(&mut self, id: &JobId, moment: &mut Moment<'_>) -> Outcome {
        let slot = match self.index.get(id) {
            None => return Outcome::Cancelled(Cancelled::Unknown),
            Some(Standing::Ended(key)) => {
                return Outcome::Cancelled(Cancelled::AlreadyFinished { state: key.state });
            }
            Some(Standing::Live(slot)) => *slot,
        };
        if matches!(self.live[slot].place, Place::Active { .. }) {
            self.live.change(slot).cancel_requested = true;
            let event = EventKind::CancelRequested { id: id.clone() };
            let version = self.events.push(moment.now_ms, event);
            return Outcome::Cancelled(Cancelled::Requested { version, foreign: false });
        }
        if self.is_armed_run(id) {
            return Outcome::Denied(QueueError::ArmedRun(id.clone()));
        }
        self.leave(slot);
        let end = End::Failed(Failure::cancelled().to_string());
        let version = self.end(slot, end, None, moment);
        Outcome::Cancelled(Cancelled::Ended { version })
    }

    pub(super) fn promote(&mut self, id: JobId, now_ms: u64) -> Outcome {
        let slot = match self.delayed_slot(id, "promote") {
            Ok(slot) => slot,
            Err(denied) => return Outcome::Denied(denied),
        };
        self.leave(slot);
        Outcome::At(self.enqueue(slot, Side::Back, Some(JobState::Delayed), now_ms))
    }

    /// Returns where a job is that has to be delayed.
    pub(super) fn delayed_slot(
        &self,
        id: JobId,
        operation: &'static str,
    ) -> Result<Slot, QueueError> {
        let state = match self.index.get(&id) {
            None => return Err(QueueError::NoSuchJob(id)),
            Some(Standing::Live(slot)) => match self.live[*slot].place {
                Place::Delayed { .. } => return Ok(*slot),
                place => place.state(),
            },
            Some(Standing::Ended(key)) => key.state,
        };
        Err(wrong_state(id, state, operation, "delayed"))
    }

    pub(super) fn pause(&mut self, now_ms: u64) -> Outcome {
        self.paused = true;
        self.events.push(now_ms, EventKind::Paused);
        Outcome::Done
    }

    pub(super) fn resume(&mut self, now_ms: u64) -> Outcome {
        self.paused = false;
        self.events.push(now_ms, EventKind::Resumed);
        Outcome::Done
    }

    fn wrong_state(&self, slot: Slot, operation: &'static str, needs: &'static str) -> Outcome {
        let job = &self.live[slot];
        Outcome::Denied(wrong_state(job.body.id.clone(), job.place.state(), operation, needs))
    }
}

fn wrong_state(
    id: JobId,
    state: JobState,
    operation: &'static str,
    needs: &'static str,
) -> QueueError {
    QueueError::WrongState { id, state, operation, needs }
}
