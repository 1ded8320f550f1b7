//! Faults on purpose, for tests of the whole program; the routes exist only under `testing.faults`.

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::post;
use serde_json::json;

use crate::error::{ApiError, ApiResult};
use crate::extract::JsonBody;
use crate::fields::Fields;
use crate::identity::Visitor;
use crate::reply;
use crate::settings::Api;

/// The routes, none where faults are not allowed.
pub(super) fn routes(api: &Api) -> Router<Api> {
    if !api.parts.faults.are_allowed() {
        return Router::new();
    }
    Router::new()
        .route("/api/testing/crash", post(crash))
        .route("/api/testing/panics", post(panics))
}

/// Crashes the part at `path`, e.g. `StatusCache`.
async fn crash(State(api): State<Api>, _: Visitor, request: JsonBody) -> ApiResult {
    let mut fields = Fields::of(&request.value);
    let path = fields.required_text("path", 1..=255);
    fields.finish()?;
    if !api.parts.faults.crash(&path) {
        return Err(ApiError::field("path", "NOT_FOUND", "names no part of the tree"));
    }
    Ok(reply::data_with(StatusCode::ACCEPTED, &json!({ "crashed": path })))
}

/// Makes every n-th run panic; 0 ends it.
async fn panics(State(api): State<Api>, _: Visitor, request: JsonBody) -> ApiResult {
    let mut fields = Fields::of(&request.value);
    let every = fields.number("every", 0..=1000).unwrap_or(0);
    fields.finish()?;
    api.parts.faults.panic_every(every);
    Ok(reply::data(&json!({ "every": every })))
}
