//! The study page, its assets, and the operators' page.

use axum::Router;
use axum::extract::{Path, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use maud::{DOCTYPE, Markup, html};
use oxherd_actors::tree::TreeNode;
use rust_embed::RustEmbed;

use crate::error::ApiError;
use crate::identity::Visitor;
use crate::settings::Api;

/// The files of the pages.
#[derive(RustEmbed)]
#[folder = "../web/assets"]
struct Assets;

/// No script, style or picture from elsewhere; no frame around the pages.
const POLICY: &str = "default-src 'self'; style-src 'self'; script-src 'self'; img-src 'self' \
                      data:; base-uri 'none'; frame-ancestors 'none'; form-action 'self'";

pub(super) fn study_pages() -> Router<Api> {
    Router::new().route("/", get(study_page)).route("/assets/{*path}", get(asset))
}

pub(super) fn console_pages() -> Router<Api> {
    Router::new().route("/", get(console)).route("/assets/{*path}", get(asset))
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

async fn study_page(_: Visitor) -> Response {
    page("Oxherd", html! { h1 { "Oxherd" } })
}

async fn console(State(api): State<Api>, _: Visitor) -> Response {
    let queues = api.parts.tree.queues().await;
    let tree = api.parts.tree.tree();
    page(
        "Oxherd operators",
        html! {
            h1 { "Queues" }
            table {
                thead { tr {
                    th { "Queue" } th { "State" } th { "Counts" } th { "Slots" } th { "Oldest waiting" }
                } }
                tbody {
                    @for queue in &queues {
                        tr {
                            td { (queue.name) }
                            td { @if queue.paused { "paused" } @else { "running" } }
                            td { @for (state, count) in &queue.counts { (state) " " (count) " · " } }
                            td { (queue.workers) }
                            td { @match queue.oldest_waiting_ms {
                                Some(ms) => { (ms / 1000) " s" }
                                None => { "–" }
                            } }
                        }
                    }
                }
            }
            h1 { "Actors" }
            ul class="tree" { (node(&tree)) }
            p { a href="/metrics" { "Metrics" } " · " a href="/health/supervisor" { "Tree as JSON" }
                " · " a href="/readyz?verbose" { "Readiness" } }
        },
    )
}

fn node(node: &TreeNode) -> Markup {
    html! {
        li {
            strong { (node.name) } " " (node.kind) " · "
            (serde_json::to_value(node.state).ok().and_then(|s| s.as_str().map(str::to_owned)).unwrap_or_default())
            " · restarts " (node.restarts) " (" (node.restarts_in_window) "/" (node.restarts_allowed) ")"
            @if let Some(failure) = &node.last_failure { " · last: " (failure.reason) " at " (failure.at) }
            @if !node.children.is_empty() { ul { @for child in &node.children { (self::node(child)) } } }
        }
    }
}

fn page(title: &str, body: Markup) -> Response {
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { (title) }
                link rel="stylesheet" href="/assets/tokens.css";
                link rel="stylesheet" href="/assets/docs.css";
            }
            body { main { (body) } }
        }
    };
    let mut response = (StatusCode::OK, page).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("same-origin"));
    response
}
