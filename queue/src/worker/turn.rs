//! One round trip of the driver: tell the store what ended, claim what comes next.

use std::sync::Arc;

use crate::backend::{Claim, Claimed};
use crate::error::Result;
use crate::outcome::{Failure, Settled};
use crate::worker::attempt::{Ended, Shared};
use crate::worker::finish::{FAILED_FOR_GOOD_DEADLINE, tell};
use crate::worker::settle_until_told;

/// What a turn brought.
pub(crate) struct TurnEnd {
    /// How many outcomes it told.
    pub(crate) told: usize,
    /// How many jobs it asked for.
    pub(crate) asked: usize,
    /// The jobs, or why there are none.
    pub(crate) claimed: Result<Claimed>,
}

impl Shared {
    /// Settles what ended and claims up to `max` jobs.
    pub(crate) async fn turn(self: Arc<Self>, ended: Vec<Ended>, max: usize) -> TurnEnd {
        let told = ended.len();
        let claim = (max > 0).then(|| self.options.claim(max));
        let claimed = match &claim {
            Some(claim) if ended.is_empty() => self.backend.claim(claim).await,
            _ => Ok(self.settle(ended, claim.as_ref()).await),
        };
        TurnEnd { told, asked: max, claimed }
    }

    async fn settle(&self, ended: Vec<Ended>, next: Option<&Claim>) -> Claimed {
        let (known, lost): (Vec<_>, Vec<_>) =
            ended.into_iter().partition(|ended| ended.decision.settlement.is_some());
        for ended in &lost {
            self.locks.remove(&ended.job.job.id, &ended.job.token);
        }
        let settlements = known.iter().filter_map(|e| e.decision.settlement.clone()).collect();
        let turn = settle_until_told(&*self.backend, settlements, next).await;
        for (ended, settled) in known.iter().zip(&turn.settled) {
            self.locks.remove(&ended.job.job.id, &ended.job.token);
            self.confirmed(ended, settled).await;
        }
        turn.claimed
    }

    async fn confirmed(&self, ended: &Ended, settled: &Settled) {
        let id = &ended.job.job.id;
        match settled {
            Settled::Lost { found } => {
                tracing::warn!(job.id = %id, "lock lost for job {id}, its outcome is void: {found}");
            }
            Settled::Done { cancelled: true, .. } => self.tell_cancelled(ended).await,
            Settled::Done { state, attempts_made, .. } => {
                tracing::debug!(job.id = %id, %state, attempts_made, "job {id} is {state}");
            }
        }
    }

    /// The store turned the verdict into a cancellation that the run had not heard of.
    async fn tell_cancelled(&self, ended: &Ended) {
        let failure = Failure::cancelled();
        let known = ended.decision.terminal_failure.as_ref() == Some(&failure);
        let Some(processor) = ended.processor.as_ref().filter(|_| !known) else { return };
        let told = tell(&**processor, &ended.job, &failure, FAILED_FOR_GOOD_DEADLINE).await;
        if let Err(cause) = told {
            let id = &ended.job.job.id;
            tracing::warn!(job.id = %id, "cancellation of job {id} not told: {cause}");
        }
    }
}
