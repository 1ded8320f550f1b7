//! One round trip: tell the store what ended, claim what comes next.
//!
//! A turn is a task that outlives the consumer which began it, since its claim may have taken jobs
//! already: they go into the table of slots whoever is there to hear of it.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use oxherd_queue::backend::Claimed;
use oxherd_queue::job::JobState;
use oxherd_queue::outcome::{Failure, Settled};
use oxherd_queue::worker::{fail_for_good, finish_for_good, settle_until_told};
use oxherd_queue::{JobId, QueueError};
use tokio::time::Instant;

use super::{Message, TurnEnd};
use crate::queue_supervisor::context::QueueContext;
use crate::queue_supervisor::slots::{Domain, Outcome};
use crate::slot;

/// Begins a turn with everything that ended, and with a claim for every free slot if asked.
pub(super) fn start(context: &Arc<QueueContext>, may_claim: bool) {
    let telling = context.slots.take_ended();
    let promised = if may_claim { context.slots.promise_idle() } else { Vec::new() };
    context.turns.fetch_add(1, Ordering::AcqRel);
    context.claims.fetch_add(usize::from(may_claim), Ordering::AcqRel);
    let turn = Turn { context: Arc::clone(context), telling, promised, may_claim };
    tokio::spawn(turn.run());
}

/// The slots of a turn; whatever becomes of it, none of them stays promised.
struct Turn {
    context: Arc<QueueContext>,
    telling: Vec<(usize, Arc<Outcome>)>,
    promised: Vec<usize>,
    may_claim: bool,
}

impl Drop for Turn {
    fn drop(&mut self) {
        for (slot, outcome) in self.telling.drain(..) {
            self.context.slots.not_told(slot, outcome);
        }
        for slot in self.promised.drain(..) {
            self.context.slots.release(slot);
        }
        self.context.turns.fetch_sub(1, Ordering::AcqRel);
        self.context.claims.fetch_sub(usize::from(self.may_claim), Ordering::AcqRel);
    }
}

impl Turn {
    async fn run(mut self) {
        let asked = if self.may_claim { self.promised.len() + self.telling.len() } else { 0 };
        let began = Instant::now();
        let claimed = self.settle_and_claim(asked).await;
        match &claimed {
            Ok(_) if asked > 0 => self.context.fetched(),
            Ok(_) => self.context.pulse.answered(),
            Err(_) => self.context.pulse.failed(began),
        }
        let got = claimed.map(|claimed| self.assign(claimed));
        let context = Arc::clone(&self.context);
        drop(self);
        if context.consumer.send(Message::TurnEnded(TurnEnd { asked, got })).is_err() {
            // A consumer that is away starts hungry; one whose mailbox is full is woken later.
            context.nudge_consumer();
        }
    }

    async fn settle_and_claim(&mut self, asked: usize) -> Result<Claimed, QueueError> {
        let claim = (asked > 0).then(|| self.context.options.claim(asked));
        self.tell_the_domain().await;
        let known = self.drop_what_is_lost();
        match claim {
            Some(claim) if known.is_empty() => self.context.backend.claim(&claim).await,
            claim => {
                let settlements =
                    known.iter().filter_map(|o| o.decision.settlement.clone()).collect();
                let backend = &*self.context.backend;
                let turn = settle_until_told(backend, settlements, claim.as_ref()).await;
                self.confirm(known, turn.settled).await;
                Ok(turn.claimed)
            }
        }
    }

    /// Tells the domain of failures for good that were decided without the run's own words.
    async fn tell_the_domain(&mut self) {
        for (slot, outcome) in &mut self.telling {
            let Some(processor) = &outcome.processor else { continue };
            if outcome.domain == Domain::Told || outcome.decision.terminal_failure.is_none() {
                continue;
            }
            let (job, decision) = (&outcome.assignment.job, outcome.decision.clone());
            let now_ms = self.context.clock.now_ms();
            let decision = finish_for_good(&**processor, job, decision, now_ms).await;
            tracing::debug!(slot, "told the domain of job {}", job.job.id);
            *outcome = Arc::new(Outcome {
                assignment: Arc::clone(&outcome.assignment),
                processor: outcome.processor.clone(),
                decision,
                domain: Domain::Told,
            });
        }
    }

    /// Drops the outcomes whose lock was lost; returns the others.
    fn drop_what_is_lost(&self) -> Vec<Arc<Outcome>> {
        let mut known = Vec::with_capacity(self.telling.len());
        for (_, outcome) in &self.telling {
            if outcome.decision.settlement.is_some() {
                known.push(Arc::clone(outcome));
                continue;
            }
            let job = &outcome.assignment.job;
            self.context.locks.remove(&job.job.id, &job.token);
            tracing::warn!(job.id = %job.job.id, "lock lost for job {}, its run is void", job.job.id);
        }
        known
    }

    async fn confirm(&mut self, known: Vec<Arc<Outcome>>, settled: Vec<Settled>) {
        for (outcome, settled) in known.iter().zip(&settled) {
            let job = &outcome.assignment.job;
            self.context.locks.remove(&job.job.id, &job.token);
            self.note(&job.job.id, settled);
            if matches!(settled, Settled::Done { cancelled: true, .. }) {
                self.tell_cancelled(outcome).await;
            }
        }
        self.context.reports.settled(&self.context.name, known.into_iter().zip(settled).collect());
    }

    fn note(&self, id: &JobId, settled: &Settled) {
        match settled {
            Settled::Lost { found } => {
                tracing::warn!(job.id = %id, "lock lost for job {id}, its outcome is void: {found}");
            }
            Settled::Done { state, attempts_made, .. } => {
                tracing::debug!(job.id = %id, %state, attempts_made, "job {id} is {state}");
                match state {
                    JobState::Completed => self.context.completed.increment(1),
                    JobState::Failed => self.context.failed.increment(1),
                    _ => {}
                }
            }
        }
    }

    /// The store turned the verdict into a cancellation that the run had not heard of.
    async fn tell_cancelled(&self, outcome: &Outcome) {
        let failure = Failure::cancelled();
        if outcome.decision.terminal_failure.as_ref() == Some(&failure) {
            return;
        }
        let Some(processor) = &outcome.processor else { return };
        let job = &outcome.assignment.job;
        let decision = fail_for_good(job, failure, &self.context.options);
        finish_for_good(&**processor, job, decision, self.context.clock.now_ms()).await;
    }

    /// Gives the claimed jobs to the slots of this turn; returns how many there were.
    fn assign(&mut self, claimed: Claimed) -> usize {
        let context = &self.context;
        if let Some(due_ms) = claimed.next_due_ms {
            context.due_at(due_ms);
        }
        let assignments: Vec<_> = claimed.jobs.into_iter().map(|job| context.hold(job)).collect();
        if !assignments.is_empty() {
            context.reports.claimed(&context.name, &assignments);
        }
        let got = assignments.len();
        for (slot, _) in self.telling.drain(..) {
            context.slots.promise_told(slot);
            self.promised.push(slot);
        }
        let free = self.promised.split_off(got.min(self.promised.len()));
        for (slot, assignment) in
            std::mem::replace(&mut self.promised, free).into_iter().zip(assignments)
        {
            context.slots.assign(slot, assignment);
            // A slot that is being restarted looks for itself.
            let _ = context.slot_mailboxes[slot].send(slot::Message::Run);
        }
        got
    }
}
