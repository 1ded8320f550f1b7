//! Jobs of the caller's own materials and plans: status with conditional reads, cancel.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderName, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use oxherd_queue::status::StatusRecord;
use oxherd_queue::{JobId, JobState};
use oxherd_study::UserId;

use super::bodies::job_body;
use crate::conditional::{etag, has_version, if_none_match, preferred_wait};
use crate::error::{ApiError, ApiResult};
use crate::extract::OptionalJson;
use crate::identity::Caller;
use crate::reply::{self, put};
use crate::settings::Api;

/// Shows a job; with `If-None-Match` and `Prefer: wait=N` it waits for a change.
#[utoipa::path(get, path = "/api/jobs/{jobId}", tag = "Jobs",
    params(("jobId" = String, Path), ("if-none-match" = Option<String>, Header),
        ("prefer" = Option<String>, Header)),
    responses((status = 200, description = "`{data: job}` with an ETag"),
        (status = 304, description = "not changed"),
        (status = 404, description = "JOB_NOT_FOUND")))]
pub(crate) async fn get_job(
    State(api): State<Api>,
    Caller(user): Caller,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> ApiResult {
    let mut record = find(&api, &user, &id).await?;
    let wait = preferred_wait(&headers).filter(|_| if_none_match(&headers).is_some());
    let mut applied = None;
    if let Some(wait) = wait
        && has_version(&headers, record.version)
        && !record.state.is_final()
        && let Ok(_waiting) = api.waiters.try_acquire()
    {
        record = changed_within(&api, &record, wait).await;
        applied = Some(wait);
    }
    let mut response = if has_version(&headers, record.version) {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        show(&api, &record).await
    };
    put(response.headers_mut(), header::ETAG, &etag(record.version));
    if let Some(wait) = applied {
        let name = HeaderName::from_static("preference-applied");
        put(response.headers_mut(), name, &format!("wait={}", wait.as_secs()));
    }
    Ok(response)
}

async fn changed_within(api: &Api, old: &StatusRecord, wait: Duration) -> Arc<StatusRecord> {
    let mut watch = api.parts.status.watch(&old.job);
    let newer = |record: &Option<Arc<StatusRecord>>| {
        record.as_ref().is_some_and(|record| record.version != old.version)
    };
    tokio::select! {
        found = tokio::time::timeout(wait, watch.wait_for(newer)) => {
            if let Ok(Ok(record)) = found && let Some(record) = record.as_ref() {
                return Arc::clone(record);
            }
        }
        () = api.parts.drain.begun() => {}
    }
    Arc::new(old.clone())
}

async fn show(api: &Api, record: &StatusRecord) -> Response {
    let waits = matches!(record.state, JobState::Waiting | JobState::Prioritized);
    let place = if waits { api.parts.status.place(&record.job).await } else { None };
    reply::data(&job_body(api, record, place))
}

/// Cancels a job.
#[utoipa::path(post, path = "/api/jobs/{jobId}/cancel", tag = "Jobs",
    params(("jobId" = String, Path)),
    responses((status = 202, description = "`{data: job}`"),
        (status = 404, description = "JOB_NOT_FOUND"),
        (status = 409, description = "JOB_FINISHED")))]
pub(crate) async fn cancel_job(
    State(api): State<Api>,
    Caller(user): Caller,
    Path(id): Path<String>,
    _: OptionalJson,
) -> ApiResult {
    let record = find(&api, &user, &id).await?;
    let record = api.parts.cancel.cancel(&user, &record.job).await?;
    let mut response = reply::data_with(StatusCode::ACCEPTED, &job_body(&api, &record, None));
    put(response.headers_mut(), header::LOCATION, &format!("/api/jobs/{}", record.job));
    put(response.headers_mut(), header::RETRY_AFTER, "1");
    Ok(response)
}

/// Returns the record of a job of this user; another's is as good as none.
pub(super) async fn find(api: &Api, user: &UserId, id: &str) -> ApiResult<Arc<StatusRecord>> {
    let missing = || ApiError::new(404, "JOB_NOT_FOUND", "there is no such job");
    if id.len() > JobId::LENGTH_MAX {
        return Err(missing());
    }
    let record = api.parts.status.lookup(&JobId::from_store(id)).await?;
    record.filter(|record| record.owner == user.as_str()).ok_or_else(missing)
}
