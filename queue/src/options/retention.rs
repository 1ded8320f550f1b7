//! How long finished jobs are kept.
//!
//! Never removes one; the stores do, at the end of another job.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::as_number;

/// How long a finished job is kept (BullMQ `removeOnComplete` and `removeOnFail`).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Retention {
    /// At most this many finished jobs of the state are kept; `Some(0)` removes the job at once.
    pub count: Option<u64>,
    /// A finished job older than this many seconds is removed at the next finish.
    pub age_seconds: Option<u64>,
    /// The most jobs that one finish removes for their age, the newest of them; 1,000 at most
    /// and if not given.
    pub limit: Option<u64>,
}

impl Retention {
    /// Keeps every job for ever.
    pub const ALL: Self = Self { count: None, age_seconds: None, limit: None };
    /// Removes the job when it finishes.
    pub const NONE: Self = Self { count: Some(0), ..Self::ALL };
    /// The most jobs that one finish removes for their age if its option does not say.
    pub const LIMIT_DEFAULT: u64 = 1000;

    /// Keeps this many jobs.
    #[must_use]
    pub const fn newest(count: u64) -> Self {
        Self { count: Some(count), ..Self::ALL }
    }

    /// Keeps each job for this many seconds.
    #[must_use]
    pub const fn seconds(age: u64) -> Self {
        Self { age_seconds: Some(age), ..Self::ALL }
    }

    /// Writes BullMQ's option.
    pub(super) fn to_wire(self) -> Value {
        match self {
            Self { count: None, age_seconds: None, .. } => false.into(),
            Self { count: Some(0), age_seconds: None, .. } => true.into(),
            Self { count: Some(count), age_seconds: None, .. } => count.into(),
            Self { count, age_seconds: Some(age), limit } => {
                let mut wire = serde_json::json!({ "age": age });
                for (name, number) in [("count", count), ("limit", limit)] {
                    if let Some(number) = number {
                        wire[name] = number.into();
                    }
                }
                wire
            }
        }
    }

    /// Reads BullMQ's option; nothing when it means nothing.
    pub(super) fn from_wire(wire: &Value) -> Option<Self> {
        match wire {
            Value::Bool(true) => Some(Self::NONE),
            Value::Bool(false) => Some(Self::ALL),
            Value::Number(number) => Some(Self { count: number.as_u64(), ..Self::ALL }),
            Value::Object(members) => {
                let number = |name| members.get(name).and_then(as_number);
                let (count, age_seconds, limit) = (number("count"), number("age"), number("limit"));
                Some(Self { count, age_seconds, limit })
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retention_survives_the_wire() {
        let aged = Retention::seconds(60);
        let all = [
            Retention::ALL,
            Retention::NONE,
            Retention::newest(7),
            aged,
            Retention { count: Some(2), ..aged },
            Retention { limit: Some(3), ..aged },
        ];
        for keep in all {
            assert_eq!(Retention::from_wire(&keep.to_wire()), Some(keep));
        }
    }
}
