//! The locks that this process holds, and their renewal.
//!
//! Never decides whether a job runs; it only passes on that a run should stop.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::backend::{Backend, Held, Renewal};
use crate::error::Result;
use crate::job::{ClaimedJob, JobId, Token};
use crate::worker::{Stop, StopSender};

/// The table of held locks, shared by those who run jobs and the one who renews.
///
/// A job stands in it from its claim until the store has confirmed its settlement.
#[derive(Debug, Default)]
pub struct HeldLocks {
    runs: Mutex<HashMap<JobId, HeldRun>>,
}

#[derive(Debug)]
struct HeldRun {
    token: Token,
    stop: StopSender,
}

impl HeldLocks {
    /// Enters a job that was claimed. If an older run of it goes on here, its lock is lost.
    pub fn insert(&self, job: &ClaimedJob, stop: StopSender) {
        let run = HeldRun { token: job.token.clone(), stop };
        if let Some(older) = self.runs().insert(job.job.id.clone(), run)
            && older.token != job.token
        {
            older.stop.stop(Stop::LockLost);
        }
    }

    /// Takes out a job that is settled; leaves it in when it was claimed anew since.
    pub fn remove(&self, id: &JobId, token: &Token) {
        let mut runs = self.runs();
        if runs.get(id).is_some_and(|run| run.token == *token) {
            runs.remove(id);
        }
    }

    /// Returns all held locks.
    #[must_use]
    pub fn held(&self) -> Vec<Held> {
        let runs = self.runs();
        runs.iter().map(|(id, run)| Held { id: id.clone(), token: run.token.clone() }).collect()
    }

    /// Returns how many locks are held.
    #[must_use]
    pub fn len(&self) -> usize {
        self.runs().len()
    }

    /// Tells whether no lock is held.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.runs().is_empty()
    }

    /// Tells one run to stop; returns whether it was found.
    pub fn stop(&self, id: &JobId, reason: Stop) -> bool {
        self.runs().get(id).is_some_and(|run| {
            run.stop.stop(reason);
            true
        })
    }

    /// Tells every run to stop.
    pub fn stop_all(&self, reason: Stop) {
        for run in self.runs().values() {
            run.stop.stop(reason);
        }
    }

    fn stop_held(&self, held: &Held, reason: Stop) {
        if let Some(run) = self.runs().get(&held.id).filter(|run| run.token == held.token) {
            run.stop.stop(reason);
        }
    }

    fn runs(&self) -> MutexGuard<'_, HashMap<JobId, HeldRun>> {
        // No code that can panic runs under this lock.
        self.runs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Renews every held lock and tells the runs whose lock was lost or whose job was cancelled.
///
/// # Errors
/// When the store does not answer: then nothing is known, and no run is stopped.
pub async fn renew_all(
    backend: &dyn Backend,
    locks: &HeldLocks,
    lock: Duration,
) -> Result<Renewal> {
    let held = locks.held();
    if held.is_empty() {
        return Ok(Renewal::default());
    }
    let renewal = backend.renew(&held, lock).await?;
    let found = |ids: &[JobId], reason| {
        for held in held.iter().filter(|held| ids.contains(&held.id)) {
            locks.stop_held(held, reason);
        }
    };
    found(&renewal.lost, Stop::LockLost);
    found(&renewal.cancelled, Stop::Cancelled);
    Ok(renewal)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::worker::tests::claimed;

    #[test]
    fn a_late_settlement_does_not_drop_the_lock_of_a_newer_claim() {
        let (old, new) = (claimed("a"), claimed("a"));
        let locks = HeldLocks::default();
        locks.insert(&old, StopSender::new());
        locks.insert(&new, StopSender::new());

        locks.remove(&old.job.id, &old.token);

        assert_eq!(locks.held().len(), 1);
        assert_eq!(locks.held()[0].token, new.token);
    }

    #[test]
    fn a_newer_claim_stops_the_older_run_of_the_same_job() {
        let (old, new) = (claimed("a"), claimed("a"));
        let locks = HeldLocks::default();
        let stop = StopSender::new();
        locks.insert(&old, stop.clone());
        assert_eq!(stop.reason(), None);

        locks.insert(&new, StopSender::new());

        assert_eq!(stop.reason(), Some(Stop::LockLost));
    }

    #[test]
    fn only_the_run_that_held_the_lock_is_stopped() {
        let (old, new) = (claimed("a"), claimed("a"));
        let locks = HeldLocks::default();
        let stop = StopSender::new();
        locks.insert(&new, stop.clone());

        let stale = Held { id: old.job.id.clone(), token: old.token.clone() };
        locks.stop_held(&stale, Stop::LockLost);
        assert_eq!(stop.reason(), None);

        let own = Held { id: new.job.id.clone(), token: new.token.clone() };
        locks.stop_held(&own, Stop::LockLost);
        assert_eq!(stop.reason(), Some(Stop::LockLost));
    }
}
