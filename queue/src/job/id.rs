//! The id of a job, and which ids a producer may choose.
//!
//! Never knows which ids are taken.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::error::QueueError;

/// The id of a job, unique in its queue.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct JobId(Arc<str>);

/// Names of BullMQ's queue-level keys: a job with such an id would overwrite the queue.
const RESERVED: [&str; 21] = [
    "active",
    "wait",
    "waiting-children",
    "paused",
    "id",
    "delayed",
    "prioritized",
    "stalled-check",
    "completed",
    "failed",
    "stalled",
    "repeat",
    "limiter",
    "meta",
    "events",
    "pc",
    "marker",
    "de",
    "dn",
    "delay",
    "priority",
];

impl JobId {
    /// The longest custom id in bytes.
    pub const LENGTH_MAX: usize = 255;

    /// Takes an id that a producer chose.
    ///
    /// # Errors
    /// [`QueueError::Invalid`] for what BullMQ refuses (integers, `0:…`, a `:` outside the historic
    /// three-part form), for the names of the queue's own keys, and for empty or overlong text.
    pub fn custom(id: impl Into<Arc<str>>) -> Result<Self, QueueError> {
        let id = id.into();
        let refuse =
            |why: &str| Err(QueueError::Invalid { what: "job id", why: format!("{id:?} {why}") });
        if id.is_empty() || id.len() > Self::LENGTH_MAX {
            return refuse("must have 1 to 255 bytes");
        }
        if id.bytes().all(|byte| byte.is_ascii_digit()) {
            return refuse("is an integer; those are given by the queue");
        }
        if id.starts_with("0:") || (id.contains(':') && id.split(':').count() != 3) {
            return refuse("contains ':'");
        }
        if RESERVED.contains(&&*id) || &*id == "metrics" {
            return refuse("is the name of a key of the queue");
        }
        Ok(Self(id))
    }

    /// Takes an id that the store already held, without checking it.
    #[must_use]
    pub fn from_store(id: impl Into<Arc<str>>) -> Self {
        Self(id.into())
    }

    /// Returns the id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for JobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::borrow::Borrow<str> for JobId {
    fn borrow(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_that_would_break_a_queue_are_refused() {
        for id in ["", "0", "42", "0:1", "a:b", "meta", "wait", "metrics"] {
            assert!(JobId::custom(id).is_err(), "{id}");
        }
        for id in ["mat_1", "a:b:c", "42a", "Wait"] {
            assert!(JobId::custom(id).is_ok(), "{id}");
        }
    }
}
