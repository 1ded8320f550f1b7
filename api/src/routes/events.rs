//! Streams of one job, and of several on one connection.

use std::sync::Arc;

use axum::extract::{FromRequestParts, Path, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode};
use axum::response::IntoResponse as _;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use futures::StreamExt as _;
use futures::stream;
use oxherd_queue::Position;
use oxherd_queue::status::StatusRecord;
use oxherd_study::UserId;

use super::jobs::find;
use crate::error::{ApiError, ApiResult};
use crate::extract::QueryPairs;
use crate::identity::{Caller, Visitor};
use crate::settings::Api;
use crate::signing::{BadToken, Scope};
use crate::stream::{follow, respond, write};

/// The most jobs on one connection.
const JOBS_MAX: usize = 20;

/// Who listens: by header, or by tokens for single jobs.
pub(crate) enum Listener {
    Caller(UserId),
    Tokens(Vec<Result<(UserId, String), BadToken>>),
}

impl FromRequestParts<Api> for Listener {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> ApiResult<Self> {
        let query = QueryPairs::from_request_parts(parts, api).await?;
        let tokens = query.all("token");
        if tokens.is_empty() {
            return Caller::from_request_parts(parts, api)
                .await
                .map(|Caller(user)| Self::Caller(user));
        }
        Visitor::from_request_parts(parts, api).await?;
        let verify = |token| {
            let grant = api.parts.signer.verify(Scope::Events, token, api.now_ms())?;
            Ok((grant.user, grant.subject))
        };
        Ok(Self::Tokens(tokens.into_iter().map(verify).collect()))
    }
}

fn unauthorized() -> ApiError {
    ApiError::new(401, "UNAUTHORIZED", "the stream token is not valid; read the job for a new one")
}

/// Streams what happens to a job.
#[utoipa::path(get, path = "/api/jobs/{jobId}/events", tag = "Jobs",
    params(("jobId" = String, Path), ("token" = Option<String>, Query),
        ("last-event-id" = Option<String>, Header)),
    responses((status = 200, content_type = "text/event-stream", body = String,
        description = "snapshot, status, progress, and last completed or failed"),
        (status = 204, description = "nothing follows"),
        (status = 404, description = "JOB_NOT_FOUND")))]
pub(crate) async fn job_events(
    State(api): State<Api>,
    listener: Listener,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> ApiResult {
    let user = match listener {
        Listener::Caller(user) => user,
        Listener::Tokens(tokens) => match tokens.into_iter().next() {
            Some(Ok((user, job))) if job == id => user,
            _ => return Err(unauthorized()),
        },
    };
    let record = find(&api, &user, &id).await?;
    let seen = last_event_id(&headers).and_then(|text| text.parse::<Position>().ok());
    if record.state.is_final() && seen.is_some_and(|seen| seen >= record.version) {
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    let writer = api.clone();
    let events = follow(&api, record, seen).map(move |event| {
        let heard = event.heard().map(|version| version.to_string());
        write(&writer, &event, heard.as_deref())
    });
    Ok(respond(&api, events.boxed()))
}

fn last_event_id(headers: &HeaderMap) -> Option<&str> {
    headers.get("last-event-id").and_then(|value| value.to_str().ok())
}

/// Streams what happens to several jobs: `?jobs=a,b` or `?token=T1&token=T2`.
#[utoipa::path(get, path = "/api/events", tag = "Jobs",
    params(("jobs" = Option<String>, Query), ("token" = Option<Vec<String>>, Query),
        ("last-event-id" = Option<String>, Header)),
    responses((status = 200, content_type = "text/event-stream", body = String,
        description = "as for one job; each event names its job"),
        (status = 404, description = "JOB_NOT_FOUND"),
        (status = 422, description = "VALIDATION_ERROR: more than 20 jobs, or none")))]
pub(crate) async fn many_events(
    State(api): State<Api>,
    listener: Listener,
    query: QueryPairs,
    headers: HeaderMap,
) -> ApiResult {
    let wanted: Vec<(UserId, String)> = match listener {
        Listener::Caller(user) => {
            let jobs = query.get("jobs").unwrap_or_default().split(',').filter(|id| !id.is_empty());
            jobs.map(|id| (user.clone(), id.to_owned())).collect()
        }
        Listener::Tokens(tokens) => {
            if tokens.iter().any(|token| matches!(token, Err(BadToken::Expired))) {
                let reauth = axum::response::sse::Event::default().event("reauth").data("{}");
                return Ok(respond(&api, stream::once(async { reauth }).boxed()));
            }
            tokens.into_iter().collect::<Result<_, _>>().map_err(|_| unauthorized())?
        }
    };
    if !(1..=JOBS_MAX).contains(&wanted.len()) {
        let message = format!("name 1 to {JOBS_MAX} jobs");
        return Err(ApiError::field("jobs", "OUT_OF_RANGE", message));
    }
    let mut records = Vec::with_capacity(wanted.len());
    for (user, id) in &wanted {
        records.push(find(&api, user, id).await?);
    }
    Ok(many(&api, records, last_event_id(&headers)))
}

fn many(
    api: &Api,
    records: Vec<Arc<StatusRecord>>,
    last_event_id: Option<&str>,
) -> axum::response::Response {
    let mut seen = last_event_id.and_then(|id| read_cursor(id, records.len()));
    let over = |(at, record): (usize, &Arc<StatusRecord>)| {
        record.state.is_final() && seen.as_ref().is_some_and(|seen| seen[at] >= record.version)
    };
    if records.iter().enumerate().all(over) {
        return StatusCode::NO_CONTENT.into_response();
    }
    let streams = records.iter().enumerate().filter_map(|(at, record)| {
        let known = seen.as_ref().map(|seen| seen[at]).filter(|known| *known > Position::START);
        if record.state.is_final() && known.is_some_and(|known| known >= record.version) {
            return None;
        }
        Some(follow(api, Arc::clone(record), known).map(move |event| (at, event)).boxed())
    });
    let merged = stream::select_all(streams);
    let mut cursor = seen.take().unwrap_or_else(|| vec![Position::START; records.len()]);
    let writer = api.clone();
    let events = merged.map(move |(at, event)| {
        cursor[at] = event.heard().unwrap_or(cursor[at]);
        write(&writer, &event, Some(&write_cursor(&cursor)))
    });
    respond(api, events.boxed())
}

fn write_cursor(positions: &[Position]) -> String {
    let text: Vec<String> = positions.iter().map(ToString::to_string).collect();
    URL_SAFE_NO_PAD.encode(text.join(","))
}

fn read_cursor(text: &str, jobs: usize) -> Option<Vec<Position>> {
    let text = String::from_utf8(URL_SAFE_NO_PAD.decode(text).ok()?).ok()?;
    let positions: Vec<Position> =
        text.split(',').map(|p| p.parse().ok()).collect::<Option<_>>()?;
    (positions.len() == jobs).then_some(positions)
}
