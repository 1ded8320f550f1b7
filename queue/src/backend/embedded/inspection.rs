//! Looking at a queue of the embedded store.
//!
//! The state tells where a job is; what is not in memory is read from the tables after the look.
//! Never changes anything.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use rusqlite::Connection;

use crate::backend::clear::check_ended;
use crate::backend::{Counts, EventPage, Inspect, ListQuery, Metrics};
use crate::error::Result;
use crate::event::Position;
use crate::job::{JobId, JobSnapshot, JobState, Payload};

use super::job_body::{LiveJob, Place, Record};
use super::queue_handle::QueueHandle;
use super::queue_state::{QueueState, Standing};
use super::{log_rows, reader, tables};

/// The most jobs that a list returns.
const LIST_MAX: u64 = 1000;

/// A job as far as the memory knows it.
enum Found {
    Live(JobSnapshot),
    LiveWithout(JobSnapshot, u64),
    Ended(Arc<Record>),
    InTables(u64),
}

impl Found {
    fn of(queue: &QueueState, standing: Standing) -> Self {
        match standing {
            Standing::Live(slot) => Self::of_live(&queue.live[slot]),
            Standing::Ended(key) => match queue.ended.record(key.serial) {
                Some(record) => Self::Ended(Arc::clone(record)),
                None => Self::InTables(key.serial),
            },
        }
    }

    fn of_live(job: &LiveJob) -> Self {
        let snapshot = |data| JobSnapshot {
            job: job.body.to_job(data),
            state: job.place.state(),
            due_ms: job.place.due_ms(),
            cancel_requested: job.cancel_requested,
        };
        match &job.body.data {
            Some(data) => Self::Live(snapshot(data.clone())),
            None => Self::LiveWithout(snapshot(Payload::null()), job.body.serial),
        }
    }

    /// Reads what is missing; `None` when the job has gone meanwhile.
    fn complete(self, connection: &Connection) -> rusqlite::Result<Option<JobSnapshot>> {
        Ok(match self {
            Self::Live(snapshot) => Some(snapshot),
            Self::LiveWithout(mut snapshot, serial) => tables::read_payload(connection, serial)?
                .map(|data| {
                    snapshot.job.data = Payload::from_store(data);
                    snapshot
                }),
            Self::Ended(record) => {
                let data = match &record.body.data {
                    Some(data) => Some(data.clone()),
                    None => tables::read_payload(connection, record.body.serial)?
                        .map(Payload::from_store),
                };
                data.map(|data| ended_snapshot(&record, data))
            }
            Self::InTables(serial) => reader::ended_job(connection, serial)?
                .map(|(record, data)| ended_snapshot(&record, data)),
        })
    }

    fn in_memory(&self) -> Option<JobSnapshot> {
        match self {
            Self::Live(snapshot) => Some(snapshot.clone()),
            Self::Ended(record) => {
                record.body.data.as_ref().map(|data| ended_snapshot(record, data.clone()))
            }
            Self::LiveWithout(..) | Self::InTables(_) => None,
        }
    }
}

fn ended_snapshot(record: &Record, data: Payload) -> JobSnapshot {
    JobSnapshot {
        job: record.to_job(data),
        state: record.state,
        due_ms: None,
        cancel_requested: false,
    }
}

impl QueueHandle {
    async fn complete(&self, found: Vec<Option<Found>>) -> Result<Vec<Option<JobSnapshot>>> {
        let complete = |found: &Option<Found>| found.as_ref().map(Found::in_memory);
        let in_memory: Vec<_> = found.iter().map(complete).collect();
        if in_memory.iter().all(|found| !matches!(found, Some(None))) {
            return Ok(in_memory.into_iter().map(Option::flatten).collect());
        }
        let read = move |connection: &Connection| {
            let complete = |found: Option<Found>| match found {
                Some(found) => found.complete(connection),
                None => Ok(None),
            };
            found.into_iter().map(complete).collect::<rusqlite::Result<Vec<_>>>()
        };
        self.door.reader.read("read", read).await
    }
}

#[async_trait]
impl Inspect for QueueHandle {
    async fn jobs(&self, ids: &[JobId]) -> Result<Vec<Option<JobSnapshot>>> {
        let found = self.look(|queue| {
            let find = |id| queue.index.get(id).map(|standing| Found::of(queue, *standing));
            ids.iter().map(find).collect()
        })?;
        self.complete(found).await
    }

    async fn counts(&self) -> Result<Counts> {
        self.look(|queue| {
            JobState::ALL
                .into_iter()
                .map(|state| (state.as_str(), queue.count(state) as u64))
                .collect()
        })
    }

    async fn counts_by_priority(&self, priorities: &[u32]) -> Result<Vec<u64>> {
        self.look(|queue| {
            let count = |priority: &u32| match *priority {
                0 => queue.waiting.len(),
                priority => {
                    let of = |entry: &&(u32, i64, JobId)| entry.0 == priority;
                    let from = (priority, i64::MIN, JobId::from_store(""));
                    queue.prioritized.range(from..).map(|(key, _)| key).take_while(of).count()
                }
            };
            priorities.iter().map(|priority| count(priority) as u64).collect()
        })
    }

    async fn list(&self, query: ListQuery) -> Result<Vec<JobSnapshot>> {
        let found = self.look(|queue| {
            let standings = list(queue, query).into_iter();
            standings.map(|standing| Some(Found::of(queue, standing))).collect()
        })?;
        Ok(self.complete(found).await?.into_iter().flatten().collect())
    }

    async fn logs(&self, id: &JobId, skip: u64, limit: u64) -> Result<(Vec<String>, u64)> {
        let Some(log) = self.look(|queue| queue.log_of(id))? else { return Ok((Vec::new(), 0)) };
        let read = move |connection: &Connection| log_rows::read(connection, log, skip, limit);
        self.door.reader.read("logs", read).await
    }

    async fn is_paused(&self) -> Result<bool> {
        self.look(|queue| queue.paused)
    }

    async fn metrics(&self, ended: JobState, skip: u64, limit: u64) -> Result<Metrics> {
        check_ended(ended)?;
        self.look(|queue| queue.meters.read(ended, skip, limit))
    }

    async fn place(&self, id: &JobId) -> Result<Option<u64>> {
        self.look(|queue| {
            let Some(Standing::Live(slot)) = queue.index.get(id) else { return None };
            let before = match queue.live[*slot].place {
                Place::Waiting { order } => queue.waiting.range(..order).count(),
                Place::Prioritized { priority, turn } => {
                    let before = queue.prioritized.range(..(priority, turn, id.clone()));
                    queue.waiting.len() + before.count()
                }
                Place::Delayed { .. } | Place::Active { .. } | Place::WaitingChildren { .. } => {
                    return None;
                }
            };
            Some(before as u64)
        })
    }

    async fn events(&self, after: Position, limit: usize, block: Duration) -> Result<EventPage> {
        let limit_reached = tokio::time::sleep(block);
        tokio::pin!(limit_reached);
        loop {
            let told = self.signals.events.notified();
            tokio::pin!(told);
            // Registered before the look, so that what comes after the look wakes it.
            told.as_mut().enable();
            let page = self.look(|queue| queue.events.page(after, limit))?;
            if !page.events.is_empty() || page.gap || block.is_zero() || limit == 0 {
                return Ok(page);
            }
            tokio::select! {
                () = told => {}
                () = &mut limit_reached => return Ok(page),
            }
        }
    }

    async fn last_position(&self) -> Result<Position> {
        self.look(|queue| queue.events.last())
    }
}

fn list(queue: &QueueState, query: ListQuery) -> Vec<Standing> {
    let live = |slot: &super::slots::Slot| Standing::Live(*slot);
    match query.state {
        JobState::Waiting => page(queue.waiting.values().map(live), query),
        JobState::Delayed => page(queue.delayed.values().map(live), query),
        JobState::Active => page(queue.active.values().map(live), query),
        JobState::Completed | JobState::Failed => {
            let ids = queue.ended.order(query.state).keys().map(|(_, id)| id);
            let found = page(ids, query).into_iter();
            found.filter_map(|id| queue.index.get(id).copied()).collect()
        }
        JobState::Prioritized => page(queue.prioritized.values().map(live), query),
        JobState::WaitingChildren => page(queue.waiting_children.values().map(live), query),
    }
}

fn page<T>(all: impl DoubleEndedIterator<Item = T>, query: ListQuery) -> Vec<T> {
    let skip = usize::try_from(query.skip).unwrap_or(usize::MAX);
    let limit = usize::try_from(query.limit.min(LIST_MAX)).unwrap_or(usize::MAX);
    if query.newest_first {
        return all.rev().skip(skip).take(limit).collect();
    }
    all.skip(skip).take(limit).collect()
}
