//! Adds that mean the same work: which of them become jobs.
//!
//! Never looks at jobs; the stores keep who owns which id.

use std::time::Duration;

use serde_json::{Map, Value};

use super::{as_number, millis};
use crate::error::QueueError;

/// Makes adds with the same deduplication id stand for one job, its owner (BullMQ `deduplication`).
///
/// | | the id is free again | an add meanwhile |
/// |---|---|---|
/// | [`Self::simple`] | when the owner ends or is removed | is dropped |
/// | [`Self::throttle`] | when the time is over | is dropped |
/// | [`Self::debounce`] | when the owner ends, or the time is over | takes the place of a delayed owner |
///
/// A dropped add answers with the owner's id ([`crate::backend::Added::Deduplicated`]).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Deduplication {
    /// What the adds have in common, 1 to [`Self::LENGTH_MAX`] bytes.
    pub id: String,
    /// How long the id stays taken, in milliseconds, whatever becomes of the owner; 0 for as long
    /// as the owner has not ended.
    pub ttl_ms: u64,
    /// Whether each dropped add makes the time begin anew.
    pub extend: bool,
    /// Whether an add takes the place of an owner that is still delayed; beside any other owner it
    /// is dropped.
    pub replace: bool,
    /// Whether the last add that came while the owner ran becomes a job when that ends. The id is
    /// then taken until the owner ends, whatever the time.
    pub keep_last_if_active: bool,
    /// Whether a dropped add gives an owner that is still delayed its own delay.
    pub reschedule: bool,
}

impl Deduplication {
    /// The longest id in bytes.
    pub const LENGTH_MAX: usize = 1024;

    /// One job at a time: adds are dropped until the owner has ended.
    #[must_use]
    pub fn simple(id: impl Into<String>) -> Self {
        Self { id: id.into(), ..Self::default() }
    }

    /// One job in a time: adds are dropped until it is over, also when the owner has ended.
    #[must_use]
    pub fn throttle(id: impl Into<String>, ttl: Duration) -> Self {
        Self { ttl_ms: millis(ttl), ..Self::simple(id) }
    }

    /// The last of a burst of adds: each takes the place of the one before, and the time begins
    /// anew. The jobs need a delay, usually as long as the time.
    #[must_use]
    pub fn debounce(id: impl Into<String>, ttl: Duration) -> Self {
        Self { extend: true, replace: true, ..Self::throttle(id, ttl) }
    }

    /// One job at a time, and after it the last of the adds that came while it ran.
    #[must_use]
    pub fn keep_last(id: impl Into<String>) -> Self {
        Self { keep_last_if_active: true, ..Self::simple(id) }
    }

    /// Checks that the id can be kept.
    ///
    /// # Errors
    /// [`QueueError::Invalid`] when it is empty or too long.
    pub fn check(&self) -> Result<(), QueueError> {
        if (1..=Self::LENGTH_MAX).contains(&self.id.len()) {
            return Ok(());
        }
        let why = format!("has {} bytes, 1 to {} are needed", self.id.len(), Self::LENGTH_MAX);
        Err(QueueError::Invalid { what: "deduplication id", why })
    }

    /// Returns how long a new owner holds the id, in milliseconds; nothing when it has no end.
    pub(crate) fn lasts_ms(&self) -> Option<u64> {
        (self.ttl_ms > 0 && !self.keep_last_if_active).then_some(self.ttl_ms)
    }

    /// Writes BullMQ's `de` object.
    pub(super) fn to_wire(&self) -> Value {
        let mut wire = Map::new();
        wire.insert("id".to_owned(), self.id.as_str().into());
        if self.ttl_ms > 0 {
            wire.insert("ttl".to_owned(), self.ttl_ms.into());
        }
        for (name, set) in self.flags() {
            if set {
                wire.insert(name.to_owned(), true.into());
            }
        }
        Value::Object(wire)
    }

    fn flags(&self) -> [(&'static str, bool); 4] {
        [
            ("extend", self.extend),
            ("replace", self.replace),
            ("keepLastIfActive", self.keep_last_if_active),
            ("reschedule", self.reschedule),
        ]
    }

    /// Reads BullMQ's `de` object; nothing when it has no id.
    pub(super) fn from_wire(wire: &Value) -> Option<Self> {
        let flag = |name| wire.get(name) == Some(&Value::Bool(true));
        Some(Self {
            id: wire.get("id")?.as_str().filter(|id| !id.is_empty())?.to_owned(),
            ttl_ms: wire.get("ttl").and_then(as_number).unwrap_or(0),
            extend: flag("extend"),
            replace: flag("replace"),
            keep_last_if_active: flag("keepLastIfActive"),
            reschedule: flag("reschedule"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_survive_the_wire() {
        let second = Duration::from_secs(1);
        let rules = [
            Deduplication::simple("a"),
            Deduplication::throttle("a", second),
            Deduplication::debounce("a", second),
            Deduplication { reschedule: true, ..Deduplication::keep_last("a") },
        ];
        for rule in rules {
            assert_eq!(Deduplication::from_wire(&rule.to_wire()), Some(rule));
        }
        let debounce = Deduplication::debounce("a", second).to_wire();
        let expected =
            serde_json::json!({ "id": "a", "ttl": 1000, "extend": true, "replace": true });
        assert_eq!(debounce, expected);
    }

    #[test]
    fn a_rule_without_an_id_is_none() {
        for wire in [r"{}", r#"{"id":""}"#, r#"{"id":7}"#, "null", "[]"] {
            let wire = serde_json::from_str(wire).unwrap();
            assert_eq!(Deduplication::from_wire(&wire), None, "{wire}");
        }
        assert!(Deduplication::simple("").check().is_err());
        assert!(Deduplication::simple("x".repeat(1025)).check().is_err());
        assert!(Deduplication::simple("x".repeat(1024)).check().is_ok());
    }

    #[test]
    fn an_owner_whose_successor_is_kept_holds_the_id_without_end() {
        let second = Duration::from_secs(1);
        assert_eq!(Deduplication::simple("a").lasts_ms(), None);
        assert_eq!(Deduplication::throttle("a", second).lasts_ms(), Some(1000));
        let both = Deduplication { ttl_ms: 1000, ..Deduplication::keep_last("a") };
        assert_eq!(both.lasts_ms(), None);
    }
}
