//! Faults on purpose, for tests of the whole program: a part crashes, handlers panic.
//!
//! Without the setting that allows them there is nothing to call: no handler is wrapped.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use oxherd_queue::Payload;
use oxherd_queue::job::ClaimedJob;
use oxherd_queue::outcome::{Failure, JobError};
use oxherd_queue::worker::{JobContext, Processor};

/// Crashes the actor at a path; tells whether there was one.
pub type Crash = Arc<dyn Fn(&str) -> bool + Send + Sync>;

/// Crashes parts of the tree and makes handlers panic, where the options allow it.
#[derive(Clone, Default)]
pub struct Faults {
    crash: Option<Crash>,
    panics: Panics,
}

impl Faults {
    /// Allows faults.
    #[must_use]
    pub fn allowed(crash: Crash, panics: Panics) -> Self {
        Self { crash: Some(crash), panics }
    }

    /// Tells whether faults are allowed here.
    #[must_use]
    pub fn are_allowed(&self) -> bool {
        self.crash.is_some()
    }

    /// Crashes the actor at a path of names below the root, e.g. `StatusCache` or
    /// `material-processing/QueueConsumer`; `false` when there is none or faults are not allowed.
    #[must_use]
    pub fn crash(&self, path: &str) -> bool {
        self.crash.as_ref().is_some_and(|crash| crash(path))
    }

    /// Makes every n-th run of a job panic from now on; 0 ends it.
    pub fn panic_every(&self, nth: u64) {
        self.panics.every.store(nth, Ordering::Relaxed);
    }
}

impl fmt::Debug for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Faults").field("allowed", &self.are_allowed()).finish()
    }
}

/// Which runs panic.
#[derive(Clone, Debug, Default)]
pub struct Panics {
    every: Arc<AtomicU64>,
    runs: Arc<AtomicU64>,
}

impl Panics {
    /// Wraps a handler, so that its runs panic as asked.
    pub(crate) fn around(&self, handler: Arc<dyn Processor>) -> Arc<dyn Processor> {
        Arc::new(Panicking { handler, panics: self.clone() })
    }

    fn is_next(&self) -> bool {
        let every = self.every.load(Ordering::Relaxed);
        let run = self.runs.fetch_add(1, Ordering::Relaxed) + 1;
        every > 0 && run.is_multiple_of(every)
    }
}

struct Panicking {
    handler: Arc<dyn Processor>,
    panics: Panics,
}

#[async_trait]
impl Processor for Panicking {
    /// # Panics
    /// When a test asked for it; that is its purpose.
    async fn run(&self, job: &ClaimedJob, context: &JobContext) -> Result<Payload, JobError> {
        assert!(!self.panics.is_next(), "a handler panicked on request of a test");
        self.handler.run(job, context).await
    }

    async fn failed_for_good(&self, job: &ClaimedJob, failure: &Failure) -> Result<(), JobError> {
        self.handler.failed_for_good(job, failure).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_third_run_panics_until_it_is_ended() {
        let panics = Panics::default();
        let faults = Faults::allowed(Arc::new(|_| true), panics.clone());

        assert!((0..9).all(|_| !panics.is_next()), "nobody asked yet");
        faults.panic_every(3);
        assert_eq!((0..9).filter(|_| panics.is_next()).count(), 3);
        faults.panic_every(0);
        assert!((0..9).all(|_| !panics.is_next()));
    }
}
