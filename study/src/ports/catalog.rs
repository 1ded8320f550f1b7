//! The catalog: rows of materials, uploads and plans, the outbox, and the idempotency keys.
//!
//! Every call that a person causes names the user; another user's row is as good as none. Every
//! write of a run carries the run's epoch; zero rows changed means that a newer run owns the
//! entity ([`StudyError::superseded`](crate::StudyError::superseded)).

mod library;
mod runs;

use async_trait::async_trait;

pub use library::{
    Deleted, Library, MaterialFilter, Page, PageRequest, PlanChange, PlanFilter, Searchable, Sort,
};
pub use runs::{Begun, Effects, MaterialRuns, PlanRuns, Published, Run, SavedPlan};

use crate::accept::{Accepted, IdempotencyKey, Intent, Reservation};
use crate::error::Result;
use crate::id::UserId;
use crate::material::Material;
use crate::plan::Plan;

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
    /// Carries out a batch of intents in one transaction; per intent what was accepted or why
    /// not, and what was refused left nothing but a freed key. An error of the class `Transient`
    /// may hide a commit whose answer was lost: nothing may be thrown away because of it.
    async fn commit(&self, intents: Vec<Intent>) -> Result<Vec<Result<Accepted>>>;

    /// Marks a key as in flight for 60 s before a long request is read; tells what it finds. An
    /// empty fingerprint is one that is not known yet: the commit then compares.
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

    /// Returns the entity of a job, whosever it is, also a deleted one that plans still refer to,
    /// and without its modules; never shown to a person without a check of its user.
    async fn entity_of(&self, job: &str) -> Result<Option<Entity>>;
}

/// What a job works on.
#[derive(Debug, Clone, PartialEq)]
pub enum Entity {
    /// A material.
    Material(Box<Material>),
    /// A plan.
    Plan(Box<Plan>),
}
