//! The bodies of replies, field by field as the contract names them.

use oxherd_queue::status::StatusRecord;
use oxherd_study::UserId;
use oxherd_study::accept::jobs::{MATERIAL_QUEUE, PLAN_QUEUE};
use oxherd_study::material::{Material, MaterialStep};
use oxherd_study::plan::{Plan, PlanStep};
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

use crate::reply::{events_link, time};
use crate::settings::Api;

/// A failure of a material, a plan or a job.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub(crate) struct FailureBody {
    /// An `UPPER_SNAKE` word.
    pub(crate) code: String,
    /// One sentence.
    pub(crate) message: String,
}

/// A material.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct MaterialBody {
    id: String,
    title: String,
    original_filename: String,
    mime_type: &'static str,
    size_bytes: u64,
    sha256: String,
    /// PENDING, PROCESSING, READY or FAILED.
    status: &'static str,
    /// 0 to 100.
    progress: u8,
    step: &'static str,
    error: Option<FailureBody>,
    summary: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    page_count: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    chunk_count: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    language: Option<String>,
    job_id: String,
    created_at: String,
    updated_at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    processed_at: Option<String>,
}

impl From<Material> for MaterialBody {
    fn from(material: Material) -> Self {
        let error = material.error;
        Self {
            job_id: material.id.to_string(),
            id: material.id.to_string(),
            title: material.title,
            original_filename: material.original_filename,
            mime_type: material.kind.mime_type(),
            size_bytes: material.size_bytes,
            sha256: material.sha256,
            status: material.status.as_str(),
            progress: material.progress,
            step: material.step.as_str(),
            error: error.map(|e| FailureBody { code: e.code, message: e.message }),
            summary: material.summary,
            page_count: material.page_count,
            chunk_count: material.chunk_count,
            language: material.language,
            created_at: time(material.created_ms),
            updated_at: time(material.updated_ms),
            processed_at: material.processed_ms.map(time),
        }
    }
}

/// Where the next page of a list begins.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PageMeta {
    pub(crate) next_cursor: Option<String>,
    pub(crate) limit: u32,
}

/// Writes a plan; lists leave out its modules.
pub(crate) fn plan_body(plan: &Plan, with_modules: bool) -> Value {
    let request = &plan.request;
    let mut body = json!({
        "id": plan.id,
        "title": plan.title,
        "goal": request.goal,
        "icon": request.icon,
        "color": request.color,
        "status": plan.status,
        "generationStatus": plan.generation_status,
        "progress": plan.progress,
        "step": plan.step,
        "error": plan.error,
        "summary": plan.summary,
        "targetDueDate": request.target_due_date,
        "sessionsPerWeek": request.sessions_per_week,
        "specialRequirements": request.special_requirements,
        "timezone": request.timezone,
        "materials": plan.materials,
        "completion": plan.completion,
        "warnings": plan.warnings,
        "generator": plan.generator,
        "jobId": plan.id,
        "createdAt": time(plan.created_ms),
        "updatedAt": time(plan.updated_ms),
    });
    if with_modules {
        body["modules"] = serde_json::to_value(&plan.modules).unwrap_or_default();
    }
    body
}

/// Returns the step of a job: a pure function of its queue and its progress.
pub(crate) fn step_of(queue: &str, progress: u8) -> Option<&'static str> {
    match queue {
        MATERIAL_QUEUE => Some(MaterialStep::at(progress).as_str()),
        PLAN_QUEUE => Some(PlanStep::at(progress).as_str()),
        _ => None,
    }
}

/// Writes a job as its owner sees it.
pub(crate) fn job_body(api: &Api, record: &StatusRecord, place: Option<u64>) -> Value {
    let kind = if record.queue == PLAN_QUEUE { "plans" } else { "materials" };
    let owner = UserId::new(&record.owner);
    let mut body = json!({
        "jobId": record.job,
        "queue": record.queue,
        "name": record.name,
        "status": record.state,
        "progress": record.progress,
        "step": step_of(&record.queue, record.progress),
        "result": record.result,
        "error": record.error,
        "attemptsMade": record.attempts_made,
        "maxAttempts": record.attempts_max,
        "generation": record.generation,
        "createdAt": time(record.created_ms),
        "version": record.version,
        "links": {
            "self": format!("/api/jobs/{}", record.job),
            "events": events_link(api, &owner, record.job.as_str(), api.now_ms()),
            "result": format!("/api/{kind}/{}", record.job),
        },
    });
    let mut put = |field: &str, ms: Option<u64>| {
        if let Some(ms) = ms {
            body[field] = time(ms).into();
        }
    };
    put("startedAt", record.started_ms);
    put("finishedAt", record.finished_ms);
    put("nextRetryAt", record.next_attempt_ms);
    if let Some(place) = place {
        body["queuePosition"] = place.into();
    }
    body
}
