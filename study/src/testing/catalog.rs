//! A catalog in memory: the runs with their fence, and what search reads. Accepting, listing and
//! changing are the real catalog's to test.

use std::collections::HashMap;
use std::sync::Mutex;

use async_trait::async_trait;

use crate::accept::{Accepted, IdempotencyKey, Intent, Reservation};
use crate::author::StructureAnswer;
use crate::error::{Result, StudyError};
use crate::id::{MaterialId, PlanId, SessionId, UploadId, UserId};
use crate::material::{EntityError, Material, MaterialStatus};
use crate::plan::{GenerationStatus, Plan, Session, SessionStatus};
use crate::ports::{
    Acceptance, Begun, Deleted, Effects, Entity, Library, MaterialFilter, MaterialRuns, Outbox,
    OutboxPressure, OutboxRow, Page, PageRequest, PlanChange, PlanFilter, PlanRuns, Published, Run,
    SavedPlan, Searchable, Unsettled, Upkeep,
};
use crate::upload::Upload;

/// Rows in lists.
#[derive(Default)]
pub(crate) struct FakeCatalog {
    rows: Mutex<Rows>,
}

/// What the catalog holds.
#[derive(Default)]
pub(crate) struct Rows {
    pub materials: Vec<Material>,
    pub plans: Vec<Plan>,
    pub blueprints: HashMap<(PlanId, String), StructureAnswer>,
    pub saved: Vec<SavedPlan>,
    pub published: Vec<Published>,
}

impl FakeCatalog {
    /// Reads or changes the rows.
    pub(crate) fn rows<T>(&self, look: impl FnOnce(&mut Rows) -> T) -> T {
        look(&mut self.rows.lock().unwrap())
    }

    /// Runs `change` on a plan that the run owns.
    fn owned_plan<T>(&self, run: &Run<PlanId>, change: impl FnOnce(&mut Plan) -> T) -> Option<T> {
        let owns = |plan: &&mut Plan| plan.id == run.id && plan.run_epoch == run.epoch;
        self.rows(|rows| rows.plans.iter_mut().find(owns).map(change))
    }

    /// Runs `change` on a material that the run owns.
    fn owned_material<T>(
        &self,
        run: &Run<MaterialId>,
        change: impl FnOnce(&mut Material) -> T,
    ) -> Option<T> {
        let owns = |row: &&mut Material| row.id == run.id && row.run_epoch == run.epoch;
        self.rows(|rows| rows.materials.iter_mut().find(owns).map(change))
    }
}

#[async_trait]
impl PlanRuns for FakeCatalog {
    async fn begin_plan(
        &self,
        user: &UserId,
        id: &PlanId,
        generation: u64,
        _now_ms: u64,
    ) -> Result<Begun<Plan, PlanId>> {
        self.rows(|rows| {
            let Some(plan) = rows.plans.iter_mut().find(|p| p.id == *id && p.user == *user) else {
                return Ok(Begun::Missing);
            };
            if plan.generation > generation {
                return Ok(Begun::Outdated);
            }
            if matches!(plan.generation_status, GenerationStatus::Ready | GenerationStatus::Failed)
            {
                return Ok(Begun::Final(Box::new(plan.clone())));
            }
            plan.run_epoch += 1;
            plan.generation_status = GenerationStatus::Generating;
            let (user, id, epoch) = (user.clone(), id.clone(), plan.run_epoch);
            Ok(Begun::Own(Box::new(plan.clone()), Run { user, id, generation, epoch }))
        })
    }

    async fn plan_materials(&self, run: &Run<PlanId>) -> Result<Vec<Material>> {
        let wanted = self.owned_plan(run, |plan| plan.request.materials.clone());
        let wanted = wanted.ok_or_else(StudyError::superseded)?;
        self.rows(|rows| {
            let find = |id: &MaterialId| rows.materials.iter().find(|m| m.id == *id).cloned();
            Ok(wanted.iter().filter_map(find).collect())
        })
    }

    async fn plan_progress(&self, run: &Run<PlanId>, progress: u8, _now_ms: u64) -> Result<bool> {
        Ok(self.owned_plan(run, |plan| plan.progress = progress).is_some())
    }

    async fn save_blueprint(
        &self,
        run: &Run<PlanId>,
        input_hash: &str,
        answer: &StructureAnswer,
    ) -> Result<()> {
        let key = (run.id.clone(), input_hash.to_owned());
        self.rows(|rows| rows.blueprints.insert(key, answer.clone()));
        Ok(())
    }

    async fn blueprint(&self, id: &PlanId, input_hash: &str) -> Result<Option<StructureAnswer>> {
        let key = (id.clone(), input_hash.to_owned());
        Ok(self.rows(|rows| rows.blueprints.get(&key).cloned()))
    }

    async fn save_plan(&self, run: &Run<PlanId>, saved: SavedPlan, _now_ms: u64) -> Result<()> {
        let ready = |plan: &mut Plan| plan.generation_status = GenerationStatus::Ready;
        self.owned_plan(run, ready).ok_or_else(StudyError::superseded)?;
        self.rows(|rows| rows.saved.push(saved));
        Ok(())
    }

    async fn fail_plan(
        &self,
        _user: &UserId,
        _id: &PlanId,
        _generation: u64,
        _error: &EntityError,
        _now_ms: u64,
    ) -> Result<()> {
        unreachable!("whoever runs a job fails its plan, not the use case")
    }
}

#[async_trait]
impl MaterialRuns for FakeCatalog {
    async fn begin_material(
        &self,
        user: &UserId,
        id: &MaterialId,
        generation: u64,
        _now_ms: u64,
    ) -> Result<Begun<Material, MaterialId>> {
        self.rows(|rows| {
            let mut found = rows.materials.iter_mut();
            let Some(row) = found.find(|row| row.id == *id && row.user == *user) else {
                return Ok(Begun::Missing);
            };
            if row.generation > generation {
                return Ok(Begun::Outdated);
            }
            if matches!(row.status, MaterialStatus::Ready | MaterialStatus::Failed) {
                return Ok(Begun::Final(Box::new(row.clone())));
            }
            row.run_epoch += 1;
            row.status = MaterialStatus::Processing;
            let (user, id, epoch) = (user.clone(), id.clone(), row.run_epoch);
            Ok(Begun::Own(Box::new(row.clone()), Run { user, id, generation, epoch }))
        })
    }

    async fn material_progress(
        &self,
        run: &Run<MaterialId>,
        progress: u8,
        _now_ms: u64,
    ) -> Result<bool> {
        Ok(self.owned_material(run, |row| row.progress = progress).is_some())
    }

    async fn publish_material(
        &self,
        run: &Run<MaterialId>,
        published: Published,
        now_ms: u64,
    ) -> Result<Effects> {
        let publish = |row: &mut Material| {
            row.status = MaterialStatus::Ready;
            row.bundle_key = Some(published.bundle_key.clone());
            row.chunk_count = Some(published.chunk_count);
            row.processed_ms = Some(now_ms);
        };
        self.owned_material(run, publish).ok_or_else(StudyError::superseded)?;
        self.rows(|rows| rows.published.push(published));
        Ok(Effects::default())
    }

    async fn fail_material(
        &self,
        _user: &UserId,
        _id: &MaterialId,
        _generation: u64,
        _error: &EntityError,
        _now_ms: u64,
    ) -> Result<Effects> {
        unreachable!("whoever runs a job fails its material, not the use case")
    }
}

#[async_trait]
impl Library for FakeCatalog {
    async fn upload(&self, _user: &UserId, _id: &UploadId) -> Result<Option<Upload>> {
        unreachable!("no use case reads an upload")
    }

    async fn material(
        &self,
        user: &UserId,
        id: &MaterialId,
        with_deleted: bool,
    ) -> Result<Option<Material>> {
        let is_it = |row: &&Material| {
            row.id == *id && row.user == *user && (with_deleted || row.deleted_ms.is_none())
        };
        Ok(self.rows(|rows| rows.materials.iter().find(is_it).cloned()))
    }

    async fn materials(
        &self,
        _user: &UserId,
        _filter: &MaterialFilter,
        _page: &PageRequest,
    ) -> Result<Page<Material>> {
        unreachable!("no use case lists materials")
    }

    async fn rename_material(
        &self,
        _user: &UserId,
        _id: &MaterialId,
        _title: &str,
        _now_ms: u64,
    ) -> Result<Option<Material>> {
        unreachable!("no use case renames a material")
    }

    async fn delete_material(
        &self,
        _user: &UserId,
        _id: &MaterialId,
        _now_ms: u64,
    ) -> Result<Option<Deleted>> {
        unreachable!("no use case deletes a material")
    }

    async fn searchable(
        &self,
        user: &UserId,
        only: &[MaterialId],
        limit: usize,
    ) -> Result<Option<(Vec<Searchable>, u64)>> {
        self.rows(|rows| {
            let mut own: Vec<&Material> = rows
                .materials
                .iter()
                .filter(|row| row.user == *user && row.deleted_ms.is_none())
                .filter(|row| only.is_empty() || only.contains(&row.id))
                .collect();
            if own.len() < only.len() {
                return Ok(None);
            }
            own.retain(|row| row.status == MaterialStatus::Ready);
            own.sort_by_key(|row| std::cmp::Reverse(row.created_ms));
            let total = own.len() as u64;
            let searchable = |row: &Material| {
                let bundle_key = row.bundle_key.clone()?;
                Some(Searchable { id: row.id.clone(), title: row.title.clone(), bundle_key })
            };
            Ok(Some((own.into_iter().filter_map(searchable).take(limit).collect(), total)))
        })
    }

    async fn plan(&self, user: &UserId, id: &PlanId) -> Result<Option<Plan>> {
        let is_it = |plan: &&Plan| plan.id == *id && plan.user == *user;
        Ok(self.rows(|rows| rows.plans.iter().find(is_it).cloned()))
    }

    async fn plans(
        &self,
        _user: &UserId,
        _filter: &PlanFilter,
        _page: &PageRequest,
    ) -> Result<Page<Plan>> {
        unreachable!("no use case lists plans")
    }

    async fn change_plan(
        &self,
        _user: &UserId,
        _id: &PlanId,
        _change: &PlanChange,
        _now_ms: u64,
    ) -> Result<Option<Plan>> {
        unreachable!("no use case changes a plan")
    }

    async fn set_session(
        &self,
        _user: &UserId,
        _plan: &PlanId,
        _session: &SessionId,
        _status: SessionStatus,
        _now_ms: u64,
    ) -> Result<Option<Session>> {
        unreachable!("no use case sets a session")
    }

    async fn delete_plan(
        &self,
        _user: &UserId,
        _id: &PlanId,
        _now_ms: u64,
    ) -> Result<Option<Deleted>> {
        unreachable!("no use case deletes a plan")
    }
}

#[async_trait]
impl Acceptance for FakeCatalog {
    async fn commit(&self, _intents: Vec<Intent>) -> Result<Vec<Result<Accepted>>> {
        unreachable!("no use case accepts requests")
    }

    async fn reserve(&self, _key: &IdempotencyKey, _now_ms: u64) -> Result<Reservation> {
        unreachable!("no use case accepts requests")
    }

    async fn release(&self, _key: &IdempotencyKey) -> Result<()> {
        unreachable!("no use case accepts requests")
    }

    async fn outbox_pressure(&self, _in_queue_max: u32) -> Result<OutboxPressure> {
        unreachable!("no use case reads the outbox")
    }

    async fn installation(&self) -> Result<String> {
        unreachable!("no use case asks for the installation")
    }

    async fn ping(&self) -> Result<()> {
        Ok(())
    }
}

#[async_trait]
impl Outbox for FakeCatalog {
    async fn next_rows(&self, _limit: usize, _in_queue_max: u32) -> Result<Vec<OutboxRow>> {
        unreachable!("no use case reads the outbox")
    }

    async fn relayed(&self, _numbers: &[i64]) -> Result<()> {
        unreachable!("no use case reads the outbox")
    }
}

#[async_trait]
impl Upkeep for FakeCatalog {
    async fn unsettled(
        &self,
        _before_ms: u64,
        _after: Option<&str>,
        _limit: usize,
    ) -> Result<Vec<Unsettled>> {
        unreachable!("no use case sweeps")
    }

    async fn expire_uploads(&self, _before_ms: u64, _limit: usize) -> Result<Vec<String>> {
        unreachable!("no use case sweeps")
    }

    async fn purge_idempotency(&self, _now_ms: u64) -> Result<u64> {
        unreachable!("no use case sweeps")
    }

    async fn entity_of(&self, _job: &str) -> Result<Option<Entity>> {
        unreachable!("no use case asks for the entity of a job")
    }

    async fn unreferenced(&self, _keys: &[String]) -> Result<Vec<String>> {
        unreachable!("no use case sweeps")
    }
}
