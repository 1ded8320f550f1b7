//! What the actors of one queue share, kept when any of them is restarted.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

use oxherd_queue::Backend;
use oxherd_queue::clock::SharedClock;
use oxherd_queue::outcome::Settled;
use oxherd_queue::worker::{Handlers, HeldLocks, ProgressObserver, WorkerOptions, run_control};
use tokio::sync::{RwLock, RwLockReadGuard, RwLockWriteGuard};

use super::panics::PanicBreaker;
use super::slots::{Assignment, Outcome, Slots};
use crate::mailbox::Mailbox;
use crate::parts::QueueSpec;
use crate::pulse::Pulse;
use crate::{queue_consumer, scheduler, slot};

/// Hears what happens to the jobs that this process runs, as it happens. Never waits.
pub(crate) trait JobReports: ProgressObserver + 'static {
    /// Jobs were claimed and are about to run.
    fn claimed(&self, queue: &str, jobs: &[Arc<Assignment>]);

    /// The store has confirmed outcomes.
    fn settled(&self, queue: &str, outcomes: Vec<(Arc<Outcome>, Settled)>);
}

/// Hears nothing.
impl JobReports for () {
    fn claimed(&self, _: &str, _: &[Arc<Assignment>]) {}

    fn settled(&self, _: &str, _: Vec<(Arc<Outcome>, Settled)>) {}
}

/// What the actors of one queue share.
pub(crate) struct QueueContext {
    pub(crate) name: String,
    pub(crate) slot_kind: &'static str,
    pub(crate) backend: Arc<dyn Backend>,
    pub(crate) handlers: Handlers,
    pub(crate) options: WorkerOptions,
    pub(crate) clock: SharedClock,
    pub(crate) reports: Arc<dyn JobReports>,
    pub(crate) observer: Arc<dyn ProgressObserver>,
    pub(crate) locks: HeldLocks,
    pub(crate) slots: Slots,
    pub(crate) panics: PanicBreaker,
    pub(crate) gate: Arc<AloneGate>,
    pub(crate) pulse: Arc<Pulse>,
    /// When the consumer last reached the store for jobs, milliseconds since the epoch; 0 is never.
    pub(crate) fetched_ms: AtomicU64,
    /// When the next delayed job is due, as far as anyone here knows; 0 is never.
    pub(crate) next_due_ms: AtomicU64,
    pub(crate) completed: metrics::Counter,
    pub(crate) failed: metrics::Counter,
    pub(crate) is_draining: AtomicBool,
    pub(crate) turns: AtomicUsize,
    pub(crate) claims: AtomicUsize,
    pub(crate) consumer: Arc<Mailbox<queue_consumer::Message>>,
    pub(crate) consumer_nudged: AtomicBool,
    pub(crate) scheduler: Arc<Mailbox<scheduler::Message>>,
    pub(crate) slot_mailboxes: Vec<Arc<Mailbox<slot::Message>>>,
}

/// What all queues of a process share.
pub(crate) struct Process {
    pub(crate) clock: SharedClock,
    pub(crate) reports: Arc<dyn JobReports>,
    pub(crate) observer: Arc<dyn ProgressObserver>,
    pub(crate) gate: Arc<AloneGate>,
    pub(crate) pulse: Arc<Pulse>,
}

impl QueueContext {
    /// Prepares a queue that was opened.
    pub(crate) fn new(spec: QueueSpec, backend: Arc<dyn Backend>, process: &Process) -> Arc<Self> {
        let slots = spec.worker.concurrency;
        let queue = &spec.name;
        let completed = metrics::counter!("bullmq_job_completed_total", "queue" => queue.clone());
        let failed = metrics::counter!("bullmq_job_failed_total", "queue" => queue.clone());
        Arc::new(Self {
            name: spec.name,
            slot_kind: spec.slot_kind,
            backend,
            handlers: spec.handlers,
            options: spec.worker,
            clock: Arc::clone(&process.clock),
            reports: Arc::clone(&process.reports),
            observer: Arc::clone(&process.observer),
            locks: HeldLocks::default(),
            slots: Slots::new(slots),
            panics: PanicBreaker::default(),
            gate: Arc::clone(&process.gate),
            pulse: Arc::clone(&process.pulse),
            fetched_ms: AtomicU64::new(0),
            next_due_ms: AtomicU64::new(0),
            completed,
            failed,
            is_draining: AtomicBool::new(false),
            turns: AtomicUsize::new(0),
            claims: AtomicUsize::new(0),
            consumer: Mailbox::new(),
            consumer_nudged: AtomicBool::new(false),
            scheduler: Mailbox::new(),
            slot_mailboxes: (0..slots).map(|_| Mailbox::new()).collect(),
        })
    }

    /// Makes the job of a claim fit to run: its lock is renewed from now on.
    pub(crate) fn hold(&self, job: oxherd_queue::job::ClaimedJob) -> Arc<Assignment> {
        let (context, stop) = run_control(&job, &self.backend, &self.observer);
        self.locks.insert(&job, stop);
        Arc::new(Assignment { job, context })
    }

    /// Wakes the consumer, unless it has been woken and has not looked yet.
    pub(crate) fn nudge_consumer(&self) {
        if !self.consumer_nudged.swap(true, Ordering::AcqRel)
            && self.consumer.send(queue_consumer::Message::Look).is_err()
        {
            // It is being restarted and looks anyway; or so full that it will.
            self.consumer_nudged.store(false, Ordering::Release);
        }
    }

    /// Keeps an outcome until the store has confirmed it.
    pub(crate) fn end(&self, slot: usize, outcome: Outcome) {
        self.slots.end(slot, Arc::new(outcome));
        self.nudge_consumer();
    }

    /// Notes that the store answered the consumer.
    pub(crate) fn fetched(&self) {
        self.fetched_ms.store(self.clock.now_ms(), Ordering::Relaxed);
        self.pulse.answered();
    }

    /// Notes when a delayed job is due, and wakes the scheduler if that is sooner than it thinks.
    pub(crate) fn due_at(&self, due_ms: u64) {
        let known_ms = self.next_due_ms.load(Ordering::Relaxed);
        if known_ms == 0 || due_ms < known_ms {
            self.next_due_ms.store(due_ms, Ordering::Relaxed);
            // A scheduler that is away reads the store again when it is back.
            let _ = self.scheduler.send(scheduler::Message::Earlier);
        }
    }

    pub(crate) fn is_draining(&self) -> bool {
        self.is_draining.load(Ordering::Relaxed)
    }
}

/// Lets jobs that may have killed their process run while nothing else does, in the whole process.
#[derive(Debug, Default)]
pub(crate) struct AloneGate {
    runs: RwLock<()>,
    waiting: AtomicUsize,
}

/// The permission to run.
pub(crate) enum Pass<'a> {
    Together { _guard: RwLockReadGuard<'a, ()> },
    Alone { _guard: RwLockWriteGuard<'a, ()>, _wish: Wish<'a> },
}

/// Counts a job that wants to run alone until it has run.
pub(crate) struct Wish<'a>(&'a AtomicUsize);

impl Drop for Wish<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl AloneGate {
    /// Waits for the permission; one that wants to be alone is not overtaken by later ones.
    pub(crate) async fn enter(&self, is_alone: bool) -> Pass<'_> {
        if is_alone {
            self.waiting.fetch_add(1, Ordering::Relaxed);
            let wish = Wish(&self.waiting);
            return Pass::Alone { _guard: self.runs.write().await, _wish: wish };
        }
        Pass::Together { _guard: self.runs.read().await }
    }

    /// Tells whether a job runs alone or wants to: nothing more should be claimed.
    pub(crate) fn is_wanted(&self) -> bool {
        self.waiting.load(Ordering::Relaxed) > 0
    }
}
