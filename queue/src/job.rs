//! A job as a value: its id, state and content.

mod id;

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::error::QueueError;
use crate::event::Position;
use crate::options::JobOptions;

pub use self::id::JobId;

/// JSON text, shared without copying.
///
/// Always valid JSON when this engine made it; text of foreign clients is checked where it is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Payload(Arc<str>);

impl Payload {
    /// The JSON `null`.
    #[must_use]
    pub fn null() -> Self {
        Self("null".into())
    }

    /// Writes a value as JSON.
    ///
    /// # Errors
    /// [`QueueError::Invalid`] when the value has no JSON form.
    pub fn encode<T: Serialize + ?Sized>(value: &T) -> Result<Self, QueueError> {
        serde_json::to_string(value)
            .map(|text| Self(text.into()))
            .map_err(|error| QueueError::Invalid { what: "payload", why: error.to_string() })
    }

    /// Takes text that is already JSON.
    ///
    /// # Errors
    /// [`QueueError::Invalid`] when it is not.
    pub fn parse(text: impl Into<Arc<str>>) -> Result<Self, QueueError> {
        let text = text.into();
        serde_json::from_str::<serde::de::IgnoredAny>(&text)
            .map_err(|error| QueueError::Invalid { what: "payload", why: error.to_string() })?;
        Ok(Self(text))
    }

    /// Takes text that the store already held, without checking it.
    #[must_use]
    pub fn from_store(text: impl Into<Arc<str>>) -> Self {
        Self(text.into())
    }

    /// Reads the JSON into a type.
    ///
    /// # Errors
    /// The reason when it is not JSON or not of that type.
    pub fn decode<'a, T: Deserialize<'a>>(&'a self) -> serde_json::Result<T> {
        serde_json::from_str(&self.0)
    }

    /// Returns the JSON text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Where a job stands.
///
/// ```text
///           ┌────────── delayed <──────┐
///   add ──> │                          │ retry with backoff
///           v                          │
///        waiting / prioritized ──> active ──> completed | failed
///           ^                          │            │
///           └── stalled, handed back ──┴── retry ───┘
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum JobState {
    /// May be claimed.
    Waiting,
    /// May be claimed, after the waiting ones, lowest priority number first.
    Prioritized,
    /// Becomes due later.
    Delayed,
    /// A worker runs it.
    Active,
    /// Waits for its children.
    WaitingChildren,
    /// Ended well.
    Completed,
    /// Ended without success; no attempt follows by itself.
    Failed,
}

impl JobState {
    /// All states, in the order of a job's life.
    pub const ALL: [Self; 7] = [
        Self::Waiting,
        Self::Prioritized,
        Self::Delayed,
        Self::Active,
        Self::WaitingChildren,
        Self::Completed,
        Self::Failed,
    ];

    /// Returns BullMQ's word for the state.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Prioritized => "prioritized",
            Self::Delayed => "delayed",
            Self::Active => "active",
            Self::WaitingChildren => "waiting-children",
            Self::Completed => "completed",
            Self::Failed => "failed",
        }
    }

    /// Tells whether nothing more happens by itself.
    #[must_use]
    pub fn is_final(self) -> bool {
        matches!(self, Self::Completed | Self::Failed)
    }
}

impl fmt::Display for JobState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for JobState {
    type Err = QueueError;

    /// Reads BullMQ's word; `wait` and `paused` are taken for `waiting`.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if matches!(text, "wait" | "paused") {
            return Ok(Self::Waiting);
        }
        Self::ALL.into_iter().find(|state| state.as_str() == text).ok_or_else(|| {
            QueueError::Invalid { what: "job state", why: format!("{text:?} is not a state") }
        })
    }
}

/// A job that a producer adds.
#[derive(Debug, Clone)]
pub struct NewJob {
    /// What kind of work it is; the worker chooses the handler by it.
    pub name: String,
    /// The input, at most [`NewJob::DATA_MAX`] bytes.
    pub data: Payload,
    /// Attempts, backoff, delay, retention.
    pub options: JobOptions,
    /// The id, if the producer chooses it; an add with the id of a living job changes nothing.
    pub id: Option<JobId>,
}

impl NewJob {
    /// The most bytes of data that this engine adds: 1 MiB, as many as a worker runs.
    pub const DATA_MAX: usize = PAYLOAD_MAX;

    /// Describes a job with the default options.
    #[must_use]
    pub fn new(name: impl Into<String>, data: Payload) -> Self {
        Self { name: name.into(), data, options: JobOptions::default(), id: None }
    }

    /// Gives the job an id of the producer's choice.
    #[must_use]
    pub fn with_id(self, id: JobId) -> Self {
        Self { id: Some(id), ..self }
    }

    /// Replaces the options.
    #[must_use]
    pub fn with_options(self, options: JobOptions) -> Self {
        Self { options, ..self }
    }

    /// Checks that the job can be submitted: it needs an id, which is all that tells it from
    /// others.
    ///
    /// # Errors
    /// [`QueueError::Invalid`] for what [`Self::check`] refuses, for a job without an id and for one
    /// with a deduplication.
    pub fn check_submitted(&self) -> Result<(), QueueError> {
        self.check()?;
        let why = match (&self.id, &self.options.deduplication) {
            (Some(_), None) => return Ok(()),
            (None, _) => "a submitted job must have an id",
            (_, Some(_)) => "a submitted job is told from others by its id, not by deduplication",
        };
        Err(QueueError::Invalid { what: "job", why: format!("{why} ({:?})", self.name) })
    }

    /// Checks that a store can keep the job, before anything of it is written.
    ///
    /// # Errors
    /// [`QueueError::Invalid`] for data over [`Self::DATA_MAX`] and for what
    /// [`JobOptions::check`] refuses.
    pub fn check(&self) -> Result<(), QueueError> {
        check_data(&self.data)?;
        let bytes = self.data.as_str().len() as u64;
        if let Some(most) = self.options.size_limit.filter(|most| bytes > *most) {
            let why = format!("{bytes} bytes; its own size limit is {most}");
            return Err(QueueError::Invalid { what: "job data", why });
        }
        self.options.check()
    }
}

/// Checks the size of a job's data.
///
/// # Errors
/// [`QueueError::Invalid`] when it is over [`NewJob::DATA_MAX`].
pub(crate) fn check_data(data: &Payload) -> Result<(), QueueError> {
    let (bytes, most) = (data.as_str().len(), NewJob::DATA_MAX);
    if bytes <= most {
        return Ok(());
    }
    let why = format!(
        "{bytes} bytes; at most {most} are kept, put larger content elsewhere and refer to it"
    );
    Err(QueueError::Invalid { what: "job data", why })
}

/// The most bytes of data of a job that is run, and of a result that is kept: 1 MiB.
pub const PAYLOAD_MAX: usize = 1024 * 1024;

/// A job as the store knows it.
#[derive(Debug, Clone, PartialEq)]
pub struct Job {
    /// Its id.
    pub id: JobId,
    /// What kind of work it is.
    pub name: String,
    /// Its input.
    pub data: Payload,
    /// Its options.
    pub options: JobOptions,
    /// When it was created, milliseconds since the epoch.
    pub timestamp_ms: u64,
    /// Its delay in milliseconds: the producer's, or the backoff of the next attempt.
    pub delay_ms: u64,
    /// Its priority; 0 is none.
    pub priority: u32,
    /// How often it was started (BullMQ `ats`).
    pub attempts_started: u32,
    /// How many attempts it used (BullMQ `atm`).
    pub attempts_made: u32,
    /// How often it was taken back from a dead worker (BullMQ `stc`).
    pub stalled_count: u32,
    /// When it was last started.
    pub processed_on_ms: Option<u64>,
    /// The name of the worker that started it last.
    pub processed_by: Option<String>,
    /// When it ended.
    pub finished_on_ms: Option<u64>,
    /// What its handler reported last; a number for this product's jobs.
    pub progress: Option<Payload>,
    /// Its result, when it completed.
    pub result: Option<Payload>,
    /// Why its last attempt failed.
    pub failed_reason: Option<String>,
    /// One entry per failed attempt, oldest first.
    pub stack_trace: Vec<String>,
    /// A failure decided while nobody ran it: the next worker fails it with this text.
    pub deferred_failure: Option<String>,
}

impl Job {
    /// Returns the time from which the job may run, for a delayed one.
    #[must_use]
    pub fn due_ms(&self) -> u64 {
        self.timestamp_ms.saturating_add(self.delay_ms)
    }

    /// Returns `data.generation`, the run that the service asked for; 0 when there is none.
    #[must_use]
    pub fn generation(&self) -> u64 {
        generation_of(&self.data)
    }
}

/// Returns the `generation` member of a job's data; 0 when there is none.
#[must_use]
pub fn generation_of(data: &Payload) -> u64 {
    #[derive(Deserialize)]
    struct Generation {
        #[serde(default)]
        generation: u64,
    }
    data.decode::<Generation>().map_or(0, |data| data.generation)
}

/// A job together with where it stands.
#[derive(Debug, Clone, PartialEq)]
pub struct JobSnapshot {
    /// The job.
    pub job: Job,
    /// Its state.
    pub state: JobState,
    /// When it is due, for a delayed one (milliseconds since the epoch).
    pub due_ms: Option<u64>,
    /// Whether someone asked the running job to stop.
    pub cancel_requested: bool,
}

/// The secret that proves who holds a job's lock; unique per claim.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Token(Arc<str>);

impl Token {
    /// Makes a token that was never used before.
    #[must_use]
    pub fn unique() -> Self {
        Self(uuid::Uuid::new_v4().to_string().into())
    }

    /// Takes a token that the store already held.
    #[must_use]
    pub fn from_store(token: impl Into<Arc<str>>) -> Self {
        Self(token.into())
    }

    /// Returns the token as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A job that this process may run, because it holds the lock.
#[derive(Debug, Clone)]
pub struct ClaimedJob {
    /// The job, with this start already counted.
    pub job: Job,
    /// Proves the ownership.
    pub token: Token,
    /// The position of the job's `active` event.
    pub version: Position,
    /// Why the job cannot be run although it was claimed: an unreadable hash, data over
    /// [`PAYLOAD_MAX`]. The worker fails it with this text (`CODE: message`).
    pub unreadable: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn generation_is_read_from_data_of_any_shape() {
        let generation = |text: &str| generation_of(&Payload::from_store(text));
        assert_eq!(generation(r#"{"generation":3,"x":[1]}"#), 3);
        for text in ["{}", "[]", "nonsense", r#"{"generation":"x"}"#] {
            assert_eq!(generation(text), 0, "{text}");
        }
    }

    #[test]
    fn states_read_back_from_their_words() {
        for state in JobState::ALL {
            assert_eq!(state.as_str().parse::<JobState>().unwrap(), state);
        }
        assert_eq!("paused".parse::<JobState>().unwrap(), JobState::Waiting);
    }
}
