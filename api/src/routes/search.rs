//! Search over the caller's own READY materials.

use axum::extract::State;
use oxherd_study::MaterialId;
use oxherd_study::retrieve::{self, SearchHit};
use serde_json::{Value, json};

use super::materials::not_found;
use crate::error::{ApiError, ApiResult};
use crate::extract::QueryPairs;
use crate::identity::Caller;
use crate::reply;
use crate::settings::Api;

/// Finds passages.
#[utoipa::path(get, path = "/api/search", tag = "Search",
    params(("q" = String, Query), ("materialId" = Option<Vec<String>>, Query),
        ("limit" = Option<u32>, Query)),
    responses((status = 200, description = "`{data: [{materialId, chunkIndex, page?, headingPath, snippet, score}], meta: {searched, total, complete}}`"),
        (status = 404, description = "MATERIAL_NOT_FOUND"),
        (status = 422, description = "VALIDATION_ERROR")))]
pub(crate) async fn search(
    State(api): State<Api>,
    Caller(user): Caller,
    query: QueryPairs,
) -> ApiResult {
    let words = query.get("q").map(str::trim).unwrap_or_default();
    if !(1..=500).contains(&words.chars().count()) {
        return Err(ApiError::field("q", "OUT_OF_RANGE", "must have 1 to 500 characters"));
    }
    let limit = query.number("limit", 1..=50, 10)?;
    let only = query
        .all("materialId")
        .into_iter()
        .map(|id| MaterialId::parse(id).map_err(|_| not_found()))
        .collect::<ApiResult<Vec<_>>>()?;
    let answer = retrieve::search(&api.parts.ports, &user, words, &only, limit as usize).await?;
    let rows: Vec<_> = answer.hits.iter().map(hit_body).collect();
    let meta = json!({
        "searched": answer.searched, "total": answer.total, "complete": answer.complete,
    });
    Ok(reply::list(&rows, &meta))
}

fn hit_body(hit: &SearchHit) -> Value {
    let mut body = json!({
        "materialId": hit.material,
        "chunkIndex": hit.chunk_index,
        "headingPath": hit.heading_path,
        "snippet": hit.snippet,
        "score": hit.score,
    });
    if let Some(page) = hit.page {
        body["page"] = page.into();
    }
    body
}
