//! The one error of the edge, and its form on the wire.
//!
//! A handler returns it; the envelope middleware writes the body, because only there the request
//! id is known.

use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use oxherd_actors::handles::CancelError;
use oxherd_queue::QueueError;
use oxherd_study::StudyError;
use oxherd_study::error::ErrorCode;
use serde::Serialize;
use serde_json::Value;

/// An answer that is not what the client wanted.
#[derive(Debug, Clone)]
pub(crate) struct ApiError {
    pub(crate) status: StatusCode,
    pub(crate) code: &'static str,
    pub(crate) message: String,
    pub(crate) details: Option<Value>,
    pub(crate) validation: Vec<FieldError>,
    pub(crate) retry_after_s: Option<u64>,
}

/// What is wrong with one field.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub(crate) struct FieldError {
    /// The path as the client wrote it.
    pub(crate) field: String,
    /// An `UPPER_SNAKE` word.
    pub(crate) code: &'static str,
    /// One sentence.
    pub(crate) message: String,
}

pub(crate) type ApiResult<T = Response> = Result<T, ApiError>;

impl ApiError {
    pub(crate) fn new(status: u16, code: &'static str, message: impl Into<String>) -> Self {
        Self {
            status: StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR),
            code,
            message: message.into(),
            details: None,
            validation: Vec::new(),
            retry_after_s: (status == 503 || code == "IDEMPOTENCY_IN_FLIGHT").then_some(2),
        }
    }

    pub(crate) fn validation(validation: Vec<FieldError>) -> Self {
        let message = match validation.as_slice() {
            [only] => format!("{}: {}", only.field, only.message),
            many => format!("{} fields are not as they should be", many.len()),
        };
        Self { validation, ..Self::new(422, "VALIDATION_ERROR", message) }
    }

    pub(crate) fn field(field: &str, code: &'static str, message: impl Into<String>) -> Self {
        Self::validation(vec![FieldError {
            field: field.to_owned(),
            code,
            message: message.into(),
        }])
    }

    pub(crate) fn not_found() -> Self {
        Self::new(404, "NOT_FOUND", "there is nothing at this address")
    }

    pub(crate) fn internal() -> Self {
        Self::new(
            500,
            "INTERNAL_ERROR",
            "something went wrong here; the request id helps to find it",
        )
    }

    pub(crate) fn with_details(self, details: Value) -> Self {
        Self { details: Some(details), ..self }
    }

    /// The body, without the request id.
    pub(crate) fn body(&self, request_id: &str) -> Value {
        let mut error = serde_json::json!({ "code": self.code, "message": self.message });
        if let Some(details) = &self.details {
            error["details"] = details.clone();
        }
        if !self.validation.is_empty() {
            error["validation"] = serde_json::to_value(&self.validation).unwrap_or_default();
        }
        error["requestId"] = request_id.into();
        serde_json::json!({ "error": error })
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let mut response = self.status.into_response();
        if let Some(seconds) = self.retry_after_s {
            response.headers_mut().insert("retry-after", HeaderValue::from(seconds));
        }
        response.extensions_mut().insert(self);
        response
    }
}

impl From<StudyError> for ApiError {
    fn from(error: StudyError) -> Self {
        let status = status_of(error.code);
        if status == 500 {
            tracing::error!(code = error.code.as_str(), "request failed: {}", error.message);
            return Self::internal();
        }
        Self { details: error.details, ..Self::new(status, error.code.as_str(), error.message) }
    }
}

fn status_of(code: ErrorCode) -> u16 {
    use ErrorCode as Code;
    match code {
        Code::InvalidCursor | Code::PlanMaterialLimit => 400,
        Code::UploadUrlInvalid => 403,
        Code::MaterialNotFound
        | Code::PlanNotFound
        | Code::SessionNotFound
        | Code::UploadNotFound
        | Code::EntityNotFound => 404,
        Code::IdempotencyInFlight
        | Code::InvalidStatusTransition
        | Code::MaterialDuplicate
        | Code::MaterialNotFailed
        | Code::MaterialNotReady
        | Code::PlanHasProgress
        | Code::PlanMaterialNotReady
        | Code::PlanNotFinished
        | Code::PlanNotReady
        | Code::UploadAlreadyStored
        | Code::UploadObjectNotFound
        | Code::UploadSizeMismatch
        | Code::PlanMaterialFailed => 409,
        Code::UploadExpired => 410,
        Code::MaterialFileTooLarge => 413,
        Code::MaterialUnsupportedType => 415,
        Code::IdempotencyKeyReused
        | Code::UploadContentMismatch
        | Code::ValidationError
        | Code::MaterialEncrypted
        | Code::MaterialNoText
        | Code::MaterialPageLimit
        | Code::MaterialParseFailed => 422,
        Code::QueueUnavailable | Code::StorageUnavailable => 503,
        Code::Cancelled | Code::InternalError | Code::JobFailed | Code::PlanGenerationFailed => 500,
    }
}

impl From<QueueError> for ApiError {
    fn from(error: QueueError) -> Self {
        match error {
            QueueError::Unavailable { .. } | QueueError::Refused { .. } => Self::new(
                503,
                "QUEUE_UNAVAILABLE",
                "the queue does not answer; try again in a moment",
            ),
            QueueError::NoSuchJob(_) => Self::new(404, "JOB_NOT_FOUND", "there is no such job"),
            QueueError::WrongState { .. }
            | QueueError::ArmedRun(_)
            | QueueError::SlotTaken { .. }
            | QueueError::NoSuchParent(_)
            | QueueError::ParentTaken { .. } => {
                Self::new(409, "JOB_WRONG_STATE", error.to_string())
            }
            QueueError::Invalid { .. } => Self::new(422, "VALIDATION_ERROR", error.to_string()),
            QueueError::Corrupt(_) | QueueError::Unusable { .. } | QueueError::CrossSlot { .. } => {
                tracing::error!("request failed: {error}");
                Self::internal()
            }
        }
    }
}

impl From<CancelError> for ApiError {
    fn from(error: CancelError) -> Self {
        match error {
            CancelError::Unknown => Self::new(404, "JOB_NOT_FOUND", "there is no such job"),
            CancelError::Finished(_) => Self::new(409, "JOB_FINISHED", "the job has ended already"),
            CancelError::Unavailable(_) => Self::new(
                503,
                "QUEUE_UNAVAILABLE",
                "the queue does not answer; try again in a moment",
            ),
        }
    }
}
