//! Flows: trees of jobs in several queues, and what became of children.

use async_trait::async_trait;
use redis::Value;
use serde_json::json;

use super::keys::{Keyspace, QueueKeys};
use super::produce::check_due;
use super::{RedisQueue, RedisStore, scripts, wire};
use crate::error::{QueueError, Result};
use crate::flow::{Children, ChildrenCounts, Flow, JobKey, Node, Parent, Relate};
use crate::job::{JobId, JobState, Payload};

impl RedisStore {
    /// Adds a tree of jobs in one script call.
    pub(super) async fn add_tree(&self, flow: Flow) -> Result<Vec<JobKey>> {
        let nodes = flow.nodes()?;
        let queues: Vec<QueueKeys> =
            nodes.iter().map(|node| self.space.queue(&node.queue)).collect::<Result<_>>()?;
        let Some(root) = queues.first() else { return Ok(Vec::new()) };
        self.check_slots(&nodes, root, &queues)?;
        let server = self.server_of(root);
        let now_ms = server.link.now_ms();
        let mut call = scripts::call(&scripts::FLOW, &root.declared);
        call.arg(now_ms).arg(nodes.len());
        for (node, keys) in nodes.iter().zip(&queues) {
            let options = &node.job.options;
            let timestamp_ms = options.timestamp_ms.unwrap_or(now_ms);
            check_due(timestamp_ms, options.delay_ms)?;
            let parent = self.parent_of(node, &nodes)?;
            call.arg(&keys.base).arg(node.id.as_str()).arg(&node.job.name);
            call.arg(node.job.data.as_str()).arg(options_of(node, parent.as_ref()));
            call.arg(timestamp_ms).arg(options.delay_ms).arg(options.priority);
            call.arg(u8::from(options.is_front()));
            call.arg(parent.as_ref().map_or(String::new(), |(queue, id)| format!("{queue}:{id}")));
            call.arg(parent.as_ref().map_or(String::new(), |parent| link_of(node, parent)));
            call.arg(u8::from(node.has_children));
        }
        let reply = wire::list(server.link.script("add flow", &call).await?)?;
        if let [Value::Int(code @ (-5 | -7)), place] = &reply[..] {
            let place = wire::number(place.clone())?.unwrap_or(1).saturating_sub(1);
            let node = usize::try_from(place).ok().and_then(|place| nodes.get(place));
            let node = node.ok_or_else(|| QueueError::Corrupt("a job that was not sent".into()))?;
            let parent = self.parent_of(node, &nodes)?;
            let parent = parent.map_or(String::new(), |(queue, id)| format!("{queue}:{id}"));
            return Err(match code {
                -5 => QueueError::NoSuchParent(parent),
                _ => QueueError::ParentTaken { job: node.id.clone(), parent },
            });
        }
        Ok(nodes.into_iter().map(|node| JobKey::new(node.queue, node.id)).collect())
    }

    /// Refuses a flow whose queues do not share a slot, where that matters.
    fn check_slots(&self, nodes: &[Node], root: &QueueKeys, queues: &[QueueKeys]) -> Result<()> {
        if !self.space.is_clustered() {
            return Ok(());
        }
        let parent = nodes.first().and_then(|node| match &node.parent {
            Some(Parent::Existing(key)) => Some(self.space.queue(&key.queue)),
            _ => None,
        });
        let parent = parent.transpose()?;
        match queues.iter().chain(&parent).find(|queue| queue.slot() != root.slot()) {
            None => Ok(()),
            Some(other) => Err(QueueError::CrossSlot {
                what: format!("the keys of a flow over {}* and {}*", root.base, other.base),
                fix: "give the prefix a hash tag, \"{bull}\", in every program that uses the \
                      queues, or give both queues the same"
                    .to_owned(),
            }),
        }
    }

    /// Returns the qualified queue and the id of a job's parent.
    fn parent_of(&self, node: &Node, nodes: &[Node]) -> Result<Option<(String, JobId)>> {
        let key = match &node.parent {
            None => return Ok(None),
            Some(Parent::Existing(key)) => key.clone(),
            Some(Parent::Node(place)) => {
                JobKey::new(&*nodes[*place].queue, nodes[*place].id.clone())
            }
        };
        // Checks the name as well.
        let base = self.space.queue(&key.queue)?.base;
        Ok(Some((base.trim_end_matches(':').to_owned(), key.id)))
    }
}

/// Writes the options of a job with its parent and what its failure means for that.
fn options_of(node: &Node, parent: Option<&(String, JobId)>) -> String {
    let mut options = node.job.options.to_wire(node.job.id.as_ref().map(JobId::as_str));
    if let Some((queue, id)) = parent {
        options["parent"] = json!({ "id": id.as_str(), "queue": queue });
        if let Some(member) = node.on_failure.wire() {
            options[member] = true.into();
        }
    }
    options.to_string()
}

/// Writes the `parent` field of a job.
fn link_of(node: &Node, (queue, id): &(String, JobId)) -> String {
    let mut link = json!({ "id": id.as_str(), "queueKey": queue });
    if let Some(member) = node.on_failure.wire() {
        link[member] = true.into();
    }
    link.to_string()
}

#[async_trait]
impl Relate for RedisQueue {
    async fn children(&self, parent: &JobId) -> Result<Children> {
        let mut pipeline = redis::pipe();
        pipeline.cmd("HGETALL").arg(self.keys.children(parent, "processed"));
        pipeline.cmd("SMEMBERS").arg(self.keys.children(parent, "dependencies"));
        pipeline.cmd("HGETALL").arg(self.keys.children(parent, "failed"));
        pipeline.cmd("ZRANGE").arg(self.keys.children(parent, "unsuccessful")).arg(0).arg(-1);
        let [processed, unprocessed, ignored, failed] =
            wire::replies(self.link.pipeline("children", &pipeline).await?)?;
        let key = |text: &str| key_of(&self.keys, text);
        let keys = |reply| -> Result<Vec<JobKey>> {
            let mut keys: Vec<_> = wire::ids(reply)?.iter().map(|id| key(id.as_str())).collect();
            keys.sort_unstable();
            Ok(keys)
        };
        let mut children = Children {
            processed: wire::text_pairs(processed)?
                .into_iter()
                .map(|(child, value)| (key(&child), wire::payload(Some(value))))
                .collect(),
            unprocessed: keys(unprocessed)?,
            ignored: wire::text_pairs(ignored)?
                .into_iter()
                .map(|(child, reason)| (key(&child), reason))
                .collect(),
            failed: keys(failed)?,
        };
        children.processed.sort_by(|a: &(JobKey, Payload), b| a.0.cmp(&b.0));
        children.ignored.sort_unstable();
        Ok(children)
    }

    async fn children_counts(&self, parent: &JobId) -> Result<ChildrenCounts> {
        let mut pipeline = redis::pipe();
        let count = |command: &str, part: &str| {
            let mut command = redis::cmd(command);
            command.arg(self.keys.children(parent, part));
            command
        };
        pipeline.add_command(count("HLEN", "processed"));
        pipeline.add_command(count("SCARD", "dependencies"));
        pipeline.add_command(count("HLEN", "failed"));
        pipeline.add_command(count("ZCARD", "unsuccessful"));
        let [processed, unprocessed, ignored, failed] =
            wire::replies(self.link.pipeline("children counts", &pipeline).await?)?;
        let number = |value| Ok::<_, QueueError>(wire::number(value)?.unwrap_or(0));
        Ok(ChildrenCounts {
            processed: number(processed)?,
            unprocessed: number(unprocessed)?,
            ignored: number(ignored)?,
            failed: number(failed)?,
        })
    }

    async fn parent(&self, child: &JobId) -> Result<Option<JobKey>> {
        let mut command = redis::cmd("HGET");
        command.arg(self.keys.job(child)).arg("parentKey");
        let key = wire::text(self.link.command("parent", &command).await?)?;
        Ok(key.filter(|key| !key.is_empty()).map(|key| key_of(&self.keys, &key)))
    }

    async fn remove_child_dependency(&self, child: &JobId) -> Result<bool> {
        let mut call = self.call(&scripts::UNDEPEND);
        call.arg(self.link.now_ms()).arg(child.as_str());
        match self.link.script("remove child dependency", &call).await? {
            Value::Int(-1) => Err(QueueError::NoSuchJob(child.clone())),
            Value::Int(done) => Ok(done == 1),
            parent => Err(QueueError::NoSuchParent(wire::text(parent)?.unwrap_or_default())),
        }
    }

    async fn remove_tree(&self, id: &JobId) -> Result<bool> {
        let mut call = self.call(&scripts::TREE);
        call.arg(self.link.now_ms()).arg(id.as_str()).arg("all");
        match self.link.script("remove with children", &call).await? {
            Value::Int(-8) => Err(QueueError::ArmedRun(id.clone())),
            Value::Int(done) => Ok(done == 1),
            held => Err(QueueError::WrongState {
                id: key_of(&self.keys, &wire::text(held)?.unwrap_or_default()).id,
                state: JobState::Active,
                operation: "remove with children",
                needs: "no worker that holds it",
            }),
        }
    }

    async fn remove_awaited_children(&self, id: &JobId) -> Result<()> {
        let mut call = self.call(&scripts::TREE);
        call.arg(self.link.now_ms()).arg(id.as_str()).arg("awaited");
        self.link.script("remove awaited children", &call).await.map(drop)
    }
}

/// Reads the full key of a job, from the right: ids have no colon here, prefixes may.
fn key_of(keys: &QueueKeys, text: &str) -> JobKey {
    let (queue, id) = text.rsplit_once(':').unwrap_or(("", text));
    let queue = Keyspace::name_of(keys, queue);
    JobKey::new(queue, JobId::from_store(id))
}
