//! Probes, the actor tree and the metrics.

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use oxherd_actors::handles::Check;

use crate::error::ApiResult;
use crate::extract::QueryPairs;
use crate::identity::Visitor;
use crate::reply;
use crate::settings::Api;

/// The probes without details.
pub(super) fn public_routes() -> Router<Api> {
    Router::new()
        .route("/livez", get(async |_: Visitor| probe(&[])))
        .route("/readyz", get(async |State(api): State<Api>, _: Visitor| brief(&readiness(&api))))
}

/// The probes with details, the tree, the metrics.
pub(super) fn admin_routes() -> Router<Api> {
    Router::new()
        .route("/livez", get(livez))
        .route("/readyz", get(readyz))
        .route("/startupz", get(startupz))
        .route("/health/supervisor", get(supervisor))
        .route("/metrics", get(metrics))
}

fn readiness(api: &Api) -> Vec<Check> {
    let mut checks = api.parts.tree.readiness();
    if api.parts.drain.has_begun() {
        checks.push(Check {
            name: "drain".to_owned(),
            ok: false,
            cause: "the process goes down".to_owned(),
            fix: "none needed; send traffic to another process".to_owned(),
        });
    }
    checks
}

fn startup(api: &Api) -> Vec<Check> {
    let ok = api.parts.tree.is_started();
    let fix = if ok { "" } else { "wait; the log tells what is being opened" };
    vec![Check {
        name: "startup".to_owned(),
        ok,
        cause: if ok { "started" } else { "starting" }.to_owned(),
        fix: fix.to_owned(),
    }]
}

async fn livez(_: Visitor, query: QueryPairs, headers: HeaderMap) -> Response {
    answer(&[], &query, &headers)
}

async fn readyz(
    State(api): State<Api>,
    _: Visitor,
    query: QueryPairs,
    headers: HeaderMap,
) -> Response {
    answer(&readiness(&api), &query, &headers)
}

async fn startupz(
    State(api): State<Api>,
    _: Visitor,
    query: QueryPairs,
    headers: HeaderMap,
) -> Response {
    answer(&startup(&api), &query, &headers)
}

fn answer(checks: &[Check], query: &QueryPairs, headers: &HeaderMap) -> Response {
    if query.get("verbose").is_none() {
        return probe(checks);
    }
    let status = status_of(checks);
    let accept = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok());
    if accept.is_some_and(|accept| accept.contains("application/json")) {
        let ok = status == StatusCode::OK;
        return reply::json(status, &serde_json::json!({ "ok": ok, "checks": checks }));
    }
    let mut text = String::new();
    for check in checks {
        let mark = if check.ok { "ok" } else { "FAILED" };
        text.push_str(&format!("{mark}  {}: {}", check.name, check.cause));
        if !check.fix.is_empty() {
            text.push_str(&format!(" (fix: {})", check.fix));
        }
        text.push('\n');
    }
    text.push_str(if status == StatusCode::OK { "ok\n" } else { "not ok\n" });
    (status, text).into_response()
}

fn status_of(checks: &[Check]) -> StatusCode {
    if checks.iter().all(|check| check.ok) {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    }
}

/// `ok`, or the name of the failed check.
fn probe(checks: &[Check]) -> Response {
    match checks.iter().find(|check| !check.ok) {
        None => "ok".into_response(),
        Some(failed) => (StatusCode::SERVICE_UNAVAILABLE, failed.name.clone()).into_response(),
    }
}

/// `ok` or `not ready`: outsiders learn no names.
fn brief(checks: &[Check]) -> Response {
    let status = status_of(checks);
    (status, if status == StatusCode::OK { "ok" } else { "not ready" }).into_response()
}

async fn supervisor(State(api): State<Api>, _: Visitor) -> Response {
    reply::json(StatusCode::OK, &api.parts.tree.tree())
}

async fn metrics(State(api): State<Api>, _: Visitor) -> ApiResult {
    // The other figures are told also while the queues' store is away.
    for queue in api.parts.tree.queues().await.unwrap_or_default() {
        for (state, count) in &queue.counts {
            #[expect(clippy::cast_precision_loss, reason = "a gauge")]
            metrics::gauge!("bullmq_job_count", "queue" => queue.name.clone(), "state" => *state)
                .set(*count as f64);
        }
    }
    let text = (api.parts.metrics)();
    let kind = [(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")];
    Ok((kind, text).into_response())
}
