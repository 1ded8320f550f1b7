//! What runs write, each under its fence: a write of a run that does not own its entity any more
//! changes nothing.

use async_trait::async_trait;

use crate::author::StructureAnswer;
use crate::error::Result;
use crate::id::{MaterialId, PlanId, UserId};
use crate::material::{EntityError, Material};
use crate::plan::{Generator, Module, Plan, Warning};

/// A run that owns its entity until a newer one begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Run<Id> {
    /// Whose entity.
    pub user: UserId,
    /// The entity.
    pub id: Id,
    /// The run that was asked for.
    pub generation: u64,
    /// The fence: every write carries it.
    pub epoch: u64,
}

/// What the beginning of a run found.
#[derive(Debug, Clone, PartialEq)]
pub enum Begun<T, Id> {
    /// The run owns the entity now; the entity as it stands.
    Own(Box<T>, Run<Id>),
    /// The entity is in a final state for this generation already: nothing is left to do but to
    /// say so. READY → completed; FAILED → failed with its error.
    Final(Box<T>),
    /// The user has no such entity (or it is deleted).
    Missing,
    /// A higher generation was asked for: this run is void.
    Outdated,
}

/// What a change of a material did to plans that wait for it; their jobs and records follow.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Effects {
    /// Plans whose last material became READY: an outbox row was written for each.
    pub woken: Vec<PlanId>,
    /// Plans that FAILED with `PLAN_MATERIAL_FAILED`.
    pub failed: Vec<PlanId>,
}

/// What a material is when it becomes READY.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Published {
    /// Where its bundle is.
    pub bundle_key: String,
    /// The title that the document gives itself; used when the user gave none.
    pub document_title: Option<String>,
    /// What it is about.
    pub summary: String,
    /// Pages, for kinds that have pages.
    pub page_count: Option<u32>,
    /// Chunks.
    pub chunk_count: u32,
    /// ISO 639-1.
    pub language: String,
}

/// The runs that process materials.
#[async_trait]
pub trait MaterialRuns: Send + Sync {
    /// Takes the entity: epoch + 1, PROCESSING. A `generation` of 0, or one that was never asked
    /// for, is a foreign producer's and means the current one.
    async fn begin_material(
        &self,
        user: &UserId,
        id: &MaterialId,
        generation: u64,
        now_ms: u64,
    ) -> Result<Begun<Material, MaterialId>>;

    /// Writes progress; `false` when a newer run owns it.
    async fn material_progress(
        &self,
        run: &Run<MaterialId>,
        progress: u8,
        now_ms: u64,
    ) -> Result<bool>;

    /// Makes it READY and wakes the plans that wait for it, in one transaction.
    async fn publish_material(
        &self,
        run: &Run<MaterialId>,
        published: Published,
        now_ms: u64,
    ) -> Result<Effects>;

    /// Makes it FAILED, whoever owns it, unless it is final or of another generation; fails the
    /// plans that wait for it. Also for jobs that nobody ran.
    async fn fail_material(
        &self,
        user: &UserId,
        id: &MaterialId,
        generation: u64,
        error: &EntityError,
        now_ms: u64,
    ) -> Result<Effects>;
}

/// The runs that make plans.
#[async_trait]
pub trait PlanRuns: Send + Sync {
    /// Takes the entity: epoch + 1, GENERATING. A `generation` of 0, or one that was never asked
    /// for, is a foreign producer's and means the current one.
    async fn begin_plan(
        &self,
        user: &UserId,
        id: &PlanId,
        generation: u64,
        now_ms: u64,
    ) -> Result<Begun<Plan, PlanId>>;

    /// Returns the materials of a plan in its order, also deleted ones; READY ones have a bundle.
    async fn plan_materials(&self, run: &Run<PlanId>) -> Result<Vec<Material>>;

    /// Writes progress; `false` when a newer run owns it.
    async fn plan_progress(&self, run: &Run<PlanId>, progress: u8, now_ms: u64) -> Result<bool>;

    /// Keeps a validated answer under (plan, stage, input hash).
    async fn save_blueprint(
        &self,
        run: &Run<PlanId>,
        input_hash: &str,
        answer: &StructureAnswer,
    ) -> Result<()>;

    /// Returns the kept answer for this input, if there is one.
    async fn blueprint(&self, id: &PlanId, input_hash: &str) -> Result<Option<StructureAnswer>>;

    /// Makes it READY with these modules, in one transaction.
    async fn save_plan(&self, run: &Run<PlanId>, saved: SavedPlan, now_ms: u64) -> Result<()>;

    /// Makes it FAILED, whoever owns it, unless it is final or of another generation.
    async fn fail_plan(
        &self,
        user: &UserId,
        id: &PlanId,
        generation: u64,
        error: &EntityError,
        now_ms: u64,
    ) -> Result<()>;
}

/// A plan that was made.
#[derive(Debug, Clone, PartialEq)]
pub struct SavedPlan {
    /// The author's title; used when the user gave none.
    pub title: String,
    /// What it is about.
    pub summary: String,
    /// Its parts, with dates.
    pub modules: Vec<Module>,
    /// What the learner should know.
    pub warnings: Vec<Warning>,
    /// Who wrote it.
    pub generator: Generator,
}
