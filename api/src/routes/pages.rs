//! The pages: HTML from the server first, scripts add life. No page needs a script to be used.

mod console;
mod documents;
mod forms;
mod layout;
mod passage;
mod plan_view;
mod plans;
mod ring;
mod row;
mod study;
mod words;

use axum::Router;
use axum::extract::Path;
use axum::http::{HeaderMap, Uri, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use rust_embed::RustEmbed;

use self::layout::Reader;
use crate::error::ApiError;
use crate::identity::Visitor;
use crate::settings::Api;

/// The files of the pages.
#[derive(RustEmbed)]
#[folder = "../web/assets"]
struct Assets;

/// The study page and what its forms post to.
pub(super) fn study_pages() -> Router<Api> {
    Router::new()
        .route("/", get(study::page))
        .route("/study/documents", get(documents::fragment).post(forms::upload))
        .route("/study/documents/{id}/{action}", post(forms::act_on_document))
        .route("/study/samples/{name}", post(forms::sample))
        .route("/study/plans", get(plans::fragment).post(forms::make_plan))
        .route("/study/plans/{id}/{action}", post(forms::act_on_plan))
        .route("/study/plans/{id}/sessions/{session}", post(forms::mark_session))
        .route("/study/passage", get(passage::show))
        .route("/assets/{*path}", get(asset))
}

/// The operators' page.
pub(super) fn console_pages() -> Router<Api> {
    Router::new().route("/", get(console::page)).route("/assets/{*path}", get(asset))
}

/// Answers an address that does not exist: a page for a browser, the contract's error for a program.
pub(super) async fn missing(
    Reader(words): Reader,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let error = ApiError::not_found();
    let accepted = headers.get(header::ACCEPT).and_then(|accepted| accepted.to_str().ok());
    let is_browser = accepted.is_some_and(|accepted| accepted.contains("text/html"));
    if is_browser && !uri.path().starts_with("/api/") {
        return Ok(forms::problem_page(words, &error));
    }
    Err(error)
}

async fn asset(_: Visitor, Path(path): Path<String>) -> Result<Response, ApiError> {
    let file = Assets::get(&path).ok_or_else(ApiError::not_found)?;
    let kind = match path.rsplit('.').next() {
        Some("css") => "text/css; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("svg") => "image/svg+xml",
        _ => "application/octet-stream",
    };
    let headers = [(header::CONTENT_TYPE, kind), (header::CACHE_CONTROL, "no-cache")];
    Ok((headers, file.data.into_owned()).into_response())
}
