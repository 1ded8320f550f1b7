//! When a child was last seen doing something.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

/// The last sign of life.
pub(super) struct Activity {
    started: Instant,
    last_ms: AtomicU64,
}

impl Activity {
    /// Begins now.
    pub(super) fn begin() -> Self {
        Self { started: Instant::now(), last_ms: AtomicU64::new(0) }
    }

    /// Notes a sign of life.
    pub(super) fn note(&self) {
        let passed = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.last_ms.store(passed, Ordering::Relaxed);
    }

    /// Waits until there was none for so long.
    pub(super) async fn silent_for(&self, silence: Duration) {
        loop {
            let last = Duration::from_millis(self.last_ms.load(Ordering::Relaxed));
            let deadline = self.started + last + silence;
            if deadline <= Instant::now() {
                return;
            }
            sleep_until(deadline).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_sign_of_life_starts_the_wait_again() {
        let activity = Activity::begin();
        let begun = Instant::now();
        tokio::time::sleep(Duration::from_millis(60)).await;
        activity.note();

        activity.silent_for(Duration::from_millis(100)).await;

        assert!(begun.elapsed() >= Duration::from_millis(155), "{:?}", begun.elapsed());
    }
}
