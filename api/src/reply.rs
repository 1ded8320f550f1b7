//! How requests are answered: the success envelope, times, and the 202 of an accepted run.

use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use oxherd_study::UserId;
use oxherd_study::accept::{Accepted, AcceptedWhat};
use serde::Serialize;

use crate::error::ApiError;
use crate::settings::Api;
use crate::signing::{EVENTS_TOKEN_MS, Grant, Scope};

/// Answers 200 with `{"data": …}`.
pub(crate) fn data<T: Serialize>(value: &T) -> Response {
    json(StatusCode::OK, &Envelope { data: value })
}

/// Answers with `{"data": …}` and a status.
pub(crate) fn data_with<T: Serialize>(status: StatusCode, value: &T) -> Response {
    json(status, &Envelope { data: value })
}

/// Answers 200 with `{"data": […], "meta": …}`.
pub(crate) fn list<T: Serialize, M: Serialize>(rows: &[T], meta: &M) -> Response {
    json(StatusCode::OK, &Listing { data: rows, meta })
}

/// Answers with bare JSON.
pub(crate) fn json<T: Serialize>(status: StatusCode, value: &T) -> Response {
    match serde_json::to_vec(value) {
        Ok(body) => {
            let json = [(header::CONTENT_TYPE, "application/json")];
            (status, json, body).into_response()
        }
        Err(_) => ApiError::internal().into_response(),
    }
}

#[derive(Serialize)]
struct Envelope<'a, T: Serialize> {
    data: &'a T,
}

#[derive(Serialize)]
struct Listing<'a, T: Serialize, M: Serialize> {
    data: &'a [T],
    meta: &'a M,
}

/// Writes milliseconds since the epoch as RFC 3339 in UTC, with milliseconds.
pub(crate) fn time(ms: u64) -> String {
    let ms = i64::try_from(ms).unwrap_or(i64::MAX);
    let moment = jiff::Timestamp::from_millisecond(ms).unwrap_or(jiff::Timestamp::MAX);
    format!("{moment:.3}")
}

/// Returns the address of a job's stream, with a token for that job alone.
pub(crate) fn events_link(api: &Api, user: &UserId, job: &str, issued_ms: u64) -> String {
    let grant = Grant { user: user.clone(), subject: job.to_owned() };
    let token = api.parts.signer.issue(Scope::Events, &grant, issued_ms + EVENTS_TOKEN_MS);
    format!("/api/jobs/{job}/events?token={token}")
}

/// Answers an accepted run: 202 with the job's address.
pub(crate) fn accepted(api: &Api, user: &UserId, accepted: &Accepted) -> Response {
    let (kind, id, status) = match &accepted.what {
        AcceptedWhat::Material { id, .. } => ("material", id.to_string(), "processing"),
        AcceptedWhat::Plan { id, .. } => ("plan", id.to_string(), "pending"),
        AcceptedWhat::Upload { .. } | AcceptedWhat::Stored { .. } => {
            return ApiError::internal().into_response();
        }
    };
    let job = format!("/api/jobs/{id}");
    let links = serde_json::json!({
        "job": job,
        "events": events_link(api, user, &id, accepted.accepted_ms),
        kind: format!("/api/{kind}s/{id}"),
    });
    let body = serde_json::json!({
        format!("{kind}Id"): id, "jobId": id, "status": status, "links": links,
    });
    let mut response = data_with(StatusCode::ACCEPTED, &body);
    let headers = response.headers_mut();
    put(headers, header::LOCATION, &job);
    put(headers, header::RETRY_AFTER, "1");
    mark_replay(headers, accepted);
    response
}

/// Marks the answer to a repeated `Idempotency-Key`.
pub(crate) fn mark_replay(headers: &mut HeaderMap, accepted: &Accepted) {
    if accepted.replayed {
        put(headers, HeaderName::from_static("idempotent-replayed"), "true");
    }
}

/// Sets a header whose text was made here.
pub(crate) fn put(headers: &mut HeaderMap, name: HeaderName, text: &str) {
    if let Ok(value) = HeaderValue::from_str(text) {
        headers.insert(name, value);
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn times_have_milliseconds() {
        assert_eq!(super::time(1_795_500_000_007), "2026-11-24T06:00:00.007Z");
    }
}
