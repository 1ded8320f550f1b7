//! Reading a record that is not in memory: status store, queue, catalog, one flight per job.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use async_trait::async_trait;
use oxherd_queue::job::JobSnapshot;
use oxherd_queue::outcome::Failure;
use oxherd_queue::status::StatusRecord;
use oxherd_queue::{Backend, JobId, Payload, Position, QueueError};
use oxherd_study::accept::jobs::{MATERIAL_JOB, MATERIAL_QUEUE, PLAN_JOB, PLAN_QUEUE};
use oxherd_study::material::{EntityError, MaterialStatus};
use oxherd_study::plan::GenerationStatus;
use oxherd_study::ports::Entity;
use oxherd_study::{MaterialId, PlanId, UserId};
use serde::Deserialize;
use serde_json::json;
use tokio::sync::watch;

use super::change::{Change, apply, change_of, record_of};
use super::{AcceptedRun, Inner, Records};
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
            Ok(Some(record)) => Ok(Some(self.take_over(record, old.as_deref()))),
            Err(error) => match old {
                Some(old) => Ok(Some(old)),
                None => Err(error),
            },
        }
    }

    /// Takes over a record that was read, unless what was known has changed while it was.
    fn take_over(&self, record: StatusRecord, known: Option<&StatusRecord>) -> Arc<StatusRecord> {
        let job = record.job.clone();
        let known = known.map(|known| known.version);
        let (shown, is_new) = self.inner.shards.write(&job, |entry| {
            entry.is_stale = false;
            match &entry.record {
                Some(newest) if Some(newest.version) != known || !record.supersedes(newest) => {
                    (Arc::clone(newest), false)
                }
                _ => {
                    let record = Arc::new(record);
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
            (Some(record), None) => Ok(Some(self.as_its_row_says(record).await)),
            (None, Some(found)) => self.foreign(name, &found).await,
            (None, None) => self.of_entity(job).await,
        }
    }

    /// Brings a record up to what the job in the store says.
    fn brought_up(&self, record: StatusRecord, found: &JobSnapshot) -> StatusRecord {
        if found.job.generation() < record.generation {
            return record;
        }
        let progress = found.job.progress.as_ref().and_then(super::change::progress_of);
        let record = match progress {
            Some(progress) => self.told_now(record, &Change::Progress(progress)),
            None => record,
        };
        let change = change_of(found, self.clock.now_ms());
        self.told_now(record, &change)
    }

    /// Applies a change whose event is not at hand. A process that died may have shown newer
    /// versions than it saved; those of now are above them.
    fn told_now(&self, record: StatusRecord, change: &Change) -> StatusRecord {
        let now = Position { ms: self.clock.now_ms(), seq: 0 };
        apply(&record, change, now).unwrap_or(record)
    }

    /// The queue has forgotten the job: the entity's row has the last word.
    async fn as_its_row_says(&self, record: StatusRecord) -> StatusRecord {
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
        self.told_now(record, &change)
    }

    async fn row_end(
        &self,
        user: &UserId,
        job: &JobId,
    ) -> Option<(u64, Result<serde_json::Value, EntityError>)> {
        let entity = self.entity(user, job).await?;
        let generation = match &entity {
            Entity::Material(row) => row.generation,
            Entity::Plan(row) => row.generation,
        };
        Some((generation, end_of(&entity)?))
    }

    /// Reads the entity of a job, if this user has it.
    async fn entity(&self, user: &UserId, job: &JobId) -> Option<Entity> {
        let catalog = &self.ports.catalog;
        if let Ok(id) = MaterialId::parse(job.as_str()) {
            let row = catalog.material(user, &id, true).await.ok()??;
            return Some(Entity::Material(Box::new(row)));
        }
        let id = PlanId::parse(job.as_str()).ok()?;
        Some(Entity::Plan(Box::new(catalog.plan(user, &id).await.ok()??)))
    }

    /// Nothing is left but the entity: accepted, and not in the queue yet; or ended long ago.
    async fn of_entity(&self, job: &JobId) -> Result<Option<StatusRecord>, QueueError> {
        let found = self.ports.catalog.entity_of(job.as_str()).await;
        let found = found.map_err(|error| QueueError::Unavailable {
            operation: "lookup of a job's entity",
            cause: error.to_string(),
        })?;
        Ok(found.map(|entity| record_of_entity(job, &entity)))
    }

    /// A job that nobody here accepted: it counts when its user has the entity.
    async fn foreign(
        &self,
        queue: &str,
        found: &JobSnapshot,
    ) -> Result<Option<StatusRecord>, QueueError> {
        let Some(owner) = owner_of(&found.job.data) else { return Ok(None) };
        let user = UserId::new(&owner);
        let exists = self.entity(&user, &found.job.id).await.is_some();
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

/// Describes the job of an entity by what its row says.
fn record_of_entity(job: &JobId, entity: &Entity) -> StatusRecord {
    let (name, owner, generation, created_ms, updated_ms) = match entity {
        Entity::Material(row) => {
            (MATERIAL_JOB, &row.user, row.generation, row.created_ms, row.updated_ms)
        }
        Entity::Plan(row) => (PLAN_JOB, &row.user, row.generation, row.created_ms, row.updated_ms),
    };
    let run = AcceptedRun {
        job: job.clone(),
        queue: if name == PLAN_JOB { PLAN_QUEUE } else { MATERIAL_QUEUE },
        name,
        user: owner.clone(),
        generation,
        accepted_ms: created_ms,
    };
    let accepted = super::change::waiting(&run, Position { ms: created_ms, seq: 0 });
    let at_ms = updated_ms;
    let change = match end_of(entity) {
        None => return accepted,
        Some(Ok(result)) => Change::Completed { result: Some(result), at_ms, attempts_made: None },
        Some(Err(error)) => Change::Failed {
            error: Failure::new(error.code, error.message),
            at_ms,
            attempts_made: None,
        },
    };
    let told_at = Position { ms: updated_ms, seq: 0 };
    apply(&accepted, &change, told_at).unwrap_or(accepted)
}

/// Returns how the making of an entity ended, if it did.
fn end_of(entity: &Entity) -> Option<Result<serde_json::Value, EntityError>> {
    let (is_ready, error, result) = match entity {
        Entity::Material(row) => (
            row.status == MaterialStatus::Ready,
            (row.status == MaterialStatus::Failed).then(|| row.error.clone()).flatten(),
            json!({ "materialId": row.id }),
        ),
        Entity::Plan(row) => (
            row.generation_status == GenerationStatus::Ready,
            (row.generation_status == GenerationStatus::Failed)
                .then(|| row.error.clone())
                .flatten(),
            json!({ "planId": row.id }),
        ),
    };
    if is_ready { Some(Ok(result)) } else { error.map(Err) }
}
