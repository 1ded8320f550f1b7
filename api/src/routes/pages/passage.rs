//! The passage that a session's source names, as a page or for the side sheet.

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use maud::{Markup, html};
use oxherd_study::chunk::Chunk;
use oxherd_study::{MaterialId, UserId};

use super::forms::tell;
use super::layout::{Reader, page, respond};
use super::words::Words;
use crate::error::{ApiError, ApiResult};
use crate::extract::QueryPairs;
use crate::identity::Caller;
use crate::routes::materials::not_found;
use crate::routes::passages::open;
use crate::settings::Api;

/// The most chunks that are shown at once.
const CHUNKS_MAX: usize = 200;

pub(super) async fn show(
    State(api): State<Api>,
    Caller(user): Caller,
    Reader(words): Reader,
    query: QueryPairs,
    headers: HeaderMap,
) -> ApiResult<Response> {
    let found = find(&api, &user, words, &query, &headers).await;
    tell(words, &headers, found)
}

async fn find(
    api: &Api,
    user: &UserId,
    words: &Words,
    query: &QueryPairs,
    headers: &HeaderMap,
) -> ApiResult<Response> {
    let id = query.get("material").unwrap_or_default();
    let id = MaterialId::parse(id).map_err(|_| not_found())?;
    let material = api.parts.ports.catalog.material(user, &id, true).await?;
    let material = material.ok_or_else(not_found)?;
    let start = query.number("start", 0..=u32::MAX, 0)? as usize;
    let end = query.number("end", 0..=u32::MAX, 0)? as usize;
    let bundle = open(api, user, id.as_str()).await?;
    let last = (end + 1).min(bundle.chunks.len()).min(start.saturating_add(CHUNKS_MAX));
    let chunks = bundle.chunks.get(start..last).ok_or_else(ApiError::not_found)?;
    let passage = passage(words, &material.title, chunks);
    if headers.contains_key("x-fragment") {
        return Ok(respond(StatusCode::OK, passage));
    }
    Ok(page(
        words,
        &material.title,
        None,
        html! {
            body { main { p { a href="/" { (words.back) } } (passage) } }
        },
    ))
}

fn passage(words: &Words, title: &str, chunks: &[Chunk]) -> Markup {
    let mut above: Option<&[String]> = None;
    html! {
        h2 { (title) }
        @for chunk in chunks {
            @if above != Some(&chunk.heading_path) {
                h3 class="path" { (chunk.heading_path.join(" › ")) }
                @if let Some(page) = chunk.page {
                    p class="facts" { (words.page_number(page)) }
                }
            }
            ({ above = Some(&chunk.heading_path); maud::PreEscaped("") })
            p class="text" { (chunk.text) }
        }
    }
}
