//! What the writer's thread and the callers share: the state, the wake-ups, the counters.
//!
//! Only the writer changes the state, after the commit; callers look.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;

use super::attending::Roll;
use super::machine::Machine;
use super::operation::QueueNumber;

#[derive(Debug, Default)]
pub(super) struct Shared {
    pub(super) machine: Mutex<Machine>,
    signals: Mutex<Vec<Arc<Signals>>>,
    pub(super) roll: Arc<Roll>,
    pub(super) counters: Counters,
}

impl Shared {
    pub(super) fn new(machine: Machine) -> Self {
        Self { machine: Mutex::new(machine), ..Self::default() }
    }

    /// Returns the wake-ups of a queue.
    pub(super) fn signals(&self, queue: QueueNumber) -> Arc<Signals> {
        let mut signals = locked(&self.signals);
        let at = queue as usize;
        if signals.len() <= at {
            signals.resize_with(at + 1, Arc::default);
        }
        Arc::clone(&signals[at])
    }
}

/// Wakes those who wait for a queue. Whoever waits registers first and looks at the state then, so
/// that no wake-up is lost.
#[derive(Debug, Default)]
pub(super) struct Signals {
    /// There may be something to claim, or the next due time has changed.
    pub(super) work: Notify,
    /// There are new events.
    pub(super) events: Notify,
}

/// Locks, also after a panic of another thread: the state itself is changed by one thread alone.
pub(super) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What the store counts since it was opened.
#[derive(Debug, Default)]
pub(super) struct Counters {
    pub(super) groups: AtomicU64,
    pub(super) operations: AtomicU64,
    pub(super) commit_micros: AtomicU64,
    pub(super) commit_micros_sum: AtomicU64,
    pub(super) refused: AtomicU64,
    pub(super) checkpoints: AtomicU64,
    pub(super) lost_rows: AtomicU64,
}

/// The counters of an embedded store since it was opened, for health and metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EmbeddedCounters {
    /// Commits; each is one sync of the disk.
    pub groups: u64,
    /// Operations in them.
    pub operations: u64,
    /// How long the last commit took, sync included.
    pub last_commit: Duration,
    /// How long all commits took together.
    pub commits: Duration,
    /// Commits that the disk refused.
    pub refused: u64,
    /// Checkpoints that were completed.
    pub checkpoints: u64,
    /// Commits that the process before had made and that were not found at opening.
    pub lost_rows: u64,
}

impl Counters {
    pub(super) fn committed(&self, operations: usize, took: Duration) {
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        self.groups.fetch_add(1, Ordering::Relaxed);
        self.operations.fetch_add(operations as u64, Ordering::Relaxed);
        self.commit_micros.store(micros, Ordering::Relaxed);
        self.commit_micros_sum.fetch_add(micros, Ordering::Relaxed);
    }

    pub(super) fn read(&self) -> EmbeddedCounters {
        let get = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        EmbeddedCounters {
            groups: get(&self.groups),
            operations: get(&self.operations),
            last_commit: Duration::from_micros(get(&self.commit_micros)),
            commits: Duration::from_micros(get(&self.commit_micros_sum)),
            refused: get(&self.refused),
            checkpoints: get(&self.checkpoints),
            lost_rows: get(&self.lost_rows),
        }
    }
}
