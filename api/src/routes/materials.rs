//! Materials: lists, single ones, titles, retries, deletion.

use axum::extract::{Path, State};
use oxherd_queue::JobId;
use oxherd_study::accept::Action;
use oxherd_study::document::DocumentKind;
use oxherd_study::material::{MaterialStatus, TITLE_MAX};
use oxherd_study::ports::{Deleted, MaterialFilter, PageRequest, Sort};
use oxherd_study::{MaterialId, UserId};
use serde_json::json;

use super::bodies::{MaterialBody, PageMeta};
use crate::error::{ApiError, ApiResult};
use crate::extract::{Carried, JsonBody, OptionalJson, QueryPairs};
use crate::fields::Fields;
use crate::identity::Caller;
use crate::reply;
use crate::settings::Api;

/// Lists the caller's materials.
#[utoipa::path(get, path = "/api/materials", tag = "Materials",
    params(("status" = Option<String>, Query), ("q" = Option<String>, Query),
        ("sort" = Option<String>, Query), ("limit" = Option<u32>, Query),
        ("cursor" = Option<String>, Query)),
    responses((status = 200, description = "`{data: [material], meta: {nextCursor, limit}}`"),
        (status = 400, description = "INVALID_CURSOR")))]
pub(crate) async fn list_materials(
    State(api): State<Api>,
    Caller(user): Caller,
    query: QueryPairs,
) -> ApiResult {
    let words = "PENDING, PROCESSING, READY, FAILED";
    let status = query.word("status", MaterialStatus::from_text, words)?;
    let sort =
        query.word("sort", sort_of, "createdAt:desc, createdAt:asc, title:asc, title:desc")?;
    let filter = MaterialFilter {
        status,
        title_part: query.get("q").filter(|q| !q.is_empty()).map(str::to_owned),
        sort: sort.unwrap_or_default(),
    };
    let page = page_request(&query)?;
    let found = api.parts.ports.catalog.materials(&user, &filter, &page).await?;
    let rows: Vec<_> = found.rows.into_iter().map(MaterialBody::from).collect();
    Ok(reply::list(&rows, &PageMeta { next_cursor: found.next_cursor, limit: page.limit }))
}

fn sort_of(word: &str) -> Option<Sort> {
    match word {
        "createdAt:desc" => Some(Sort::Newest),
        "createdAt:asc" => Some(Sort::Oldest),
        "title:asc" => Some(Sort::Title),
        "title:desc" => Some(Sort::TitleBackwards),
        _ => None,
    }
}

/// Reads `limit` and `cursor`.
pub(super) fn page_request(query: &QueryPairs) -> ApiResult<PageRequest> {
    let limit = query.number("limit", 1..=100, 20)?;
    Ok(PageRequest { limit, cursor: query.get("cursor").map(str::to_owned) })
}

/// Lists the document types that are accepted.
#[utoipa::path(get, path = "/api/materials/types", tag = "Materials",
    responses((status = 200, description = "`{data: [{mimeType, extensions}]}`")))]
pub(crate) async fn list_types(_: Caller) -> ApiResult {
    let kinds: Vec<_> = DocumentKind::ALL
        .into_iter()
        .map(|kind| json!({ "mimeType": kind.mime_type(), "extensions": kind.extensions() }))
        .collect();
    Ok(reply::data(&kinds))
}

/// Shows a material.
#[utoipa::path(get, path = "/api/materials/{id}", tag = "Materials",
    params(("id" = String, Path)),
    responses((status = 200, body = MaterialBody), (status = 404, description = "MATERIAL_NOT_FOUND")))]
pub(crate) async fn get_material(
    State(api): State<Api>,
    Caller(user): Caller,
    Path(id): Path<String>,
) -> ApiResult {
    let id = material_id(&id)?;
    let found = api.parts.ports.catalog.material(&user, &id, false).await?;
    Ok(reply::data(&MaterialBody::from(found.ok_or_else(not_found)?)))
}

/// Renames a material: `{title}`.
#[utoipa::path(patch, path = "/api/materials/{id}", tag = "Materials",
    params(("id" = String, Path)),
    request_body(content = serde_json::Value, example = json!({ "title": "Linear algebra" })),
    responses((status = 200, body = MaterialBody), (status = 404, description = "MATERIAL_NOT_FOUND")))]
pub(crate) async fn rename_material(
    State(api): State<Api>,
    Caller(user): Caller,
    Path(id): Path<String>,
    body: JsonBody,
) -> ApiResult {
    let mut fields = Fields::of(&body.value);
    let title = fields.required_text("title", 1..=TITLE_MAX);
    fields.finish()?;
    let id = material_id(&id)?;
    let now = api.now_ms();
    let renamed = api.parts.ports.catalog.rename_material(&user, &id, &title, now).await?;
    Ok(reply::data(&MaterialBody::from(renamed.ok_or_else(not_found)?)))
}

/// Processes a FAILED material again.
#[utoipa::path(post, path = "/api/materials/{id}/retry", tag = "Materials",
    params(("id" = String, Path)),
    responses((status = 202, description = "`{materialId, jobId, status, links}`"),
        (status = 404, description = "MATERIAL_NOT_FOUND"),
        (status = 409, description = "MATERIAL_NOT_FAILED")))]
pub(crate) async fn retry_material(
    State(api): State<Api>,
    Caller(user): Caller,
    Path(id): Path<String>,
    carried: Carried,
    OptionalJson(body): OptionalJson,
) -> ApiResult {
    let action = Action::RetryMaterial(material_id(&id)?);
    let intent = carried.intent(&api, &user, &body.fingerprint, action);
    let accepted = api.parts.intake.accept(intent).await?;
    Ok(reply::accepted(&api, &user, &accepted))
}

/// Deletes a material.
#[utoipa::path(delete, path = "/api/materials/{id}", tag = "Materials",
    params(("id" = String, Path)),
    responses((status = 200, description = "`{data: {type: hard|soft}}`"),
        (status = 404, description = "MATERIAL_NOT_FOUND")))]
pub(crate) async fn delete_material(
    State(api): State<Api>,
    Caller(user): Caller,
    Path(id): Path<String>,
) -> ApiResult {
    let deleted = delete(&api, &user, &id).await?;
    Ok(reply::data(&json!({ "type": if deleted.soft { "soft" } else { "hard" } })))
}

/// Deletes a material with everything that hangs on it.
pub(super) async fn delete(api: &Api, user: &UserId, id: &str) -> ApiResult<Deleted> {
    let id = material_id(id)?;
    let deleted = api.parts.ports.catalog.delete_material(user, &id, api.now_ms()).await?;
    let deleted = deleted.ok_or_else(not_found)?;
    clean_up(api, user, id.as_str(), &deleted).await;
    Ok(deleted)
}

/// Ends the job of a deleted entity and removes its objects; what fails here the janitor mends.
pub(super) async fn clean_up(api: &Api, user: &UserId, id: &str, deleted: &Deleted) {
    if deleted.unsettled {
        api.parts.cancel.forget(user, &JobId::from_store(id)).await;
    }
    api.parts.cancel.happened(&deleted.effects);
    for key in &deleted.objects {
        if let Err(error) = api.parts.ports.objects.delete(key).await {
            tracing::warn!("object {key} of a deleted entity stays for the janitor: {error}");
        }
    }
}

pub(super) fn material_id(text: &str) -> ApiResult<MaterialId> {
    MaterialId::parse(text).map_err(|_| not_found())
}

pub(super) fn not_found() -> ApiError {
    ApiError::new(404, "MATERIAL_NOT_FOUND", "there is no such material")
}
