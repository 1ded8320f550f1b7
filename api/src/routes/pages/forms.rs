//! What the forms of the study page post: each ends with the way back to the page, or, for the
//! script, with 204.

use axum::extract::{Path, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use futures::StreamExt as _;
use oxherd_queue::JobId;
use oxherd_study::accept::{Action, NewUpload};
use oxherd_study::plan::SessionStatus;
use oxherd_study::upload::declared_kind;
use oxherd_study::{PlanId, SessionId, UploadId, UserId};
use serde_json::{Value, json};

use super::layout::{Reader, page};
use super::words::Words;
use crate::error::{ApiError, ApiResult};
use crate::extract::{Carried, QueryPairs, read_form_text};
use crate::identity::Caller;
use crate::routes::materials::{self, material_id};
use crate::routes::plans::{plan_id, read_request};
use crate::routes::{plan_changes, plans, uploads};
use crate::settings::Api;

/// A form's answer: back to the page; for the script nothing more than that it went well.
fn back(headers: &HeaderMap, to: &str) -> Response {
    if headers.contains_key("x-fragment") {
        return StatusCode::NO_CONTENT.into_response();
    }
    (StatusCode::SEE_OTHER, [(header::LOCATION, to)]).into_response()
}

/// Says an error in the reader's words: as a page, or, for the script, in the error's own form.
pub(super) fn tell(
    words: &Words,
    headers: &HeaderMap,
    outcome: ApiResult<Response>,
) -> ApiResult<Response> {
    outcome.or_else(|error| {
        if headers.contains_key("x-fragment") {
            return Err(ApiError { message: words.refusal(&error), ..error });
        }
        Ok(problem_page(words, &error))
    })
}

/// The page that says an error, with the way back.
pub(super) fn problem_page(words: &Words, error: &ApiError) -> Response {
    let body = maud::html! {
        body { main {
            p class="problem" role="alert" { (words.refusal(error)) }
            p { a href="/" { (words.back) } }
        } }
    };
    let mut response = page(words, "Oxherd", None, body);
    *response.status_mut() = error.status;
    response
}

pub(super) async fn upload(
    State(api): State<Api>,
    Caller(user): Caller,
    Reader(words): Reader,
    carried: Carried,
    headers: HeaderMap,
    request: Request,
) -> ApiResult<Response> {
    let made = uploads::create_from_form(&api, &user, &carried, request).await;
    tell(words, &headers, made.map(|_| back(&headers, "/")))
}

pub(super) async fn sample(
    State(api): State<Api>,
    Caller(user): Caller,
    Reader(words): Reader,
    carried: Carried,
    headers: HeaderMap,
    Path(name): Path<String>,
) -> ApiResult<Response> {
    let outcome = add_sample(&api, &user, &carried, &name).await;
    tell(words, &headers, outcome.map(|()| back(&headers, "/")))
}

async fn add_sample(api: &Api, user: &UserId, carried: &Carried, name: &str) -> ApiResult<()> {
    let samples = &api.parts.settings.samples;
    let Some((name, bytes)) = samples.iter().find(|(known, _)| *known == name) else {
        return Err(ApiError::not_found());
    };
    let kind = declared_kind(name, None)?;
    let upload = NewUpload {
        id: UploadId::random(),
        filename: (*name).to_owned(),
        kind,
        size_bytes: bytes.len() as u64,
        sha256: None,
    };
    let stream = futures::stream::iter([Ok(Bytes::from_static(bytes))]).boxed();
    let file = uploads::receive(api, &upload, stream).await?;
    let action = Action::CreateMaterial { upload, file, title: None };
    api.parts.intake.accept(carried.intent(api, user, "", action)).await?;
    Ok(())
}

pub(super) async fn act_on_document(
    State(api): State<Api>,
    Caller(user): Caller,
    Reader(words): Reader,
    carried: Carried,
    headers: HeaderMap,
    Path((id, action)): Path<(String, String)>,
) -> ApiResult<Response> {
    let outcome = change_document(&api, &user, &carried, &id, &action).await;
    tell(words, &headers, outcome.map(|()| back(&headers, "/")))
}

async fn change_document(
    api: &Api,
    user: &UserId,
    carried: &Carried,
    id: &str,
    action: &str,
) -> ApiResult<()> {
    let id = material_id(id)?;
    match action {
        "retry" => {
            let intent = carried.intent(api, user, "", Action::RetryMaterial(id));
            api.parts.intake.accept(intent).await?;
        }
        "cancel" => drop(api.parts.cancel.cancel(user, &JobId::from_store(id.as_str())).await?),
        "remove" => drop(materials::delete(api, user, id.as_str()).await?),
        _ => return Err(ApiError::not_found()),
    }
    Ok(())
}

pub(super) async fn make_plan(
    State(api): State<Api>,
    Caller(user): Caller,
    Reader(words): Reader,
    carried: Carried,
    headers: HeaderMap,
    request: Request,
) -> ApiResult<Response> {
    let outcome = request_plan(&api, &user, &carried, request).await;
    tell(words, &headers, outcome.map(|id| back(&headers, &format!("/?plan={id}"))))
}

async fn request_plan(
    api: &Api,
    user: &UserId,
    carried: &Carried,
    request: Request,
) -> ApiResult<PlanId> {
    let form = read_form_text(request, api.parts.settings.body_max).await?;
    let id = PlanId::random();
    let action =
        Action::CreatePlan { id: id.clone(), request: read_request(api, &plan_body(&form))? };
    api.parts.intake.accept(carried.intent(api, user, "", action)).await?;
    Ok(id)
}

/// Writes the form as the API's request.
fn plan_body(form: &QueryPairs) -> Value {
    let given = |name: &str| form.get(name).map(str::trim).filter(|text| !text.is_empty());
    let per_week = given("sessionsPerWeek")
        .map(|text| text.parse::<u64>().map_or_else(|_| json!(text), |number| json!(number)));
    json!({
        "goal": given("goal"),
        "materialIds": form.all("material"),
        "targetDueDate": given("targetDueDate"),
        "sessionsPerWeek": per_week,
        "specialRequirements": given("specialRequirements"),
        "timezone": given("timezone"),
        "waitForMaterials": true,
    })
}

pub(super) async fn act_on_plan(
    State(api): State<Api>,
    Caller(user): Caller,
    Reader(words): Reader,
    carried: Carried,
    headers: HeaderMap,
    Path((id, action)): Path<(String, String)>,
) -> ApiResult<Response> {
    let outcome = change_plan(&api, &user, &carried, &id, &action).await;
    tell(words, &headers, outcome.map(|()| back(&headers, "/")))
}

async fn change_plan(
    api: &Api,
    user: &UserId,
    carried: &Carried,
    id: &str,
    action: &str,
) -> ApiResult<()> {
    let id = plan_id(id)?;
    match action {
        "retry" => {
            let action = Action::RetryPlan { id, discard_progress: false };
            api.parts.intake.accept(carried.intent(api, user, "", action)).await?;
        }
        "cancel" => drop(api.parts.cancel.cancel(user, &JobId::from_store(id.as_str())).await?),
        "remove" => plan_changes::delete(api, user, id.as_str()).await?,
        _ => return Err(ApiError::not_found()),
    }
    Ok(())
}

pub(super) async fn mark_session(
    State(api): State<Api>,
    Caller(user): Caller,
    Reader(words): Reader,
    headers: HeaderMap,
    Path((id, session)): Path<(String, String)>,
    request: Request,
) -> ApiResult<Response> {
    let outcome = mark(&api, &user, &id, &session, request).await;
    tell(words, &headers, outcome.map(|()| back(&headers, &format!("/?plan={id}"))))
}

async fn mark(
    api: &Api,
    user: &UserId,
    id: &str,
    session: &str,
    request: Request,
) -> ApiResult<()> {
    let form = read_form_text(request, api.parts.settings.body_max).await?;
    let words = "SCHEDULED, IN_PROGRESS, COMPLETED, SKIPPED, CANCELED";
    let status = form.word("status", SessionStatus::from_text, words)?;
    let status = status.unwrap_or(SessionStatus::Completed);
    let (plan, session) = (plan_id(id)?, SessionId::from_text(session));
    let now = api.now_ms();
    let changed = api.parts.ports.catalog.set_session(user, &plan, &session, status, now).await?;
    changed.map(drop).ok_or_else(plans::not_found)
}
