//! The pause between the attempts of a job.
//!
//! Never counts attempts.

use std::time::Duration;

use rand::RngExt as _;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{as_number, millis};
use crate::error::QueueError;

/// The pause before the next attempt of a failed job.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Backoff {
    /// How the pause grows.
    pub kind: BackoffKind,
    /// The base pause in milliseconds.
    pub delay_ms: u64,
    /// The random share of the pause, 0 (none) to 1 (all of it).
    pub jitter: f64,
}

/// How the pause grows with the attempts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum BackoffKind {
    /// Always the base.
    Fixed,
    /// The base, doubled with every attempt after the first.
    Exponential,
}

/// The longest pause between two attempts: a day.
pub const BACKOFF_MAX: Duration = Duration::from_secs(24 * 60 * 60);

impl Backoff {
    /// A constant pause.
    #[must_use]
    pub fn fixed(delay: Duration) -> Self {
        Self { kind: BackoffKind::Fixed, delay_ms: millis(delay), jitter: 0.0 }
    }

    /// A pause that doubles with each attempt.
    #[must_use]
    pub fn exponential(delay: Duration) -> Self {
        Self { kind: BackoffKind::Exponential, delay_ms: millis(delay), jitter: 0.0 }
    }

    /// Makes the given share of each pause random.
    #[must_use]
    pub fn with_jitter(self, jitter: f64) -> Self {
        Self { jitter: jitter.clamp(0.0, 1.0), ..self }
    }

    /// Checks that the random share is one.
    ///
    /// # Errors
    /// [`QueueError::Invalid`] when it is not 0 to 1.
    pub fn check(&self) -> Result<(), QueueError> {
        if (0.0..=1.0).contains(&self.jitter) {
            return Ok(());
        }
        let why = format!("{} is not 0 to 1", self.jitter);
        Err(QueueError::Invalid { what: "jitter", why })
    }

    /// Returns the pause after the `attempts_made`-th attempt failed (1 for the first), as BullMQ
    /// computes it, but never above [`BACKOFF_MAX`].
    #[must_use]
    pub fn pause(&self, attempts_made: u32) -> Duration {
        self.pause_with(attempts_made, rand::rng().random::<f64>())
    }

    fn pause_with(&self, attempts_made: u32, uniform: f64) -> Duration {
        let jitter = self.jitter.clamp(0.0, 1.0);
        let doublings = match self.kind {
            BackoffKind::Fixed => 0,
            BackoffKind::Exponential => attempts_made.saturating_sub(1).min(62),
        };
        let cap = millis(BACKOFF_MAX);
        let full = self.delay_ms.saturating_mul(1 << doublings).min(cap);
        if jitter <= 0.0 {
            return Duration::from_millis(full);
        }
        #[expect(clippy::cast_precision_loss, reason = "at most a day in milliseconds")]
        let full = full as f64;
        let pause = (uniform * full * jitter + full * (1.0 - jitter)).floor();
        Duration::from_secs_f64(pause / 1000.0)
    }

    /// Writes BullMQ's `backoff` object.
    pub(super) fn to_wire(self) -> Value {
        let kind = match self.kind {
            BackoffKind::Fixed => "fixed",
            BackoffKind::Exponential => "exponential",
        };
        let mut wire = serde_json::json!({ "type": kind, "delay": self.delay_ms });
        if self.jitter > 0.0 {
            wire["jitter"] = self.jitter.into();
        }
        wire
    }

    /// Reads BullMQ's `backoff`; a bare number is a fixed one.
    pub(super) fn from_wire(wire: &Value) -> Result<Option<Self>, String> {
        if wire.is_null() {
            return Ok(None);
        }
        if let Some(delay_ms) = as_number(wire) {
            return Ok((delay_ms > 0).then(|| Backoff::fixed(Duration::from_millis(delay_ms))));
        }
        let kind = match wire.get("type").and_then(Value::as_str) {
            Some("fixed") => BackoffKind::Fixed,
            Some("exponential") => BackoffKind::Exponential,
            Some(other) => return Err(format!("backoff type {other:?} is not known here")),
            None => return Ok(None),
        };
        let delay_ms = wire.get("delay").and_then(as_number).unwrap_or(0);
        let jitter = wire.get("jitter").and_then(Value::as_f64).unwrap_or(0.0);
        Ok(Some(Backoff { kind, delay_ms, jitter }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exponential_backoff_doubles_from_the_base() {
        let backoff = Backoff::exponential(Duration::from_secs(1));
        let pauses: Vec<_> = (1..=4).map(|made| backoff.pause(made).as_secs()).collect();
        assert_eq!(pauses, [1, 2, 4, 8]);
    }

    #[test]
    fn jitter_takes_only_its_share_of_the_pause() {
        let backoff = Backoff::fixed(Duration::from_secs(10)).with_jitter(0.5);
        assert_eq!(backoff.pause_with(1, 0.0), Duration::from_secs(5));
        assert_eq!(backoff.pause_with(1, 0.5), Duration::from_millis(7500));
    }

    #[test]
    fn backoff_never_passes_its_cap() {
        let backoff = Backoff::exponential(Duration::from_secs(3600));
        assert_eq!(backoff.pause(200), BACKOFF_MAX);
    }
}
