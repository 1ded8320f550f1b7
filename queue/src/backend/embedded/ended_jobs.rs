//! The ended jobs of a queue: their order in memory, their records in memory until a checkpoint
//! wrote them to the tables.
//!
//! Never reads a table: whoever needs a record that is not here reads it with [`super::reader`].

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::job::{JobId, JobState};
use crate::options::Retention;

use super::job_body::Record;
use super::operation::Ended;

/// Where an ended job is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct EndedKey {
    pub(super) state: JobState,
    pub(super) finished_ms: u64,
    pub(super) serial: u64,
    /// The key of its log rows.
    pub(super) log: u64,
    /// Whether it may have log rows.
    pub(super) has_log: bool,
}

/// Rows that nothing refers to any more.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Graves {
    /// Serials of jobs that have or may have a record or an input in the tables.
    pub(super) jobs: Vec<u64>,
    /// Keys of log rows.
    pub(super) logs: Vec<u64>,
}

super::encoding::encoded_struct!(Graves { jobs, logs });

impl Graves {
    pub(super) fn append(&mut self, mut other: Self) {
        self.jobs.append(&mut other.jobs);
        self.logs.append(&mut other.logs);
    }
}

/// Ended jobs by the time of their end, those of one millisecond by their ids, as in BullMQ; with
/// their serials.
type Order = BTreeMap<(u64, JobId), u64>;

/// The ended jobs.
#[derive(Debug, Default)]
pub(super) struct EndedJobs {
    completed: Order,
    failed: Order,
    /// Records that no checkpoint has begun to write.
    pending: BTreeMap<u64, Arc<Record>>,
    /// Records that a checkpoint has begun to write, so that they may have rows.
    frozen: BTreeMap<u64, Arc<Record>>,
    pub(super) graves: Graves,
}

impl EndedJobs {
    pub(super) fn order(&self, state: JobState) -> &Order {
        if state == JobState::Completed { &self.completed } else { &self.failed }
    }

    fn order_mut(&mut self, state: JobState) -> &mut Order {
        if state == JobState::Completed { &mut self.completed } else { &mut self.failed }
    }

    /// Takes a job that ended just now.
    pub(super) fn insert(&mut self, record: Record) -> EndedKey {
        let Record { state, finished_ms, .. } = record;
        let (serial, log, has_log) = (record.body.serial, record.body.log, record.body.has_log);
        let key = EndedKey { state, finished_ms, serial, log, has_log };
        self.restore(key, record.body.id.clone());
        self.pending.insert(key.serial, Arc::new(record));
        key
    }

    /// Puts a changed job in the place of an older form of it.
    pub(super) fn update(&mut self, ended: Ended) {
        let Ended { mut record, data } = ended;
        // Kept with the record: after a crash the payload table may lack it, or have an older one.
        record.body.data = Some(data);
        record.body.data_stored = false;
        self.pending.insert(record.body.serial, Arc::new(Record { has_rows: true, ..record }));
    }

    /// Takes a job whose record is in the tables.
    pub(super) fn restore(&mut self, key: EndedKey, id: JobId) {
        self.order_mut(key.state).insert((key.finished_ms, id), key.serial);
    }

    /// Returns the record if it is in memory; if not, the tables have it.
    pub(super) fn record(&self, serial: u64) -> Option<&Arc<Record>> {
        self.pending.get(&serial).or_else(|| self.frozen.get(&serial))
    }

    /// Takes a job out; its log stays if another life of the job goes on with it.
    pub(super) fn remove(&mut self, id: &JobId, key: EndedKey, keep_log: bool) {
        self.order_mut(key.state).remove(&(key.finished_ms, id.clone()));
        let pending = self.pending.remove(&key.serial);
        let was_frozen = self.frozen.remove(&key.serial).is_some();
        if was_frozen || pending.is_none_or(|record| record.has_rows) {
            self.graves.jobs.push(key.serial);
        }
        if key.has_log && !keep_log {
            self.graves.logs.push(key.log);
        }
    }

    /// Returns jobs that ended at least as long ago as they are kept, the newest of them first.
    pub(super) fn aged(&self, state: JobState, now_ms: u64, keep: Retention) -> Vec<JobId> {
        let Some(age_seconds) = keep.age_seconds else { return Vec::new() };
        let most = keep.limit.unwrap_or(u64::MAX).min(Retention::LIMIT_DEFAULT);
        let limit = now_ms.saturating_sub(age_seconds.saturating_mul(1000));
        let most = usize::try_from(most).unwrap_or(usize::MAX);
        let aged = self.until(state, limit).rev();
        aged.take(most).cloned().collect()
    }

    /// Returns the jobs that ended until a time, the oldest first.
    pub(super) fn until(
        &self,
        state: JobState,
        until_ms: u64,
    ) -> impl DoubleEndedIterator<Item = &JobId> {
        let end = (until_ms.saturating_add(1), JobId::from_store(""));
        self.order(state).range(..end).map(|((_, id), _)| id)
    }

    /// Returns the jobs beyond the newest `count`, the newest of them first.
    pub(super) fn beyond(&self, state: JobState, count: u64) -> Vec<JobId> {
        let order = self.order(state);
        let beyond = order.len().saturating_sub(usize::try_from(count).unwrap_or(usize::MAX));
        let mut ids: Vec<_> = order.keys().take(beyond).map(|(_, id)| id.clone()).collect();
        ids.reverse();
        ids
    }

    /// Gives the records to a checkpoint; they stay readable until it has ended.
    pub(super) fn freeze(&mut self) -> (Vec<Arc<Record>>, Graves) {
        self.frozen.append(&mut self.pending);
        (self.frozen.values().cloned().collect(), std::mem::take(&mut self.graves))
    }

    /// Gives up what the checkpoint wrote, to be dropped at leisure.
    pub(super) fn thaw(&mut self) -> BTreeMap<u64, Arc<Record>> {
        std::mem::take(&mut self.frozen)
    }

    /// Takes back what a failed checkpoint was to delete; the next one writes its records again.
    pub(super) fn unfreeze(&mut self, graves: Graves) {
        self.graves.append(graves);
    }
}
