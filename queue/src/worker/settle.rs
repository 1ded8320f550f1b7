//! Tells the store how runs ended, for as long as it takes.

use std::time::Duration;

use rand::RngExt as _;

use crate::backend::{Backend, Claim, Claimed, Turn};
use crate::error::QueueError;
use crate::outcome::{Settled, Settlement};

/// What is reported for a settlement that the store refuses whoever holds the job.
pub const REFUSED: &str = "refused by the store";

const PAUSE_MIN: Duration = Duration::from_millis(50);
const PAUSE_MAX: Duration = Duration::from_secs(2);

/// Settles, and claims the next jobs in the same trip; repeats while the store is away.
///
/// It never gives up by itself: the locks are renewed elsewhere meanwhile, and a lost one is
/// answered as [`Settled::Lost`]. The claim is asked for once only, since an unanswered one may
/// have taken jobs. A settlement that the store refuses is told apart from its neighbours and
/// reported as lost.
pub async fn settle_until_told(
    backend: &dyn Backend,
    settlements: Vec<Settlement>,
    next: Option<&Claim>,
) -> Turn {
    let error = match backend.settle(settlements.clone(), next).await {
        Ok(turn) => return turn,
        Err(error) => error,
    };
    if error.is_transient() {
        return repeat(backend, settlements, &error).await;
    }
    one_by_one(backend, settlements, &error).await
}

async fn repeat(backend: &dyn Backend, settlements: Vec<Settlement>, first: &QueueError) -> Turn {
    tracing::warn!("{} outcomes not told yet: {first}", settlements.len());
    let mut pause = PAUSE_MIN;
    loop {
        tokio::time::sleep(jittered(pause)).await;
        pause = (pause * 2).min(PAUSE_MAX);
        match backend.settle(settlements.clone(), None).await {
            Ok(turn) => return turn,
            Err(error) if error.is_transient() => {}
            Err(error) => return one_by_one(backend, settlements, &error).await,
        }
    }
}

async fn one_by_one(
    backend: &dyn Backend,
    settlements: Vec<Settlement>,
    error: &QueueError,
) -> Turn {
    if let [settlement] = &settlements[..] {
        let id = &settlement.id;
        tracing::error!(job.id = %id, "the outcome of job {id} cannot be stored: {error}");
        let settled = vec![Settled::Lost { found: REFUSED }];
        return Turn { settled, claimed: Claimed::default() };
    }
    let mut settled = Vec::with_capacity(settlements.len());
    for settlement in settlements {
        // Boxed, since the recursion (one level deep) would have an endless type.
        let turn = Box::pin(settle_until_told(backend, vec![settlement], None)).await;
        settled.extend(turn.settled);
    }
    Turn { settled, claimed: Claimed::default() }
}

/// Returns a random part of the pause, at least half of it.
pub(crate) fn jittered(pause: Duration) -> Duration {
    pause.mul_f64(rand::rng().random_range(0.5..=1.0))
}
