//! Trees of jobs: how they come into the state as a whole, and how callers ask for them.
//!
//! The part on the state is pure: everything is checked before the first change.

use std::collections::HashSet;
use std::sync::Arc;

use async_trait::async_trait;

use crate::error::{QueueError, Result};
use crate::event::EventKind;
use crate::flow::{Children, ChildrenCounts, Flow, JobKey, Parent, Relate};
use crate::job::{JobId, JobState, Payload};

use super::door::Door;
use super::encoding::encoded_struct;
use super::families::{Fate, Link, Note, Relative};
use super::machine::Machine;
use super::operation::{AddedJob, Ended, Operation, Outcome, QueueNumber};
use super::queue_handle::{QueueHandle, unexpected};
use super::queue_state::{Moment, QueueState, Standing};

/// A job of a flow.
#[derive(Debug, Clone)]
pub(super) struct FlowJob {
    pub(super) at: Relative,
    pub(super) job: AddedJob,
    pub(super) link: Option<Link>,
    pub(super) has_children: bool,
}

encoded_struct!(FlowJob { at, job, link, has_children });

impl Machine {
    pub(super) fn add_flow(
        &mut self,
        jobs: Vec<FlowJob>,
        ended: Vec<Ended>,
        (now_ms, number): (u64, u64),
    ) -> Outcome {
        if let Err(error) = self.check_flow(&jobs) {
            return Outcome::Denied(error);
        }
        let known = |job: &FlowJob| match self.standing(&job.at) {
            Some(Standing::Ended(key)) => {
                ended.iter().any(|ended| ended.record.body.serial == key.serial)
            }
            _ => true,
        };
        if !jobs.iter().all(known) {
            return Outcome::Again(Box::new(Operation::AddFlow { jobs, ended: Vec::new() }));
        }
        let mut parents: Vec<Relative> = Vec::new();
        for job in jobs {
            if let Some(link) = &job.link
                && !parents.contains(&link.parent)
            {
                parents.push(link.parent.clone());
            }
            self.touch(job.at.queue);
            self.add_to_flow(job, &ended, (now_ms, number));
        }
        for parent in parents {
            self.touch(parent.queue);
            if let Some(queue) = self.queue_mut(parent.queue) {
                queue.release_if_done(&parent.id, now_ms);
            }
        }
        Outcome::Done
    }

    fn check_flow(&self, jobs: &[FlowJob]) -> Result<()> {
        let mut made = HashSet::new();
        for job in jobs {
            if let Some(Link { parent, .. }) = &job.link {
                let exists = |one: &Relative| self.standing(one).is_some();
                if !made.contains(&(parent.queue, &parent.id)) && !exists(parent) {
                    return Err(QueueError::NoSuchParent(self.key_of(parent).to_string()));
                }
                let queue = self.queue(job.at.queue);
                let old = queue.and_then(|queue| queue.families.links.get(&job.at.id));
                if old.is_some_and(|old| old.parent != *parent && exists(&old.parent)) {
                    let (job, parent) = (job.at.id.clone(), self.key_of(parent).to_string());
                    return Err(QueueError::ParentTaken { job, parent });
                }
            }
            made.insert((job.at.queue, &job.at.id));
        }
        Ok(())
    }

    pub(super) fn standing(&self, at: &Relative) -> Option<Standing> {
        self.queue(at.queue)?.index.get(&at.id).copied()
    }

    /// Returns the name of a job across queues.
    pub(super) fn key_of(&self, at: &Relative) -> JobKey {
        let queue = self.queue(at.queue).map_or("", |queue| &*queue.name);
        JobKey::new(queue, at.id.clone())
    }

    fn add_to_flow(&mut self, flow: FlowJob, ended: &[Ended], (now_ms, number): (u64, u64)) {
        let FlowJob { at, job, link, has_children } = flow;
        let fate = match self.standing(&at) {
            Some(Standing::Ended(key)) if key.state == JobState::Completed => {
                let found = ended.iter().find(|ended| ended.record.body.serial == key.serial);
                let value = found.and_then(|ended| ended.record.result.clone());
                Fate::Processed { value: value.unwrap_or_else(Payload::null) }
            }
            _ => Fate::Pending {},
        };
        let mut last_serial = self.last_serial();
        let mut moment = Moment { now_ms, number, last_serial: &mut last_serial };
        let Some(queue) = self.queue_mut(at.queue) else { return };
        queue.last_id += 1;
        if queue.index.contains_key(&at.id) {
            queue.events.push(now_ms, EventKind::Duplicated { id: at.id.clone() });
        } else if has_children {
            let slot = queue.admit_new(at.id.clone(), job, None, &mut moment);
            let since_ms = queue.live[slot].body.timestamp_ms;
            queue.await_children(slot, since_ms, now_ms);
        } else {
            queue.create(at.id.clone(), job, None, &mut moment);
        }
        if let Some(link) = &link {
            queue.families.links.insert(at.id.clone(), link.clone());
        }
        self.set_last_serial(last_serial);
        if let Some(Link { parent, .. }) = link
            && let Some(queue) = self.queue_mut(parent.queue)
        {
            queue.families.kin.entry(parent.id).or_default().insert(at, fate);
        }
    }

    /// Carries over what a queue has noted for parents.
    pub(super) fn tell_parents(&mut self, queue: QueueNumber, now_ms: u64) {
        // A parent that goes with its last child is noted in turn, in the same queue.
        loop {
            let noted =
                self.queue_mut(queue).map(|queue| std::mem::take(&mut queue.families.notes));
            let Some(notes) = noted.filter(|notes| !notes.is_empty()) else { return };
            for note in notes {
                let child = Relative { queue, id: note.child.clone() };
                let (home, name) = (note.link.parent.queue, self.key_of(&child).to_string());
                self.touch(home);
                if let Some(parents) = self.queue_mut(home) {
                    parents.hear((child, home == queue), &name, note, now_ms);
                }
            }
        }
    }

    /// Ends the relation of a child to its parent.
    pub(super) fn undepend(&mut self, at: &Relative, now_ms: u64) -> Outcome {
        let Some(queue) = self.queue(at.queue) else { return Outcome::Removed(false) };
        if !queue.index.contains_key(&at.id) {
            return Outcome::Denied(QueueError::NoSuchJob(at.id.clone()));
        }
        let Some(link) = queue.families.links.get(&at.id).cloned() else {
            return Outcome::Removed(false);
        };
        if self.standing(&link.parent).is_none() {
            let parent = self.key_of(&link.parent).to_string();
            return Outcome::Denied(QueueError::NoSuchParent(parent));
        }
        let home = self.queue(link.parent.queue);
        let kin = home.and_then(|home| home.families.kin.get(&link.parent.id));
        if kin.and_then(|kin| kin.get(at)) != Some(&(Fate::Pending {})) {
            return Outcome::Removed(false);
        }
        let (child, news) = (at.id.clone(), super::families::News::Removed);
        if let Some(queue) = self.queue_mut(at.queue) {
            queue.families.links.remove(&at.id);
            queue.families.notes.push(Note { link, child, news });
        }
        self.tell_parents(at.queue, now_ms);
        Outcome::Removed(true)
    }
}

/// Adds a tree of jobs.
pub(super) async fn add_flow(door: &Door, flow: Flow) -> Result<Vec<JobKey>> {
    let nodes = flow.nodes()?;
    let mut jobs: Vec<FlowJob> = Vec::with_capacity(nodes.len());
    let mut keys = Vec::with_capacity(nodes.len());
    for node in nodes {
        let parent = match node.parent {
            None => None,
            Some(Parent::Node(place)) => Some(jobs[place].at.clone()),
            Some(Parent::Existing(key)) => {
                Some(Relative { queue: open(door, &key.queue).await?, id: key.id })
            }
        };
        let at = Relative { queue: open(door, &node.queue).await?, id: node.id.clone() };
        keys.push(JobKey::new(node.queue, node.id.clone()));
        jobs.push(FlowJob {
            at,
            job: AddedJob::new(node.job.with_id(node.id)),
            link: parent.map(|parent| Link { parent, on_failure: node.on_failure }),
            has_children: node.has_children,
        });
    }
    let root = jobs.first().map_or(0, |job| job.at.queue);
    match door.operate("add flow", root, Operation::AddFlow { jobs, ended: Vec::new() }).await? {
        Outcome::Done => Ok(keys),
        other => unexpected(&other),
    }
}

/// Opens a queue by its name.
pub(super) async fn open(door: &Door, name: &str) -> Result<QueueNumber> {
    if name.is_empty() || name.contains(':') {
        let why = format!("{name:?} must not be empty or contain ':'");
        return Err(QueueError::Invalid { what: "queue name", why });
    }
    let operation = Operation::OpenQueue { name: Arc::from(name) };
    match door.operate("open queue", 0, operation).await? {
        Outcome::Opened(number) => Ok(number),
        other => unexpected(&other),
    }
}

#[async_trait]
impl Relate for QueueHandle {
    async fn children(&self, parent: &JobId) -> Result<Children> {
        let machine = super::shared::locked(&self.door.shared.machine);
        let mut children = Children::default();
        let kin = machine.queue(self.number).and_then(|queue| queue.families.kin.get(parent));
        for (child, fate) in kin.into_iter().flatten() {
            let key = machine.key_of(child);
            match fate {
                Fate::Pending {} => children.unprocessed.push(key),
                Fate::Processed { value } => children.processed.push((key, value.clone())),
                Fate::Ignored { reason } => children.ignored.push((key, reason.clone())),
                Fate::Failed {} => children.failed.push(key),
            }
        }
        drop(machine);
        children.unprocessed.sort_unstable();
        children.processed.sort_by(|a, b| a.0.cmp(&b.0));
        children.ignored.sort_unstable();
        children.failed.sort_unstable();
        Ok(children)
    }

    async fn children_counts(&self, parent: &JobId) -> Result<ChildrenCounts> {
        self.look(|queue: &QueueState| queue.families.counts(parent))
    }

    async fn remove_tree(&self, id: &JobId) -> Result<bool> {
        let operation = Operation::RemoveTree { id: id.clone() };
        match self.operate("remove with children", operation).await? {
            Outcome::Removed(removed) => Ok(removed),
            other => unexpected(&other),
        }
    }

    async fn remove_awaited_children(&self, id: &JobId) -> Result<()> {
        let operation = Operation::RemoveAwaited { id: id.clone() };
        self.operate("remove awaited children", operation).await.map(drop)
    }

    async fn parent(&self, child: &JobId) -> Result<Option<JobKey>> {
        let machine = super::shared::locked(&self.door.shared.machine);
        let link = machine.queue(self.number).and_then(|queue| queue.families.links.get(child));
        Ok(link.map(|link| machine.key_of(&link.parent)))
    }

    async fn remove_child_dependency(&self, child: &JobId) -> Result<bool> {
        let operation = Operation::Undepend { id: child.clone() };
        match self.operate("remove child dependency", operation).await? {
            Outcome::Removed(done) => Ok(done),
            other => unexpected(&other),
        }
    }
}
