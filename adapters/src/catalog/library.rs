//! What a person reads and changes: the door; the rooms are `materials` and `plans`.

use async_trait::async_trait;
use oxherd_study::material::Material;
use oxherd_study::plan::{Plan, Session, SessionStatus};
use oxherd_study::ports::{
    Deleted, Library, MaterialFilter, Page, PageRequest, PlanChange, PlanFilter, Searchable,
};
use oxherd_study::upload::Upload;
use oxherd_study::{MaterialId, PlanId, Result, SessionId, UploadId, UserId};

use super::{SqlCatalog, materials, plans, uploads};

#[async_trait]
impl Library for SqlCatalog {
    async fn upload(&self, user: &UserId, id: &UploadId) -> Result<Option<Upload>> {
        let (user, id) = (user.clone(), id.clone());
        self.read(move |c| Box::pin(async move { uploads::find(c, &user, &id).await })).await
    }

    async fn material(
        &self,
        user: &UserId,
        id: &MaterialId,
        with_deleted: bool,
    ) -> Result<Option<Material>> {
        let (user, id) = (user.clone(), id.clone());
        self.read(move |c| {
            Box::pin(async move { materials::find(c, &user, &id, with_deleted).await })
        })
        .await
    }

    async fn materials(
        &self,
        user: &UserId,
        filter: &MaterialFilter,
        page: &PageRequest,
    ) -> Result<Page<Material>> {
        let (user, filter, page) = (user.clone(), filter.clone(), page.clone());
        self.read(move |c| Box::pin(async move { materials::list(c, &user, &filter, &page).await }))
            .await
    }

    async fn rename_material(
        &self,
        user: &UserId,
        id: &MaterialId,
        title: &str,
        now_ms: u64,
    ) -> Result<Option<Material>> {
        let (user, id, title) = (user.clone(), id.clone(), title.to_owned());
        self.write(move |tx| {
            Box::pin(async move { materials::rename(tx, (&user, &id), &title, now_ms).await })
        })
        .await
    }

    async fn delete_material(
        &self,
        user: &UserId,
        id: &MaterialId,
        now_ms: u64,
    ) -> Result<Option<Deleted>> {
        let (user, id) = (user.clone(), id.clone());
        self.write(move |tx| {
            Box::pin(async move { materials::delete(tx, &user, &id, now_ms).await })
        })
        .await
    }

    async fn searchable(
        &self,
        user: &UserId,
        only: &[MaterialId],
        limit: usize,
    ) -> Result<Option<(Vec<Searchable>, u64)>> {
        let (user, only) = (user.clone(), only.to_vec());
        self.read_together(move |c| {
            Box::pin(async move { materials::searchable(c, &user, &only, limit).await })
        })
        .await
    }

    async fn plan(&self, user: &UserId, id: &PlanId) -> Result<Option<Plan>> {
        let (user, id) = (user.clone(), id.clone());
        self.read_together(move |c| Box::pin(async move { plans::find(c, &user, &id).await })).await
    }

    async fn plans(
        &self,
        user: &UserId,
        filter: &PlanFilter,
        page: &PageRequest,
    ) -> Result<Page<Plan>> {
        let (user, filter, page) = (user.clone(), filter.clone(), page.clone());
        self.read_together(move |c| {
            Box::pin(async move { plans::list(c, &user, &filter, &page).await })
        })
        .await
    }

    async fn change_plan(
        &self,
        user: &UserId,
        id: &PlanId,
        change: &PlanChange,
        now_ms: u64,
    ) -> Result<Option<Plan>> {
        let (user, id, change) = (user.clone(), id.clone(), change.clone());
        self.write(move |tx| {
            Box::pin(async move { plans::change(tx, (&user, &id), &change, now_ms).await })
        })
        .await
    }

    async fn set_session(
        &self,
        user: &UserId,
        plan: &PlanId,
        session: &SessionId,
        status: SessionStatus,
        now_ms: u64,
    ) -> Result<Option<Session>> {
        let (user, plan, session) = (user.clone(), plan.clone(), session.clone());
        self.write(move |tx| {
            Box::pin(async move {
                plans::set_session(tx, (&user, &plan, &session), status, now_ms).await
            })
        })
        .await
    }

    async fn delete_plan(
        &self,
        user: &UserId,
        id: &PlanId,
        now_ms: u64,
    ) -> Result<Option<Deleted>> {
        let (user, id) = (user.clone(), id.clone());
        self.write(move |tx| Box::pin(async move { plans::delete(tx, &user, &id, now_ms).await }))
            .await
    }
}
