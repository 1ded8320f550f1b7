//! A queue of the embedded store as callers hold it: producing, consuming and upkeep.
//!
//! Turns calls into operations and outcomes into answers. Never decides what an operation means.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use crate::backend::{
    Added, Cancelled, Claim, Claimed, Consume, Held, Maintain, Produce, Renewal, Submitted, Turn,
    Waited,
};
use crate::error::{QueueError, Result};
use crate::event::Position;
use crate::job::{ClaimedJob, JobId, NewJob, Payload};
use crate::outcome::Settlement;

use super::door::Door;
use super::operation::{AddedJob, Operation, Outcome, QueueNumber, Taken, millis};
use super::queue_state::QueueState;
use super::request::LogRow;
use super::shared::{Signals, locked};
use super::slots::Slot;
use super::tables;

pub(super) struct QueueHandle {
    pub(super) door: Arc<Door>,
    pub(super) number: QueueNumber,
    pub(super) signals: Arc<Signals>,
}

impl QueueHandle {
    pub(super) fn new(door: Arc<Door>, number: QueueNumber) -> Self {
        let signals = door.shared.signals(number);
        Self { door, number, signals }
    }

    pub(super) async fn operate(
        &self,
        name: &'static str,
        operation: Operation,
    ) -> Result<Outcome> {
        self.door.operate(name, self.number, operation).await
    }

    /// Looks at the state as it is now.
    pub(super) fn look<T>(&self, look: impl FnOnce(&QueueState) -> T) -> Result<T> {
        let machine = locked(&self.door.shared.machine);
        let queue = machine.queue(self.number);
        queue.map(look).ok_or_else(|| QueueError::Corrupt("a queue that is not there".to_owned()))
    }

    /// Reads the inputs that are not in memory.
    async fn fill(&self, taken: Taken) -> Result<Claimed> {
        let next_due_ms = taken.next_due_ms;
        let serials: Vec<u64> = taken.jobs.iter().filter_map(|taken| taken.data_at).collect();
        let mut inputs = self.inputs(serials).await?;
        let jobs = taken.jobs.into_iter().map(|taken| {
            let mut claimed = ClaimedJob {
                job: taken.job,
                token: taken.token,
                version: taken.version,
                unreadable: None,
            };
            match taken.data_at.map(|serial| inputs.remove(&serial)) {
                None => {}
                Some(Some(data)) => claimed.job.data = data,
                Some(None) => claimed.unreadable = Some(INPUT_LOST.to_owned()),
            }
            claimed
        });
        let mut jobs = jobs.collect();
        self.arm_following(&mut jobs).await;
        Ok(Claimed { jobs, next_due_ms })
    }

    /// Returns inputs of the payload table by their serials.
    pub(super) async fn inputs(&self, serials: Vec<u64>) -> Result<HashMap<u64, Payload>> {
        if serials.is_empty() {
            return Ok(HashMap::new());
        }
        let read = move |connection: &rusqlite::Connection| {
            let mut inputs = HashMap::new();
            for serial in serials {
                if let Some(data) = tables::read_payload(connection, serial)? {
                    inputs.insert(serial, Payload::from_store(data));
                }
            }
            Ok(inputs)
        };
        self.door.reader.read("read", read).await
    }
}

const INPUT_LOST: &str = "DATA_UNREADABLE: the store has lost the input of this job";

/// An answer that does not belong to the question would be a mistake in this module.
pub(super) fn unexpected<T>(outcome: &Outcome) -> Result<T> {
    Err(QueueError::Corrupt(format!("an answer that was not asked for: {outcome:?}")))
}

#[async_trait]
impl Produce for QueueHandle {
    async fn add(&self, jobs: Vec<NewJob>) -> Result<Vec<Added>> {
        jobs.iter().try_for_each(NewJob::check)?;
        if jobs.is_empty() {
            return Ok(Vec::new());
        }
        let jobs = jobs.into_iter().map(AddedJob::new).collect();
        match self.operate("add", Operation::Add { jobs }).await? {
            Outcome::Added(added) => Ok(added),
            other => unexpected(&other),
        }
    }

    async fn submit(&self, jobs: Vec<NewJob>) -> Result<Vec<Submitted>> {
        jobs.iter().try_for_each(NewJob::check_submitted)?;
        if jobs.is_empty() {
            return Ok(Vec::new());
        }
        let jobs = jobs.into_iter().map(AddedJob::submitted).collect();
        match self.operate("submit", Operation::Submit { jobs, runs: Vec::new() }).await? {
            Outcome::Submitted(submitted) => Ok(submitted),
            other => unexpected(&other),
        }
    }

    async fn retry(&self, id: &JobId, reset_attempts: bool) -> Result<Position> {
        let operation =
            Operation::Retry { id: id.clone(), reset: reset_attempts, ended: Vec::new() };
        match self.operate("retry", operation).await? {
            Outcome::At(version) => Ok(version),
            other => unexpected(&other),
        }
    }

    async fn remove(&self, id: &JobId) -> Result<bool> {
        match self.operate("remove", Operation::Remove { id: id.clone() }).await? {
            Outcome::Removed(removed) => Ok(removed),
            other => unexpected(&other),
        }
    }

    async fn cancel(&self, id: &JobId) -> Result<Cancelled> {
        match self.operate("cancel", Operation::Cancel { id: id.clone() }).await? {
            Outcome::Cancelled(cancelled) => Ok(cancelled),
            other => unexpected(&other),
        }
    }

    async fn promote(&self, id: &JobId) -> Result<Position> {
        match self.operate("promote", Operation::Promote { id: id.clone() }).await? {
            Outcome::At(version) => Ok(version),
            other => unexpected(&other),
        }
    }

    async fn pause(&self) -> Result<()> {
        self.operate("pause", Operation::Pause {}).await.map(drop)
    }

    async fn resume(&self) -> Result<()> {
        self.operate("resume", Operation::Resume {}).await.map(drop)
    }
}

#[async_trait]
impl Consume for QueueHandle {
    async fn claim(&self, request: &Claim) -> Result<Claimed> {
        Ok(self.settle(Vec::new(), Some(request)).await?.claimed)
    }

    async fn settle(&self, settlements: Vec<Settlement>, next: Option<&Claim>) -> Result<Turn> {
        let operation = Operation::Turn { settlements, next: next.cloned() };
        match self.operate("settle", operation).await? {
            Outcome::Turn(settled, taken) => Ok(Turn { settled, claimed: self.fill(taken).await? }),
            other => unexpected(&other),
        }
    }

    async fn renew(&self, held: &[Held], lock: Duration) -> Result<Renewal> {
        let operation = Operation::Renew { held: held.to_vec(), lock_ms: millis(lock) };
        match self.operate("renew", operation).await? {
            Outcome::Renewed(renewal) => Ok(renewal),
            other => unexpected(&other),
        }
    }

    async fn progress(&self, id: &JobId, progress: Payload) -> Result<Position> {
        let operation = Operation::Progress { id: id.clone(), progress, ended: Vec::new() };
        match self.operate("progress", operation).await? {
            Outcome::At(version) => Ok(version),
            other => unexpected(&other),
        }
    }

    async fn log(&self, id: &JobId, row: &str, keep: Option<u64>) -> Result<()> {
        let row = LogRow { text: row.to_owned(), keep };
        let operation = Operation::Logged { id: id.clone() };
        self.door.operate_with("log", self.number, operation, Some(row)).await.map(drop)
    }

    async fn wait(&self, timeout: Duration) -> Result<Waited> {
        let limit = tokio::time::sleep(timeout);
        tokio::pin!(limit);
        loop {
            let woken = self.signals.work.notified();
            tokio::pin!(woken);
            // Registered before the look, so that what comes after the look wakes it.
            woken.as_mut().enable();
            let now_ms = self.door.clock.now_ms();
            let (claimable, due) =
                self.look(|queue| (queue.is_claimable(now_ms), queue.next_chance_ms(now_ms)))?;
            if claimable {
                return Ok(Waited::News);
            }
            let until_due = due.map_or(timeout, |due| {
                Duration::from_millis(due.saturating_sub(now_ms)).min(timeout)
            });
            tokio::select! {
                () = woken => {}
                () = tokio::time::sleep(until_due) => {}
                () = &mut limit => return Ok(Waited::Quiet),
            }
        }
    }
}

#[async_trait]
impl Maintain for QueueHandle {
    async fn sweep_stalled(&self, interval: Duration, stalled_max: u32) -> Result<Vec<JobId>> {
        let operation = Operation::Sweep { interval_ms: millis(interval), stalled_max };
        match self.operate("sweep", operation).await? {
            Outcome::Swept(ids) => Ok(ids),
            other => unexpected(&other),
        }
    }

    async fn promote_due(&self) -> Result<(u64, Option<u64>)> {
        match self.operate("promote", Operation::PromoteDue {}).await? {
            Outcome::Promoted(promoted, next_due_ms) => Ok((promoted, next_due_ms)),
            other => unexpected(&other),
        }
    }

    async fn oldest_waiting_ms(&self) -> Result<Option<u64>> {
        let now_ms = self.door.clock.now_ms();
        self.look(|queue| {
            let plain = queue.waiting.first_key_value().map(|(_, slot)| slot);
            let ranked = queue.prioritized.first_key_value().map(|(_, slot)| slot);
            let age = |slot: &Slot| now_ms.saturating_sub(queue.live[*slot].since_ms);
            plain.into_iter().chain(ranked).map(age).max()
        })
    }
}
