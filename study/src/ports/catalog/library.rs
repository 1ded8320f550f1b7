//! What a person reads and changes; every call names the user.

use async_trait::async_trait;

use super::Effects;
use crate::error::Result;
use crate::id::{MaterialId, PlanId, SessionId, UploadId, UserId};
use crate::material::{Material, MaterialStatus};
use crate::plan::{GenerationStatus, Plan, PlanStatus, Session, SessionStatus};
use crate::upload::Upload;

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
