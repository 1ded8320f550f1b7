//! Keeps the records of recent jobs alive: saves them in batches, and follows what other processes
//! do by the event stream of each queue.
//!
//! Place in the tree: below the root. The records themselves outlive it, so that streams of clients
//! do; after a crash they are checked against the stores before they are believed.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use oxherd_queue::worker::Stop;
use oxherd_queue::{EventKind, Position, QueueError};
use ractor::{Actor, ActorProcessingErr, ActorRef, SupervisionEvent};
use tokio::sync::Notify;
use tokio::time::{Instant, sleep};

use crate::mailbox::{Envelope, Mailbox};
use crate::queue_supervisor::context::QueueContext;
use crate::records::Records;
use crate::task::OwnedTask;

/// The most events in one page.
const PAGE: usize = 500;
/// How long a read of the event stream waits for the first one.
const BLOCK: Duration = Duration::from_secs(25);
/// The pause after a store did not answer.
const AWAY_PAUSE: Duration = Duration::from_secs(1);

/// What the cache is told.
pub(crate) enum Message {
    /// A part of its work ended, which none ever should.
    Ended(String),
}

/// The event stream of a queue, and how far it was read.
pub(crate) struct Tail {
    queue: Arc<QueueContext>,
    read_to: Mutex<Option<Position>>,
}

impl Tail {
    pub(crate) fn of(queue: &Arc<QueueContext>) -> Arc<Self> {
        Arc::new(Self { queue: Arc::clone(queue), read_to: Mutex::new(None) })
    }
}

/// What the cache is made of.
#[derive(Clone)]
pub(crate) struct Args {
    pub(crate) mailbox: Arc<Mailbox<Message>>,
    pub(crate) records: Records,
    pub(crate) tails: Vec<Arc<Tail>>,
    /// Wakes the reconciler when a job ended elsewhere.
    pub(crate) ended_elsewhere: Arc<Notify>,
}

/// The actor.
pub(crate) struct StatusCache;

/// Its work.
pub(crate) struct State {
    _work: Vec<OwnedTask>,
}

impl Actor for StatusCache {
    type Msg = Envelope<Message>;
    type State = State;
    type Arguments = Args;

    async fn pre_start(
        &self,
        myself: ActorRef<Self::Msg>,
        args: Args,
    ) -> Result<State, ActorProcessingErr> {
        args.mailbox.bind(&myself);
        args.records.distrust();
        let own = |work| {
            let myself = myself.clone();
            OwnedTask::spawn(work, move |end: Result<(), String>| {
                let reason = end.err().unwrap_or_else(|| "its work ended".to_owned());
                let _ = myself.send_message(Envelope::internal(Message::Ended(reason)));
            })
        };
        let mut work = vec![own(futures::FutureExt::boxed(save_for_ever(args.records.clone())))];
        for tail in &args.tails {
            let follow = follow_for_ever(args.clone(), Arc::clone(tail));
            work.push(own(futures::FutureExt::boxed(follow)));
        }
        Ok(State { _work: work })
    }

    async fn handle(
        &self,
        _: ActorRef<Self::Msg>,
        message: Self::Msg,
        _: &mut State,
    ) -> Result<(), ActorProcessingErr> {
        match message.open() {
            Message::Ended(reason) => Err(reason.into()),
        }
    }

    async fn handle_supervisor_evt(
        &self,
        _: ActorRef<Self::Msg>,
        _: SupervisionEvent,
        _: &mut State,
    ) -> Result<(), ActorProcessingErr> {
        Ok(())
    }
}

async fn save_for_ever(records: Records) {
    loop {
        if let Err(error) = records.save().await {
            tracing::warn!("job records are kept in memory for now: {error}");
            sleep(AWAY_PAUSE).await;
            continue;
        }
        records.unsaved().await;
    }
}

async fn follow_for_ever(args: Args, tail: Arc<Tail>) {
    loop {
        if let Err(error) = follow(&args, &tail).await {
            tail.queue.pulse.failed(Instant::now());
            tracing::warn!("events of {} are not followed: {error}", tail.queue.name);
            sleep(AWAY_PAUSE).await;
        }
    }
}

/// Takes one page of events.
async fn follow(args: &Args, tail: &Tail) -> Result<(), QueueError> {
    let queue = &tail.queue;
    let read_to = *tail.read_to.lock().unwrap_or_else(PoisonError::into_inner);
    let after = match read_to {
        Some(position) => position,
        None => queue.backend.last_position().await?,
    };
    set(tail, after);
    let page = queue.backend.events(after, PAGE, BLOCK).await?;
    queue.pulse.answered();
    let observed = args.records.observe(&queue.name, &page).await?;
    for job in &observed.stop {
        queue.locks.stop(job, Stop::Cancelled);
    }
    for event in &page.events {
        if let EventKind::Delayed { due_ms, .. } = &event.kind {
            queue.due_at(*due_ms);
        }
    }
    if !observed.ended.is_empty() {
        args.ended_elsewhere.notify_one();
    }
    set(tail, page.next);
    Ok(())
}

fn set(tail: &Tail, position: Position) {
    *tail.read_to.lock().unwrap_or_else(PoisonError::into_inner) = Some(position);
}
