//! A job as bull-board shows it: BullMQ's own members, some left out where they say nothing.

use oxherd_queue::job::JobSnapshot;
use oxherd_queue::{Job, Payload};
use serde_json::{Map, Value, json};

/// Writes a job. Members that BullMQ leaves undefined are left out.
pub(super) fn job_body(job: &Job) -> Value {
    let decode = |payload: &Payload| payload.decode::<Value>().unwrap_or(Value::Null);
    let options = job.options.to_public();
    let failed_reason = job.failed_reason.as_deref().filter(|reason| !reason.is_empty());
    let stack_trace: Vec<_> =
        job.stack_trace.iter().rev().filter(|trace| !trace.is_empty()).collect();
    let members = [
        ("id", Some(json!(job.id))),
        ("timestamp", Some(json!(job.timestamp_ms))),
        ("processedOn", job.processed_on_ms.map(Value::from)),
        ("processedBy", job.processed_by.clone().map(Value::from)),
        ("finishedOn", job.finished_on_ms.map(Value::from)),
        ("progress", Some(job.progress.as_ref().map_or(json!(0), decode))),
        ("attempts", Some(json!(job.attempts_made))),
        ("delay", Some(json!(job.delay_ms))),
        ("failedReason", failed_reason.map(Value::from)),
        ("stacktrace", Some(json!(stack_trace))),
        ("data", Some(decode(&job.data))),
        ("name", Some(json!(job.name))),
        ("returnValue", Some(job.result.as_ref().map_or(Value::Null, decode))),
        ("isFailed", Some(json!(failed_reason.is_some() || !stack_trace.is_empty()))),
        ("groupId", options.pointer("/group/id").cloned()),
    ];
    let given = members.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)));
    let mut body: Map<String, Value> = given.collect();
    body.insert("opts".to_owned(), options);
    body.extend(diagnostics(job));
    Value::Object(body)
}

/// Writes what is only shown when it is out of the ordinary.
fn diagnostics(job: &Job) -> impl Iterator<Item = (String, Value)> {
    let number = |number: u32, is_told: bool| is_told.then(|| Value::from(number));
    let deduplication = job.options.deduplication.as_ref();
    let failure = job.deferred_failure.clone().filter(|failure| !failure.is_empty());
    let members = [
        ("priority", number(job.priority, job.priority > 0)),
        ("attemptsStarted", number(job.attempts_started, job.attempts_started > job.attempts_made)),
        ("stalledCounter", number(job.stalled_count, job.stalled_count > 0)),
        ("deduplicationId", deduplication.map(|deduplication| deduplication.id.clone().into())),
        ("deferredFailure", failure.map(Value::from)),
    ];
    members.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)))
}

/// Writes a job with its state.
pub(super) fn with_state(found: &JobSnapshot) -> Value {
    json!({ "job": job_body(&found.job), "status": found.state })
}
