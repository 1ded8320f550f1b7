//! What runs of materials write, under their fence, and the plans that follow.
//!
//! A run owns its material from `begin` until a newer run begins, the material is deleted or
//! becomes final. What is final leaves that state by a retry alone, which raises the generation.

use async_trait::async_trait;
use oxherd_study::error::ErrorCode;
use oxherd_study::material::{EntityError, Material, MaterialStatus, TITLE_MAX};
use oxherd_study::ports::{Begun, Effects, MaterialRuns, Published, Run};
use oxherd_study::{MaterialId, PlanId, Result, StudyError, UserId};

use super::database::{Connection, Outcome, number};
use super::outbox::{self, Entity};
use super::rows::{self, Columns, plan_id};
use super::{SqlCatalog, materials, upkeep};

#[async_trait]
impl MaterialRuns for SqlCatalog {
    async fn begin_material(
        &self,
        user: &UserId,
        id: &MaterialId,
        generation: u64,
        now_ms: u64,
    ) -> Result<Begun<Material, MaterialId>> {
        let (user, id) = (user.clone(), id.clone());
        self.write(move |tx| {
            Box::pin(async move { begin(tx, &user, &id, generation, now_ms).await })
        })
        .await
    }

    async fn material_progress(
        &self,
        run: &Run<MaterialId>,
        progress: u8,
        now_ms: u64,
    ) -> Result<bool> {
        let run = run.clone();
        let update = "UPDATE materials
                      SET progress = CASE WHEN progress < $4 THEN $4 ELSE progress END,
                          updated_ms = $5
                      WHERE id = $1 AND user_id = $2 AND run_epoch = $3
                        AND status = 'PROCESSING' AND deleted_ms IS NULL";
        self.write(move |tx| {
            Box::pin(async move {
                let updated = sqlx::query(update)
                    .bind(run.id.as_str())
                    .bind(run.user.as_str())
                    .bind(number(run.epoch))
                    .bind(i64::from(progress.min(99)))
                    .bind(number(now_ms))
                    .execute(tx)
                    .await?;
                Ok(updated.rows_affected() > 0)
            })
        })
        .await
    }

    async fn publish_material(
        &self,
        run: &Run<MaterialId>,
        published: Published,
        now_ms: u64,
    ) -> Result<Effects> {
        let run = run.clone();
        self.write(move |tx| Box::pin(async move { publish(tx, &run, &published, now_ms).await }))
            .await
    }

    async fn fail_material(
        &self,
        user: &UserId,
        id: &MaterialId,
        generation: u64,
        error: &EntityError,
        now_ms: u64,
    ) -> Result<Effects> {
        let (user, id, error) = (user.clone(), id.clone(), error.clone());
        self.write(move |tx| {
            Box::pin(async move { fail(tx, (&user, &id), generation, &error, now_ms).await })
        })
        .await
    }
}

async fn begin(
    tx: &mut Connection,
    user: &UserId,
    id: &MaterialId,
    generation: u64,
    now_ms: u64,
) -> Outcome<Begun<Material, MaterialId>> {
    let take = "UPDATE materials
                SET run_epoch = run_epoch + 1, status = 'PROCESSING', updated_ms = $4
                WHERE id = $1 AND user_id = $2 AND deleted_ms IS NULL
                  AND status IN ('PENDING', 'PROCESSING') AND ($3 = 0 OR generation <= $3)
                RETURNING *";
    let taken = sqlx::query(take)
        .bind(id.as_str())
        .bind(user.as_str())
        .bind(number(generation))
        .bind(number(now_ms))
        .fetch_optional(&mut *tx)
        .await?;
    if let Some(row) = taken {
        let material = rows::material(&row)?;
        let run = Run {
            user: user.clone(),
            id: id.clone(),
            generation: material.generation,
            epoch: material.run_epoch,
        };
        return Ok(Begun::Own(Box::new(material), run));
    }
    Ok(match materials::find(tx, user, id, false).await? {
        None => Begun::Missing,
        Some(material) if generation != 0 && material.generation > generation => Begun::Outdated,
        Some(material) => Begun::Final(Box::new(material)),
    })
}

async fn publish(
    tx: &mut Connection,
    run: &Run<MaterialId>,
    published: &Published,
    now_ms: u64,
) -> Outcome<Effects> {
    let cut = |title: &String| title.trim().chars().take(TITLE_MAX).collect::<String>();
    let document_title = published.document_title.as_ref().map(cut);
    let document_title = document_title.as_deref().filter(|title| !title.is_empty());
    let update = "UPDATE materials
                  SET status = 'READY', progress = 100, bundle_key = $4, summary = $5,
                      page_count = $6, chunk_count = $7, language = $8, processed_ms = $9,
                      updated_ms = $9,
                      title = CASE WHEN title_given THEN title ELSE COALESCE($10, title) END,
                      title_folded = CASE WHEN title_given THEN title_folded
                                          ELSE COALESCE($11, title_folded) END
                  WHERE id = $1 AND user_id = $2 AND run_epoch = $3
                    AND status = 'PROCESSING' AND deleted_ms IS NULL";
    let updated = sqlx::query(update)
        .bind(run.id.as_str())
        .bind(run.user.as_str())
        .bind(number(run.epoch))
        .bind(&published.bundle_key)
        .bind(&published.summary)
        .bind(published.page_count.map(i64::from))
        .bind(i64::from(published.chunk_count))
        .bind(&published.language)
        .bind(number(now_ms))
        .bind(document_title)
        .bind(document_title.map(materials::folded))
        .execute(&mut *tx)
        .await?;
    if updated.rows_affected() == 0 {
        return Err(StudyError::superseded().into());
    }
    outbox::settle(&mut *tx, run.id.as_str(), now_ms).await?;
    let status = MaterialStatus::Ready.as_str();
    upkeep::note(&mut *tx, run.id.as_str(), run.generation, status, now_ms).await?;
    let woken = wake_plans(tx, &run.id, now_ms).await?;
    Ok(Effects { woken, failed: Vec::new() })
}

async fn fail(
    tx: &mut Connection,
    (user, id): (&UserId, &MaterialId),
    generation: u64,
    error: &EntityError,
    now_ms: u64,
) -> Outcome<Effects> {
    let update = "UPDATE materials
                  SET status = 'FAILED', error_code = $4, error_message = $5, updated_ms = $6
                  WHERE id = $1 AND user_id = $2 AND deleted_ms IS NULL
                    AND status IN ('PENDING', 'PROCESSING') AND ($3 = 0 OR generation <= $3)
                  RETURNING generation";
    let failed = sqlx::query(update)
        .bind(id.as_str())
        .bind(user.as_str())
        .bind(number(generation))
        .bind(&error.code)
        .bind(&error.message)
        .bind(number(now_ms))
        .fetch_optional(&mut *tx)
        .await?;
    let Some(row) = failed else { return Ok(Effects::default()) };
    outbox::settle(&mut *tx, id.as_str(), now_ms).await?;
    let status = MaterialStatus::Failed.as_str();
    let generation = Columns(&row).number("generation")?;
    upkeep::note(&mut *tx, id.as_str(), generation, status, now_ms).await?;
    let failed = fail_waiting_plans(tx, id, now_ms).await?;
    Ok(Effects { woken: Vec::new(), failed })
}

/// Lets plans begin whose last material became READY.
async fn wake_plans(tx: &mut Connection, id: &MaterialId, now_ms: u64) -> Outcome<Vec<PlanId>> {
    let wake = "UPDATE plans SET generation_status = 'PENDING', updated_ms = $2
                WHERE generation_status = 'WAITING'
                  AND id IN (SELECT plan_id FROM plan_materials WHERE material_id = $1)
                  AND NOT EXISTS (SELECT 1 FROM plan_materials pm
                                  JOIN materials m ON m.id = pm.material_id
                                  WHERE pm.plan_id = plans.id AND m.status <> 'READY')
                RETURNING id";
    let woken =
        sqlx::query(wake).bind(id.as_str()).bind(number(now_ms)).fetch_all(&mut *tx).await?;
    let mut plans = Vec::with_capacity(woken.len());
    for row in &woken {
        let plan = Columns(row).parsed("id", plan_id)?;
        outbox::enqueue(&mut *tx, Entity::Plan, plan.as_str(), now_ms).await?;
        plans.push(plan);
    }
    Ok(plans)
}

/// Fails plans that wait for a material which will not become READY.
pub(super) async fn fail_waiting_plans(
    tx: &mut Connection,
    id: &MaterialId,
    now_ms: u64,
) -> Outcome<Vec<PlanId>> {
    let update = "UPDATE plans
                  SET generation_status = 'FAILED', error_code = $2, error_message = $3,
                      updated_ms = $4
                  WHERE generation_status = 'WAITING'
                    AND id IN (SELECT plan_id FROM plan_materials WHERE material_id = $1)
                  RETURNING id, generation";
    let failed = sqlx::query(update)
        .bind(id.as_str())
        .bind(ErrorCode::PlanMaterialFailed.as_str())
        .bind("a material of this plan could not be made ready: retry it, then the plan")
        .bind(number(now_ms))
        .fetch_all(&mut *tx)
        .await?;
    let mut plans = Vec::with_capacity(failed.len());
    for row in &failed {
        let plan: PlanId = Columns(row).parsed("id", plan_id)?;
        let generation = Columns(row).number("generation")?;
        upkeep::note(&mut *tx, plan.as_str(), generation, "FAILED", now_ms).await?;
        plans.push(plan);
    }
    Ok(plans)
}
