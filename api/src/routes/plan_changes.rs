//! Changes of plans: looks, status, sessions, retries, deletion.

use axum::extract::{Path, State};
use oxherd_study::accept::Action;
use oxherd_study::plan::{PlanStatus, SessionStatus};
use oxherd_study::ports::PlanChange;
use oxherd_study::{SessionId, UserId};
use serde_json::json;

use super::bodies::plan_body;
use super::materials::clean_up;
use super::plans::{not_found, plan_id};
use crate::error::{ApiError, ApiResult};
use crate::extract::{Carried, JsonBody, OptionalJson};
use crate::fields::Fields;
use crate::identity::Caller;
use crate::reply;
use crate::settings::Api;

/// Changes title, icon or color.
#[utoipa::path(patch, path = "/api/plans/{id}", tag = "Plans", params(("id" = String, Path)),
    request_body(content = serde_json::Value, example = json!({ "title": "Midterm" })),
    responses((status = 200, description = "`{data: plan}`"),
        (status = 404, description = "PLAN_NOT_FOUND")))]
pub(crate) async fn change_plan(
    State(api): State<Api>,
    Caller(user): Caller,
    Path(id): Path<String>,
    body: JsonBody,
) -> ApiResult {
    let mut fields = Fields::of(&body.value);
    let title = fields.text("title", 1..=200);
    let icon = fields.text("icon", 1..=50);
    let color = fields.text("color", 1..=50);
    if ["title", "icon", "color"].iter().all(|field| fields.get(field).is_none()) {
        fields.fail("title", "REQUIRED", "give at least one of title, icon, color".to_owned());
    }
    fields.finish()?;
    apply(&api, &user, &id, &PlanChange::Looks { title, icon, color }).await
}

/// Sets the status of a plan: `{status}`.
#[utoipa::path(patch, path = "/api/plans/{id}/status", tag = "Plans",
    params(("id" = String, Path)),
    request_body(content = serde_json::Value, example = json!({ "status": "ACTIVE" })),
    responses((status = 200, description = "`{data: plan}`"),
        (status = 404, description = "PLAN_NOT_FOUND"),
        (status = 409, description = "INVALID_STATUS_TRANSITION with details.allowed, PLAN_NOT_READY")))]
pub(crate) async fn set_status(
    State(api): State<Api>,
    Caller(user): Caller,
    Path(id): Path<String>,
    body: JsonBody,
) -> ApiResult {
    let mut fields = Fields::of(&body.value);
    if fields.get("status").is_none() {
        fields.fail("status", "REQUIRED", "is missing".to_owned());
    }
    let words = "PAUSED, ACTIVE, COMPLETED, ARCHIVED";
    let status = fields.word("status", PlanStatus::from_text, words);
    fields.finish()?;
    let status = status.ok_or_else(ApiError::internal)?;
    apply(&api, &user, &id, &PlanChange::Status(status)).await
}

/// Makes a plan the one that is followed.
#[utoipa::path(post, path = "/api/plans/{id}/activate", tag = "Plans",
    params(("id" = String, Path)),
    responses((status = 200, description = "`{data: plan}`"),
        (status = 404, description = "PLAN_NOT_FOUND"),
        (status = 409, description = "PLAN_NOT_READY, INVALID_STATUS_TRANSITION")))]
pub(crate) async fn activate(
    State(api): State<Api>,
    Caller(user): Caller,
    Path(id): Path<String>,
    _: OptionalJson,
) -> ApiResult {
    apply(&api, &user, &id, &PlanChange::Status(PlanStatus::Active)).await
}

async fn apply(api: &Api, user: &UserId, id: &str, change: &PlanChange) -> ApiResult {
    let (id, now) = (plan_id(id)?, api.now_ms());
    let changed = api.parts.ports.catalog.change_plan(user, &id, change, now).await?;
    Ok(reply::data(&plan_body(&changed.ok_or_else(not_found)?, true)))
}

/// Sets the status of a session: `{status}`.
#[utoipa::path(patch, path = "/api/plans/{id}/sessions/{sessionId}", tag = "Plans",
    params(("id" = String, Path), ("sessionId" = String, Path)),
    request_body(content = serde_json::Value, example = json!({ "status": "COMPLETED" })),
    responses((status = 200, description = "`{data: session}`"),
        (status = 404, description = "PLAN_NOT_FOUND, SESSION_NOT_FOUND")))]
pub(crate) async fn set_session(
    State(api): State<Api>,
    Caller(user): Caller,
    Path((id, session)): Path<(String, String)>,
    body: JsonBody,
) -> ApiResult {
    let mut fields = Fields::of(&body.value);
    if fields.get("status").is_none() {
        fields.fail("status", "REQUIRED", "is missing".to_owned());
    }
    let words = "SCHEDULED, IN_PROGRESS, COMPLETED, SKIPPED, CANCELED";
    let status = fields.word("status", SessionStatus::from_text, words);
    fields.finish()?;
    let status = status.ok_or_else(ApiError::internal)?;
    let plan = plan_id(&id)?;
    let session = SessionId::from_text(&session);
    let catalog = &api.parts.ports.catalog;
    let changed = catalog.set_session(&user, &plan, &session, status, api.now_ms()).await?;
    match changed {
        Some(session) => Ok(reply::data(&session)),
        None if catalog.plan(&user, &plan).await?.is_some() => {
            Err(ApiError::new(404, "SESSION_NOT_FOUND", "the plan has no such session"))
        }
        None => Err(not_found()),
    }
}

/// Makes a READY or FAILED plan again: `{discardProgress?}`.
#[utoipa::path(post, path = "/api/plans/{id}/retry", tag = "Plans", params(("id" = String, Path)),
    request_body(content = Option<serde_json::Value>, example = json!({ "discardProgress": false })),
    responses((status = 202, description = "`{planId, jobId, status, links}`"),
        (status = 404, description = "PLAN_NOT_FOUND"),
        (status = 409, description = "PLAN_NOT_FINISHED, PLAN_HAS_PROGRESS")))]
pub(crate) async fn retry_plan(
    State(api): State<Api>,
    Caller(user): Caller,
    Path(id): Path<String>,
    carried: Carried,
    OptionalJson(body): OptionalJson,
) -> ApiResult {
    let mut fields = Fields::of(&body.value);
    let discard_progress = fields.flag("discardProgress").unwrap_or(false);
    fields.finish()?;
    let action = Action::RetryPlan { id: plan_id(&id)?, discard_progress };
    let intent = carried.intent(&api, &user, &body.fingerprint, action);
    let accepted = api.parts.intake.accept(intent).await?;
    Ok(reply::accepted(&api, &user, &accepted))
}

/// Deletes a plan and cancels its making.
#[utoipa::path(delete, path = "/api/plans/{id}", tag = "Plans", params(("id" = String, Path)),
    responses((status = 200, description = "`{data: {type: hard}}`"),
        (status = 404, description = "PLAN_NOT_FOUND")))]
pub(crate) async fn delete_plan(
    State(api): State<Api>,
    Caller(user): Caller,
    Path(id): Path<String>,
) -> ApiResult {
    delete(&api, &user, &id).await?;
    Ok(reply::data(&json!({ "type": "hard" })))
}

/// Deletes a plan with everything that hangs on it.
pub(super) async fn delete(api: &Api, user: &UserId, id: &str) -> ApiResult<()> {
    let id = plan_id(id)?;
    let deleted = api.parts.ports.catalog.delete_plan(user, &id, api.now_ms()).await?;
    clean_up(api, user, id.as_str(), &deleted.ok_or_else(not_found)?).await;
    Ok(())
}
