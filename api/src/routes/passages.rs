//! The text of a material: its outline and its chunks.

use std::sync::Arc;

use axum::extract::{Path, State};
use oxherd_study::UserId;
use oxherd_study::bundle::Bundle;
use serde_json::json;

use super::materials::{material_id, not_found};
use crate::error::{ApiError, ApiResult};
use crate::extract::QueryPairs;
use crate::identity::Caller;
use crate::reply;
use crate::settings::Api;

/// The most chunks in one reply.
const CHUNKS_MAX: u32 = 200;
/// The chunks in a reply when nothing else is asked for.
const CHUNKS_DEFAULT: u32 = 20;

/// Shows the headings of a material as a tree.
#[utoipa::path(get, path = "/api/materials/{id}/outline", tag = "Materials",
    params(("id" = String, Path)),
    responses((status = 200, description = "`{data: [{title, level, page?, chunkRange, keywords, children}]}`"),
        (status = 404, description = "MATERIAL_NOT_FOUND"),
        (status = 409, description = "MATERIAL_NOT_READY")))]
pub(crate) async fn get_outline(
    State(api): State<Api>,
    Caller(user): Caller,
    Path(id): Path<String>,
) -> ApiResult {
    let bundle = open(&api, &user, &id).await?;
    Ok(reply::data(&bundle.outline))
}

/// Shows chunks of a material, `start` to `end` inclusive.
#[utoipa::path(get, path = "/api/materials/{id}/chunks", tag = "Materials",
    params(("id" = String, Path), ("start" = Option<u32>, Query), ("end" = Option<u32>, Query)),
    responses((status = 200, description = "`{data: [{index, text, headingPath, page?, pageEnd?}], meta: {chunkCount}}`"),
        (status = 404, description = "MATERIAL_NOT_FOUND"),
        (status = 409, description = "MATERIAL_NOT_READY")))]
pub(crate) async fn get_chunks(
    State(api): State<Api>,
    Caller(user): Caller,
    Path(id): Path<String>,
    query: QueryPairs,
) -> ApiResult {
    let start = query.number("start", 0..=u32::MAX, 0)?;
    let end = query.number("end", 0..=u32::MAX, start.saturating_add(CHUNKS_DEFAULT - 1))?;
    if end < start {
        return Err(ApiError::field("end", "OUT_OF_RANGE", "must not be before start"));
    }
    if end - start >= CHUNKS_MAX {
        let message = format!("must be less than {CHUNKS_MAX} after start");
        return Err(ApiError::field("end", "OUT_OF_RANGE", message));
    }
    let bundle = open(&api, &user, &id).await?;
    let first = (start as usize).min(bundle.chunks.len());
    let last = (end as usize + 1).min(bundle.chunks.len());
    let meta = json!({ "chunkCount": bundle.chunks.len() });
    Ok(reply::list(&bundle.chunks[first..last], &meta))
}

/// Opens the knowledge of a material, also of a deleted one that plans still refer to.
pub(super) async fn open(api: &Api, user: &UserId, id: &str) -> ApiResult<Arc<Bundle>> {
    let id = material_id(id)?;
    let material = api.parts.ports.catalog.material(user, &id, true).await?;
    let material = material.ok_or_else(not_found)?;
    let Some(key) = &material.bundle_key else {
        let message = "the material is not ready yet; wait until its status is READY";
        return Err(ApiError::new(409, "MATERIAL_NOT_READY", message));
    };
    Ok(api.parts.ports.bundles.open(api.parts.ports.objects.as_ref(), key).await?)
}
