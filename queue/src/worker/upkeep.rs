//! The two tasks beside the driver's loop: renewal of the locks, and the stalled sweep.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, MissedTickBehavior, interval};

use crate::worker::attempt::Shared;
use crate::worker::{renew_all, sweep};

/// The pause after a renewal that the store did not answer: well under the rest of the lock.
const RENEWED_AGAIN_AFTER: Duration = Duration::from_secs(1);

/// Renews the held locks for as long as the driver lives.
pub(crate) async fn renew_for_ever(shared: Arc<Shared>) {
    let every = shared.options.renew_every;
    loop {
        tokio::time::sleep(every).await;
        while let Err(error) = renew_all(&*shared.backend, &shared.locks, shared.options.lock).await
        {
            tracing::warn!("{} locks not renewed: {error}", shared.locks.len());
            tokio::time::sleep(RENEWED_AGAIN_AFTER.min(every)).await;
        }
    }
}

/// Sweeps at once and then regularly: often while jobs run here, seldom else.
pub(crate) async fn sweep_for_ever(shared: Arc<Shared>) {
    let mut ticks = interval(shared.options.stalled_every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut swept: Option<Instant> = None;
    loop {
        ticks.tick().await;
        let pause = shared.options.sweep_pause(shared.locks.len());
        // A tick comes a little early or late; half a tick of tolerance keeps the rhythm.
        let due = pause.saturating_sub(shared.options.stalled_every / 2);
        if swept.is_some_and(|at| at.elapsed() < due) {
            continue;
        }
        match sweep(&*shared.backend, &shared.options).await {
            Ok(_) => swept = Some(Instant::now()),
            Err(error) => tracing::warn!("the stalled sweep failed: {error}"),
        }
    }
}
