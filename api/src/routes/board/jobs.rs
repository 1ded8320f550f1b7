//! One job: what it is, and what the buttons of its card do.

use std::time::Duration;

use axum::extract::{Path, State};
use oxherd_queue::flow::{Flow, JobKey};
use oxherd_queue::{JobId, JobOptions, JobState, NewJob, Payload};
use serde_json::{Map, Value, json};

use super::job_body::with_state;
use super::refusal::Refusal;
use super::requests::{member, millis, refuse_member};
use super::{Answer, body, done, done_silently};
use crate::extract::{Carried, JsonBody};
use crate::identity::Visitor;
use crate::routes::admin::{cancel, find, open, owner, rerun_entity};
use crate::settings::Api;

/// The most rows of a log that are shown.
const LOG_ROWS_MAX: u64 = 1000;

/// The path of a job: its queue and its id.
pub(super) type JobPath = Path<(String, String)>;

/// Shows a job.
pub(super) async fn show(State(api): State<Api>, _: Visitor, Path((name, id)): JobPath) -> Answer {
    let queue = open(&api, &name).await?;
    body(&with_state(&find(&queue, &id).await?))
}

/// Shows the log of a job, which may be gone.
pub(super) async fn logs(State(api): State<Api>, _: Visitor, Path((name, id)): JobPath) -> Answer {
    let queue = open(&api, &name).await?;
    let (rows, _) = queue.logs(&JobId::from_store(id), 0, LOG_ROWS_MAX).await?;
    body(&json!(rows))
}

/// Adds a job: `{name, data, options}`.
pub(super) async fn add(
    State(api): State<Api>,
    _: Visitor,
    Path(queue): Path<String>,
    request: JsonBody,
) -> Answer {
    let name = match member(&request.value, "name") {
        Some(name) => name.as_str().ok_or_else(|| refuse_member("name"))?,
        None => "",
    };
    let options = match member(&request.value, "options") {
        Some(options) => options.as_object().ok_or_else(|| refuse_member("options"))?,
        None => &Map::new(),
    };
    let data = request.value.get("data").cloned().unwrap_or_else(|| json!({}));
    let mut job = NewJob::new(name, Payload::encode(&data)?).with_options(options_of(options)?);
    if let Some(id) = options.get("jobId").filter(|id| !id.is_null()) {
        let id = id.as_str().ok_or_else(|| refuse_member("options.jobId"))?;
        job.id = Some(JobId::custom(id)?);
    }
    let backend = open(&api, &queue).await?;
    let id = match parent_of(options) {
        Some(parent) => {
            let added = api.parts.store.add_flow(Flow::new(queue, job).under(parent)).await?;
            added.into_iter().next().map(|key| key.id)
        }
        None => backend.add(vec![job]).await?.pop().map(|added| added.id().clone()),
    };
    let id = id.ok_or_else(|| Refusal::new(404, "JOB_NOT_FOUND"))?;
    body(&with_state(&find(&backend, id.as_str()).await?))
}

/// Reads options in BullMQ's words over the defaults of this product.
fn options_of(given: &Map<String, Value>) -> Result<JobOptions, Refusal> {
    let Value::Object(mut members) = JobOptions::default().to_public() else {
        return Ok(JobOptions::default());
    };
    members.extend(given.clone());
    JobOptions::from_public(members).map_err(|why| refuse_member("options").with("message", why))
}

/// Reads `options.parent`, `{id, queue}` with the queue's prefix in front.
fn parent_of(options: &Map<String, Value>) -> Option<JobKey> {
    let text = |name| options.get("parent")?.get(name)?.as_str();
    let (id, queue) = (text("id")?, text("queue")?);
    let queue = queue.rsplit_once(':').map_or(queue, |(_, queue)| queue);
    Some(JobKey::new(queue, JobId::from_store(id)))
}

/// Runs an ended job again: that of an entity as a new run of the entity.
pub(super) async fn retry(
    State(api): State<Api>,
    _: Visitor,
    Path((name, id)): JobPath,
    carried: Carried,
) -> Answer {
    let queue = open(&api, &name).await?;
    let job = find(&queue, &id).await?;
    if !job.state.is_final() {
        return Err(Refusal::not_retriable(job.state));
    }
    if !rerun_entity(&api, &carried, &name, &job).await? {
        queue.retry(&job.job.id, false).await?;
    }
    done_silently()
}

/// Removes a job that nobody runs with all below it; one that stands for an entity is cancelled before.
pub(super) async fn remove(
    State(api): State<Api>,
    _: Visitor,
    Path((name, id)): JobPath,
) -> Answer {
    let queue = open(&api, &name).await?;
    let job = find(&queue, &id).await?;
    let is_awaited = owner(&job).is_some() && !job.state.is_final();
    if is_awaited && job.state != JobState::Active {
        cancel(&api, &queue, &job).await?;
    }
    queue.remove_tree(&job.job.id).await?;
    done_silently()
}

/// Lets a delayed job run now.
pub(super) async fn promote(
    State(api): State<Api>,
    _: Visitor,
    Path((name, id)): JobPath,
) -> Answer {
    let queue = open(&api, &name).await?;
    let job = find(&queue, &id).await?;
    if job.state != JobState::Delayed {
        return Err(Refusal::not_delayed(job.state));
    }
    queue.promote(&job.job.id).await?;
    done_silently()
}

/// Replaces the data of a job: `{jobData}`.
pub(super) async fn change_data(
    State(api): State<Api>,
    _: Visitor,
    Path((name, id)): JobPath,
    request: JsonBody,
) -> Answer {
    let data = request.value.get("jobData").ok_or_else(|| refuse_member("jobData"))?;
    let queue = open(&api, &name).await?;
    queue.change_data(&find(&queue, &id).await?.job.id, Payload::encode(data)?).await?;
    done()
}

/// Lets a delayed job become due at a time: `{runAt}`, milliseconds since the epoch.
pub(super) async fn change_delay(
    State(api): State<Api>,
    _: Visitor,
    Path((name, id)): JobPath,
    request: JsonBody,
) -> Answer {
    let run_at = request.value.get("runAt").and_then(Value::as_f64);
    let run_at = run_at.ok_or_else(|| Refusal::invalid("INVALID_RUN_AT"))?;
    let queue = open(&api, &name).await?;
    let job = find(&queue, &id).await?;
    if job.state != JobState::Delayed {
        return Err(Refusal::not_delayed(job.state));
    }
    let run_at = millis(run_at.max(0.0)).ok_or_else(|| Refusal::invalid("INVALID_RUN_AT"))?;
    let delay = Duration::from_millis(run_at.saturating_sub(api.now_ms()));
    queue.change_delay(&job.job.id, delay).await?;
    done()
}

/// Gives a job another priority: `{priority}`.
pub(super) async fn change_priority(
    State(api): State<Api>,
    _: Visitor,
    Path((name, id)): JobPath,
    request: JsonBody,
) -> Answer {
    let priority = request.value.get("priority").and_then(Value::as_u64);
    let priority = priority
        .and_then(|priority| u32::try_from(priority).ok())
        .filter(|priority| *priority <= JobOptions::PRIORITY_MAX)
        .ok_or_else(|| {
            let options = json!({ "max": JobOptions::PRIORITY_MAX });
            Refusal::invalid("INVALID_PRIORITY").with_options(options)
        })?;
    let queue = open(&api, &name).await?;
    queue.change_priority(&find(&queue, &id).await?.job.id, priority, false).await?;
    done()
}
