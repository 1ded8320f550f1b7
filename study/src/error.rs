//! What can go wrong in a use case, with the code that clients see.
//!
//! The class says what the caller does next; the code says what happened, in the words of the
//! HTTP contract.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A use case that did not succeed.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("{code}: {message}")]
pub struct StudyError {
    /// The word that programs match on.
    pub code: ErrorCode,
    /// One sentence that a person can act on; no inner text of libraries.
    pub message: String,
    /// What the caller does next.
    pub class: ErrorClass,
    /// Facts for programs (`details` of the contract), if any.
    pub details: Option<Value>,
}

/// What the caller of a failed use case does next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorClass {
    /// The same input fails again: tell the user.
    Permanent,
    /// Another attempt may succeed.
    Transient,
    /// Something outside is away or not ready: come back after this many milliseconds, without
    /// using an attempt.
    NotReady {
        /// The pause.
        retry_after_ms: u64,
    },
    /// A newer run owns the entity, or it is gone: stop quietly.
    Superseded,
    /// The run was asked to stop.
    Cancelled,
}

/// The result of a use case.
pub type Result<T, E = StudyError> = std::result::Result<T, E>;

impl StudyError {
    /// An error that the same input brings again.
    #[must_use]
    pub fn permanent(code: ErrorCode, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), class: ErrorClass::Permanent, details: None }
    }

    /// An error that may pass.
    #[must_use]
    pub fn transient(code: ErrorCode, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), class: ErrorClass::Transient, details: None }
    }

    /// A store that does not answer.
    #[must_use]
    pub fn storage(message: impl Into<String>) -> Self {
        Self::transient(ErrorCode::StorageUnavailable, message)
    }

    /// A run whose entity belongs to a newer run.
    #[must_use]
    pub fn superseded() -> Self {
        Self {
            code: ErrorCode::EntityNotFound,
            message: "a newer run owns the entity".to_owned(),
            class: ErrorClass::Superseded,
            details: None,
        }
    }

    /// A run that was asked to stop.
    #[must_use]
    pub fn cancelled() -> Self {
        Self {
            code: ErrorCode::Cancelled,
            message: "the job was cancelled".to_owned(),
            class: ErrorClass::Cancelled,
            details: None,
        }
    }

    /// Adds facts for programs.
    #[must_use]
    pub fn with_details(self, details: Value) -> Self {
        Self { details: Some(details), ..self }
    }
}

macro_rules! codes {
    ($($variant:ident $text:literal,)*) => {
        /// The words of the HTTP contract that a use case may end with.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
        #[expect(missing_docs, reason = "each variant is its word in the contract")]
        pub enum ErrorCode { $(#[serde(rename = $text)] $variant,)* }

        impl ErrorCode {
            /// Returns the word.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text,)* }
            }

            /// Reads the word.
            #[must_use]
            pub fn from_text(text: &str) -> Option<Self> {
                match text { $($text => Some(Self::$variant),)* _ => None }
            }
        }
    };
}

codes! {
    Cancelled "CANCELLED",
    EntityNotFound "ENTITY_NOT_FOUND",
    IdempotencyInFlight "IDEMPOTENCY_IN_FLIGHT",
    IdempotencyKeyReused "IDEMPOTENCY_KEY_REUSED",
    InternalError "INTERNAL_ERROR",
    InvalidCursor "INVALID_CURSOR",
    InvalidStatusTransition "INVALID_STATUS_TRANSITION",
    JobFailed "JOB_FAILED",
    MaterialDuplicate "MATERIAL_DUPLICATE",
    MaterialEncrypted "MATERIAL_ENCRYPTED",
    MaterialFileTooLarge "MATERIAL_FILE_TOO_LARGE",
    MaterialNoText "MATERIAL_NO_TEXT",
    MaterialNotFailed "MATERIAL_NOT_FAILED",
    MaterialNotFound "MATERIAL_NOT_FOUND",
    MaterialNotReady "MATERIAL_NOT_READY",
    MaterialPageLimit "MATERIAL_PAGE_LIMIT",
    MaterialParseFailed "MATERIAL_PARSE_FAILED",
    MaterialUnsupportedType "MATERIAL_UNSUPPORTED_TYPE",
    PlanGenerationFailed "PLAN_GENERATION_FAILED",
    PlanHasProgress "PLAN_HAS_PROGRESS",
    PlanMaterialFailed "PLAN_MATERIAL_FAILED",
    PlanMaterialLimit "PLAN_MATERIAL_LIMIT",
    PlanMaterialNotReady "PLAN_MATERIAL_NOT_READY",
    PlanNotFinished "PLAN_NOT_FINISHED",
    PlanNotFound "PLAN_NOT_FOUND",
    PlanNotReady "PLAN_NOT_READY",
    QueueUnavailable "QUEUE_UNAVAILABLE",
    SessionNotFound "SESSION_NOT_FOUND",
    StorageUnavailable "STORAGE_UNAVAILABLE",
    UploadAlreadyStored "UPLOAD_ALREADY_STORED",
    UploadContentMismatch "UPLOAD_CONTENT_MISMATCH",
    UploadExpired "UPLOAD_EXPIRED",
    UploadNotFound "UPLOAD_NOT_FOUND",
    UploadObjectNotFound "UPLOAD_OBJECT_NOT_FOUND",
    UploadSizeMismatch "UPLOAD_SIZE_MISMATCH",
    UploadUrlInvalid "UPLOAD_URL_INVALID",
    ValidationError "VALIDATION_ERROR",
}

impl std::fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}
