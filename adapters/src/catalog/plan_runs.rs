//! What runs of plans write, under their fence.

use async_trait::async_trait;
use oxherd_study::author::StructureAnswer;
use oxherd_study::error::{ErrorClass, ErrorCode};
use oxherd_study::material::{EntityError, Material};
use oxherd_study::plan::{GenerationStatus, Plan};
use oxherd_study::ports::{Begun, PlanRuns, Run, SavedPlan};
use oxherd_study::{PlanId, Result, StudyError, UserId};

use super::database::{Connection, Outcome, number};
use super::rows::Columns;
use super::{SqlCatalog, materials, outbox, plan_parts, plans, upkeep};

/// When to look again at a plan that waits for its materials.
const LOOK_AGAIN_MS: u64 = 5000;

#[async_trait]
impl PlanRuns for SqlCatalog {
    async fn begin_plan(
        &self,
        user: &UserId,
        id: &PlanId,
        generation: u64,
        now_ms: u64,
    ) -> Result<Begun<Plan, PlanId>> {
        let (user, id) = (user.clone(), id.clone());
        self.write(move |tx| {
            Box::pin(async move { begin(tx, &user, &id, generation, now_ms).await })
        })
        .await
    }

    async fn plan_materials(&self, run: &Run<PlanId>) -> Result<Vec<Material>> {
        let run = run.clone();
        self.read(move |connection| {
            Box::pin(async move { materials::of_plan(connection, &run.id).await })
        })
        .await
    }

    async fn plan_progress(&self, run: &Run<PlanId>, progress: u8, now_ms: u64) -> Result<bool> {
        let run = run.clone();
        let update = "UPDATE plans
                      SET progress = CASE WHEN progress < $4 THEN $4 ELSE progress END,
                          updated_ms = $5
                      WHERE id = $1 AND user_id = $2 AND run_epoch = $3
                        AND generation_status = 'GENERATING'";
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

    async fn save_blueprint(
        &self,
        run: &Run<PlanId>,
        input_hash: &str,
        answer: &StructureAnswer,
    ) -> Result<()> {
        let (run, input_hash, answer) = (run.clone(), input_hash.to_owned(), answer.clone());
        self.write(move |tx| {
            Box::pin(async move { save_blueprint(tx, &run, &input_hash, &answer).await })
        })
        .await
    }

    async fn blueprint(&self, id: &PlanId, input_hash: &str) -> Result<Option<StructureAnswer>> {
        let (id, input_hash) = (id.clone(), input_hash.to_owned());
        let kept = "SELECT answer FROM plan_blueprints WHERE plan_id = $1 AND input_hash = $2";
        self.read(move |connection| {
            Box::pin(async move {
                let row = sqlx::query(kept)
                    .bind(id.as_str())
                    .bind(input_hash)
                    .fetch_optional(connection)
                    .await?;
                row.map(|row| Columns(&row).json("answer")).transpose()
            })
        })
        .await
    }

    async fn save_plan(&self, run: &Run<PlanId>, saved: SavedPlan, now_ms: u64) -> Result<()> {
        let run = run.clone();
        self.write(move |tx| Box::pin(async move { save(tx, &run, &saved, now_ms).await })).await
    }

    async fn fail_plan(
        &self,
        user: &UserId,
        id: &PlanId,
        generation: u64,
        error: &EntityError,
        now_ms: u64,
    ) -> Result<()> {
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
    id: &PlanId,
    generation: u64,
    now_ms: u64,
) -> Outcome<Begun<Plan, PlanId>> {
    let take = "UPDATE plans
                SET run_epoch = run_epoch + 1, generation_status = 'GENERATING', updated_ms = $4
                WHERE id = $1 AND user_id = $2 AND ($3 = 0 OR generation <= $3)
                  AND generation_status IN ('PENDING', 'GENERATING')";
    let taken = sqlx::query(take)
        .bind(id.as_str())
        .bind(user.as_str())
        .bind(number(generation))
        .bind(number(now_ms))
        .execute(&mut *tx)
        .await?;
    let Some(plan) = plans::find(tx, user, id).await? else { return Ok(Begun::Missing) };
    if taken.rows_affected() > 0 {
        let run = Run {
            user: user.clone(),
            id: id.clone(),
            generation: plan.generation,
            epoch: plan.run_epoch,
        };
        return Ok(Begun::Own(Box::new(plan), run));
    }
    if generation != 0 && plan.generation > generation {
        return Ok(Begun::Outdated);
    }
    if plan.generation_status == GenerationStatus::Waiting {
        let message = format!("plan {id} waits for its materials");
        let waits = StudyError::transient(ErrorCode::PlanMaterialNotReady, message);
        let class = ErrorClass::NotReady { retry_after_ms: LOOK_AGAIN_MS };
        return Err(StudyError { class, ..waits }.into());
    }
    Ok(Begun::Final(Box::new(plan)))
}

async fn save_blueprint(
    tx: &mut Connection,
    run: &Run<PlanId>,
    input_hash: &str,
    answer: &StructureAnswer,
) -> Outcome<()> {
    let owned = "SELECT id FROM plans WHERE id = $1 AND user_id = $2 AND run_epoch = $3
                 AND generation_status = 'GENERATING'";
    let owner = sqlx::query(owned)
        .bind(run.id.as_str())
        .bind(run.user.as_str())
        .bind(number(run.epoch))
        .fetch_optional(&mut *tx)
        .await?;
    if owner.is_none() {
        return Err(StudyError::superseded().into());
    }
    let keep = "INSERT INTO plan_blueprints (plan_id, input_hash, answer) VALUES ($1, $2, $3)
                ON CONFLICT (plan_id, input_hash) DO UPDATE SET answer = excluded.answer";
    sqlx::query(keep)
        .bind(run.id.as_str())
        .bind(input_hash)
        .bind(serde_json::to_string(answer)?)
        .execute(tx)
        .await?;
    Ok(())
}

async fn save(
    tx: &mut Connection,
    run: &Run<PlanId>,
    saved: &SavedPlan,
    now_ms: u64,
) -> Outcome<()> {
    let update = "UPDATE plans
                  SET generation_status = 'READY', progress = 100, summary = $4, warnings = $5,
                      generator = $6, updated_ms = $7,
                      title = CASE WHEN title_given THEN title ELSE $8 END
                  WHERE id = $1 AND user_id = $2 AND run_epoch = $3
                    AND generation_status = 'GENERATING'";
    let updated = sqlx::query(update)
        .bind(run.id.as_str())
        .bind(run.user.as_str())
        .bind(number(run.epoch))
        .bind(&saved.summary)
        .bind(serde_json::to_string(&saved.warnings)?)
        .bind(serde_json::to_string(&saved.generator)?)
        .bind(number(now_ms))
        .bind(&saved.title)
        .execute(&mut *tx)
        .await?;
    if updated.rows_affected() == 0 {
        return Err(StudyError::superseded().into());
    }
    plan_parts::replace(&mut *tx, &run.id, &saved.modules).await?;
    // A material that was waited for had only the name of its file when the plan was asked for.
    let titles = "UPDATE plan_materials
                  SET title = (SELECT m.title FROM materials m WHERE m.id = material_id)
                  WHERE plan_id = $1";
    sqlx::query(titles).bind(run.id.as_str()).execute(&mut *tx).await?;
    outbox::settle(&mut *tx, run.id.as_str(), now_ms).await?;
    let status = GenerationStatus::Ready.as_str();
    upkeep::note(tx, run.id.as_str(), run.generation, status, now_ms).await
}

async fn fail(
    tx: &mut Connection,
    (user, id): (&UserId, &PlanId),
    generation: u64,
    error: &EntityError,
    now_ms: u64,
) -> Outcome<()> {
    let update = "UPDATE plans
                  SET generation_status = 'FAILED', error_code = $4, error_message = $5,
                      updated_ms = $6
                  WHERE id = $1 AND user_id = $2 AND ($3 = 0 OR generation <= $3)
                    AND generation_status IN ('WAITING', 'PENDING', 'GENERATING')
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
    let Some(row) = failed else { return Ok(()) };
    outbox::settle(&mut *tx, id.as_str(), now_ms).await?;
    let generation = Columns(&row).number("generation")?;
    upkeep::note(tx, id.as_str(), generation, GenerationStatus::Failed.as_str(), now_ms).await
}
