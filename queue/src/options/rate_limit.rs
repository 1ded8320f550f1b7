//! How many jobs may be started in a time.

use std::time::Duration;

use super::millis;
use crate::error::QueueError;

/// At most so many starts in each window of time; a window begins with its first start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateLimit {
    /// The most starts in a window, at least 1.
    pub max: u64,
    /// The length of a window, at least 1 ms.
    pub duration: Duration,
}

impl RateLimit {
    /// The highest number that every client can count to, 2^53 - 1.
    pub const MAX: u64 = (1 << 53) - 1;

    /// Allows `max` starts in each window.
    #[must_use]
    pub fn new(max: u64, duration: Duration) -> Self {
        Self { max, duration }
    }

    /// Checks that the limit lets something through and can be counted.
    ///
    /// # Errors
    /// [`QueueError::Invalid`] saying what would be accepted.
    pub fn check(&self) -> Result<(), QueueError> {
        if !(1..=Self::MAX).contains(&self.max) {
            let why = format!("{} starts; 1 to {} may be allowed", self.max, Self::MAX);
            return Err(QueueError::Invalid { what: "rate limit", why });
        }
        check_window(self.duration)
    }

    pub(crate) fn duration_ms(&self) -> u64 {
        millis(self.duration)
    }
}

/// Checks the length of a window.
///
/// # Errors
/// [`QueueError::Invalid`] when it is under a millisecond or longer than clients can count.
pub(crate) fn check_window(duration: Duration) -> Result<(), QueueError> {
    if (1..=RateLimit::MAX).contains(&millis(duration)) {
        return Ok(());
    }
    let why = format!("a window of {duration:?}; it must have at least 1 ms");
    Err(QueueError::Invalid { what: "rate limit", why })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_that_lets_nothing_through_is_refused() {
        let check = |max, ms| RateLimit::new(max, Duration::from_millis(ms)).check();
        assert!(check(1, 1).is_ok());
        for (max, ms) in [(0, 1), (1, 0), (RateLimit::MAX + 1, 1)] {
            let error = check(max, ms).unwrap_err().to_string();
            assert!(error.contains("rate limit"), "{error}");
        }
    }
}
