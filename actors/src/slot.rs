//! A slot: runs one job at a time, and keeps its outcome until the consumer has it confirmed.
//!
//! Place in the tree: below a `WorkerPool`, shown as `PlanGeneration #n` or
//! `MaterialProcessing #n`. Never talks to the queue. A slot whose job panicked ends itself, so
//! that the next job meets fresh state.

use std::sync::Arc;
use std::time::Duration;

use oxherd_queue::worker::admit::unknown_name;
use oxherd_queue::worker::{
    Admission, Decision, Processor, RunEnd, Stop, admit, classify, fail_for_good, finish_for_good,
    run_job, runs_alone,
};
use oxherd_queue::{Failure, JobError};
use ractor::{Actor, ActorProcessingErr, ActorRef, SupervisionEvent};
use tokio::time::Instant;

use crate::mailbox::Envelope;
use crate::queue_supervisor::context::QueueContext;
use crate::queue_supervisor::slots::{Assignment, Domain, Outcome};

/// How the end of a slot begins whose job panicked; the job has paid for it with an attempt.
pub(crate) const JOB_PANICKED: &str = "its job panicked";

/// What a slot is told.
#[derive(Debug)]
pub(crate) enum Message {
    /// There is a job in its place of the table.
    Run,
}

/// The actor.
pub(crate) struct Slot;

/// Which slot of which queue.
pub(crate) struct State {
    context: Arc<QueueContext>,
    number: usize,
}

impl Actor for Slot {
    type Msg = Envelope<Message>;
    type State = State;
    type Arguments = (Arc<QueueContext>, usize);

    async fn pre_start(
        &self,
        myself: ActorRef<Self::Msg>,
        (context, number): Self::Arguments,
    ) -> Result<State, ActorProcessingErr> {
        context.slot_mailboxes[number].bind(&myself);
        Ok(State { context, number })
    }

    async fn post_start(
        &self,
        myself: ActorRef<Self::Msg>,
        _: &mut State,
    ) -> Result<(), ActorProcessingErr> {
        // A job may have been assigned while nobody was here to be told.
        myself.send_message(Envelope::internal(Message::Run))?;
        Ok(())
    }

    async fn handle(
        &self,
        _: ActorRef<Self::Msg>,
        message: Self::Msg,
        state: &mut State,
    ) -> Result<(), ActorProcessingErr> {
        match message.open() {
            Message::Run => state.run().await,
        }
    }

    async fn handle_supervisor_evt(
        &self,
        _: ActorRef<Self::Msg>,
        _: SupervisionEvent,
        _: &mut State,
    ) -> Result<(), ActorProcessingErr> {
        Ok(())
    }
}

impl State {
    async fn run(&self) -> Result<(), ActorProcessingErr> {
        let Some(assignment) = self.context.slots.begin(self.number) else { return Ok(()) };
        // Boxed, since ractor moves the future of a handler several times before it is polled.
        let outcome = Box::pin(attempt(&self.context, assignment)).await;
        let panic = outcome.decision.panicked.then(|| outcome.assignment.job.job.id.clone());
        self.context.end(self.number, outcome);
        match panic {
            Some(job) => Err(format!("{JOB_PANICKED}: {job}").into()),
            None => Ok(()),
        }
    }
}

/// Makes an attempt at a job: the steps of every worker, in their order.
async fn attempt(context: &QueueContext, assignment: Arc<Assignment>) -> Outcome {
    let job = &assignment.job;
    let Some(processor) = context.handlers.get(&job.job.name).cloned() else {
        let decision = fail_for_good(job, unknown_name(&job.job.name), &context.options);
        return Outcome { assignment, processor: None, decision, domain: Domain::Told };
    };
    let decision = match admit(job, &context.options, context.clock.now_ms()) {
        Admission::FailFor(failure) => fail_for_good(job, failure, &context.options),
        Admission::Run => run(context, &assignment, &*processor).await,
    };
    let decision = finish_for_good(&*processor, job, decision, context.clock.now_ms()).await;
    Outcome { assignment, processor: Some(processor), decision, domain: Domain::Told }
}

async fn run(
    context: &QueueContext,
    assignment: &Assignment,
    processor: &dyn Processor,
) -> Decision {
    let (job, options) = (&assignment.job, &context.options);
    let decide = |end| classify(job, end, options, context.clock.now_ms());
    let _pass = tokio::select! {
        pass = context.gate.enter(runs_alone(&job.job)) => pass,
        stop = assignment.context.stopped() => return decide(RunEnd::Stopped(stop)),
    };
    if context.is_draining() {
        return decide(RunEnd::Stopped(Stop::Shutdown));
    }
    if let Err(pause) = context.panics.admit(&job.job.name, Instant::now()) {
        return put_off(context, assignment, pause);
    }
    let end = run_job(processor, job, &assignment.context, options.deadline_of(&job.job)).await;
    let has_panicked = matches!(end, RunEnd::Panicked(_));
    context.panics.record(&job.job.name, &job.job.id, has_panicked, Instant::now());
    decide(end)
}

/// Puts a job off whose name is paused, without using an attempt.
fn put_off(context: &QueueContext, assignment: &Assignment, pause: Duration) -> Decision {
    let job = &assignment.job;
    let failure = Failure::new("JOB_NAME_PAUSED", "jobs of this kind crash right now");
    let pause_ms = u64::try_from(pause.as_millis()).unwrap_or(u64::MAX);
    // Spread, so that what waited does not come back all at once.
    let spread_ms = rand::random_range(0..=pause_ms / 2);
    let until_ms = context.clock.now_ms().saturating_add(pause_ms).saturating_add(spread_ms);
    let error = JobError::DelayUntil { until_ms, failure };
    classify(job, RunEnd::Errored(error), &context.options, context.clock.now_ms())
}
