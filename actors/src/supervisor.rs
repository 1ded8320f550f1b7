//! The supervisor of every level: restarts its permanent children one for one, gives up over its
//! intensity, stops them in reverse order.
//!
//! Built on ractor's links, which tell of failures and restart nothing. Does no IO, ever: while a
//! handler of its own waited, it would not see its children die.

use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use oxherd_queue::clock::SharedClock;
use ractor::{Actor, ActorCell, ActorProcessingErr, ActorRef, SupervisionEvent};
use rand::RngExt as _;
use tokio::time::Instant;

use crate::mailbox::{Envelope, Mailbox};
use crate::restart::{Intensity, Tolerance, Window, failures_in_a_row, pause};
use crate::tree::NodeState;
use crate::tree::live::Branch;

/// How long a child may take to end before it is killed.
const STOPPED_WITHIN: Duration = Duration::from_secs(3);
/// How many reasons an escalation names.
const REASONS_MAX: usize = 5;

/// A child and how it is started, again and again.
pub(crate) struct ChildSpec {
    branch: Arc<Branch>,
    start: Box<dyn Fn(ActorCell) -> BoxFuture<'static, Result<ActorCell, String>> + Send + Sync>,
    weigh: Box<dyn Fn(&str) -> Weight + Send + Sync>,
}

/// Whether a failure counts to the intensity of the supervisor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Weight {
    /// It does.
    Counts,
    /// It was the fault of a job: the child starts again at once, and the job has paid for it.
    Free,
}

impl ChildSpec {
    /// Describes a child whose every failure counts; `make` gives it fresh state at each start.
    pub(crate) fn permanent<A: Actor>(
        branch: Arc<Branch>,
        make: impl Fn() -> (A, A::Arguments) + Send + Sync + 'static,
    ) -> Self {
        let start = move |supervisor: ActorCell| -> BoxFuture<'static, _> {
            let (actor, args) = make();
            Box::pin(async move {
                match A::spawn_linked(None, actor, args, supervisor).await {
                    Ok((child, _)) => Ok(child.get_cell()),
                    Err(error) => Err(error.to_string()),
                }
            })
        };
        Self { branch, start: Box::new(start), weigh: Box::new(|_| Weight::Counts) }
    }

    /// Lets someone decide, after each failure and before the restart, whether it counts.
    pub(crate) fn weighed(self, weigh: impl Fn(&str) -> Weight + Send + Sync + 'static) -> Self {
        Self { weigh: Box::new(weigh), ..self }
    }
}

/// A supervisor and its children; the same at every restart.
pub(crate) struct SupervisorSpec {
    /// Its place in the tree.
    pub(crate) branch: Arc<Branch>,
    /// Its mailbox.
    pub(crate) mailbox: Arc<Mailbox<Message>>,
    /// What it bears.
    pub(crate) intensity: Intensity,
    /// Its children, in start order.
    pub(crate) children: Vec<ChildSpec>,
    /// Called before its children start: makes what earlier incarnations left behind fit to go on.
    pub(crate) before_start: Option<Box<dyn Fn() + Send + Sync>>,
}

impl SupervisorSpec {
    /// Describes a supervisor.
    pub(crate) fn new(
        name: impl Into<String>,
        kind: &'static str,
        clock: &SharedClock,
        intensity: Intensity,
        children: Vec<ChildSpec>,
    ) -> Self {
        let mailbox = Mailbox::new();
        let branch = Branch::new(name, kind, clock, &mailbox);
        branch.set_children(children.iter().map(|child| Arc::clone(&child.branch)).collect());
        Self { branch: Arc::new(branch), mailbox, intensity, children, before_start: None }
    }

    /// Makes it the child of another supervisor.
    pub(crate) fn into_child(self) -> ChildSpec {
        let branch = Arc::clone(&self.branch);
        let spec = Arc::new(self);
        ChildSpec::permanent(branch, move || (Supervisor, Arc::clone(&spec)))
    }
}

/// What a supervisor tells itself.
pub(crate) enum Message {
    /// The pause before the restart of a child is over.
    Restart(usize),
}

/// The actor.
pub(crate) struct Supervisor;

/// What an incarnation knows.
pub(crate) struct State {
    spec: Arc<SupervisorSpec>,
    window: Window,
    children: Vec<Child>,
    reasons: Vec<String>,
}

struct Child {
    cell: Option<ActorCell>,
    started: Instant,
    failures_in_a_row: u32,
}

impl Actor for Supervisor {
    type Msg = Envelope<Message>;
    type State = State;
    type Arguments = Arc<SupervisorSpec>;

    async fn pre_start(
        &self,
        myself: ActorRef<Self::Msg>,
        spec: Self::Arguments,
    ) -> Result<State, ActorProcessingErr> {
        spec.mailbox.bind(&myself);
        if let Some(before_start) = &spec.before_start {
            before_start();
        }
        let now = Instant::now();
        let child = || Child { cell: None, started: now, failures_in_a_row: 0 };
        let children = spec.children.iter().map(|_| child()).collect();
        let window = Window::new(spec.intensity);
        let mut state = State { spec, window, children, reasons: Vec::new() };
        for index in 0..state.children.len() {
            state.spec.children[index].branch.set_allowed(state.spec.intensity);
            state.start(index, &myself).await?;
        }
        Ok(state)
    }

    async fn handle(
        &self,
        myself: ActorRef<Self::Msg>,
        message: Self::Msg,
        state: &mut State,
    ) -> Result<(), ActorProcessingErr> {
        match message.open() {
            Message::Restart(index) => state.start(index, &myself).await,
        }
    }

    async fn handle_supervisor_evt(
        &self,
        myself: ActorRef<Self::Msg>,
        event: SupervisionEvent,
        state: &mut State,
    ) -> Result<(), ActorProcessingErr> {
        match event {
            SupervisionEvent::ActorFailed(child, error) => {
                state.ended(&child, &error.to_string(), &myself).await
            }
            SupervisionEvent::ActorTerminated(child, _, reason) => {
                let reason = reason.unwrap_or_else(|| "it stopped".to_owned());
                state.ended(&child, &reason, &myself).await
            }
            SupervisionEvent::ActorStarted(_) | SupervisionEvent::ProcessGroupChanged(_) => Ok(()),
        }
    }

    async fn post_stop(
        &self,
        _: ActorRef<Self::Msg>,
        state: &mut State,
    ) -> Result<(), ActorProcessingErr> {
        for (child, spec) in state.children.iter_mut().zip(&state.spec.children).rev() {
            spec.branch.set_state(NodeState::Draining);
            if let Some(cell) = child.cell.take()
                && cell.stop_and_wait(None, Some(STOPPED_WITHIN)).await.is_err()
            {
                tracing::warn!("{} did not stop in time and is killed", spec.branch.name());
                cell.kill();
            }
            spec.branch.set_state(NodeState::Stopped);
        }
        Ok(())
    }
}

impl State {
    async fn start(
        &mut self,
        index: usize,
        myself: &ActorRef<Envelope<Message>>,
    ) -> Result<(), ActorProcessingErr> {
        // A child that cannot even start has crashed like any other; several tries in this one
        // message would only be reached by children whose failures do not count.
        loop {
            let spec = &self.spec.children[index];
            match (spec.start)(myself.get_cell()).await {
                Ok(cell) => {
                    self.children[index].cell = Some(cell);
                    self.children[index].started = Instant::now();
                    spec.branch.set_state(NodeState::Running);
                    return Ok(());
                }
                Err(reason) => match self.failed(index, &reason)? {
                    Duration::ZERO => {}
                    pause => return self.start_later(index, pause, myself),
                },
            }
        }
    }

    async fn ended(
        &mut self,
        cell: &ActorCell,
        reason: &str,
        myself: &ActorRef<Envelope<Message>>,
    ) -> Result<(), ActorProcessingErr> {
        let is_it = |child: &Child| child.cell.as_ref().is_some_and(|own| own == cell);
        let Some(index) = self.children.iter().position(is_it) else { return Ok(()) };
        self.children[index].cell = None;
        match self.failed(index, reason)? {
            Duration::ZERO => self.start(index, myself).await,
            pause => self.start_later(index, pause, myself),
        }
    }

    fn start_later(
        &self,
        index: usize,
        pause: Duration,
        myself: &ActorRef<Envelope<Message>>,
    ) -> Result<(), ActorProcessingErr> {
        let _timer = myself.send_after(pause, move || Envelope::internal(Message::Restart(index)));
        Ok(())
    }

    /// Counts a failure; returns the pause before the restart, or the reason to give up.
    fn failed(&mut self, index: usize, reason: &str) -> Result<Duration, ActorProcessingErr> {
        let now = Instant::now();
        let spec = &self.spec.children[index];
        let weight = (spec.weigh)(reason);
        spec.branch.failed(reason, weight);
        if weight == Weight::Free {
            return Ok(Duration::ZERO);
        }
        let (name, kind) = (spec.branch.name(), spec.branch.kind());
        tracing::warn!(actor = kind, "{kind} {name} failed and is restarted: {reason}");
        self.reasons.push(format!("{name}: {reason}"));
        let excess = self.reasons.len().saturating_sub(REASONS_MAX);
        self.reasons.drain(..excess);
        if self.window.record(now) == Tolerance::Exceeded {
            return Err(self.give_up());
        }
        let child = &mut self.children[index];
        let ran_for = now.duration_since(child.started);
        child.failures_in_a_row = failures_in_a_row(child.failures_in_a_row, ran_for);
        Ok(pause(child.failures_in_a_row, rand::rng().random()))
    }

    fn give_up(&self) -> ActorProcessingErr {
        let name = self.spec.branch.name();
        let reasons = self.reasons.join(" | ");
        tracing::error!(actor = name, %reasons, "{name} gives up: too many failures of its parts");
        format!("too many failures: {reasons}").into()
    }
}

#[cfg(test)]
mod tests;
