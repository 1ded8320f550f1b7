//! Asking for runs: plans to make, and materials and plans to make again.

use oxherd_study::accept::{AcceptedWhat, Intent};
use oxherd_study::error::ErrorCode;
use oxherd_study::material::{Material, MaterialStatus, TITLE_MAX};
use oxherd_study::plan::{GenerationStatus, PlanRequest};
use oxherd_study::{MaterialId, PlanId, StudyError, UploadId};
use serde_json::{Value, json};

use super::acceptance::Done;
use super::database::{Connection, Outcome, number};
use super::outbox::{self, Entity};
use super::rows::Columns;
use super::{materials, plans, uploads};

/// The data of a material's job, as other services on the queue write it.
pub(super) fn material_data(
    intent: &Intent,
    id: &MaterialId,
    upload: &UploadId,
    generation: u64,
) -> String {
    let data = json!({
        "userId": intent.user, "materialId": id, "uploadId": upload, "generation": generation,
    });
    traced(data, intent)
}

fn plan_data(intent: &Intent, id: &PlanId, request: &PlanRequest, generation: u64) -> String {
    let data = json!({
        "userId": intent.user, "planId": id, "materialIds": request.materials,
        "goal": request.goal, "generation": generation,
    });
    traced(data, intent)
}

fn traced(mut data: Value, intent: &Intent) -> String {
    data["requestId"] = json!(intent.request_id);
    if let Some(parent) = &intent.trace_parent {
        data["traceparent"] = json!(parent);
    }
    data.to_string()
}

pub(super) async fn retry_material(
    tx: &mut Connection,
    intent: &Intent,
    id: &MaterialId,
) -> Outcome<Done> {
    let material = materials::find(&mut *tx, &intent.user, id, false)
        .await?
        .ok_or_else(|| materials::not_found(id))?;
    if material.status != MaterialStatus::Failed {
        let message = format!("material {id} is {}, not FAILED", material.status.as_str());
        return Err(StudyError::permanent(ErrorCode::MaterialNotFailed, message).into());
    }
    let generation = material.generation + 1;
    let again = "UPDATE materials
                 SET status = 'PENDING', generation = $2, progress = 0, error_code = NULL,
                     error_message = NULL, job_data = $3, updated_ms = $4
                 WHERE id = $1 AND NOT EXISTS (
                     SELECT 1 FROM materials other
                     WHERE other.user_id = materials.user_id AND other.sha256 = materials.sha256
                       AND other.status <> 'FAILED' AND other.deleted_ms IS NULL)";
    let updated = sqlx::query(again)
        .bind(id.as_str())
        .bind(number(generation))
        .bind(material_data(intent, id, &material.upload, generation))
        .bind(number(intent.now_ms))
        .execute(&mut *tx)
        .await?;
    if updated.rows_affected() == 0 {
        return Err(uploads::duplicate(tx, &intent.user, &material.sha256).await?.into());
    }
    outbox::enqueue(tx, Entity::Material, id.as_str(), intent.now_ms).await?;
    Ok(Done::now(AcceptedWhat::Material { id: id.clone(), generation }))
}

pub(super) async fn create_plan(
    tx: &mut Connection,
    intent: &Intent,
    id: &PlanId,
    request: &PlanRequest,
) -> Outcome<Done> {
    let mut sources = Vec::with_capacity(request.materials.len());
    for material in &request.materials {
        let found = materials::find(&mut *tx, &intent.user, material, false).await?;
        sources.push(found.ok_or_else(|| materials::not_found(material))?);
    }
    let status = first_status(&sources, request.wait_for_materials)?;
    let title = match &request.title {
        Some(title) => title.clone(),
        None => request.goal.chars().take(TITLE_MAX).collect(),
    };
    let insert = "INSERT INTO plans (id, user_id, request, title, title_given, icon, color,
                                     generation_status, job_data, created_ms, updated_ms, status,
                                     progress, warnings, generation, run_epoch)
                  VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $10, 'PAUSED', 0, '[]', 1, 0)";
    sqlx::query(insert)
        .bind(id.as_str())
        .bind(intent.user.as_str())
        .bind(serde_json::to_string(request)?)
        .bind(title)
        .bind(request.title.is_some())
        .bind(request.icon.as_deref())
        .bind(request.color.as_deref())
        .bind(status.as_str())
        .bind(plan_data(intent, id, request, 1))
        .bind(number(intent.now_ms))
        .execute(&mut *tx)
        .await?;
    let mut places = 0_i64..;
    for source in &sources {
        let insert = "INSERT INTO plan_materials (plan_id, material_id, place, title)
                      VALUES ($1, $2, $3, $4)";
        sqlx::query(insert)
            .bind(id.as_str())
            .bind(source.id.as_str())
            .bind(places.next())
            .bind(&source.title)
            .execute(&mut *tx)
            .await?;
    }
    if status == GenerationStatus::Pending {
        outbox::enqueue(tx, Entity::Plan, id.as_str(), intent.now_ms).await?;
    }
    Ok(Done::now(AcceptedWhat::Plan { id: id.clone(), generation: 1 }))
}

/// PENDING when every material is READY; WAITING when they can be waited for.
fn first_status(sources: &[Material], may_wait: bool) -> Result<GenerationStatus, StudyError> {
    let is_late = |source: &&Material| source.status != MaterialStatus::Ready;
    let late: Vec<&Material> = sources.iter().filter(is_late).collect();
    if late.is_empty() {
        return Ok(GenerationStatus::Pending);
    }
    let is_lost =
        |source: &&Material| source.status == MaterialStatus::Failed || source.deleted_ms.is_some();
    if may_wait && !late.iter().any(is_lost) {
        return Ok(GenerationStatus::Waiting);
    }
    let facts: Vec<Value> = late
        .iter()
        .map(|source| json!({ "id": source.id, "status": source.status.as_str() }))
        .collect();
    let message = "a material of this plan is not READY: wait for it, retry it, or leave it out";
    Err(StudyError::permanent(ErrorCode::PlanMaterialNotReady, message)
        .with_details(json!({ "materials": facts })))
}

pub(super) async fn retry_plan(
    tx: &mut Connection,
    intent: &Intent,
    id: &PlanId,
    discard_progress: bool,
) -> Outcome<Done> {
    let plan = plans::find(&mut *tx, &intent.user, id)
        .await?
        .ok_or_else(|| StudyError::permanent(ErrorCode::PlanNotFound, "there is no such plan"))?;
    if !matches!(plan.generation_status, GenerationStatus::Ready | GenerationStatus::Failed) {
        let message = "the plan is still being made: wait for its end or cancel its job";
        return Err(StudyError::permanent(ErrorCode::PlanNotFinished, message).into());
    }
    if !discard_progress && has_progress(&mut *tx, id).await? {
        let message = "sessions of this plan were begun: send discardProgress to throw them away";
        return Err(StudyError::permanent(ErrorCode::PlanHasProgress, message).into());
    }
    let sources = materials::of_plan(&mut *tx, id).await?;
    let status = first_status(&sources, plan.request.wait_for_materials)?;
    let generation = plan.generation + 1;
    let again = "UPDATE plans
                 SET generation_status = $2, generation = $3, progress = 0, error_code = NULL,
                     error_message = NULL, job_data = $4, updated_ms = $5
                 WHERE id = $1";
    sqlx::query(again)
        .bind(id.as_str())
        .bind(status.as_str())
        .bind(number(generation))
        .bind(plan_data(intent, id, &plan.request, generation))
        .bind(number(intent.now_ms))
        .execute(&mut *tx)
        .await?;
    if status == GenerationStatus::Pending {
        outbox::enqueue(tx, Entity::Plan, id.as_str(), intent.now_ms).await?;
    }
    Ok(Done::now(AcceptedWhat::Plan { id: id.clone(), generation }))
}

async fn has_progress(tx: &mut Connection, id: &PlanId) -> Outcome<bool> {
    let begun = "SELECT COUNT(*) AS begun FROM plan_sessions
                 WHERE plan_id = $1 AND status <> 'SCHEDULED'";
    let row = sqlx::query(begun).bind(id.as_str()).fetch_one(tx).await?;
    Ok(Columns(&row).number::<u64>("begun")? > 0)
}
