//! The newest record of each recent job: written by whoever changes a job in this process and by
//! the event tail, read by the edge, kept in the status store.
//!
//! ```text
//! accepted, relayed, claimed, progressed, settled ─┐            ┌─> watchers (streams, long-polls)
//! event tail (other processes' changes) ───────────┴─> map ─────┼─> readers
//!                                                      └ unsaved ┴─> status store, in batches
//! ```
//!
//! It never decides what happens to a job, and never waits for a store while it holds the map.

mod change;
mod lookup;
mod saving;
mod shards;
mod tail;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use oxherd_queue::clock::SharedClock;
use oxherd_queue::job::ClaimedJob;
use oxherd_queue::outcome::{Failure, Settled};
use oxherd_queue::status::{StatusRecord, StatusStore};
use oxherd_queue::worker::ProgressObserver;
use oxherd_queue::{Backend, JobId, JobState, Payload, Position};
use oxherd_study::UserId;
use oxherd_study::ports::Ports;
use tokio::sync::Notify;

pub use change::Change;
use shards::Shards;

/// How long an accepted request waits for its record to be saved; memory has it anyhow.
const SAVED_WITHIN: std::time::Duration = std::time::Duration::from_millis(300);

/// The records of recent jobs; cheap to clone.
#[derive(Clone)]
pub struct Records {
    inner: Arc<Inner>,
}

struct Inner {
    shards: Shards,
    unsaved: Mutex<HashMap<JobId, Arc<StatusRecord>>>,
    has_unsaved: Notify,
    store: Arc<dyn StatusStore>,
    queues: HashMap<String, Arc<dyn Backend>>,
    ports: Ports,
    clock: SharedClock,
    flights: lookup::Flights,
}

/// What records are made of and kept in.
pub struct RecordsParts {
    /// Keeps records.
    pub store: Arc<dyn StatusStore>,
    /// The queues by name.
    pub queues: HashMap<String, Arc<dyn Backend>>,
    /// The catalog behind them.
    pub ports: Ports,
    /// The time.
    pub clock: SharedClock,
    /// The most records in memory.
    pub records_max: usize,
}

/// A run that was accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AcceptedRun {
    /// The job, named as its entity.
    pub job: JobId,
    /// Its queue.
    pub queue: &'static str,
    /// Its name.
    pub name: &'static str,
    /// Whose it is.
    pub user: UserId,
    /// The run.
    pub generation: u64,
    /// When it was accepted, milliseconds since the epoch.
    pub accepted_ms: u64,
}

impl Records {
    /// Starts without any.
    #[must_use]
    pub fn new(parts: RecordsParts) -> Self {
        Self {
            inner: Arc::new(Inner {
                shards: Shards::new(parts.records_max),
                unsaved: Mutex::default(),
                has_unsaved: Notify::new(),
                store: parts.store,
                queues: parts.queues,
                ports: parts.ports,
                clock: parts.clock,
                flights: lookup::Flights::default(),
            }),
        }
    }

    /// Notes accepted runs, and saves them before it returns if the store answers at once.
    ///
    /// A run of a generation that is known already changes nothing.
    pub async fn accepted(&self, runs: &[AcceptedRun]) {
        if runs.iter().filter(|run| self.begin(run)).count() == 0 {
            return;
        }
        let records = self.clone();
        // A task of its own: given up half-way, the save would lose what it has in hand.
        let save = tokio::spawn(async move { records.save().await });
        let why = match tokio::time::timeout(SAVED_WITHIN, save).await {
            Ok(Ok(Ok(()))) => return,
            Ok(Ok(Err(error))) => error.to_string(),
            Ok(Err(error)) => error.to_string(),
            Err(_) => format!("no answer within {SAVED_WITHIN:?}"),
        };
        tracing::warn!("records of accepted runs are kept in memory for now: {why}");
    }

    /// Lets every record of a living job be read from the stores again before it is believed.
    pub(crate) fn distrust(&self) {
        self.inner.queues.keys().for_each(|queue| self.inner.shards.mark_stale(queue));
    }

    fn begin(&self, run: &AcceptedRun) -> bool {
        let first = Position { ms: run.accepted_ms, seq: 0 };
        let shown = self.inner.shards.write(&run.job, |entry| {
            let old = entry.record.as_deref();
            if old.is_some_and(|old| old.generation >= run.generation) {
                return None;
            }
            let version = old.map_or(first, |old| first.max(old.version.next()));
            let record = Arc::new(change::waiting(run, version));
            entry.is_ours = false;
            entry.show(Arc::clone(&record));
            Some(record)
        });
        let is_new = shown.is_some();
        self.keep(shown);
        is_new
    }

    /// A job was put into its queue; whoever claimed it meanwhile has told more.
    pub fn waiting(&self, job: &JobId, position: Position) {
        let shown = self.inner.shards.write(job, |entry| {
            if position <= entry.position { None } else { next(entry, &Change::Waiting, position) }
        });
        self.keep(shown);
    }

    /// This process claimed a job.
    pub fn claimed(&self, queue: &str, job: &ClaimedJob) {
        let started = job.job.processed_on_ms.unwrap_or_else(|| self.inner.clock.now_ms());
        let shown = self.inner.shards.write(&job.job.id, |entry| {
            entry.is_ours = true;
            entry.is_stale = false;
            let generation = job.job.generation();
            entry.run = generation;
            if entry.is_beyond_run() {
                return None;
            }
            if entry.record.as_ref().is_none_or(|record| record.generation < generation) {
                let owner = lookup::owner_of(&job.job.data)?;
                // Data is what a producer says: it never makes a job someone else's.
                if entry.record.as_ref().is_some_and(|old| old.owner != owner) {
                    return None;
                }
                let mut record = change::record_of(queue, &owner, &job.job);
                if let Some(old) = &entry.record {
                    record.version = record.version.max(old.version.next());
                }
                entry.record = Some(Arc::new(record));
            }
            next(entry, &Change::Active { at_ms: started }, job.version)
        });
        self.keep(shown);
    }

    /// This process told the store how an attempt ended.
    pub fn settled(&self, job: &JobId, settled: &Settled, ended: &Ended) {
        let Settled::Done { state, version, attempts_made, cancelled } = settled else {
            self.lost(job);
            return;
        };
        let now = self.inner.clock.now_ms();
        let attempts_made = Some(*attempts_made);
        let error = if *cancelled { Some(Failure::cancelled()) } else { ended.failure.clone() };
        let change = match state {
            JobState::Completed => Change::Completed {
                result: ended.result.as_ref().and_then(|result| result.decode().ok()),
                at_ms: now,
                attempts_made,
            },
            JobState::Failed => Change::Failed {
                error: error.unwrap_or_else(|| Failure::new(Failure::JOB_FAILED, "it failed")),
                at_ms: now,
                attempts_made,
            },
            JobState::Delayed => Change::Delayed { due_ms: ended.due_ms, error, attempts_made },
            _ => Change::Waiting,
        };
        let shown = self.inner.shards.write(job, |entry| {
            entry.is_ours = false;
            // A newer run was accepted before the end of this one was told.
            if entry.is_beyond_run() { None } else { next(entry, &change, *version) }
        });
        self.keep(shown);
    }

    /// This process no longer holds a job: what becomes of it is told by others.
    pub fn lost(&self, job: &JobId) {
        self.inner.shards.write(job, |entry| {
            entry.is_ours = false;
            entry.is_stale = true;
        });
    }

    /// Applies any change at the position of its event; `Position::START` for one without.
    pub fn change(&self, job: &JobId, change: &Change, position: Position) {
        let shown = self.inner.shards.write(job, |entry| next(entry, change, position));
        self.keep(shown);
    }

    /// Returns how many records are in memory.
    #[must_use]
    pub fn count(&self) -> usize {
        self.inner.shards.len()
    }

    fn keep(&self, record: Option<Arc<StatusRecord>>) {
        if let Some(record) = record {
            let mut unsaved = self.inner.unsaved.lock().unwrap_or_else(PoisonError::into_inner);
            unsaved.insert(record.job.clone(), record);
            drop(unsaved);
            self.inner.has_unsaved.notify_one();
        }
    }

    /// Takes over a newer record that another process wrote.
    fn adopt(&self, record: StatusRecord) {
        let job = record.job.clone();
        self.inner.shards.write(&job, |entry| {
            if entry.record.as_ref().is_none_or(|old| record.supersedes(old)) {
                entry.show(Arc::new(record));
            }
        });
    }
}

/// What an attempt ended with, beside what the store said.
#[derive(Debug, Clone, Default)]
pub struct Ended {
    /// The result, if it completed.
    pub result: Option<Payload>,
    /// The failure, if it failed.
    pub failure: Option<Failure>,
    /// When the next attempt is due, if one follows.
    pub due_ms: Option<u64>,
}

impl ProgressObserver for Records {
    fn progressed(&self, job: &JobId, progress: &Payload, version: Position) {
        let Some(progress) = change::progress_of(progress) else { return };
        let shown = self.inner.shards.write(job, |entry| {
            let change = Change::Progress(progress);
            if entry.is_beyond_run() { None } else { next(entry, &change, version) }
        });
        self.keep(shown);
    }
}

fn next(
    entry: &mut shards::Entry,
    change: &Change,
    position: Position,
) -> Option<Arc<StatusRecord>> {
    let record = Arc::new(change::apply(entry.record.as_ref()?, change, position)?);
    entry.position = entry.position.max(position);
    entry.show(Arc::clone(&record));
    Some(record)
}
