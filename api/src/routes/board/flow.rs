//! The tree of jobs that a job belongs to, within a window that the page asks for.

use std::collections::HashMap;
use std::sync::Arc;

use axum::extract::State;
use futures::future::BoxFuture;
use oxherd_queue::flow::{Children, JobKey};
use oxherd_queue::job::JobSnapshot;
use oxherd_queue::{Backend, JobId, QueueError};
use serde_json::{Map, Value, json};

use super::jobs::JobPath;
use super::refusal::Refusal;
use super::requests::Query;
use super::{Answer, body};
use crate::extract::QueryPairs;
use crate::identity::Visitor;
use crate::routes::admin::{find, open};
use crate::settings::Api;

/// The most jobs of a tree that are read; a window of one level may have as many as it shows.
const JOBS_MAX: u64 = 200;
/// How far the way up to the root is followed; no flow is deeper.
const DEPTH_MAX: usize = 50;

/// Shows the tree of a job from its root, or with `root=node` from the job itself.
pub(super) async fn show(
    State(api): State<Api>,
    _: Visitor,
    axum::extract::Path((name, id)): JobPath,
    query: QueryPairs,
) -> Answer {
    let query = Query(query);
    let depth = query.clamped("depth", 1..=20, 10);
    let width = query.clamped("maxChildren", 1..=1000, 20);
    find(&open(&api, &name).await?, &id).await?;
    let job = JobKey::new(name, JobId::from_store(&*id));
    let root =
        if query.text("root") == Some("node") { Some(job) } else { root_of(&api, job).await? };
    let most = if depth <= 2 { JOBS_MAX.max(width) } else { JOBS_MAX };
    let mut tree = Tree { api: &api, queues: HashMap::new(), width, left: most };
    let node = match root {
        Some(root) => tree.node(root, depth).await?,
        None => None,
    };
    let children = node.as_ref().and_then(|node| node["children"].as_array());
    body(&json!({
        "nodeId": id,
        "isFlowNode": children.is_some_and(|children| !children.is_empty()),
        "flowRoot": node,
    }))
}

/// Follows the parents of a job up; nothing where the way leads into a queue that is not shown.
async fn root_of(api: &Api, job: JobKey) -> Result<Option<JobKey>, Refusal> {
    let shown = api.parts.tree.queue_names();
    let mut job = job;
    for _ in 0..DEPTH_MAX {
        let queue = open(api, &job.queue).await?;
        let Some(parent) = queue.parent(&job.id).await? else { return Ok(Some(job)) };
        if !shown.contains(&parent.queue) {
            return Ok(None);
        }
        let above = open(api, &parent.queue).await?;
        if above.jobs(std::slice::from_ref(&parent.id)).await?.pop().flatten().is_none() {
            return Ok(None);
        }
        job = parent;
    }
    Ok(None)
}

/// A tree that is being read.
struct Tree<'a> {
    api: &'a Api,
    queues: HashMap<String, Arc<dyn Backend>>,
    /// The most children of a job.
    width: u64,
    /// How many jobs may still be read.
    left: u64,
}

impl Tree<'_> {
    /// Reads a job with `depth - 1` levels of children; nothing when it is gone.
    fn node(&mut self, key: JobKey, depth: u64) -> BoxFuture<'_, Result<Option<Value>, Refusal>> {
        Box::pin(async move {
            let Some(queue) = self.queue(&key.queue).await? else { return Ok(None) };
            let found = queue.jobs(std::slice::from_ref(&key.id)).await?.pop().flatten();
            let Some(found) = found else { return Ok(None) };
            let children = queue.children(&key.id).await?;
            let mut node = node_body(&key, &found, &children);
            if depth > 1 {
                self.add_children(&mut node, &children, depth - 1).await?;
            } else if count(&children) > 0 {
                node["truncated"] = true.into();
            }
            Ok(Some(node))
        })
    }

    async fn add_children(
        &mut self,
        node: &mut Value,
        children: &Children,
        depth: u64,
    ) -> Result<(), Refusal> {
        let width = usize::try_from(self.width).unwrap_or(usize::MAX);
        let (mut shown, mut gone) = (Vec::new(), 0);
        for key in keys(children).into_iter().take(width) {
            if self.left == 0 {
                break;
            }
            self.left -= 1;
            match self.node(key, depth).await? {
                Some(child) => shown.push(child),
                None => gone += 1,
            }
        }
        if shown.len() + gone < count(children) {
            node["truncated"] = true.into();
        }
        node["children"] = shown.into();
        Ok(())
    }

    /// Opens a queue; nothing for a name that this store cannot have.
    async fn queue(&mut self, name: &str) -> Result<Option<Arc<dyn Backend>>, Refusal> {
        if let Some(queue) = self.queues.get(name) {
            return Ok(Some(Arc::clone(queue)));
        }
        match self.api.parts.store.queue(name).await {
            Ok(queue) => {
                self.queues.insert(name.to_owned(), Arc::clone(&queue));
                Ok(Some(queue))
            }
            Err(QueueError::Invalid { .. }) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }
}

fn node_body(key: &JobKey, found: &JobSnapshot, children: &Children) -> Value {
    let progress = found.job.progress.as_ref().and_then(|p| p.decode::<Value>().ok());
    let mut node = json!({
        "id": key.id,
        "name": found.job.name,
        "progress": progress.unwrap_or_else(|| json!(0)),
        "state": found.state,
        "queueName": key.queue,
        "children": [],
    });
    if count(children) > 0 {
        node["dependencies"] = json!({
            "processed": children.processed.len(),
            "unprocessed": children.unprocessed.len(),
            "ignored": children.ignored.len(),
            "failed": children.failed.len(),
        });
    }
    let reasons: Map<String, Value> =
        children.ignored.iter().map(|(key, why)| (key.to_string(), json!(why))).collect();
    if !reasons.is_empty() {
        node["ignoredChildFailureReasons"] = Value::Object(reasons);
    }
    node
}

/// All children of a job, those that completed first.
fn keys(children: &Children) -> Vec<JobKey> {
    let processed = children.processed.iter().map(|(key, _)| key);
    let ignored = children.ignored.iter().map(|(key, _)| key);
    let all = processed.chain(&children.unprocessed).chain(&children.failed).chain(ignored);
    all.cloned().collect()
}

fn count(children: &Children) -> usize {
    children.processed.len()
        + children.unprocessed.len()
        + children.ignored.len()
        + children.failed.len()
}

/// Removes the children of a job that have not ended and that nobody runs, with theirs.
pub(super) async fn remove_unprocessed_children(
    State(api): State<Api>,
    _: Visitor,
    axum::extract::Path((name, id)): JobPath,
) -> Answer {
    let queue = open(&api, &name).await?;
    let job = find(&queue, &id).await?;
    let count = queue.children_counts(&job.job.id).await?.unprocessed;
    if count == 0 {
        return Err(Refusal::new(400, "JOB_HAS_NO_UNPROCESSED_CHILDREN"));
    }
    queue.remove_awaited_children(&job.job.id).await?;
    body(&json!({ "removed": count }))
}
