//! The plain driver: one loop over the steps of a worker, with tokio alone.
//!
//! ```text
//!        ┌─────────────── turn: settle + claim, one trip ───────────────┐
//!        v                                                              │
//!   claimed jobs ──> slots: admit, run, classify, finish ──> ended ─────┘
//!        beside it: renewal of the locks, the sweep, a wait while there is nothing to claim
//! ```
//! Outcomes that are ready go together; no timer holds one back. Decides nothing about jobs.

use std::collections::{HashMap, VecDeque};
use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;
use futures::{FutureExt as _, StreamExt as _};
use tokio::task::{JoinSet, coop};
use tokio::time::Instant;

use crate::backend::{Backend, Claimed, Waited};
use crate::clock::SystemClock;
use crate::error::{QueueError, Result};
use crate::job::ClaimedJob;
use crate::worker::attempt::{Ended, Shared};
use crate::worker::settle::jittered;
use crate::worker::turn::TurnEnd;
use crate::worker::upkeep::{renew_for_ever, sweep_for_ever};
use crate::worker::{
    Handlers, HeldLocks, JobContext, ProgressObserver, Stop, WorkerOptions, runs_alone,
};

/// Round trips under way at a time: while one waits for the disk, the next gathers.
const TURNS_MAX: usize = 2;
/// The fewest outcomes that are told in two trips instead of one.
const HALVED_FROM: usize = 8;
/// The longest wait for news, after which a claim is made anyhow: seldom, for no news is lost.
const WAIT_MAX: Duration = Duration::from_secs(30);
/// The pauses between claims while the store is away.
const AWAY_PAUSE: Duration = Duration::from_millis(100);
const AWAY_PAUSE_MAX: Duration = Duration::from_secs(3);
/// A beginning in place that took longer blocked the loop: the next jobs of that name begin in tasks
/// of their own, until one is tried in place again.
const BLOCKS_AFTER: Duration = Duration::from_millis(1);
const BLOCKING_FOR: u32 = 100;
/// How long a shutdown waits for handlers and for the store after the grace.
const LAST_WORDS: Duration = Duration::from_secs(5);

/// Runs the jobs of one queue.
pub struct Worker {
    backend: Arc<dyn Backend>,
    options: WorkerOptions,
    observer: Arc<dyn ProgressObserver>,
}

impl Worker {
    /// Prepares a worker for a queue.
    ///
    /// # Errors
    /// [`QueueError::Invalid`] when the options contradict each other.
    pub fn new(backend: Arc<dyn Backend>, options: WorkerOptions) -> Result<Self> {
        Ok(Self { backend, options: options.validated()?, observer: Arc::new(()) })
    }

    /// Lets someone hear of progress before it comes back on the event stream.
    #[must_use]
    pub fn with_observer(self, observer: Arc<dyn ProgressObserver>) -> Self {
        Self { observer, ..self }
    }

    /// Runs jobs until `shutdown` completes; then the running ones have the grace to end, and
    /// what is left goes back to the queue without using an attempt.
    ///
    /// While the store is away, it waits for it. A dropped call leaves its jobs to the stalled
    /// sweep of other workers.
    ///
    /// # Errors
    /// When the store answers that it will never work, as a closed one does.
    pub async fn run(self, handlers: Handlers, shutdown: impl Future<Output = ()>) -> Result<()> {
        let shared = Arc::new(Shared {
            backend: self.backend,
            handlers,
            options: self.options,
            clock: Arc::new(SystemClock),
            observer: self.observer,
            locks: HeldLocks::default(),
        });
        let _seen = shared.backend.attend(shared.options.name.as_deref());
        let mut upkeep = JoinSet::new();
        upkeep.spawn(renew_for_ever(Arc::clone(&shared)));
        upkeep.spawn(sweep_for_ever(Arc::clone(&shared)));
        Driver::new(shared).drive(pin!(shutdown)).await
    }
}

/// Whether the next claim may find something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Appetite {
    /// Claim as soon as a slot is free.
    Hungry,
    /// The last claim got less than it asked for: claim after news.
    Waiting,
    /// Shutting down: claim nothing more.
    Draining,
}

struct Driver {
    shared: Arc<Shared>,
    appetite: Appetite,
    runs: JoinSet<Ended>,
    ended: Vec<Ended>,
    turns: FuturesUnordered<BoxFuture<'static, TurnEnd>>,
    /// Slots promised to turns under way: outcomes being told, jobs asked for.
    promised: usize,
    claims: usize,
    /// Jobs that may have killed their process: each runs while nothing else does.
    alone: VecDeque<(ClaimedJob, JobContext)>,
    alone_runs: bool,
    /// Names whose jobs blocked the loop, and how many of them to keep out of it.
    blocking: HashMap<String, u32>,
    news: Option<BoxFuture<'static, ()>>,
    away_pause: Duration,
}

impl Driver {
    fn new(shared: Arc<Shared>) -> Self {
        Self {
            shared,
            appetite: Appetite::Hungry,
            runs: JoinSet::new(),
            ended: Vec::new(),
            turns: FuturesUnordered::new(),
            promised: 0,
            claims: 0,
            alone: VecDeque::new(),
            alone_runs: false,
            blocking: HashMap::new(),
            news: None,
            away_pause: AWAY_PAUSE,
        }
    }

    async fn drive<S: Future<Output = ()>>(mut self, mut shutdown: Pin<&mut S>) -> Result<()> {
        let grace = self.shared.options.grace;
        let mut deadline = pin!(tokio::time::sleep(Duration::MAX));
        let mut stopping = false;
        loop {
            // A store in memory answers at once: other tasks must have their turn all the same.
            coop::consume_budget().await;
            self.start_what_can_start();
            if self.is_done() {
                return Ok(());
            }
            let draining = self.appetite == Appetite::Draining;
            tokio::select! {
                biased;
                () = &mut shutdown, if !draining => {
                    self.drain();
                    deadline.as_mut().reset(Instant::now() + grace);
                }
                () = &mut deadline, if draining => {
                    if stopping {
                        tracing::warn!("{} jobs are left to the stalled sweep", self.unsettled());
                        return Ok(());
                    }
                    stopping = true;
                    self.shared.locks.stop_all(Stop::Shutdown);
                    deadline.as_mut().reset(Instant::now() + LAST_WORDS);
                }
                Some(ended) = self.runs.join_next() => self.take_ended(ended),
                Some(turn) = self.turns.next() => self.take_turn(turn)?,
                () = wait_for(&mut self.news) => self.appetite = Appetite::Hungry,
            }
        }
    }

    fn start_what_can_start(&mut self) {
        if self.runs.is_empty()
            && self.claims == 0
            && let Some((job, context)) = self.alone.pop_front()
        {
            self.start(job, context);
            self.alone_runs = !self.runs.is_empty();
        }
        self.start_turns();
        let idle = self.appetite == Appetite::Waiting && self.free_slots() > 0;
        if idle && self.news.is_none() {
            let backend = Arc::clone(&self.shared.backend);
            self.news = Some(Box::pin(async move { news(&*backend).await }));
        }
    }

    /// Tells what ended and claims for the free slots, if there is a reason to.
    ///
    /// When much has ended at once and nothing is under way, it goes in two halves: the store works on
    /// one while this side runs the jobs of the other.
    fn start_turns(&mut self) {
        while self.turns.len() < TURNS_MAX {
            let may_claim = match self.appetite {
                Appetite::Hungry => true,
                Appetite::Waiting => !self.ended.is_empty(),
                Appetite::Draining => false,
            };
            let told = if self.turns.is_empty() && self.ended.len() >= HALVED_FROM {
                self.ended.len().div_ceil(2)
            } else {
                self.ended.len()
            };
            let slots = self.free_slots() + told;
            let max = if may_claim && !self.is_alone() { slots } else { 0 };
            if told == 0 && (max == 0 || self.claims > 0) {
                return;
            }
            let rest = self.ended.split_off(told);
            let ended = std::mem::replace(&mut self.ended, rest);
            self.promised += max.max(told);
            self.claims += usize::from(max > 0);
            self.turns.push(Box::pin(Arc::clone(&self.shared).turn(ended, max)));
        }
    }

    fn take_turn(&mut self, turn: TurnEnd) -> Result<()> {
        self.promised -= turn.asked.max(turn.told);
        self.claims -= usize::from(turn.asked > 0);
        match turn.claimed {
            Ok(claimed) => self.take_claimed(claimed, turn.asked),
            Err(error) if error.is_transient() => self.store_is_away(&error),
            Err(error) => return Err(error),
        }
        Ok(())
    }

    fn take_claimed(&mut self, claimed: Claimed, asked: usize) {
        self.away_pause = AWAY_PAUSE;
        if claimed.jobs.len() < asked && self.appetite == Appetite::Hungry {
            self.appetite = Appetite::Waiting;
        }
        for job in claimed.jobs {
            if self.appetite == Appetite::Draining {
                self.ended.push(self.shared.hand_back(job));
                continue;
            }
            let context = self.shared.hold(&job);
            if runs_alone(&job.job) {
                self.alone.push_back((job, context));
            } else {
                self.start(job, context);
            }
        }
    }

    /// Begins an attempt in place, which is all that a short job needs; one that has to wait gets
    /// a task of its own, and so does one of a kind that was seen to block.
    fn start(&mut self, job: ClaimedJob, context: JobContext) {
        if let Some(left) = self.blocking.get_mut(&job.job.name).filter(|left| **left > 0) {
            *left -= 1;
            self.runs.spawn(Arc::clone(&self.shared).attempt(job, context));
            return;
        }
        let name = job.job.name.clone();
        let begun = Instant::now();
        let mut attempt = Box::pin(Arc::clone(&self.shared).attempt(job, context));
        match (&mut attempt).now_or_never() {
            Some(ended) => self.ended.push(ended),
            None => {
                self.runs.spawn(attempt);
            }
        }
        if begun.elapsed() > BLOCKS_AFTER {
            self.blocking.insert(name, BLOCKING_FOR);
        }
    }

    fn take_ended(&mut self, ended: std::result::Result<Ended, tokio::task::JoinError>) {
        let mut next = Some(ended);
        while let Some(ended) = next {
            match ended {
                Ok(ended) => self.ended.push(ended),
                // Handlers' panics are caught: this one is the engine's own, and not to be hidden.
                Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
                Err(_) => {}
            }
            next = self.runs.try_join_next();
        }
        self.alone_runs &= !self.runs.is_empty();
    }

    fn store_is_away(&mut self, error: &QueueError) {
        tracing::warn!("claims pause: {error}");
        let pause = jittered(self.away_pause);
        self.away_pause = (self.away_pause * 2).min(AWAY_PAUSE_MAX);
        if self.appetite == Appetite::Hungry {
            self.appetite = Appetite::Waiting;
            self.news = Some(Box::pin(tokio::time::sleep(pause)));
        }
    }

    fn drain(&mut self) {
        self.appetite = Appetite::Draining;
        self.news = None;
        for (job, _) in std::mem::take(&mut self.alone) {
            self.ended.push(self.shared.hand_back(job));
        }
    }

    fn free_slots(&self) -> usize {
        let taken = self.runs.len() + self.ended.len() + self.promised + self.alone.len();
        self.shared.options.concurrency.saturating_sub(taken)
    }

    fn is_alone(&self) -> bool {
        self.alone_runs || !self.alone.is_empty()
    }

    fn unsettled(&self) -> usize {
        self.shared.locks.len()
    }

    fn is_done(&self) -> bool {
        self.appetite == Appetite::Draining
            && self.runs.is_empty()
            && self.ended.is_empty()
            && self.turns.is_empty()
    }
}

/// Completes when there may be something to claim.
async fn news(backend: &dyn Backend) {
    loop {
        match backend.wait(WAIT_MAX).await {
            Ok(Waited::News) => return,
            Ok(Waited::Quiet) => {}
            Err(error) => {
                tracing::debug!("no news: {error}");
                return tokio::time::sleep(jittered(AWAY_PAUSE)).await;
            }
        }
    }
}

/// Completes when the wait under way does, and clears it; never while there is none.
async fn wait_for(news: &mut Option<BoxFuture<'static, ()>>) {
    match news {
        Some(waiting) => waiting.await,
        None => std::future::pending().await,
    }
    *news = None;
}
