//! Where the time comes from.
//!
//! Never calls the system clock anywhere else in this crate, so that tests run in virtual time.

use std::fmt::Debug;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A source of the current time.
pub trait Clock: Debug + Send + Sync + 'static {
    /// Returns the milliseconds since the Unix epoch.
    fn now_ms(&self) -> u64;
}

/// A clock that many owners share.
pub type SharedClock = Arc<dyn Clock>;

/// The clock of the machine.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now_ms(&self) -> u64 {
        SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |since| u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
    }
}

/// A clock that follows tokio's timer, and so stands still or jumps with `tokio::time::pause`.
#[derive(Debug, Clone, Copy)]
pub struct TokioClock {
    epoch_ms: u64,
    started: tokio::time::Instant,
}

impl TokioClock {
    /// Starts a clock that shows `epoch_ms` now.
    #[must_use]
    pub fn starting_at(epoch_ms: u64) -> Self {
        Self { epoch_ms, started: tokio::time::Instant::now() }
    }
}

impl Clock for TokioClock {
    fn now_ms(&self) -> u64 {
        let elapsed = self.started.elapsed().as_millis();
        self.epoch_ms.saturating_add(u64::try_from(elapsed).unwrap_or(u64::MAX))
    }
}

/// A clock that stands still until it is moved by hand.
#[derive(Debug)]
pub struct ManualClock(AtomicU64);

impl ManualClock {
    /// Makes a clock that shows `epoch_ms`.
    #[must_use]
    pub fn starting_at(epoch_ms: u64) -> Self {
        Self(AtomicU64::new(epoch_ms))
    }

    /// Moves it on.
    pub fn advance(&self, by: Duration) {
        let by_ms = u64::try_from(by.as_millis()).unwrap_or(u64::MAX);
        self.0.fetch_add(by_ms, Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now_ms(&self) -> u64 {
        self.0.load(Ordering::SeqCst)
    }
}
