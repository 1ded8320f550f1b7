//! Job schedulers: the list of them, a change of their rhythm, a run at once, their end.

use std::sync::Arc;

use axum::extract::{Path, State};
use oxherd_queue::scheduler::{NewScheduler, Rhythm, Scheduler};
use oxherd_queue::{Backend, JobId, NewJob, QueueError};
use serde_json::{Map, Value, json};

use super::job_body::job_body;
use super::queues::SCHEDULERS_MAX;
use super::refusal::Refusal;
use super::requests::{Query, lenient_number, member, millis, refuse_member};
use super::{Answer, body, done_silently};
use crate::extract::{JsonBody, QueryPairs};
use crate::identity::Visitor;
use crate::routes::admin::{find, open};
use crate::settings::Api;

/// Lists the schedulers of all queues, or of one: those that run last come first.
pub(super) async fn list(State(api): State<Api>, _: Visitor, query: QueryPairs) -> Answer {
    let query = Query(query);
    let mut listed = Vec::new();
    for name in api.parts.tree.queue_names() {
        if query.text("queueName").is_some_and(|asked| asked != name) {
            continue;
        }
        let queue = open(&api, &name).await?;
        for scheduler in queue.schedulers(0, SCHEDULERS_MAX).await?.into_iter().rev() {
            listed.push(scheduler_body(&name, &queue, &scheduler).await?);
        }
    }
    body(&json!({ "schedulers": listed }))
}

async fn scheduler_body(
    queue_name: &str,
    queue: &Arc<dyn Backend>,
    scheduler: &Scheduler,
) -> Result<Value, Refusal> {
    let (mut pattern, mut every, mut zone) = (None, None, None);
    match &scheduler.rhythm {
        Some(Rhythm::Every { every_ms, .. }) => every = Some(json!(every_ms)),
        Some(Rhythm::Cron { pattern: text, tz }) => {
            (pattern, zone) = (Some(json!(text)), tz.as_ref().map(|tz| json!(tz)));
        }
        None => {}
    }
    let number = |number: Option<u64>| number.map(Value::from);
    let members = [
        ("id", Some(json!(scheduler.id))),
        ("queueName", Some(json!(queue_name))),
        ("name", Some(json!(scheduler.name))),
        ("pattern", pattern),
        ("every", every.clone()),
        ("tz", zone),
        ("limit", number(scheduler.limit)),
        ("startDate", number(scheduler.start_ms)),
        ("endDate", number(scheduler.end_ms)),
        ("next", Some(json!(scheduler.next_ms))),
        ("iterationCount", number(Some(scheduler.iterations).filter(|count| *count > 0))),
        ("template", template(scheduler)),
    ];
    let given = members.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)));
    let mut body: Map<String, Value> = given.collect();
    body.extend(runs(queue, scheduler, every.and_then(|every| every.as_u64())).await?);
    Ok(Value::Object(body))
}

/// What every run is, as far as it is anything of its own.
fn template(scheduler: &Scheduler) -> Option<Value> {
    let data = scheduler.data.decode::<Value>().ok().filter(|data| *data != json!({}));
    let mut options = scheduler.options.to_public();
    if options["attempts"] == 0
        && let Value::Object(members) = &mut options
    {
        members.remove("attempts");
    }
    let options = Some(options).filter(|options| *options != json!({}));
    let parts = [("data", data), ("opts", options)];
    let parts = parts.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)));
    Some(parts.collect::<Map<_, _>>()).filter(|parts| !parts.is_empty()).map(Value::Object)
}

/// The run that is armed, and the one before: its successor was made when it began.
async fn runs(
    queue: &Arc<dyn Backend>,
    scheduler: &Scheduler,
    every_ms: Option<u64>,
) -> Result<Vec<(String, Value)>, Refusal> {
    let id_at = |ms: u64| JobId::from_store(format!("repeat:{}:{ms}", scheduler.id));
    let before = every_ms.map(|every_ms| id_at(scheduler.next_ms.saturating_sub(every_ms)));
    let ids: Vec<_> = std::iter::once(id_at(scheduler.next_ms)).chain(before).collect();
    let mut found = queue.jobs(&ids).await?.into_iter();
    let Some(armed) = found.next().flatten() else { return Ok(Vec::new()) };
    let mut runs = vec![("nextRunJobId".to_owned(), json!(armed.job.id))];
    if scheduler.iterations > 1 {
        runs.push(("lastRun".to_owned(), json!(armed.job.timestamp_ms)));
        let last = found.next().flatten();
        runs.extend(last.map(|last| ("lastRunJobId".to_owned(), json!(last.job.id))));
    }
    Ok(runs)
}

/// Ends a series.
pub(super) async fn remove(
    State(api): State<Api>,
    _: Visitor,
    Path((name, id)): Path<(String, String)>,
) -> Answer {
    if !open(&api, &name).await?.remove_scheduler(&id).await? {
        return Err(no_scheduler());
    }
    done_silently()
}

/// Adds a job as the scheduler would, once and now.
pub(super) async fn run_now(
    State(api): State<Api>,
    _: Visitor,
    Path((name, id)): Path<(String, String)>,
) -> Answer {
    let queue = open(&api, &name).await?;
    let added = queue.add(vec![template_job(&current(&queue, &id).await?)]).await?.pop();
    let added = added.ok_or_else(no_scheduler)?;
    let job = find(&queue, added.id().as_str()).await?;
    body(&json!({ "job": job_body(&job.job) }))
}

/// Changes when the runs take place: `{pattern, tz?}` or `{every}`, `limit?`, `endDate?`.
pub(super) async fn change(
    State(api): State<Api>,
    _: Visitor,
    Path((name, id)): Path<(String, String)>,
    request: JsonBody,
) -> Answer {
    let rhythm = rhythm_of(&request.value)?;
    let limit = limit_of(&request.value)?;
    let end_ms = end_of(&request.value, api.now_ms())?;
    let queue = open(&api, &name).await?;
    let job = template_job(&current(&queue, &id).await?);
    let is_cron = matches!(rhythm, Rhythm::Cron { .. });
    let described = NewScheduler {
        id,
        rhythm,
        job,
        immediately: false,
        start_ms: None,
        end_ms,
        limit,
        count: 0,
    };
    match queue.upsert_scheduler(described).await {
        Ok(Some(_)) => done_silently(),
        Ok(None) => Err(Refusal::new(400, "INVALID_SCHEDULER_PATTERN")),
        Err(QueueError::Invalid { .. }) if is_cron => {
            Err(Refusal::new(400, "INVALID_SCHEDULER_PATTERN"))
        }
        Err(error) => Err(error.into()),
    }
}

/// Reads a pattern or an interval; one of them, not both.
fn rhythm_of(request: &Value) -> Result<Rhythm, Refusal> {
    let text = |name: &str| match request.get(name) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.trim()).filter(|text| !text.is_empty())),
        Some(_) => Err(refuse_member(name)),
    };
    let (pattern, zone) = (text("pattern")?, text("tz")?);
    let every = match member(request, "every") {
        None => None,
        Some(every) => {
            let every_ms = lenient_number(every).filter(|every| *every > 0.0).and_then(millis);
            Some(every_ms.ok_or_else(|| Refusal::invalid("INVALID_SCHEDULER_INTERVAL"))?)
        }
    };
    match (pattern, every) {
        (Some(pattern), None) => {
            Ok(Rhythm::Cron { pattern: pattern.to_owned(), tz: zone.map(str::to_owned) })
        }
        (None, Some(every_ms)) => Ok(Rhythm::Every { every_ms, offset_ms: None }),
        _ => Err(Refusal::invalid("INVALID_SCHEDULER_SCHEDULE")),
    }
}

fn limit_of(request: &Value) -> Result<Option<u64>, Refusal> {
    let Some(limit) = member(request, "limit") else { return Ok(None) };
    let limit = limit.as_u64().filter(|limit| *limit > 0);
    limit.map(Some).ok_or_else(|| Refusal::invalid("INVALID_SCHEDULER_LIMIT"))
}

fn end_of(request: &Value, now_ms: u64) -> Result<Option<u64>, Refusal> {
    let Some(end) = member(request, "endDate") else { return Ok(None) };
    let end_ms = lenient_number(end).and_then(millis).filter(|end_ms| *end_ms > now_ms);
    end_ms.map(Some).ok_or_else(|| Refusal::invalid("INVALID_SCHEDULER_END_DATE"))
}

async fn current(queue: &Arc<dyn Backend>, id: &str) -> Result<Scheduler, Refusal> {
    queue.scheduler(id).await?.ok_or_else(no_scheduler)
}

fn template_job(scheduler: &Scheduler) -> NewJob {
    NewJob::new(scheduler.name.clone(), scheduler.data.clone())
        .with_options(scheduler.options.clone())
}

fn no_scheduler() -> Refusal {
    Refusal::new(404, "JOB_SCHEDULER_NOT_FOUND")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rhythm_is_a_pattern_or_an_interval() {
        let cron = rhythm_of(&json!({ "pattern": " 0 3 * * * ", "tz": "Europe/Berlin" })).unwrap();
        let tz = Some("Europe/Berlin".to_owned());
        assert_eq!(cron, Rhythm::Cron { pattern: "0 3 * * *".to_owned(), tz });
        let every = rhythm_of(&json!({ "every": "1500", "pattern": "" })).unwrap();
        assert_eq!(every, Rhythm::Every { every_ms: 1500, offset_ms: None });
        for neither in
            [json!({}), json!({ "pattern": "* * * * *", "every": 5 }), json!({ "every": 0 })]
        {
            assert!(rhythm_of(&neither).is_err(), "{neither}");
        }
    }
}
