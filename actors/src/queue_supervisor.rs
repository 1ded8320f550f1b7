//! The supervisor of one queue: its parts, one for one, and what they share.
//!
//! ```text
//! QueueSupervisor      5 in 30 s; over it, the root replaces it whole
//! ├─ LockKeeper        renews what is held
//! ├─ QueueConsumer     claims and settles
//! ├─ WorkerPool        slots
//! ├─ StalledSweeper    takes back what dead workers held
//! └─ Scheduler         wakes delayed jobs
//! ```
//! Everything a part needs stands in the shared context or in the store, so any of them can be
//! replaced while the others go on.

pub(crate) mod context;
pub(crate) mod panics;
pub(crate) mod slots;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use serde_json::{Map, Value};

use self::context::QueueContext;
use crate::mailbox::Mailbox;
use crate::restart::Intensity;
use crate::supervisor::{ChildSpec, SupervisorSpec};
use crate::tree::live::Branch;
use crate::{lock_keeper, queue_consumer, scheduler, stalled_sweeper, worker_pool};

/// How long one look at a turn that is under way waits for its end.
const UNDER_WAY: Duration = Duration::from_millis(20);

/// Describes the supervisor of a queue.
pub(crate) fn spec(context: &Arc<QueueContext>) -> SupervisorSpec {
    let children = vec![
        lock_keeper(context),
        consumer(context),
        worker_pool::spec(context).into_child(),
        stalled_sweeper(context),
        scheduler(context),
    ];
    let (name, clock) = (&context.name, &context.clock);
    SupervisorSpec::new(name, "QueueSupervisor", clock, Intensity::BRANCH, children)
}

fn branch<M: Send + 'static>(
    kind: &'static str,
    context: &QueueContext,
    mailbox: &Arc<Mailbox<M>>,
) -> Branch {
    Branch::new(kind, kind, &context.clock, mailbox)
}

fn lock_keeper(context: &Arc<QueueContext>) -> ChildSpec {
    let mailbox = Mailbox::new();
    let (shown, context) = (Arc::clone(context), Arc::clone(context));
    let branch = branch("LockKeeper", &context, &mailbox).with_details(Box::new(move || {
        Map::from_iter([("locks".to_owned(), Value::from(shown.locks.len()))])
    }));
    ChildSpec::permanent(Arc::new(branch), move || {
        let args =
            lock_keeper::Args { context: Arc::clone(&context), mailbox: Arc::clone(&mailbox) };
        (lock_keeper::LockKeeper, args)
    })
}

fn consumer(context: &Arc<QueueContext>) -> ChildSpec {
    let (shown, context) = (Arc::clone(context), Arc::clone(context));
    let branch = branch("QueueConsumer", &context, &context.consumer)
        .with_details(Box::new(move || consumer_details(&shown)));
    ChildSpec::permanent(Arc::new(branch), move || {
        (queue_consumer::QueueConsumer, Arc::clone(&context))
    })
}

fn consumer_details(context: &QueueContext) -> Map<String, Value> {
    let fetched_ms = context.fetched_ms.load(Ordering::Relaxed);
    let age_ms = (fetched_ms > 0).then(|| context.clock.now_ms().saturating_sub(fetched_ms));
    let mut details = Map::new();
    details.insert("lastFetchAgeMs".to_owned(), age_ms.into());
    details.insert("running".to_owned(), context.slots.held().into());
    details.insert("idleSlots".to_owned(), context.slots.idle().into());
    let paused = context.panics.paused();
    if !paused.is_empty() {
        details.insert("pausedJobNames".to_owned(), paused.into());
    }
    details
}

fn stalled_sweeper(context: &Arc<QueueContext>) -> ChildSpec {
    let mailbox = Mailbox::new();
    let branch = branch("StalledSweeper", context, &mailbox);
    let context = Arc::clone(context);
    ChildSpec::permanent(Arc::new(branch), move || {
        let args =
            stalled_sweeper::Args { context: Arc::clone(&context), mailbox: Arc::clone(&mailbox) };
        (stalled_sweeper::StalledSweeper, args)
    })
}

fn scheduler(context: &Arc<QueueContext>) -> ChildSpec {
    let branch = branch("Scheduler", context, &context.scheduler);
    let context = Arc::clone(context);
    ChildSpec::permanent(Arc::new(branch), move || (scheduler::Scheduler, Arc::clone(&context)))
}

/// Hands back what the slots of a queue hold, when no actor is left to do it; also what a turn that
/// is still under way brings.
pub(crate) async fn hand_back_everything(context: &Arc<QueueContext>, deadline: Duration) {
    context.is_draining.store(true, Ordering::Relaxed);
    let given_back = async {
        while context.slots.idle() < context.slot_mailboxes.len() {
            for (slot, assignment) in context.slots.all_held() {
                worker_pool::hand_back(context, slot, assignment);
            }
            if context.slots.ended() > 0 {
                queue_consumer::tell_what_ended(context);
            }
            let _ = tokio::time::timeout(UNDER_WAY, context.slots.all_idle()).await;
        }
    };
    if tokio::time::timeout(deadline, given_back).await.is_err() {
        tracing::warn!("jobs of {} are left to the stalled sweep", context.name);
    }
}
