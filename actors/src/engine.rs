//! Runs the jobs of queues under supervision alone: no edge, no catalog, no job records.
//!
//! For programs that want a supervised worker and nothing else, and for measuring what supervision
//! costs beside the plain driver.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use oxherd_queue::Store;
use oxherd_queue::clock::SharedClock;
use ractor::Actor;
use tokio::task::JoinHandle;

use crate::drain::bring_to_rest;
use crate::faults::{Faults, Panics};
use crate::handles::Drain;
use crate::mailbox::Envelope;
use crate::parts::{Exit, QueueSpec, StartError};
use crate::pulse::Pulse;
use crate::queue_supervisor;
use crate::queue_supervisor::context::{AloneGate, Process, QueueContext};
use crate::restart::Intensity;
use crate::supervisor::{ChildSpec, Message, Supervisor, SupervisorSpec};
use crate::tree::TreeNode;
use crate::tree::live::Branch;

/// Supervised queues.
pub struct Engine {
    pub(crate) queues: Vec<Arc<QueueContext>>,
    root: Running,
}

impl Engine {
    /// Starts to run jobs.
    ///
    /// # Errors
    /// When a queue cannot be opened, or the options of a worker contradict each other.
    pub async fn start(
        store: &dyn Store,
        specs: Vec<QueueSpec>,
        clock: SharedClock,
    ) -> Result<Self, StartError> {
        let process = Process {
            clock: Arc::clone(&clock),
            reports: Arc::new(()),
            observer: Arc::new(()),
            gate: Arc::new(AloneGate::default()),
            pulse: Arc::new(Pulse::default()),
        };
        let queues = open_queues(store, specs, &process).await?;
        let children = queues.iter().map(|q| queue_supervisor::spec(q).into_child()).collect();
        let root = Running::start(children, &clock, &OnceLock::new()).await?;
        Ok(Self { queues, root })
    }

    /// Returns the tree as it is now.
    #[must_use]
    pub fn tree(&self) -> TreeNode {
        self.root.branch.document()
    }

    /// Returns the means to crash parts, for tests.
    #[must_use]
    pub fn faults(&self) -> Faults {
        self.root.faults()
    }

    /// Runs until the drain begins and every job has ended or was handed back, or until the root
    /// gives up.
    pub async fn wait(mut self, drain: &Drain, grace: Duration) -> Exit {
        self.root.wait(drain, &self.queues, grace).await
    }
}

/// Opens queues and prepares what their actors share.
pub(crate) async fn open_queues(
    store: &dyn Store,
    specs: Vec<QueueSpec>,
    process: &Process,
) -> Result<Vec<Arc<QueueContext>>, StartError> {
    let mut queues = Vec::with_capacity(specs.len());
    for spec in specs {
        let cannot = |cause| StartError::Queue { queue: spec.name.clone(), cause };
        let worker = spec.worker.clone().validated().map_err(cannot)?;
        let backend = store.queue(&spec.name).await.map_err(cannot)?;
        queues.push(QueueContext::new(QueueSpec { worker, ..spec }, backend, process));
    }
    Ok(queues)
}

/// A running root.
pub(crate) struct Running {
    pub(crate) branch: Arc<Branch>,
    actor: ractor::ActorRef<Envelope<Message>>,
    ended: JoinHandle<()>,
}

impl Running {
    /// Starts the root and, by it, everything; `shown` gives the tree to whoever shows it.
    pub(crate) async fn start(
        children: Vec<ChildSpec>,
        clock: &SharedClock,
        shown: &OnceLock<Arc<Branch>>,
    ) -> Result<Self, StartError> {
        let spec = SupervisorSpec::new("Root", "Root", clock, Intensity::ROOT, children);
        let branch = Arc::clone(&spec.branch);
        let branch = Arc::clone(shown.get_or_init(|| branch));
        let started = Supervisor::spawn(None, Supervisor, Arc::new(spec)).await;
        let (actor, ended) = started.map_err(|error| StartError::Spawn(error.to_string()))?;
        branch.set_state(crate::tree::NodeState::Running);
        Ok(Self { branch, actor, ended })
    }

    pub(crate) fn faults(&self) -> Faults {
        let root = Arc::clone(&self.branch);
        Faults::allowed(Arc::new(move |path| root.crash_at(path)), Panics::default())
    }

    /// Runs until the drain, or until the root gives up; in both cases jobs end or are handed back.
    pub(crate) async fn wait(
        &mut self,
        drain: &Drain,
        queues: &[Arc<QueueContext>],
        grace: Duration,
    ) -> Exit {
        tokio::select! {
            () = drain.begun() => {}
            _ = &mut self.ended => return self.give_up(queues, grace).await,
        }
        if !bring_to_rest(queues, grace).await {
            tracing::warn!("some jobs are left to the stalled sweep of other processes");
        }
        self.actor.stop(None);
        if tokio::time::timeout(grace / 5, &mut self.ended).await.is_err() {
            self.actor.kill();
        }
        Exit::Drained
    }

    /// The root is gone and its slots with it: what they held goes back.
    async fn give_up(&self, queues: &[Arc<QueueContext>], grace: Duration) -> Exit {
        for queue in queues {
            queue_supervisor::hand_back_everything(queue, grace / 5).await;
        }
        let failure = self.branch.children().iter().filter_map(|child| child.last_failure()).max();
        let reason = failure.map_or_else(|| "the root failed".to_owned(), |(_, reason)| reason);
        Exit::GaveUp { reason }
    }
}

#[cfg(test)]
mod tests;
