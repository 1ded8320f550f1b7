//! Flows: trees of jobs in which a parent runs when its children have ended.
//!
//! A parent waits in the state `waiting-children`; the end of its last child gives it back to its
//! queue, with the children's results at hand. Children may be in other queues of the same store.
//! Never runs a job.

use std::fmt;

use async_trait::async_trait;

use crate::error::{QueueError, Result};
use crate::job::{JobId, NewJob, Payload};

/// What jobs know of their children and parents.
#[async_trait]
pub trait Relate: Send + Sync {
    /// Returns what became of the children of a job; nothing at all for a job without.
    async fn children(&self, parent: &JobId) -> Result<Children>;

    /// Returns how many children of a job stand how, in one short trip.
    async fn children_counts(&self, parent: &JobId) -> Result<ChildrenCounts>;

    /// Returns the parent of a job; nothing for a job without, or without a job.
    async fn parent(&self, child: &JobId) -> Result<Option<JobKey>>;

    /// Lets a child go its own way: its parent no longer waits for it. Returns `false` when the
    /// parent did not wait for it.
    ///
    /// # Errors
    /// [`QueueError::NoSuchJob`], and [`QueueError::NoSuchParent`] when its parent is gone.
    async fn remove_child_dependency(&self, child: &JobId) -> Result<bool>;

    /// Removes a job with all jobs below it, in whatever queues, as BullMQ's `remove` does; `false`
    /// when there is none.
    ///
    /// # Errors
    /// [`QueueError::WrongState`] while a worker holds it or a job below it that is still awaited,
    /// [`QueueError::ArmedRun`] when a scheduler would end with it. Nothing was changed.
    async fn remove_tree(&self, id: &JobId) -> Result<bool>;

    /// Removes the jobs below a job that it still awaits (BullMQ `removeUnprocessedChildren`), but
    /// for those that a worker holds and those that failed; the job itself stays.
    async fn remove_awaited_children(&self, id: &JobId) -> Result<()>;
}

/// The name of a job across the queues of a store.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct JobKey {
    /// The queue; of another prefix than the store's, with that in front: `prefix:queue`.
    pub queue: String,
    /// The job.
    pub id: JobId,
}

impl JobKey {
    /// Names a job.
    #[must_use]
    pub fn new(queue: impl Into<String>, id: JobId) -> Self {
        Self { queue: queue.into(), id }
    }
}

impl fmt::Display for JobKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.queue, self.id)
    }
}

/// What the final failure of a child means for its parent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ChildFailure {
    /// The parent goes on waiting, until the child is retried with success or removed.
    #[default]
    KeepWaiting,
    /// The parent fails too, at its next start (BullMQ `failParentOnFailure`).
    FailParent,
    /// The parent runs at once, although others are pending (`continueParentOnFailure`).
    ContinueParent,
    /// The failure is noted, and the parent runs after the rest (`ignoreDependencyOnFailure`).
    IgnoreDependency,
    /// The parent runs after the rest as if the child had not been (`removeDependencyOnFailure`).
    RemoveDependency,
}

impl ChildFailure {
    /// Returns the member that says it in `opts` and in the `parent` field of a job.
    pub(crate) fn wire(self) -> Option<&'static str> {
        match self {
            Self::KeepWaiting => None,
            Self::FailParent => Some("fpof"),
            Self::ContinueParent => Some("cpof"),
            Self::IgnoreDependency => Some("idof"),
            Self::RemoveDependency => Some("rdof"),
        }
    }
}

/// A job with its children, to be added as a whole.
#[derive(Debug, Clone)]
pub struct Flow {
    /// The queue of the job.
    pub queue: String,
    /// The job; without an id it gets a random one.
    pub job: NewJob,
    /// What its failure means for its parent.
    pub on_failure: ChildFailure,
    /// The jobs that have to end before it runs.
    pub children: Vec<Flow>,
    /// A job that exists and waits for this one from now on; for the root alone.
    pub parent: Option<JobKey>,
}

impl Flow {
    /// The most jobs of a flow.
    pub const JOBS_MAX: usize = 1000;
    /// The most levels of a flow.
    pub const DEPTH_MAX: usize = 50;

    /// Describes a job without children.
    #[must_use]
    pub fn new(queue: impl Into<String>, job: NewJob) -> Self {
        let on_failure = ChildFailure::default();
        Self { queue: queue.into(), job, on_failure, children: Vec::new(), parent: None }
    }

    /// Adds a child.
    #[must_use]
    pub fn with_child(mut self, child: Self) -> Self {
        self.children.push(child);
        self
    }

    /// Says what the failure of this job means for its parent.
    #[must_use]
    pub fn on_failure(self, on_failure: ChildFailure) -> Self {
        Self { on_failure, ..self }
    }

    /// Lets a job that exists wait for this one, as for a child that its handler adds.
    #[must_use]
    pub fn under(self, parent: JobKey) -> Self {
        Self { parent: Some(parent), ..self }
    }

    /// Lists the jobs level by level, as BullMQ adds them, after checking all of them.
    pub(crate) fn nodes(self) -> Result<Vec<Node>> {
        let parent = self.parent.clone().map(Parent::Existing);
        let mut nodes = Vec::new();
        let mut level = vec![(self, parent)];
        for depth in 1.. {
            let mut next = Vec::new();
            for (flow, parent) in level {
                flow.collect(parent, depth, &mut nodes, &mut next)?;
            }
            if next.is_empty() {
                break;
            }
            level = next;
        }
        let mut keys: Vec<_> = nodes.iter().map(|node| (&node.queue, &node.id)).collect();
        keys.sort_unstable();
        if let Some(twice) = keys.windows(2).find(|pair| pair[0] == pair[1]) {
            return refuse(format!("the job {}:{} is in it twice", twice[0].0, twice[0].1));
        }
        Ok(nodes)
    }

    /// Lists one job, and puts its children to those of the next level.
    fn collect(
        self,
        parent: Option<Parent>,
        depth: usize,
        nodes: &mut Vec<Node>,
        next: &mut Vec<(Self, Option<Parent>)>,
    ) -> Result<()> {
        if depth > Self::DEPTH_MAX || nodes.len() >= Self::JOBS_MAX {
            let (jobs, levels) = (Self::JOBS_MAX, Self::DEPTH_MAX);
            return refuse(format!("at most {jobs} jobs on {levels} levels are added at a time"));
        }
        self.job.check()?;
        let is_related = parent.is_some() || !self.children.is_empty();
        if is_related && self.job.options.deduplication.is_some() {
            return refuse("a job with a parent or children cannot be deduplicated".to_owned());
        }
        if depth > 1 && self.parent.is_some() {
            return refuse("only its root can have a parent that exists".to_owned());
        }
        let id = match &self.job.id {
            Some(id) if id.as_str().contains(':') => {
                return refuse(format!("the id {id} contains ':', which separates keys"));
            }
            Some(id) => id.clone(),
            None => JobId::from_store(uuid::Uuid::new_v4().to_string()),
        };
        let place = nodes.len();
        nodes.push(Node {
            queue: self.queue,
            id,
            job: self.job,
            parent,
            on_failure: self.on_failure,
            has_children: !self.children.is_empty(),
        });
        next.extend(self.children.into_iter().map(|child| (child, Some(Parent::Node(place)))));
        Ok(())
    }
}

fn refuse<T>(why: String) -> Result<T> {
    Err(QueueError::Invalid { what: "flow", why })
}

/// A job of a flow.
#[derive(Debug, Clone)]
pub(crate) struct Node {
    pub(crate) queue: String,
    pub(crate) id: JobId,
    pub(crate) job: NewJob,
    pub(crate) parent: Option<Parent>,
    pub(crate) on_failure: ChildFailure,
    pub(crate) has_children: bool,
}

/// Whom a job of a flow belongs to.
#[derive(Debug, Clone)]
pub(crate) enum Parent {
    /// A job that stood in the store before.
    Existing(JobKey),
    /// An earlier job of the same flow, by its place.
    Node(usize),
}

/// What became of the children of a job.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Children {
    /// Those that completed, with their results.
    pub processed: Vec<(JobKey, Payload)>,
    /// Those that the parent waits for.
    pub unprocessed: Vec<JobKey>,
    /// Those that failed without consequence for the parent, with the reasons.
    pub ignored: Vec<(JobKey, String)>,
    /// Those whose failure makes the parent fail.
    pub failed: Vec<JobKey>,
}

/// How many children of a job stand how.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ChildrenCounts {
    /// Completed.
    pub processed: u64,
    /// Still awaited.
    pub unprocessed: u64,
    /// Failed without consequence.
    pub ignored: u64,
    /// Failed, and the parent with them.
    pub failed: u64,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::options::JobOptions;

    fn leaf(queue: &str, id: &str) -> Flow {
        let job = NewJob::new("work", Payload::null()).with_options(JobOptions::bare());
        Flow::new(queue, job.with_id(JobId::custom(id).unwrap()))
    }

    #[test]
    fn parents_are_listed_before_their_children_and_level_by_level() {
        let flow = leaf("q", "root")
            .with_child(leaf("r", "left").with_child(leaf("q", "deep")))
            .with_child(leaf("q", "right"));

        let nodes = flow.nodes().unwrap();

        let ids: Vec<_> = nodes.iter().map(|node| node.id.as_str()).collect();
        assert_eq!(ids, ["root", "left", "right", "deep"]);
        assert!(matches!(nodes[3].parent, Some(Parent::Node(1))));
        assert!(nodes[1].has_children && !nodes[2].has_children);
    }

    #[test]
    fn trees_that_no_store_could_keep_are_refused() {
        let twice = leaf("q", "a").with_child(leaf("q", "a"));
        let colon = leaf("q", "a").with_child(leaf("q", "b:c:d"));
        let parent = JobKey::new("q", JobId::custom("x").unwrap());
        let inner = leaf("q", "a").with_child(leaf("q", "b").under(parent));
        let deep =
            (0..60).fold(leaf("q", "x"), |flow, n| leaf("q", &format!("n{n}")).with_child(flow));
        for flow in [twice, colon, inner, deep] {
            assert!(flow.nodes().is_err());
        }
    }
}
