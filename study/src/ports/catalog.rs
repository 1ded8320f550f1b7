//! The catalog: rows of materials, uploads and plans, the outbox, and the idempotency keys.
//!
//! Every call that a person causes names the user; another user's row is as good as none. Every
//! write of a run carries the run's epoch; zero rows changed means that a newer run owns the
//! entity ([`StudyError::superseded`](crate::StudyError::superseded)).

use async_trait::async_trait;

use crate::accept::{Accepted, IdempotencyKey, Intent, Reservation};
use crate::author::StructureAnswer;
use crate::error::Result;
use crate::id::{MaterialId, PlanId, SessionId, UploadId, UserId};
use crate::material::{EntityError, Material, MaterialStatus};
use crate::plan::{
    GenerationStatus, Generator, Module, Plan, PlanStatus, Session, SessionStatus, Warning,
};
use crate::upload::Upload;

/// Everything that the catalog offers.
pub trait Catalog:
    Acceptance + Library + MaterialRuns + PlanRuns + Outbox + Upkeep + Send + Sync + 'static
{
}

impl<T> Catalog for T where
    T: Acceptance + Library + MaterialRuns + PlanRuns + Outbox + Upkeep + Send + Sync + 'static
{
}

/// Accepting requests: rows, outbox and idempotency in one transaction.
#[async_trait]
pub trait Acceptance: Send + Sync {
    /// Carries out a batch of intents in one transaction, each in a savepoint of its own; per
    /// intent what was accepted or why not.
    async fn commit(&self, intents: Vec<Intent>) -> Result<Vec<Result<Accepted>>>;

    /// Marks a key as in flight for 60 s before a long request is read; tells what it finds.
    async fn reserve(&self, key: &IdempotencyKey, now_ms: u64) -> Result<Reservation>;

    /// Frees a key that is in flight, after an error.
    async fn release(&self, key: &IdempotencyKey) -> Result<()>;

    /// Returns how much waits in the outbox although fairness would let it pass, with the measure
    /// of [`Outbox::next_rows`].
    async fn outbox_pressure(&self, in_queue_max: u32) -> Result<OutboxPressure>;

    /// Returns the id of this installation, made when the catalog was.
    async fn installation(&self) -> Result<String>;

    /// Answers when the catalog does.
    async fn ping(&self) -> Result<()>;
}

/// How much waits to be relayed into the queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct OutboxPressure {
    /// Rows that fairness would let pass now.
    pub rows: u64,
    /// Since when the first of them could have been relayed (written, and its user's turn),
    /// milliseconds since the epoch.
    pub oldest_ms: Option<u64>,
}

/// What a person reads and changes.
#[async_trait]
pub trait Library: Send + Sync {
    /// Returns an upload.
    async fn upload(&self, user: &UserId, id: &UploadId) -> Result<Option<Upload>>;

    /// Returns a material; also a deleted one when `with_deleted`.
    async fn material(
        &self,
        user: &UserId,
        id: &MaterialId,
        with_deleted: bool,
    ) -> Result<Option<Material>>;

    /// Returns a page of materials that are not deleted.
    async fn materials(
        &self,
        user: &UserId,
        filter: &MaterialFilter,
        page: &PageRequest,
    ) -> Result<Page<Material>>;

    /// Renames a material.
    async fn rename_material(
        &self,
        user: &UserId,
        id: &MaterialId,
        title: &str,
        now_ms: u64,
    ) -> Result<Option<Material>>;

    /// Deletes a material: soft while a plan refers to it, else with its row.
    async fn delete_material(
        &self,
        user: &UserId,
        id: &MaterialId,
        now_ms: u64,
    ) -> Result<Option<Deleted>>;

    /// Returns the user's READY materials, newest first, at most `limit`, and how many there are;
    /// with `only`, those alone, and `None` when one of them is not the user's.
    async fn searchable(
        &self,
        user: &UserId,
        only: &[MaterialId],
        limit: usize,
    ) -> Result<Option<(Vec<Searchable>, u64)>>;

    /// Returns a plan with its modules.
    async fn plan(&self, user: &UserId, id: &PlanId) -> Result<Option<Plan>>;

    /// Returns a page of plans without their modules.
    async fn plans(
        &self,
        user: &UserId,
        filter: &PlanFilter,
        page: &PageRequest,
    ) -> Result<Page<Plan>>;

    /// Changes a plan (title, icon, color, status); see [`PlanChange`].
    async fn change_plan(
        &self,
        user: &UserId,
        id: &PlanId,
        change: &PlanChange,
        now_ms: u64,
    ) -> Result<Option<Plan>>;

    /// Sets the status of a session; `None` when the user has no such plan or session.
    async fn set_session(
        &self,
        user: &UserId,
        plan: &PlanId,
        session: &SessionId,
        status: SessionStatus,
        now_ms: u64,
    ) -> Result<Option<Session>>;

    /// Deletes a plan, and the materials that were kept for it alone.
    async fn delete_plan(&self, user: &UserId, id: &PlanId, now_ms: u64)
    -> Result<Option<Deleted>>;
}

/// Which materials to list.
#[derive(Debug, Clone, Default)]
pub struct MaterialFilter {
    /// Only those in this state.
    pub status: Option<MaterialStatus>,
    /// Only those whose title holds this text, whatever the case.
    pub title_part: Option<String>,
    /// In which order.
    pub sort: Sort,
}

/// In which order to list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Sort {
    /// Newest first.
    #[default]
    Newest,
    /// Oldest first.
    Oldest,
    /// By title, A to Z.
    Title,
    /// By title, Z to A.
    TitleBackwards,
}

/// Which plans to list.
#[derive(Debug, Clone, Default)]
pub struct PlanFilter {
    /// Only those in this state.
    pub status: Option<PlanStatus>,
    /// Only those whose making stands here.
    pub generation_status: Option<GenerationStatus>,
}

/// Which page of a list.
#[derive(Debug, Clone)]
pub struct PageRequest {
    /// 1 to 100.
    pub limit: u32,
    /// Where the last page ended; opaque, checked by the catalog (`INVALID_CURSOR`).
    pub cursor: Option<String>,
}

/// A page of a list.
#[derive(Debug, Clone)]
pub struct Page<T> {
    /// The rows.
    pub rows: Vec<T>,
    /// Where the next page begins, if there is one.
    pub next_cursor: Option<String>,
}

/// What a deletion did, and what is left to do outside the catalog.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Deleted {
    /// Whether the row stays for the plans that refer to it.
    pub soft: bool,
    /// Objects that nothing refers to any more.
    pub objects: Vec<String>,
    /// Whether the entity's job may still be alive.
    pub unsettled: bool,
    /// What the deletion of a material did to the plans that waited for it.
    pub effects: Effects,
}

/// A material that can be searched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Searchable {
    /// Its id.
    pub id: MaterialId,
    /// Its title.
    pub title: String,
    /// Where its bundle is.
    pub bundle_key: String,
}

/// A change of a plan.
#[derive(Debug, Clone, PartialEq)]
pub enum PlanChange {
    /// Looks; at least one is given.
    Looks {
        /// The new title.
        title: Option<String>,
        /// The new icon.
        icon: Option<String>,
        /// The new colour.
        color: Option<String>,
    },
    /// The status, by the rules of [`PlanStatus::allowed`] (`INVALID_STATUS_TRANSITION` with
    /// `details.allowed`); ACTIVE needs a READY plan (`PLAN_NOT_READY`) and pauses the user's
    /// other ACTIVE plan in the same transaction.
    Status(PlanStatus),
}

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

/// A run that was accepted and is not in the queue yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutboxRow {
    /// Its number, ascending.
    pub number: i64,
    /// The queue.
    pub queue: String,
    /// The job's name.
    pub name: String,
    /// The job's id.
    pub job: String,
    /// The job's data as JSON, with `userId` and `generation`.
    pub data: String,
    /// Whose it is.
    pub user: UserId,
    /// The run.
    pub generation: u64,
    /// When it was accepted, milliseconds since the epoch.
    pub created_ms: u64,
}

/// The way from the catalog to the queue.
#[async_trait]
pub trait Outbox: Send + Sync {
    /// Returns the next rows to relay, round-robin over users, so that no user has more than
    /// `in_queue_max` unfinished runs in the queues. Worth asking after every commit and after
    /// every run that ended, because that lets the user's next one pass.
    async fn next_rows(&self, limit: usize, in_queue_max: u32) -> Result<Vec<OutboxRow>>;

    /// Marks rows as relayed: their runs are in the queue.
    async fn relayed(&self, numbers: &[i64]) -> Result<()>;
}

/// A row that is not final, for the reconciler.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unsettled {
    /// The queue of its job.
    pub queue: String,
    /// The row that would be written to the outbox for it.
    pub row: OutboxRow,
    /// Whether an outbox row for it still waits.
    pub in_outbox: bool,
}

/// Sweeps.
#[async_trait]
pub trait Upkeep: Send + Sync {
    /// Returns rows that are neither final nor WAITING and were not updated since `before_ms`, in
    /// id order after `after`.
    async fn unsettled(
        &self,
        before_ms: u64,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<Unsettled>>;

    /// Forgets uploads that expired before `before_ms` without becoming a material; returns the
    /// keys of their objects.
    async fn expire_uploads(&self, before_ms: u64, limit: usize) -> Result<Vec<String>>;

    /// Forgets idempotency keys that are older than a day.
    async fn purge_idempotency(&self, now_ms: u64) -> Result<u64>;

    /// Returns those of the keys that no row refers to.
    async fn unreferenced(&self, keys: &[String]) -> Result<Vec<String>>;

    /// Returns the entity of a job, whosever it is and without its modules; never shown to a person
    /// without a check of its user. A catalog that cannot look it up answers as if there were none.
    async fn entity_of(&self, job: &str) -> Result<Option<Entity>> {
        let _ = job;
        Ok(None)
    }
}

/// What a job works on.
#[derive(Debug, Clone, PartialEq)]
pub enum Entity {
    /// A material.
    Material(Box<Material>),
    /// A plan.
    Plan(Box<Plan>),
}
