//! Accepting requests: what a user wants, what the catalog answers, and the checks before.
//!
//! It never touches the queue: an accepted run is an outbox row, written in the transaction that
//! writes the entity.

use serde::{Deserialize, Serialize};

use crate::document::DocumentKind;
use crate::id::{MaterialId, PlanId, UploadId, UserId};
use crate::plan::PlanRequest;
use crate::upload::StoredFile;

/// A wish of a user, checked at the edge, to be carried out in one transaction.
#[derive(Debug, Clone)]
pub struct Intent {
    /// Whose wish.
    pub user: UserId,
    /// The request's id, carried into the job.
    pub request_id: String,
    /// The request's W3C `traceparent`, carried into the job.
    pub trace_parent: Option<String>,
    /// When it arrived, milliseconds since the epoch.
    pub now_ms: u64,
    /// The key that makes a repetition harmless.
    pub idempotency: Option<IdempotencyKey>,
    /// What is wanted.
    pub action: Action,
}

/// What is wanted.
#[derive(Debug, Clone)]
pub enum Action {
    /// To send a file.
    InitUpload(NewUpload),
    /// The file of an upload arrived; the same bytes again change nothing, other bytes are
    /// `UPLOAD_ALREADY_STORED`.
    StoreUpload {
        /// The upload.
        upload: UploadId,
        /// What arrived.
        file: StoredFile,
    },
    /// To make a material of an upload. The checks, in order: `UPLOAD_NOT_FOUND`; the same
    /// material again if it has one (`UPLOAD_NOT_FOUND` if that was deleted); `UPLOAD_EXPIRED`;
    /// `UPLOAD_OBJECT_NOT_FOUND`; `MATERIAL_UNSUPPORTED_TYPE` when the bytes are not of the
    /// declared kind; `MATERIAL_DUPLICATE` with `details.materialId`.
    CompleteUpload {
        /// The upload.
        upload: UploadId,
        /// The title that the user gives.
        title: Option<String>,
    },
    /// All three at once, for a file that arrived with the request.
    CreateMaterial {
        /// The upload, as in `InitUpload`.
        upload: NewUpload,
        /// What arrived, as in `StoreUpload`.
        file: StoredFile,
        /// The title that the user gives.
        title: Option<String>,
    },
    /// To run a FAILED material again: generation + 1, PENDING.
    RetryMaterial(MaterialId),
    /// To make a plan.
    CreatePlan {
        /// Its id.
        id: PlanId,
        /// What is asked for.
        request: PlanRequest,
    },
    /// To make a READY or FAILED plan again: generation + 1.
    RetryPlan {
        /// The plan.
        id: PlanId,
        /// Whether sessions that were begun may be thrown away.
        discard_progress: bool,
    },
}

/// A file that a user wants to send.
#[derive(Debug, Clone)]
pub struct NewUpload {
    /// Its id.
    pub id: UploadId,
    /// The name of the file.
    pub filename: String,
    /// The kind that name and declared type agree on.
    pub kind: DocumentKind,
    /// The size in bytes; 0 when it is not known before the file has arrived.
    pub size_bytes: u64,
    /// The declared hash, 64 lower-case hexadecimal digits.
    pub sha256: Option<String>,
}

/// The key that makes a repeated request harmless (`Idempotency-Key`).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct IdempotencyKey {
    /// Whose key.
    pub user: UserId,
    /// The route it was sent to.
    pub route: String,
    /// The key.
    pub key: String,
    /// The SHA-256 of the request's content; another content under the same key is an error.
    pub fingerprint: String,
}

/// What a reservation of a key found.
#[derive(Debug, Clone, PartialEq)]
pub enum Reservation {
    /// The key is this request's for 60 s.
    Fresh,
    /// The request was accepted before.
    Replay(Accepted),
    /// The same request is under way.
    InFlight,
    /// The key was used with another content.
    Reused,
}

/// What was accepted; enough to write the reply, now and whenever the request is repeated.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Accepted {
    /// What it is about.
    pub what: AcceptedWhat,
    /// When it was accepted first, milliseconds since the epoch.
    pub accepted_ms: u64,
    /// Whether this is the answer to a repeated `Idempotency-Key`.
    #[serde(skip)]
    pub replayed: bool,
    /// Whether this call changed nothing because an earlier one without a key had done it.
    #[serde(skip)]
    pub existed: bool,
}

/// What an accepted request is about.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "kind")]
pub enum AcceptedWhat {
    /// A file may be sent.
    #[serde(rename_all = "camelCase")]
    Upload {
        /// The upload.
        id: UploadId,
        /// Its media type, for the headers of the PUT.
        mime_type: String,
        /// Until when, milliseconds since the epoch.
        expires_ms: u64,
    },
    /// A file arrived.
    #[serde(rename_all = "camelCase")]
    Stored {
        /// The upload.
        id: UploadId,
        /// Its size.
        size_bytes: u64,
        /// Its hash.
        sha256: String,
    },
    /// A material will be processed.
    #[serde(rename_all = "camelCase")]
    Material {
        /// The material.
        id: MaterialId,
        /// The run.
        generation: u64,
    },
    /// A plan will be made.
    #[serde(rename_all = "camelCase")]
    Plan {
        /// The plan.
        id: PlanId,
        /// The run.
        generation: u64,
    },
}

/// The queue of plan generation, its job's name, and those of material processing; the words that
/// other services on the same queues use.
pub mod jobs {
    /// The queue of plan generation.
    pub const PLAN_QUEUE: &str = "plan-generation";
    /// The job that makes a plan.
    pub const PLAN_JOB: &str = "generate-plan";
    /// The queue of material processing.
    pub const MATERIAL_QUEUE: &str = "material-processing";
    /// The job that processes a material.
    pub const MATERIAL_JOB: &str = "process-material";
    /// The most unfinished runs of one user in the queues; the rest wait in the outbox.
    pub const IN_QUEUE_MAX: u32 = 16;
}
