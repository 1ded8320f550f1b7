//! What a change of the time, the place in the line or the input does to a job, and how callers
//! ask for it.
//!
//! The part on the state is pure: the answer depends on the state and the operation alone.

use std::time::Duration;

use async_trait::async_trait;

use crate::backend::Change;
use crate::error::{QueueError, Result};
use crate::event::Position;
use crate::job::{JobId, Payload, check_data};
use crate::options::check_priority;

use super::job_body::Place;
use super::operation::{Ended, Operation, Outcome, millis};
use super::queue_handle::{QueueHandle, unexpected};
use super::queue_state::{Moment, QueueState, Side, Standing};

impl QueueState {
    pub(super) fn change_delay(&mut self, id: JobId, delay_ms: u64, now_ms: u64) -> Outcome {
        let slot = match self.delayed_slot(id, "change delay") {
            Ok(slot) => slot,
            Err(denied) => return Outcome::Denied(denied),
        };
        self.leave(slot);
        self.live.change(slot).body.delay_ms = delay_ms;
        Outcome::At(self.delay(slot, now_ms.saturating_add(delay_ms), now_ms))
    }

    pub(super) fn change_priority(
        &mut self,
        id: JobId,
        priority: u32,
        front: bool,
        ended: Vec<Ended>,
    ) -> Outcome {
        let slot = match self.index.get(&id) {
            None => return Outcome::Denied(QueueError::NoSuchJob(id)),
            Some(Standing::Live(slot)) => *slot,
            Some(Standing::Ended(_)) => {
                let change = |ended: &mut Ended| ended.record.body.priority = priority;
                let again = |id, ended| Operation::ChangePriority { id, priority, front, ended };
                return self.change_ended(id, ended, change, again);
            }
        };
        let place = self.live[slot].place;
        let may_run = matches!(place, Place::Waiting { .. } | Place::Prioritized { .. });
        if may_run {
            self.leave(slot);
        }
        self.live.change(slot).body.priority = priority;
        if may_run {
            self.line_up(slot, if front { Side::Front } else { Side::Back });
        }
        Outcome::Done
    }

    pub(super) fn change_data(
        &mut self,
        id: JobId,
        data: Payload,
        ended: Vec<Ended>,
        moment: &mut Moment<'_>,
    ) -> Outcome {
        match self.index.get(&id) {
            None => return Outcome::Denied(QueueError::NoSuchJob(id)),
            // Under a new serial: rows of the old input may be being written just now.
            Some(Standing::Live(slot)) => {
                let old_row = self.live.replace_data(*slot, moment.next_serial(), data);
                self.ended.graves.jobs.extend(old_row);
            }
            Some(Standing::Ended(_)) => {
                let new = data.clone();
                let change = |ended: &mut Ended| ended.data = new;
                let again = |id, ended| Operation::ChangeData { id, data, ended };
                return self.change_ended(id, ended, change, again);
            }
        }
        Outcome::Done
    }

    /// Changes an ended job if it is the one that was read, else asks to read it.
    fn change_ended(
        &mut self,
        id: JobId,
        mut ended: Vec<Ended>,
        change: impl FnOnce(&mut Ended),
        again: impl FnOnce(JobId, Vec<Ended>) -> Operation,
    ) -> Outcome {
        let serial = match self.index.get(&id) {
            Some(Standing::Ended(key)) => key.serial,
            _ => return Outcome::Denied(QueueError::NoSuchJob(id)),
        };
        match ended.pop() {
            Some(mut ended) if ended.record.body.serial == serial => {
                change(&mut ended);
                self.ended.update(ended);
                Outcome::Done
            }
            _ => Outcome::Again(Box::new(again(id, Vec::new()))),
        }
    }
}

#[async_trait]
impl Change for QueueHandle {
    async fn change_delay(&self, id: &JobId, delay: Duration) -> Result<Position> {
        let operation = Operation::ChangeDelay { id: id.clone(), delay_ms: millis(delay) };
        match self.operate("change delay", operation).await? {
            Outcome::At(version) => Ok(version),
            other => unexpected(&other),
        }
    }

    async fn change_priority(&self, id: &JobId, priority: u32, front: bool) -> Result<()> {
        check_priority(priority)?;
        let (id, ended) = (id.clone(), Vec::new());
        let operation = Operation::ChangePriority { id, priority, front, ended };
        self.operate("change priority", operation).await.map(drop)
    }

    async fn change_data(&self, id: &JobId, data: Payload) -> Result<()> {
        check_data(&data)?;
        let operation = Operation::ChangeData { id: id.clone(), data, ended: Vec::new() };
        self.operate("change data", operation).await.map(drop)
    }
}
