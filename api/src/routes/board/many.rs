//! What is done to all jobs of a state: retried, promoted, removed.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Path, State};
use oxherd_queue::job::JobSnapshot;
use oxherd_queue::{Backend, JobState};
use serde_json::{Value, json};

use super::refusal::Refusal;
use super::requests::member;
use super::{Answer, body, done};
use crate::extract::{Carried, OptionalJson};
use crate::identity::Visitor;
use crate::routes::admin::{cancel, open, owner, page, rerun_entity};
use crate::settings::Api;

/// Younger jobs are not cleaned away, as in bull-board.
const GRACE: Duration = Duration::from_secs(5);
/// How many jobs are looked at in one step.
const STEP: u64 = 1000;
/// How many jobs are retried at a time.
const AT_A_TIME: usize = 32;

/// Runs all ended jobs of a state again; answers how many, and how many of them could not.
pub(super) async fn retry(
    State(api): State<Api>,
    _: Visitor,
    Path((name, status)): Path<(String, String)>,
    carried: Carried,
) -> Answer {
    let queue = open(&api, &name).await?;
    let state = status.parse::<JobState>().ok().filter(|state| state.is_final());
    let Some(state) = state else {
        let options = json!({ "status": status });
        return Err(Refusal::new(400, "STATUS_NOT_RETRIABLE").with_options(options));
    };
    let total = queue.counts().await?.get(state.as_str()).copied().unwrap_or(0);
    let (mut seen, mut retried) = (HashSet::new(), 0);
    // Those of entities leave the state a little later, and those that were refused stay.
    while (seen.len() as u64) < total {
        let mut fresh = page(&queue, state, 0, STEP).await?;
        fresh.retain(|job| seen.insert(job.job.id.clone()));
        if fresh.is_empty() {
            break;
        }
        for some in fresh.chunks(AT_A_TIME) {
            let mut retries = Vec::with_capacity(some.len());
            for job in some {
                retries.push(retry_one(&api, &carried, &name, &queue, job));
            }
            for outcome in futures::future::join_all(retries).await {
                retried += u64::from(outcome?);
            }
        }
    }
    body(&json!({ "retried": retried, "skipped": total.saturating_sub(retried) }))
}

/// Runs an ended job again; `false` when it has changed meanwhile or must not be.
async fn retry_one(
    api: &Api,
    carried: &Carried,
    name: &str,
    queue: &Arc<dyn Backend>,
    job: &JobSnapshot,
) -> Result<bool, Refusal> {
    match rerun_entity(api, carried, name, job).await {
        Ok(true) => return Ok(true),
        Ok(false) => {}
        Err(error) if error.status.is_server_error() => return Err(error.into()),
        Err(_) => return Ok(false),
    }
    match queue.retry(&job.job.id, false).await {
        Ok(_) => Ok(true),
        Err(error) if error.is_transient() => Err(error.into()),
        Err(_) => Ok(false),
    }
}

/// Lets all delayed jobs run now.
pub(super) async fn promote(
    State(api): State<Api>,
    _: Visitor,
    Path(name): Path<String>,
) -> Answer {
    open(&api, &name).await?.promote_all().await?;
    done()
}

/// Removes the jobs of a state that nobody runs and that are not quite new.
pub(super) async fn clean(
    State(api): State<Api>,
    _: Visitor,
    Path((name, status)): Path<(String, String)>,
) -> Answer {
    let queue = open(&api, &name).await?;
    let state: JobState = status.parse()?;
    let grace_ms = u64::try_from(GRACE.as_millis()).unwrap_or(0);
    let before_ms = api.now_ms().saturating_sub(grace_ms);
    cancel_entities(&api, &queue, state, before_ms).await?;
    queue.clean(state, GRACE, 0).await?;
    done()
}

/// Removes all jobs that wait to be claimed.
pub(super) async fn empty(State(api): State<Api>, _: Visitor, Path(name): Path<String>) -> Answer {
    let queue = open(&api, &name).await?;
    for state in [JobState::Waiting, JobState::Prioritized] {
        cancel_entities(&api, &queue, state, u64::MAX).await?;
    }
    queue.drain(false).await?;
    done()
}

/// Cancels the jobs of entities that nobody runs, so that the entities do not ask for them again.
async fn cancel_entities(
    api: &Api,
    queue: &Arc<dyn Backend>,
    state: JobState,
    before_ms: u64,
) -> Result<(), Refusal> {
    if state.is_final() || state == JobState::Active {
        return Ok(());
    }
    let mut skip = 0;
    loop {
        let jobs = page(queue, state, skip, STEP).await?;
        if jobs.is_empty() {
            return Ok(());
        }
        for job in &jobs {
            let is_meant = owner(job).is_some() && job.job.timestamp_ms <= before_ms;
            let has_left = is_meant && cancel(api, queue, job).await?;
            skip += u64::from(!has_left);
        }
    }
}

/// Takes a paused queue down with everything in it: `{force?}`.
pub(super) async fn obliterate(
    State(api): State<Api>,
    _: Visitor,
    Path(name): Path<String>,
    OptionalJson(request): OptionalJson,
) -> Answer {
    let is_forced = member(&request.value, "force") == Some(&Value::Bool(true));
    let queue = open(&api, &name).await?;
    if !queue.is_paused().await? {
        return Err(Refusal::new(400, "QUEUE_NOT_PAUSED"));
    }
    let active = queue.counts().await?.get(JobState::Active.as_str()).copied().unwrap_or(0);
    if active > 0 && !is_forced {
        let details = json!({ "key": "ERRORS.QUEUE_HAS_ACTIVE_JOBS_DETAILS" });
        return Err(Refusal::new(409, "QUEUE_HAS_ACTIVE_JOBS").with("message", details));
    }
    queue.obliterate(is_forced).await?;
    done()
}
