//! Flows and job schedulers as BullMQ's producers describe them, carried out by our engine.
//!
//! Never reads Redis.

use oxherd_queue::flow::{ChildFailure, Flow, JobKey};
use oxherd_queue::scheduler::{NewScheduler, Rhythm, Scheduler};
use oxherd_queue::{Backend, JobId, QueueError, Store};
use serde_json::{Value, json};

use super::options;

/// The options of a child that say what its failure means for its parent.
const POLICIES: [(&str, ChildFailure); 4] = [
    ("failParentOnFailure", ChildFailure::FailParent),
    ("continueParentOnFailure", ChildFailure::ContinueParent),
    ("ignoreDependencyOnFailure", ChildFailure::IgnoreDependency),
    ("removeDependencyOnFailure", ChildFailure::RemoveDependency),
];

/// Adds a flow as `FlowProducer.add` takes it.
pub(super) async fn add_flow(store: &dyn Store, flow: &Value) -> Result<Value, String> {
    let keys = add_tree(store, flow).await?;
    Ok(json!({ "job": { "id": keys[0].id.as_str() } }))
}

/// Adds a flow; tells all of its jobs.
pub(crate) async fn add_tree(store: &dyn Store, flow: &Value) -> Result<Vec<JobKey>, String> {
    store.add_flow(read_flow(flow)?).await.map_err(text)
}

fn read_flow(node: &Value) -> Result<Flow, String> {
    let mut given = node["opts"].as_object().cloned().unwrap_or_default();
    let policy = POLICIES.iter().find(|(option, _)| given.remove(*option) == Some(true.into()));
    let parent = given.remove("parent");
    let data = if node["data"].is_null() { json!({}) } else { node["data"].clone() };
    let job = options::job(&node["name"], &data, &Value::Object(given))?;
    let mut flow = Flow::new(node["queueName"].as_str().unwrap_or_default(), job);
    if let Some((_, policy)) = policy {
        flow = flow.on_failure(*policy);
    }
    if let Some(parent) = parent {
        let queue = parent["queue"].as_str().unwrap_or_default();
        let queue = queue.rsplit_once(':').map_or(queue, |(_, queue)| queue);
        let id = JobId::from_store(parent["id"].as_str().unwrap_or_default());
        flow = flow.under(JobKey::new(queue, id));
    }
    for child in node["children"].as_array().into_iter().flatten() {
        flow = flow.with_child(read_flow(child)?);
    }
    Ok(flow)
}

/// Calls a method of a queue about its schedulers.
pub(super) async fn queue(
    queue: &dyn Backend,
    method: &str,
    args: &Value,
) -> Result<Value, String> {
    let id = args[0].as_str().unwrap_or_default();
    match method {
        "upsertJobScheduler" => {
            let scheduler = read_scheduler(id, &args[1], &args[2])?;
            let armed = queue.upsert_scheduler(scheduler).await.map_err(text)?;
            Ok(armed.map_or(Value::Null, |armed| json!({ "id": armed.id.as_str() })))
        }
        "removeJobScheduler" => queue.remove_scheduler(id).await.map(Value::from).map_err(text),
        "getJobScheduler" => {
            let found = queue.scheduler(id).await.map_err(text)?;
            Ok(found.map_or(Value::Null, shown))
        }
        other => Err(format!("Oxherd has no {other} of a queue here")),
    }
}

fn read_scheduler(id: &str, repeat: &Value, template: &Value) -> Result<NewScheduler, String> {
    let name = if template["name"].is_null() { json!(id) } else { template["name"].clone() };
    let data = if template["data"].is_null() { json!({}) } else { template["data"].clone() };
    let job = options::job(&name, &data, &template["opts"])?;
    let number = |member: &str| repeat[member].as_u64();
    let mut scheduler = match repeat["pattern"].as_str() {
        Some(pattern) => NewScheduler::cron(id, pattern, repeat["tz"].as_str(), job),
        None => {
            let every = std::time::Duration::from_millis(number("every").unwrap_or(0));
            NewScheduler::every(id, every, job)
        }
    };
    if let Rhythm::Every { offset_ms, .. } = &mut scheduler.rhythm {
        *offset_ms = number("offset");
    }
    scheduler.immediately = repeat["immediately"] == true;
    scheduler.limit = number("limit");
    scheduler.start_ms = number("startDate");
    scheduler.end_ms = number("endDate");
    Ok(scheduler)
}

fn shown(scheduler: Scheduler) -> Value {
    let Scheduler { id, name, next_ms, iterations, .. } = scheduler;
    json!({ "key": id, "name": name, "next": next_ms, "iterationCount": iterations })
}

fn text(error: QueueError) -> String {
    error.to_string()
}
