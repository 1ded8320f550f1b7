//! The way down: stop claiming, let what runs finish, hand back the rest unused.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use futures::future::join_all;
use oxherd_queue::worker::Stop;
use tokio::time::{Instant, timeout_at};

use crate::queue_supervisor::context::QueueContext;

/// The longest part of the grace that is kept for handing back and for stopping the tree.
const LAST_WORDS: Duration = Duration::from_secs(5);

/// Brings queues to rest within the grace; tells whether nothing is left to the stalled sweep of
/// other processes.
pub(crate) async fn bring_to_rest(queues: &[Arc<QueueContext>], grace: Duration) -> bool {
    let now = Instant::now();
    let kept = LAST_WORDS.min(grace / 5);
    for queue in queues {
        queue.is_draining.store(true, Ordering::Relaxed);
        queue.nudge_consumer();
    }
    let at_rest = || join_all(queues.iter().map(|queue| queue.slots.all_idle()));
    if timeout_at(now + grace - kept, at_rest()).await.is_ok() {
        return true;
    }
    let held: usize = queues.iter().map(|queue| queue.slots.held()).sum();
    tracing::warn!("{held} jobs are handed back: the grace is over");
    queues.iter().for_each(|queue| queue.locks.stop_all(Stop::Shutdown));
    timeout_at(now + grace - kept / 4, at_rest()).await.is_ok()
}
