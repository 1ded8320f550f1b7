//! The table of slots: which job each one holds, and which outcome it keeps until the store has
//! confirmed it.
//!
//! Shared by the consumer, the turns under way and the slots, and kept when any of them is
//! restarted, so that a crash loses neither a claimed job nor an outcome.
//!
//! ```text
//!   Idle ──promise──> Promised ──assign──> Held ──end──> Ended ──take──> Telling
//!    ^                   │                                 ^                │
//!    └───── release ─────┤                                 └── turn lost ───┤
//!                        └──────────────────── told ────────────────────────┘
//! ```

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use oxherd_queue::job::ClaimedJob;
use oxherd_queue::worker::{Decision, JobContext, Processor};
use tokio::sync::Notify;

/// A claimed job and the context of its run.
pub(crate) struct Assignment {
    pub(crate) job: ClaimedJob,
    pub(crate) context: JobContext,
}

/// How a run ended, kept until the store has confirmed it.
pub(crate) struct Outcome {
    pub(crate) assignment: Arc<Assignment>,
    pub(crate) processor: Option<Arc<dyn Processor>>,
    pub(crate) decision: Decision,
    /// Whether the domain has heard of a failure for good.
    pub(crate) domain: Domain,
}

/// Whether the domain has heard what a decision says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Domain {
    /// It has, or there is nothing to hear.
    Told,
    /// It has not: whoever settles the outcome tells it first.
    Untold,
}

enum Cell {
    Idle,
    Promised,
    Held { assignment: Arc<Assignment>, is_started: bool },
    Ended(Arc<Outcome>),
    Telling,
}

/// The slots of one queue in this process.
pub(crate) struct Slots {
    table: Mutex<Table>,
    settled: Notify,
}

struct Table {
    cells: Vec<Cell>,
    idle: Vec<usize>,
    ended: Vec<usize>,
}

/// What a failure of a slot interrupted.
pub(crate) enum Interrupted {
    /// A run: it failed, and its outcome is still to be decided.
    Run(Arc<Assignment>),
    /// Nothing.
    Nothing,
}

impl Slots {
    pub(crate) fn new(count: usize) -> Self {
        let cells = (0..count).map(|_| Cell::Idle).collect();
        let table = Table { cells, idle: (0..count).rev().collect(), ended: Vec::new() };
        Self { table: Mutex::new(table), settled: Notify::new() }
    }

    /// Takes every outcome that nobody tells the store yet.
    pub(crate) fn take_ended(&self) -> Vec<(usize, Arc<Outcome>)> {
        let mut table = self.table();
        let ended = std::mem::take(&mut table.ended);
        let take = |slot: usize| match std::mem::replace(&mut table.cells[slot], Cell::Telling) {
            Cell::Ended(outcome) => Some((slot, outcome)),
            other => {
                table.cells[slot] = other;
                None
            }
        };
        ended.into_iter().filter_map(take).collect()
    }

    /// Returns how many outcomes wait to be told.
    pub(crate) fn ended(&self) -> usize {
        self.table().ended.len()
    }

    /// Returns how many slots have nothing to do.
    pub(crate) fn idle(&self) -> usize {
        self.table().idle.len()
    }

    /// Returns how many jobs are held.
    pub(crate) fn held(&self) -> usize {
        let held = |cell: &&Cell| matches!(cell, Cell::Held { .. });
        self.table().cells.iter().filter(held).count()
    }

    /// Reserves every idle slot for a claim.
    pub(crate) fn promise_idle(&self) -> Vec<usize> {
        let mut table = self.table();
        let idle = std::mem::take(&mut table.idle);
        for slot in &idle {
            table.cells[*slot] = Cell::Promised;
        }
        idle
    }

    /// Keeps a slot, whose outcome was told, for a job of the same turn.
    pub(crate) fn promise_told(&self, slot: usize) {
        self.table().cells[slot] = Cell::Promised;
    }

    /// Frees a slot.
    pub(crate) fn release(&self, slot: usize) {
        let mut table = self.table();
        table.cells[slot] = Cell::Idle;
        table.idle.push(slot);
        let all_idle = table.idle.len() == table.cells.len();
        drop(table);
        if all_idle {
            self.settled.notify_waiters();
        }
    }

    /// Gives a promised slot a job.
    pub(crate) fn assign(&self, slot: usize, assignment: Arc<Assignment>) {
        self.table().cells[slot] = Cell::Held { assignment, is_started: false };
    }

    /// Takes the job of a slot that has not begun it; the same job is never taken twice.
    pub(crate) fn begin(&self, slot: usize) -> Option<Arc<Assignment>> {
        match &mut self.table().cells[slot] {
            Cell::Held { assignment, is_started } if !*is_started => {
                *is_started = true;
                Some(Arc::clone(assignment))
            }
            _ => None,
        }
    }

    /// Keeps the outcome of a slot's run; that of a job which the slot no longer has is dropped.
    pub(crate) fn end(&self, slot: usize, outcome: Arc<Outcome>) {
        let mut table = self.table();
        let is_its_own = match &table.cells[slot] {
            Cell::Held { assignment, .. } => Arc::ptr_eq(assignment, &outcome.assignment),
            _ => false,
        };
        if is_its_own {
            table.cells[slot] = Cell::Ended(outcome);
            table.ended.push(slot);
        }
    }

    /// Keeps an outcome for the next turn, which this one did not get told.
    pub(crate) fn not_told(&self, slot: usize, outcome: Arc<Outcome>) {
        let mut table = self.table();
        table.cells[slot] = Cell::Ended(outcome);
        table.ended.push(slot);
    }

    /// Tells what the death of a slot interrupted.
    pub(crate) fn interrupted(&self, slot: usize) -> Interrupted {
        match &self.table().cells[slot] {
            Cell::Held { assignment, is_started: true } => Interrupted::Run(Arc::clone(assignment)),
            _ => Interrupted::Nothing,
        }
    }

    /// Returns the slots whose runs have begun, with their jobs.
    pub(crate) fn begun(&self) -> Vec<(usize, Arc<Assignment>)> {
        self.held_where(|is_started| is_started)
    }

    /// Returns the slots that hold jobs, begun or not.
    pub(crate) fn all_held(&self) -> Vec<(usize, Arc<Assignment>)> {
        self.held_where(|_| true)
    }

    fn held_where(&self, wanted: impl Fn(bool) -> bool) -> Vec<(usize, Arc<Assignment>)> {
        let table = self.table();
        let held = table.cells.iter().enumerate().filter_map(|(slot, cell)| match cell {
            Cell::Held { assignment, is_started } if wanted(*is_started) => {
                Some((slot, Arc::clone(assignment)))
            }
            _ => None,
        });
        held.collect()
    }

    /// Returns the id of the job that a slot holds.
    pub(crate) fn job_of(&self, slot: usize) -> Option<String> {
        match &self.table().cells[slot] {
            Cell::Held { assignment, .. } => Some(assignment.job.job.id.to_string()),
            _ => None,
        }
    }

    /// Completes when no slot has anything to do.
    pub(crate) async fn all_idle(&self) {
        loop {
            let settled = self.settled.notified();
            tokio::pin!(settled);
            settled.as_mut().enable();
            {
                let table = self.table();
                if table.idle.len() == table.cells.len() {
                    return;
                }
            }
            settled.await;
        }
    }

    pub(crate) fn count(&self) -> usize {
        self.table().cells.len()
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        // No code that can panic runs under this lock.
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
