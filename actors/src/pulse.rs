//! Whether the queue's store answers, as seen by whoever talks to it.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// What is known about the answers of a store.
#[derive(Debug, Default)]
pub(crate) struct Pulse {
    beat: Mutex<Beat>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Beat {
    answered: Option<Instant>,
    /// The first failure since the last answer.
    away_since: Option<Instant>,
}

impl Pulse {
    /// Notes an answer.
    pub(crate) fn answered(&self) {
        self.set(Beat { answered: Some(Instant::now()), away_since: None });
    }

    /// Notes a failure that began `since`.
    pub(crate) fn failed(&self, since: Instant) {
        let mut beat = self.beat.lock().unwrap_or_else(PoisonError::into_inner);
        if beat.away_since.is_none() && beat.answered.is_none_or(|at| at <= since) {
            beat.away_since = Some(since);
        }
    }

    /// Tells whether it answered within the last `age`.
    pub(crate) fn is_fresh(&self, age: Duration) -> bool {
        let beat = self.get();
        beat.away_since.is_none() && beat.answered.is_some_and(|at| at.elapsed() < age)
    }

    /// Returns for how long it has not answered; `None` while it does.
    pub(crate) fn away_for(&self) -> Option<Duration> {
        self.get().away_since.map(|since| since.elapsed())
    }

    fn get(&self) -> Beat {
        *self.beat.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set(&self, beat: Beat) {
        *self.beat.lock().unwrap_or_else(PoisonError::into_inner) = beat;
    }
}
