//! The pool: permanent slots, as many as jobs may run at a time. A supervisor without IO.
//!
//! Place in the tree: below a `QueueSupervisor`. A slot that fails while it holds a job costs that
//! job an attempt and the pool nothing; any other failure of a slot counts.

use std::sync::Arc;

use oxherd_queue::worker::{RunEnd, Stop, classify};
use serde_json::{Map, Value};

use crate::queue_supervisor::context::QueueContext;
use crate::queue_supervisor::slots::{Assignment, Domain, Interrupted, Outcome};
use crate::restart::Intensity;
use crate::slot::{JOB_PANICKED, Slot};
use crate::supervisor::{ChildSpec, SupervisorSpec, Weight};
use crate::tree::live::Branch;

/// Describes the pool of a queue.
pub(crate) fn spec(context: &Arc<QueueContext>) -> SupervisorSpec {
    let slots = (0..context.slots.count()).map(|number| slot(context, number)).collect();
    let pool =
        SupervisorSpec::new("WorkerPool", "WorkerPool", &context.clock, Intensity::BRANCH, slots);
    let left = Arc::clone(context);
    SupervisorSpec { before_start: Some(Box::new(move || hand_back_what_is_left(&left))), ..pool }
}

fn slot(context: &Arc<QueueContext>, number: usize) -> ChildSpec {
    let mailbox = &context.slot_mailboxes[number];
    let name = format!("{} #{}", context.slot_kind, number + 1);
    let (shown, crashed) = (Arc::clone(context), Arc::clone(context));
    let branch = Branch::new(name, context.slot_kind, &context.clock, mailbox)
        .with_details(Box::new(move || {
            let job = shown.slots.job_of(number);
            job.map(|job| Map::from_iter([("job".to_owned(), Value::from(job))]))
                .unwrap_or_default()
        }))
        .with_crash(Arc::new(move || {
            // While it runs a job it reads no message.
            if crashed.slots.job_of(number).is_some() {
                crashed.slot_mailboxes[number].kill();
                return true;
            }
            crashed.slot_mailboxes[number].crash()
        }));
    let (started, weighed) = (Arc::clone(context), Arc::clone(context));
    ChildSpec::permanent(Arc::new(branch), move || (Slot, (Arc::clone(&started), number)))
        .weighed(move |reason| weigh(&weighed, number, reason))
}

/// Decides whether the failure of a slot counts; a run that it interrupted is a failed attempt.
fn weigh(context: &QueueContext, number: usize, reason: &str) -> Weight {
    if let Interrupted::Run(assignment) = context.slots.interrupted(number) {
        let job = &assignment.job.job;
        context.panics.record(&job.name, &job.id, true, tokio::time::Instant::now());
        let outcome = unfinished(context, assignment, RunEnd::Panicked(reason.to_owned()));
        context.end(number, outcome);
        return Weight::Free;
    }
    if reason.starts_with(JOB_PANICKED) { Weight::Free } else { Weight::Counts }
}

/// Hands back the jobs that earlier slots were running when their pool was replaced.
fn hand_back_what_is_left(context: &QueueContext) {
    for (number, assignment) in context.slots.begun() {
        hand_back(context, number, assignment);
    }
}

/// Ends a run that was not the job's fault: it goes back without using an attempt.
pub(crate) fn hand_back(context: &QueueContext, number: usize, assignment: Arc<Assignment>) {
    let outcome = unfinished(context, assignment, RunEnd::Stopped(Stop::Shutdown));
    context.end(number, outcome);
}

fn unfinished(context: &QueueContext, assignment: Arc<Assignment>, end: RunEnd) -> Outcome {
    let decision = classify(&assignment.job, end, &context.options, context.clock.now_ms());
    let processor = context.handlers.get(&assignment.job.job.name).cloned();
    Outcome { assignment, processor, decision, domain: Domain::Untold }
}
