//! Queues and jobs as operators see and change them; on the admin listener only.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use oxherd_queue::backend::{Added, Cancelled, ListQuery};
use oxherd_queue::job::JobSnapshot;
use oxherd_queue::{Backend, Failure, JobId, JobOptions, JobState, NewJob, Payload};
use oxherd_study::accept::Action;
use oxherd_study::accept::jobs::{MATERIAL_QUEUE, PLAN_QUEUE};
use oxherd_study::{MaterialId, PlanId, UserId};
use serde_json::{Value, json};

use super::bodies::step_of;
use crate::error::{ApiError, ApiResult};
use crate::extract::{Carried, JsonBody, OptionalJson, QueryPairs};
use crate::fields::Fields;
use crate::identity::Visitor;
use crate::reply::{self, time};
use crate::settings::Api;

/// The most jobs that one bulk action touches; the answer says how many it did.
const BULK_MAX: u64 = 1000;
/// How far a list of jobs can be walked.
const SKIP_MAX: u32 = 100_000;
/// The longest delay that an operator may give: ten years.
const DELAY_MAX_MS: u64 = 10 * 365 * 24 * 60 * 60 * 1000;

/// Lists the queues with their counts.
#[utoipa::path(get, path = "/api/queues", tag = "Operators",
    responses((status = 200, description = "`{data: [{name, paused, counts, workers, oldestWaitingMs}]}`")))]
pub(crate) async fn list_queues(State(api): State<Api>, _: Visitor) -> ApiResult {
    Ok(reply::data(&api.parts.tree.queues().await?))
}

/// Shows one queue.
#[utoipa::path(get, path = "/api/queues/{queue}", tag = "Operators",
    params(("queue" = String, Path)),
    responses((status = 200, description = "`{data: {name, paused, counts, workers, oldestWaitingMs}}`"),
        (status = 404, description = "QUEUE_NOT_FOUND")))]
pub(crate) async fn get_queue(
    State(api): State<Api>,
    _: Visitor,
    Path(name): Path<String>,
) -> ApiResult {
    let queues = api.parts.tree.queues().await?;
    let queue = queues.into_iter().find(|queue| queue.name == name);
    Ok(reply::data(&queue.ok_or_else(no_queue)?))
}

/// Acts on a queue: pause, resume, clean, drain, retry-all.
#[utoipa::path(post, path = "/api/queues/{queue}/{action}", tag = "Operators",
    params(("queue" = String, Path), ("action" = String, Path)),
    responses((status = 200, description = "`{data: {affected}}`"),
        (status = 404, description = "QUEUE_NOT_FOUND")))]
pub(crate) async fn act_on_queue(
    State(api): State<Api>,
    _: Visitor,
    Path((name, action)): Path<(String, String)>,
    carried: Carried,
    OptionalJson(body): OptionalJson,
) -> ApiResult {
    let queue = open(&api, &name).await?;
    let affected = match action.as_str() {
        "pause" => queue.pause().await.map(|()| 0)?,
        "resume" => queue.resume().await.map(|()| 0)?,
        "drain" => {
            cancel_all(&api, &queue, JobState::Waiting).await?
                + cancel_all(&api, &queue, JobState::Prioritized).await?
        }
        "clean" => clean(&queue, &body.value).await?,
        "retry-all" => retry_all(&api, &carried, &name, &queue).await?,
        _ => return Err(ApiError::not_found()),
    };
    Ok(reply::data(&json!({ "affected": affected })))
}

/// Ends waiting jobs as cancelled, so that their entities hear of it.
async fn cancel_all(api: &Api, queue: &Arc<dyn Backend>, state: JobState) -> ApiResult<u64> {
    let mut affected = 0;
    for job in page(queue, state, 0, BULK_MAX).await? {
        affected += u64::from(cancel(api, queue, &job).await?);
    }
    Ok(affected)
}

pub(super) async fn cancel(
    api: &Api,
    queue: &Arc<dyn Backend>,
    job: &JobSnapshot,
) -> ApiResult<bool> {
    if let Some(owner) = owner(job)
        && api.parts.cancel.cancel(&owner, &job.job.id).await.is_ok()
    {
        return Ok(true);
    }
    match queue.cancel(&job.job.id).await? {
        Cancelled::Ended { .. } | Cancelled::Requested { .. } => Ok(true),
        Cancelled::AlreadyFinished { .. } | Cancelled::Unknown => Ok(false),
    }
}

pub(super) fn owner(job: &JobSnapshot) -> Option<UserId> {
    let data: Value = job.job.data.decode().ok()?;
    data.get("userId").and_then(Value::as_str).map(UserId::new)
}

/// Removes ended jobs: `{state, graceMs?, limit?}`.
async fn clean(queue: &Arc<dyn Backend>, body: &Value) -> ApiResult<u64> {
    let mut fields = Fields::of(body);
    let ended = |word: &str| word.parse::<JobState>().ok().filter(|state| state.is_final());
    let state = fields.word("state", ended, "completed, failed");
    if state.is_none() && body.get("state").is_none() {
        fields.fail("state", "REQUIRED", "says which jobs: completed or failed".to_owned());
    }
    let grace_ms = fields.number("graceMs", 0..=DELAY_MAX_MS).unwrap_or(0);
    let limit = fields.number("limit", 1..=BULK_MAX).unwrap_or(BULK_MAX);
    fields.finish()?;
    let state = state.ok_or_else(ApiError::internal)?;
    let cleaned = queue.clean(state, Duration::from_millis(grace_ms), limit).await?;
    Ok(cleaned.len() as u64)
}

async fn retry_all(
    api: &Api,
    carried: &Carried,
    name: &str,
    queue: &Arc<dyn Backend>,
) -> ApiResult<u64> {
    let mut affected = 0;
    for job in page(queue, JobState::Failed, 0, BULK_MAX).await? {
        affected += u64::from(retry(api, carried, name, queue, &job).await.is_ok());
    }
    Ok(affected)
}

/// Runs an ended job again: that of an entity as a new run of the entity, so that its row, its
/// record and its job go on together; any other by its queue.
async fn retry(
    api: &Api,
    carried: &Carried,
    name: &str,
    queue: &Arc<dyn Backend>,
    job: &JobSnapshot,
) -> ApiResult<()> {
    if !rerun_entity(api, carried, name, job).await? {
        queue.retry(&job.job.id, true).await?;
    }
    Ok(())
}

/// Asks for a new run of the entity of a job; `false` for a job without one.
pub(super) async fn rerun_entity(
    api: &Api,
    carried: &Carried,
    queue: &str,
    job: &JobSnapshot,
) -> ApiResult<bool> {
    let Some((user, action)) = run_again(queue, job) else { return Ok(false) };
    api.parts.intake.accept(carried.intent(api, &user, "", action)).await?;
    Ok(true)
}

/// Says what a person would ask for to have the entity of a job done again.
fn run_again(queue: &str, job: &JobSnapshot) -> Option<(UserId, Action)> {
    let (user, id) = (owner(job)?, job.job.id.as_str());
    let action = match queue {
        MATERIAL_QUEUE => Action::RetryMaterial(MaterialId::parse(id).ok()?),
        PLAN_QUEUE => Action::RetryPlan { id: PlanId::parse(id).ok()?, discard_progress: false },
        _ => return None,
    };
    Some((user, action))
}

pub(super) async fn page(
    queue: &Arc<dyn Backend>,
    state: JobState,
    skip: u64,
    limit: u64,
) -> ApiResult<Vec<JobSnapshot>> {
    Ok(queue.list(ListQuery { state, skip, limit, newest_first: true }).await?)
}

/// Returns the jobs of all states, newest first.
async fn newest(queue: &Arc<dyn Backend>, skip: u32, limit: u32) -> ApiResult<Vec<JobSnapshot>> {
    let mut jobs = Vec::new();
    for state in JobState::ALL {
        jobs.extend(page(queue, state, 0, u64::from(skip) + u64::from(limit)).await?);
    }
    jobs.sort_by_key(|job| std::cmp::Reverse(job.job.timestamp_ms));
    Ok(jobs.into_iter().skip(skip as usize).take(limit as usize).collect())
}

/// Lists the jobs of a state, or of all, newest first.
#[utoipa::path(get, path = "/api/queues/{queue}/jobs", tag = "Operators",
    params(("queue" = String, Path), ("state" = Option<String>, Query),
        ("limit" = Option<u32>, Query), ("skip" = Option<u32>, Query)),
    responses((status = 200, description = "`{data: [job], meta: {limit, skip}}`"),
        (status = 404, description = "QUEUE_NOT_FOUND")))]
pub(crate) async fn list_jobs(
    State(api): State<Api>,
    _: Visitor,
    Path(name): Path<String>,
    query: QueryPairs,
) -> ApiResult {
    let words = "waiting, prioritized, delayed, active, waiting-children, completed, failed";
    let state = query.word("state", |word| word.parse::<JobState>().ok(), words)?;
    let limit = query.number("limit", 1..=100, 20)?;
    let skip = query.number("skip", 0..=SKIP_MAX, 0)?;
    let queue = open(&api, &name).await?;
    let jobs = match state {
        Some(state) => page(&queue, state, skip.into(), limit.into()).await?,
        None => newest(&queue, skip, limit).await?,
    };
    let rows: Vec<_> = jobs.iter().map(|job| body(&name, job)).collect();
    Ok(reply::list(&rows, &json!({ "limit": limit, "skip": skip })))
}

/// Adds a job: `{name, data, jobId?, delay?, attempts?}`.
#[utoipa::path(post, path = "/api/queues/{queue}/jobs", tag = "Operators",
    params(("queue" = String, Path)),
    request_body(content = serde_json::Value, example = json!({
        "name": "process-material", "data": { "userId": "local", "materialId": "mat_…" } })),
    responses((status = 201, description = "`{data: {jobId, created}}`"),
        (status = 404, description = "QUEUE_NOT_FOUND"),
        (status = 422, description = "VALIDATION_ERROR")))]
pub(crate) async fn add_job(
    State(api): State<Api>,
    _: Visitor,
    Path(queue): Path<String>,
    request: JsonBody,
) -> ApiResult {
    let mut fields = Fields::of(&request.value);
    let name = fields.required_text("name", 1..=255);
    let id = fields.text("jobId", 1..=JobId::LENGTH_MAX);
    let delay_ms = fields.number("delay", 0..=DELAY_MAX_MS).unwrap_or(0);
    let attempts = fields.number("attempts", 1..=1000);
    fields.finish()?;
    let data = Payload::encode(request.value.get("data").unwrap_or(&Value::Null))?;
    let mut options = JobOptions { delay_ms, ..JobOptions::default() };
    if let Some(attempts) = attempts.and_then(|attempts| u32::try_from(attempts).ok()) {
        options.attempts = attempts;
    }
    let mut job = NewJob::new(name, data).with_options(options);
    job.id = id.map(JobId::custom).transpose()?;
    let queue = open(&api, &queue).await?;
    let added = queue.add(vec![job]).await?.pop().ok_or_else(ApiError::internal)?;
    let created = matches!(added, Added::Created { .. });
    let body = json!({ "jobId": added.id(), "created": created });
    Ok(reply::data_with(StatusCode::CREATED, &body))
}

/// Shows a job with its data, options, attempts and log.
#[utoipa::path(get, path = "/api/queues/{queue}/jobs/{id}", tag = "Operators",
    params(("queue" = String, Path), ("id" = String, Path)),
    responses((status = 200, description = "`{data: job}`"),
        (status = 404, description = "QUEUE_NOT_FOUND, JOB_NOT_FOUND")))]
pub(crate) async fn get_job(
    State(api): State<Api>,
    _: Visitor,
    Path((name, id)): Path<(String, String)>,
) -> ApiResult {
    let queue = open(&api, &name).await?;
    let job = find(&queue, &id).await?;
    let (rows, count) = queue.logs(&job.job.id, 0, 200).await?;
    let mut shown = body(&name, &job);
    shown["stackTrace"] = json!(job.job.stack_trace);
    shown["options"] = job.job.options.to_wire(None);
    shown["logs"] = json!({ "rows": rows, "count": count });
    Ok(reply::data(&shown))
}

/// Acts on a job: retry, promote, cancel.
#[utoipa::path(post, path = "/api/queues/{queue}/jobs/{id}/{action}", tag = "Operators",
    params(("queue" = String, Path), ("id" = String, Path), ("action" = String, Path)),
    responses((status = 202, description = "`{data: job}`"),
        (status = 404, description = "QUEUE_NOT_FOUND, JOB_NOT_FOUND"),
        (status = 409, description = "JOB_WRONG_STATE, JOB_FINISHED")))]
pub(crate) async fn act_on_job(
    State(api): State<Api>,
    _: Visitor,
    Path((name, id, action)): Path<(String, String, String)>,
    carried: Carried,
    _: OptionalJson,
) -> ApiResult {
    let queue = open(&api, &name).await?;
    let job = find(&queue, &id).await?;
    match action.as_str() {
        "retry" => retry(&api, &carried, &name, &queue, &job).await?,
        "promote" => drop(queue.promote(&job.job.id).await?),
        "cancel" if job.state.is_final() => {
            return Err(ApiError::new(409, "JOB_FINISHED", "the job has ended already"));
        }
        "cancel" => drop(cancel(&api, &queue, &job).await?),
        _ => return Err(ApiError::not_found()),
    }
    let job = find(&queue, &id).await?;
    Ok(reply::data_with(StatusCode::ACCEPTED, &body(&name, &job)))
}

/// Removes a job that nobody runs.
#[utoipa::path(delete, path = "/api/queues/{queue}/jobs/{id}", tag = "Operators",
    params(("queue" = String, Path), ("id" = String, Path)),
    responses((status = 200, description = "`{data: {removed: true}}`"),
        (status = 404, description = "QUEUE_NOT_FOUND, JOB_NOT_FOUND"),
        (status = 409, description = "JOB_WRONG_STATE: a worker holds it")))]
pub(crate) async fn remove_job(
    State(api): State<Api>,
    _: Visitor,
    Path((name, id)): Path<(String, String)>,
) -> ApiResult {
    let queue = open(&api, &name).await?;
    let job = find(&queue, &id).await?;
    let removed = queue.remove(&job.job.id).await?;
    Ok(reply::data(&json!({ "removed": removed })))
}

pub(super) async fn open(api: &Api, name: &str) -> ApiResult<Arc<dyn Backend>> {
    if !api.parts.tree.queue_names().iter().any(|known| known == name) {
        return Err(no_queue());
    }
    Ok(api.parts.store.queue(name).await?)
}

pub(super) async fn find(queue: &Arc<dyn Backend>, id: &str) -> ApiResult<JobSnapshot> {
    let found = queue.jobs(&[JobId::from_store(id)]).await?.pop().flatten();
    found.ok_or_else(|| ApiError::new(404, "JOB_NOT_FOUND", "there is no such job"))
}

fn no_queue() -> ApiError {
    ApiError::new(404, "QUEUE_NOT_FOUND", "there is no such queue")
}

fn body(queue: &str, snapshot: &JobSnapshot) -> Value {
    let job = &snapshot.job;
    let progress = job.progress.as_ref().and_then(|p| p.decode::<Value>().ok());
    let number = progress.as_ref().and_then(Value::as_u64).and_then(|p| u8::try_from(p).ok());
    json!({
        "id": job.id,
        "queue": queue,
        "name": job.name,
        "state": snapshot.state,
        "cancelRequested": snapshot.cancel_requested,
        "data": job.data.decode::<Value>().unwrap_or(Value::Null),
        "progress": progress,
        "step": step_of(queue, number.unwrap_or(0)),
        "result": job.result.as_ref().and_then(|r| r.decode::<Value>().ok()),
        "failure": job.failed_reason.as_deref().map(|reason| {
            let failure = Failure::from_reason(reason);
            json!({ "code": failure.code, "message": failure.message })
        }),
        "attemptsMade": job.attempts_made,
        "attemptsStarted": job.attempts_started,
        "maxAttempts": job.options.attempts_max(),
        "stalledCount": job.stalled_count,
        "createdAt": time(job.timestamp_ms),
        "startedAt": job.processed_on_ms.map(time),
        "finishedAt": job.finished_on_ms.map(time),
        "dueAt": snapshot.due_ms.map(time),
    })
}
