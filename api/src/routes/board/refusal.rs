//! Errors as bull-board's page reads them: a translation key, and beside it what it cannot translate.

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use oxherd_queue::{JobState, QueueError};
use serde_json::{Value, json};

use crate::error::ApiError;
use crate::reply;

/// A refusal in bull-board's words.
#[derive(Debug)]
pub(super) struct Refusal {
    status: u16,
    body: Value,
}

impl Refusal {
    /// Refuses with the translation key `ERRORS.<key>`.
    pub(super) fn new(status: u16, key: &str) -> Self {
        Self { status, body: json!({ "error": { "key": format!("ERRORS.{key}") } }) }
    }

    /// Refuses a request whose body or query is not as it should be.
    pub(super) fn invalid(key: &str) -> Self {
        Self::new(400, key).with("code", "INVALID_REQUEST")
    }

    /// Refuses a job that cannot be retried.
    pub(super) fn not_retriable(state: JobState) -> Self {
        Self::new(400, "JOB_NOT_RETRIABLE").with_options(json!({ "state": state }))
    }

    /// Refuses a job that is not delayed.
    pub(super) fn not_delayed(state: JobState) -> Self {
        Self::new(400, "JOB_NOT_DELAYED").with_options(json!({ "status": state }))
    }

    /// Refuses to remove the next run of a scheduler.
    pub(super) fn is_armed(job: &str) -> Self {
        let scheduler = scheduler_of(job);
        let options = json!({ "jobId": job, "jobSchedulerId": scheduler });
        let details = "ERRORS.JOB_BELONGS_TO_JOB_SCHEDULER_DETAILS";
        Self::new(400, "JOB_BELONGS_TO_JOB_SCHEDULER")
            .with("message", json!({ "key": details, "options": options }))
            .with("code", "JOB_BELONGS_TO_JOB_SCHEDULER")
            .with("jobSchedulerId", scheduler)
    }

    /// Refuses to remove a job that a worker holds.
    fn is_active(job: &str) -> Self {
        let options = json!({ "jobId": job });
        let message = json!({ "key": "ERRORS.JOB_IS_ACTIVE_DETAILS", "options": options });
        Self::new(409, "JOB_IS_ACTIVE").with("message", message)
    }

    /// Fills in the places of the translated sentence.
    pub(super) fn with_options(mut self, options: Value) -> Self {
        self.body["error"]["options"] = options;
        self
    }

    /// Adds a member beside the key.
    pub(super) fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.body[name] = value.into();
        self
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::BAD_REQUEST);
        reply::json(status, &self.body)
    }
}

impl From<QueueError> for Refusal {
    fn from(error: QueueError) -> Self {
        match error {
            QueueError::ArmedRun(id) => Self::is_armed(id.as_str()),
            QueueError::NoSuchJob(_) => Self::new(404, "JOB_NOT_FOUND"),
            QueueError::WrongState { id, state: JobState::Active, .. } => {
                Self::is_active(id.as_str())
            }
            QueueError::Invalid { .. } => {
                Self::invalid("INVALID_REQUEST_BODY").with("message", error.to_string())
            }
            other => ApiError::from(other).into(),
        }
    }
}

impl From<ApiError> for Refusal {
    fn from(error: ApiError) -> Self {
        let key = match error.code {
            "ORIGIN_NOT_ALLOWED" | "UNAUTHORIZED" => "FORBIDDEN",
            "QUEUE_NOT_FOUND" => "QUEUE_NOT_FOUND",
            "JOB_NOT_FOUND" => "JOB_NOT_FOUND",
            "QUEUE_UNAVAILABLE" => "REDIS_UNAVAILABLE",
            _ if error.status.is_server_error() || error.status == StatusCode::CONFLICT => {
                "INTERNAL_SERVER_ERROR"
            }
            _ => "INVALID_REQUEST_BODY",
        };
        let known = Self::new(error.status.as_u16(), key);
        if error.status == StatusCode::NOT_FOUND {
            return known;
        }
        known.with("message", error.message).with("code", error.code)
    }
}

/// Says what was refused before a handler ran in bull-board's words as well.
pub(super) async fn in_its_words(mut response: Response) -> Response {
    match response.extensions_mut().remove::<ApiError>() {
        Some(error) => Refusal::from(error).into_response(),
        None => response,
    }
}

/// Returns the scheduler whose run has this id, `repeat:<scheduler>:<ms>`.
fn scheduler_of(job: &str) -> &str {
    let run = job.strip_prefix("repeat:").unwrap_or(job);
    run.rsplit_once(':').map_or(run, |(scheduler, _)| scheduler)
}

#[cfg(test)]
mod tests {
    use oxherd_queue::JobId;

    use super::*;

    #[test]
    fn the_next_run_of_a_scheduler_names_its_scheduler() {
        let id = JobId::from_store("repeat:tenant:daily:1795500000000");
        let refusal = Refusal::from(QueueError::ArmedRun(id));
        assert_eq!(refusal.status, 400);
        assert_eq!(refusal.body["jobSchedulerId"], "tenant:daily");
        assert_eq!(refusal.body["code"], "JOB_BELONGS_TO_JOB_SCHEDULER");
    }

    #[test]
    fn the_errors_of_the_edge_become_translation_keys() {
        let key = |status, code| {
            Refusal::from(ApiError::new(status, code, "words")).body["error"]["key"].clone()
        };
        assert_eq!(key(403, "ORIGIN_NOT_ALLOWED"), "ERRORS.FORBIDDEN");
        assert_eq!(key(404, "QUEUE_NOT_FOUND"), "ERRORS.QUEUE_NOT_FOUND");
        assert_eq!(key(400, "INVALID_JSON"), "ERRORS.INVALID_REQUEST_BODY");
        assert_eq!(key(503, "QUEUE_UNAVAILABLE"), "ERRORS.REDIS_UNAVAILABLE");
        assert_eq!(key(500, "INTERNAL_ERROR"), "ERRORS.INTERNAL_SERVER_ERROR");
    }
}
