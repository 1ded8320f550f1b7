//! The map of records: sharded, bounded, with a watch per job that someone follows.

use std::collections::HashMap;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use oxherd_queue::status::StatusRecord;
use oxherd_queue::{JobId, Position};
use tokio::sync::watch;

/// Enough that request threads rarely meet.
const SHARDS: usize = 32;
/// How many entries are looked at to find one that may go.
const LOOKED_AT: usize = 64;

type Watched = Option<Arc<StatusRecord>>;

/// What is known of a job here.
#[derive(Default)]
pub(super) struct Entry {
    /// The newest record.
    pub(super) record: Watched,
    /// The position of the newest event that it shows.
    pub(super) position: Position,
    /// This process runs the job: its consumer tells, the event tail need not.
    pub(super) is_ours: bool,
    /// The generation that this process runs or ran last; 0 is unknown.
    pub(super) run: u64,
    /// Events were missed: the next reader looks into the stores.
    pub(super) is_stale: bool,
    watch: Option<watch::Sender<Watched>>,
}

impl Entry {
    /// Replaces the record and wakes whoever follows it.
    pub(super) fn show(&mut self, record: Arc<StatusRecord>) {
        if let Some(watch) = &self.watch {
            watch.send_replace(Some(Arc::clone(&record)));
        }
        self.record = Some(record);
    }

    /// Tells whether the record is of a newer run than the one that this process knows of.
    pub(super) fn is_beyond_run(&self) -> bool {
        self.is_beyond(self.run)
    }

    /// Tells whether the record is of a newer run than this one, if that is known.
    pub(super) fn is_beyond(&self, generation: u64) -> bool {
        generation > 0 && self.record.as_ref().is_some_and(|record| record.generation > generation)
    }

    fn is_watched(&self) -> bool {
        self.watch.as_ref().is_some_and(|watch| watch.receiver_count() > 0)
    }

    fn may_go(&self) -> bool {
        let is_live = self.record.as_ref().is_some_and(|record| !record.state.is_final());
        !self.is_watched() && !self.is_ours && !is_live
    }
}

/// All entries.
pub(super) struct Shards {
    shards: Vec<Mutex<HashMap<JobId, Entry>>>,
    hasher: RandomState,
    shard_max: usize,
}

impl Shards {
    pub(super) fn new(records_max: usize) -> Self {
        Self {
            shards: (0..SHARDS).map(|_| Mutex::default()).collect(),
            hasher: RandomState::new(),
            shard_max: (records_max / SHARDS).max(1),
        }
    }

    fn shard(&self, job: &JobId) -> MutexGuard<'_, HashMap<JobId, Entry>> {
        #[expect(clippy::cast_possible_truncation, reason = "any bits will do")]
        let at = self.hasher.hash_one(job) as usize % self.shards.len();
        self.shards[at].lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Looks at the entry of a job, if there is one.
    pub(super) fn read<T>(&self, job: &JobId, look: impl FnOnce(&Entry) -> T) -> Option<T> {
        self.shard(job).get(job).map(look)
    }

    /// Changes the entry of a job, made if there is none.
    pub(super) fn write<T>(&self, job: &JobId, change: impl FnOnce(&mut Entry) -> T) -> T {
        let mut shard = self.shard(job);
        if !shard.contains_key(job) && shard.len() >= self.shard_max {
            make_room(&mut shard);
        }
        change(shard.entry(job.clone()).or_default())
    }

    /// Follows a job.
    pub(super) fn watch(&self, job: &JobId) -> watch::Receiver<Watched> {
        self.write(job, |entry| match &entry.watch {
            Some(watch) => watch.subscribe(),
            None => {
                let (sender, receiver) = watch::channel(entry.record.clone());
                entry.watch = Some(sender);
                receiver
            }
        })
    }

    /// Marks every record of living jobs as stale, after events were missed.
    pub(super) fn mark_stale(&self, queue: &str) {
        for shard in &self.shards {
            let mut shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
            for entry in shard.values_mut().filter(|entry| !entry.is_ours) {
                entry.is_stale |= entry
                    .record
                    .as_ref()
                    .is_some_and(|record| record.queue == queue && !record.state.is_final());
            }
        }
    }

    /// Returns how many records are held.
    pub(super) fn len(&self) -> usize {
        let len = |shard: &Mutex<HashMap<_, _>>| {
            shard.lock().unwrap_or_else(PoisonError::into_inner).len()
        };
        self.shards.iter().map(len).sum()
    }
}

/// Drops entries that the stores can give again, ended ones first.
fn make_room(shard: &mut HashMap<JobId, Entry>) {
    let ended = shard.iter().take(LOOKED_AT).find(|(_, entry)| entry.may_go());
    let any = || shard.iter().find(|(_, entry)| !entry.is_watched() && !entry.is_ours);
    if let Some(job) = ended.or_else(any).map(|(job, _)| job.clone()) {
        shard.remove(&job);
    }
}
