//! Reading a record that is not in memory: status store, queue, catalog, one flight per job.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use async_trait::async_trait;
use oxherd_queue::job::JobSnapshot;
use oxherd_queue::outcome::Failure;
use oxherd_queue::status::StatusRecord;
use oxherd_queue::{Backend, JobId, Payload, QueueError};
use oxherd_study::accept::jobs::{MATERIAL_QUEUE, PLAN_QUEUE};
use oxherd_study::material::{EntityError, MaterialStatus};
use oxherd_study::plan::GenerationStatus;
use oxherd_study::{MaterialId, PlanId, UserId};
use serde::Deserialize;
use serde_json::json;
use tokio::sync::watch;

use super::change::{Change, apply, change_of, record_of};
use super::{Inner, Records};
use crate::handles::StatusSource;

/// Lookups that are under way, so that many readers of one job cost one.
#[derive(Default)]
pub(super) struct Flights(Mutex<HashMap<JobId, Weak<tokio::sync::Mutex<()>>>>);

impl Flights {
    fn of(&self, job: &JobId) -> Arc<tokio::sync::Mutex<()>> {
        let mut flights = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(flight) = flights.get(job).and_then(Weak::upgrade) {
            return flight;
        }
        flights.retain(|_, flight| flight.strong_count() > 0);
        let flight = Arc::default();
        flights.insert(job.clone(), Arc::downgrade(&flight));
        flight
    }
}

#[async_trait]
impl StatusSource for Records {
    async fn lookup(&self, job: &JobId) -> Result<Option<Arc<StatusRecord>>, QueueError> {
        if let Some(record) = self.known(job) {
            return Ok(Some(record));
        }
        let flight = self.inner.flights.of(job);
        let _landing = flight.lock().await;
        if let Some(record) = self.known(job) {
            return Ok(Some(record));
        }
        self.fetch(job).await
    }

    fn watch(&self, job: &JobId) -> watch::Receiver<Option<Arc<StatusRecord>>> {
        self.inner.shards.watch(job)
    }

    async fn place(&self, job: &JobId) -> Option<u64> {
        self.queue_of(job)?.place(job).await.ok().flatten()
    }
}

impl Records {
    fn known(&self, job: &JobId) -> Option<Arc<StatusRecord>> {
        let fresh = |entry: &super::shards::Entry| entry.record.clone().filter(|_| !entry.is_stale);
        self.inner.shards.read(job, fresh).flatten()
    }

    /// Returns the queue that a job belongs to, told by the prefix of its id.
    fn queue_of(&self, job: &JobId) -> Option<&Arc<dyn Backend>> {
        self.inner.queues.get(queue_name(job)?)
    }

    /// Reads a record from the stores; while they are away, what was known is better than nothing.
    async fn fetch(&self, job: &JobId) -> Result<Option<Arc<StatusRecord>>, QueueError> {
        let old = self.inner.shards.read(job, |entry| entry.record.clone()).flatten();
        match self.inner.read_through(job, old.as_deref()).await {
            Ok(None) => Ok(old),
            Ok(Some(record)) => Ok(Some(self.take_over(record))),
            Err(error) => match old {
                Some(old) => Ok(Some(old)),
                None => Err(error),
            },
        }
    }

    fn take_over(&self, record: StatusRecord) -> Arc<StatusRecord> {
        let job = record.job.clone();
        let (shown, is_new) = self.inner.shards.write(&job, |entry| {
            entry.is_stale = false;
            match &entry.record {
                Some(old) if !record.supersedes(old) => (Arc::clone(old), false),
                _ => {
                    let record = Arc::new(record);
                    entry.position = entry.position.max(record.version);
                    entry.show(Arc::clone(&record));
                    (record, true)
                }
            }
        });
        self.keep(is_new.then(|| Arc::clone(&shown)));
        shown
    }
}

fn queue_name(job: &JobId) -> Option<&'static str> {
    if job.as_str().starts_with(MaterialId::PREFIX) {
        return Some(MATERIAL_QUEUE);
    }
    job.as_str().starts_with(PlanId::PREFIX).then_some(PLAN_QUEUE)
}

impl Inner {
    async fn read_through(
        &self,
        job: &JobId,
        known: Option<&StatusRecord>,
    ) -> Result<Option<StatusRecord>, QueueError> {
        let Some(name) = queue_name(job) else { return Ok(None) };
        let stored = self.store.get(std::slice::from_ref(job)).await?.pop().flatten();
        let newest = match (stored, known) {
            (Some(stored), Some(known)) if !stored.supersedes(known) => Some(known.clone()),
            (Some(stored), _) => Some(stored),
            (None, known) => known.cloned(),
        };
        if newest.as_ref().is_some_and(|record| record.state.is_final()) {
            return Ok(newest);
        }
        let found = match self.queues.get(name) {
            Some(queue) => queue.jobs(std::slice::from_ref(job)).await?.pop().flatten(),
            None => None,
        };
        match (newest, found) {
            (Some(record), Some(found)) => Ok(Some(self.brought_up(record, &found))),
            (Some(record), None) => Ok(Some(self.from_row(record).await)),
            (None, Some(found)) => self.foreign(name, &found).await,
            (None, None) => Ok(None),
        }
    }

    /// Brings a record up to what the job in the store says.
    fn brought_up(&self, record: StatusRecord, found: &JobSnapshot) -> StatusRecord {
        if found.job.generation() < record.generation {
            return record;
        }
        let progress = found.job.progress.as_ref().and_then(super::change::progress_of);
        let record = match progress {
            Some(progress) => {
                let change = Change::Progress(progress);
                apply(&record, &change, record.version.next()).unwrap_or(record)
            }
            None => record,
        };
        let change = change_of(found, self.clock.now_ms());
        apply(&record, &change, record.version.next()).unwrap_or(record)
    }

    /// The queue has forgotten the job: the entity's row has the last word.
    async fn from_row(&self, record: StatusRecord) -> StatusRecord {
        let user = UserId::new(&record.owner);
        let Some((generation, end)) = self.row_end(&user, &record.job).await else { return record };
        if generation != record.generation {
            return record;
        }
        let at_ms = self.clock.now_ms();
        let change = match end {
            Ok(result) => Change::Completed { result: Some(result), at_ms, attempts_made: None },
            Err(error) => Change::Failed {
                error: Failure::new(error.code, error.message),
                at_ms,
                attempts_made: None,
            },
        };
        apply(&record, &change, record.version.next()).unwrap_or(record)
    }

    async fn row_end(
        &self,
        user: &UserId,
        job: &JobId,
    ) -> Option<(u64, Result<serde_json::Value, EntityError>)> {
        if let Ok(id) = MaterialId::parse(job.as_str()) {
            let row = self.ports.catalog.material(user, &id, true).await.ok()??;
            return match (row.status, row.error) {
                (MaterialStatus::Ready, _) => {
                    Some((row.generation, Ok(json!({ "materialId": id }))))
                }
                (MaterialStatus::Failed, Some(error)) => Some((row.generation, Err(error))),
                _ => None,
            };
        }
        let id = PlanId::parse(job.as_str()).ok()?;
        let row = self.ports.catalog.plan(user, &id).await.ok()??;
        match (row.generation_status, row.error) {
            (GenerationStatus::Ready, _) => Some((row.generation, Ok(json!({ "planId": id })))),
            (GenerationStatus::Failed, Some(error)) => Some((row.generation, Err(error))),
            _ => None,
        }
    }

    /// A job that nobody here accepted: it counts when its user has the entity.
    async fn foreign(
        &self,
        queue: &str,
        found: &JobSnapshot,
    ) -> Result<Option<StatusRecord>, QueueError> {
        let Some(owner) = owner_of(&found.job.data) else { return Ok(None) };
        let user = UserId::new(&owner);
        let id = found.job.id.as_str();
        let exists = match (MaterialId::parse(id), PlanId::parse(id)) {
            (Ok(id), _) => {
                self.ports.catalog.material(&user, &id, true).await.ok().flatten().is_some()
            }
            (_, Ok(id)) => self.ports.catalog.plan(&user, &id).await.ok().flatten().is_some(),
            _ => false,
        };
        Ok(exists.then(|| self.brought_up(record_of(queue, &owner, &found.job), found)))
    }
}

/// Reads whose job it is from its data.
pub(super) fn owner_of(data: &Payload) -> Option<String> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Owner {
        user_id: String,
    }
    data.decode::<Owner>().ok().map(|owner| owner.user_id)
}
