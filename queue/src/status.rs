//! The last known state of a job, kept longer than the job itself.
//!
//! The queue may remove a finished job at once; its record answers for 24 h after the end.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::error::Result;
use crate::event::Position;
use crate::job::{JobId, JobState};

/// What is known about a job.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StatusRecord {
    /// The job.
    pub job: JobId,
    /// Its queue.
    pub queue: String,
    /// Its name.
    pub name: String,
    /// Whose job it is (the user id); only its owner may see it.
    pub owner: String,
    /// The run that the record is about; a retry by the user raises it.
    pub generation: u64,
    /// Grows with each change.
    pub version: Position,
    /// Where it stands.
    pub state: JobState,
    /// 0 to 100; never falls within a generation.
    pub progress: u8,
    /// The attempts used.
    pub attempts_made: u32,
    /// The attempts it may use.
    pub attempts_max: u32,
    /// The last failure.
    pub error: Option<StatusError>,
    /// The result, when completed.
    pub result: Option<serde_json::Value>,
    /// When the request was accepted, milliseconds since the epoch.
    pub created_ms: u64,
    /// When it was last started.
    pub started_ms: Option<u64>,
    /// When it ended.
    pub finished_ms: Option<u64>,
    /// When the next attempt is due, while delayed.
    pub next_attempt_ms: Option<u64>,
}

/// A failure as clients see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatusError {
    /// An `UPPER_SNAKE` word.
    pub code: String,
    /// One sentence for a person.
    pub message: String,
}

impl StatusRecord {
    /// Tells whether this record may take the place of `old`.
    ///
    /// A higher generation always may. Within a generation the version must grow, and a final
    /// state is never left.
    #[must_use]
    pub fn supersedes(&self, old: &Self) -> bool {
        if self.generation != old.generation {
            return self.generation > old.generation;
        }
        self.version > old.version && !(old.state.is_final() && self.state != old.state)
    }
}

/// How long a record is kept after the job ended: a day.
pub const KEPT_AFTER_END: std::time::Duration = std::time::Duration::from_secs(24 * 60 * 60);

/// Keeps job records, compare-and-set on (generation, version).
#[async_trait]
pub trait StatusStore: Send + Sync {
    /// Stores each record that [`StatusRecord::supersedes`] the stored one; returns, per record,
    /// `None` when it was stored and the stored one when that is newer.
    async fn put(&self, records: Vec<StatusRecord>) -> Result<Vec<Option<StatusRecord>>>;

    /// Returns the records of jobs, `None` for each unknown one.
    async fn get(&self, jobs: &[JobId]) -> Result<Vec<Option<StatusRecord>>>;

    /// Forgets records whose job ended longer ago than [`KEPT_AFTER_END`] (a store that expires
    /// them by itself does nothing); returns how many.
    async fn purge(&self) -> Result<u64>;
}
