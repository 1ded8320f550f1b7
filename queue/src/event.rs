//! What happened in a queue, in order.
//!
//! The order is that of the queue's event stream: a Redis stream id, or its twin in the embedded
//! store. A position is also the version of a job's record, the ETag and the id of an SSE event.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::job::{JobId, JobState, Payload};

/// A place in the event stream of a queue, `<ms>-<seq>`; compared as two numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Position {
    /// Milliseconds since the epoch, by the store's clock.
    pub ms: u64,
    /// The order within the millisecond.
    pub seq: u64,
}

impl Position {
    /// Before every event.
    pub const START: Self = Self { ms: 0, seq: 0 };

    /// Returns the next position after this one.
    #[must_use]
    pub fn next(self) -> Self {
        match self.seq.checked_add(1) {
            Some(seq) => Self { ms: self.ms, seq },
            None => Self { ms: self.ms + 1, seq: 0 },
        }
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.ms, self.seq)
    }
}

/// A text that is not `<ms>-<seq>`.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{0:?} is not a position, write <milliseconds>-<sequence>")]
pub struct NotAPosition(String);

impl FromStr for Position {
    type Err = NotAPosition;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parse = || {
            let (ms, seq) = text.split_once('-')?;
            let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
            (digits(ms) && digits(seq))
                .then(|| Some(Self { ms: ms.parse().ok()?, seq: seq.parse().ok()? }))?
        };
        parse().ok_or_else(|| NotAPosition(text.to_owned()))
    }
}

impl Serialize for Position {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Position {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// One entry of the event stream.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// Where it stands in the stream.
    pub position: Position,
    /// What happened.
    pub kind: EventKind,
}

/// What happened; BullMQ's events and their fields.
#[derive(Debug, Clone, PartialEq)]
#[expect(missing_docs, reason = "the fields are BullMQ's own: job id, name, due time, payloads")]
pub enum EventKind {
    /// A job was created.
    Added { id: JobId, name: String },
    /// A job may be claimed; `prev` is the state it came from.
    Waiting { id: JobId, prev: Option<JobState> },
    /// A job will be due at `due_ms`.
    Delayed { id: JobId, due_ms: u64 },
    /// A worker started a job.
    Active { id: JobId },
    /// A handler reported progress.
    Progress { id: JobId, data: Payload },
    /// A job completed.
    Completed { id: JobId, result: Payload },
    /// A job failed for good.
    Failed { id: JobId, reason: String },
    /// A job failed and no attempt is left.
    RetriesExhausted { id: JobId, attempts_made: u32 },
    /// A dead worker's job was given back.
    Stalled { id: JobId },
    /// An add found a job with the same id.
    Duplicated { id: JobId },
    /// Of two adds that mean the same work, the job `id` stays, or stands in for both.
    Deduplicated { id: JobId, deduplication_id: String, dropped: JobId },
    /// A job was removed; `prev` is the state it was in.
    Removed { id: JobId, prev: Option<JobState> },
    /// An active job was asked to stop (ours; BullMQ clients ignore it).
    CancelRequested { id: JobId },
    /// Old jobs of one state were removed.
    Cleaned { count: u64 },
    /// The queue ran out of jobs.
    Drained,
    /// The queue was paused.
    Paused,
    /// The queue was resumed.
    Resumed,
    /// An event of another client that this engine does not interpret.
    Other { name: String, id: Option<JobId> },
}

impl EventKind {
    /// Returns the job that the event is about, if it is about one.
    #[must_use]
    pub fn job(&self) -> Option<&JobId> {
        match self {
            Self::Added { id, .. }
            | Self::Waiting { id, .. }
            | Self::Delayed { id, .. }
            | Self::Active { id }
            | Self::Progress { id, .. }
            | Self::Completed { id, .. }
            | Self::Failed { id, .. }
            | Self::RetriesExhausted { id, .. }
            | Self::Stalled { id }
            | Self::Duplicated { id }
            | Self::Deduplicated { id, .. }
            | Self::Removed { id, .. }
            | Self::CancelRequested { id } => Some(id),
            Self::Other { id, .. } => id.as_ref(),
            Self::Cleaned { .. } | Self::Drained | Self::Paused | Self::Resumed => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_compare_as_numbers() {
        let at = |text: &str| text.parse::<Position>().unwrap();
        assert!(at("9-0") < at("10-0"));
        assert!(at("10-2") < at("10-10"));
        assert_eq!(at("10-2").to_string(), "10-2");
    }

    #[test]
    fn a_position_has_two_decimal_numbers() {
        for text in ["", "1", "1-", "-1", "1-x", "+1-2", "1-2-3"] {
            assert!(text.parse::<Position>().is_err(), "{text}");
        }
    }
}
