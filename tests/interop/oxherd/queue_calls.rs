//! The methods of BullMQ's queues and jobs that the scenarios use, carried out by our engine.
//!
//! Never reads Redis.

use std::time::Duration;

use oxherd_queue::{Backend, JobId, NewJob, Payload, QueueError, RateLimit};
use serde_json::{Value, json};

use super::options;

/// Calls a method of a queue.
pub(crate) async fn queue(
    queue: &dyn Backend,
    method: &str,
    args: &Value,
) -> Result<Value, String> {
    let done = |()| Value::Null;
    match method {
        "add" => {
            let job = options::job(&args[0], &args[1], &args[2])?;
            let added = add(queue, vec![job]).await?;
            Ok(added[0].clone())
        }
        "addBulk" => {
            let read = |job: &Value| options::job(&job["name"], &job["data"], &job["opts"]);
            let jobs = args[0].as_array().unwrap().iter().map(read).collect::<Result<_, _>>()?;
            Ok(Value::Array(add(queue, jobs).await?))
        }
        "pause" => queue.pause().await.map(done).map_err(text),
        "resume" => queue.resume().await.map(done).map_err(text),
        "getJobCounts" => {
            let counts = queue.counts().await.map_err(text)?;
            Ok(json!(counts))
        }
        "remove" => {
            let removed = queue.remove_tree(&JobId::from_store(of(&args[0]))).await;
            removed.map(|removed| i32::from(removed).into()).map_err(text)
        }
        "getCountsPerPriority" => {
            let priorities: Vec<u32> = serde_json::from_value(args[0].clone()).unwrap();
            let counts = queue.counts_by_priority(&priorities).await.map_err(text)?;
            let named = priorities.iter().map(u32::to_string).zip(counts);
            Ok(json!(named.collect::<std::collections::BTreeMap<_, _>>()))
        }
        "removeDeduplicationKey" => {
            let freed = queue.free_deduplication(of(&args[0]), None).await;
            freed.map(Value::from).map_err(text)
        }
        "setGlobalRateLimit" => {
            let window = Duration::from_millis(args[1].as_u64().unwrap());
            let rate = RateLimit::new(args[0].as_u64().unwrap(), window);
            queue.set_rate(Some(rate)).await.map(done).map_err(text)
        }
        "removeGlobalRateLimit" => queue.set_rate(None).await.map(done).map_err(text),
        "removeGlobalConcurrency" => queue.set_concurrency(None).await.map(done).map_err(text),
        "removeRateLimitKey" => queue.end_rate_limit().await.map(done).map_err(text),
        "setGlobalConcurrency" => {
            queue.set_concurrency(args[0].as_u64()).await.map(done).map_err(text)
        }
        "rateLimit" => {
            let time = Duration::from_millis(args[0].as_u64().unwrap());
            queue.rate_limit(time).await.map(done).map_err(text)
        }
        _ => many(queue, method, args).await,
    }
}

/// Calls a method that is about many jobs.
async fn many(queue: &dyn Backend, method: &str, args: &Value) -> Result<Value, String> {
    let done = |()| Value::Null;
    match method {
        "clean" => {
            let grace = Duration::from_millis(args[0].as_u64().unwrap());
            let state = of(&args[2]).parse().map_err(text)?;
            let ids = queue.clean(state, grace, args[1].as_u64().unwrap()).await;
            ids.map(|ids| json!(ids)).map_err(text)
        }
        "drain" => queue.drain(args[0] == true).await.map(Value::from).map_err(text),
        "obliterate" => queue.obliterate(args[0]["force"] == true).await.map(done).map_err(text),
        "retryJobs" => {
            let state = of(&args[0]["state"]).parse().map_err(text)?;
            queue.retry_all(state, None).await.map(Value::from).map_err(text)
        }
        "promoteJobs" => queue.promote_all().await.map(Value::from).map_err(text),
        other => super::families::queue(queue, other, args).await,
    }
}

/// Calls a method of a job.
pub(crate) async fn job(
    queue: &dyn Backend,
    id: &str,
    method: &str,
    args: &Value,
) -> Result<Value, String> {
    let id = JobId::from_store(id);
    let number = |index: usize| args[index].as_u64().unwrap_or(0);
    let ended = match method {
        "retry" => queue.retry(&id, args[1]["resetAttemptsMade"] == true).await.map(drop),
        "remove" if args[0]["removeChildren"] == false => queue.remove(&id).await.map(drop),
        "remove" => queue.remove_tree(&id).await.map(drop),
        "removeUnprocessedChildren" => queue.remove_awaited_children(&id).await,
        "promote" => queue.promote(&id).await.map(drop),
        "changeDelay" => queue.change_delay(&id, Duration::from_millis(number(0))).await.map(drop),
        "changePriority" => {
            let priority = u32::try_from(args[0]["priority"].as_u64().unwrap_or(0)).unwrap();
            queue.change_priority(&id, priority, args[0]["lifo"] == true).await
        }
        "updateData" => queue.change_data(&id, encoded(&args[0])?).await,
        "updateProgress" => queue.progress(&id, encoded(&args[0])?).await.map(drop),
        "log" => queue.log(&id, of(&args[0]), None).await,
        "removeChildDependency" => queue.remove_child_dependency(&id).await.map(drop),
        "cancel" => queue.cancel(&id).await.map(drop),
        other => return Err(format!("Oxherd has no {other} of a job here")),
    };
    ended.map(|()| Value::Null).map_err(text)
}

async fn add(queue: &dyn Backend, jobs: Vec<NewJob>) -> Result<Vec<Value>, String> {
    let added = queue.add(jobs).await.map_err(text)?;
    Ok(added.iter().map(|added| json!({ "id": added.id().as_str() })).collect())
}

fn encoded(value: &Value) -> Result<Payload, String> {
    Payload::encode(value).map_err(text)
}

fn of(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

#[expect(clippy::needless_pass_by_value, reason = "it is passed to map_err")]
fn text(error: QueueError) -> String {
    error.to_string()
}
