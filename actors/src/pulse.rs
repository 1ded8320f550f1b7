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
    /// The newest failure.
    failed: Option<Instant>,
}

impl Pulse {
    /// Notes an answer.
    pub(crate) fn answered(&self) {
        self.set(Beat { answered: Some(Instant::now()), away_since: None, failed: None });
    }

    /// Notes a failure that began `since`.
    pub(crate) fn failed(&self, since: Instant) {
        let mut beat = self.beat.lock().unwrap_or_else(PoisonError::into_inner);
        beat.failed = Some(Instant::now());
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

    /// Tells whether the last failure is so long ago that it may be asked again.
    pub(crate) fn may_ask_again(&self, pause: Duration) -> bool {
        self.get().failed.is_none_or(|at| at.elapsed() >= pause)
    }

    fn get(&self) -> Beat {
        *self.beat.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set(&self, beat: Beat) {
        *self.beat.lock().unwrap_or_else(PoisonError::into_inner) = beat;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_store_is_away_from_its_first_failure_until_it_answers() {
        let pulse = Pulse::default();
        assert!(!pulse.is_fresh(Duration::from_secs(1)));
        assert_eq!(pulse.away_for(), None);

        let long_ago = Instant::now() - Duration::from_secs(3);
        pulse.failed(long_ago);
        pulse.failed(Instant::now());
        assert!(pulse.away_for().unwrap() >= Duration::from_secs(3));
        assert!(!pulse.may_ask_again(Duration::from_secs(1)));

        pulse.answered();
        assert_eq!(pulse.away_for(), None);
        assert!(pulse.is_fresh(Duration::from_secs(1)));
    }

    #[test]
    fn a_failure_of_a_call_that_began_before_the_last_answer_says_nothing() {
        let pulse = Pulse::default();
        let before = Instant::now() - Duration::from_secs(3);
        pulse.answered();
        pulse.failed(before);
        assert_eq!(pulse.away_for(), None);
    }
}
