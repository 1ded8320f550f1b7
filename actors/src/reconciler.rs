//! Relays accepted runs into the queues at once, and compares rows with jobs regularly.
//!
//! Place in the tree: below the root. The decisions are those of [`crate::relay`] and
//! [`crate::reconcile`]; this is when they are made.

use std::sync::Arc;
use std::time::Duration;

use oxherd_queue::clock::SharedClock;
use ractor::{Actor, ActorProcessingErr, ActorRef, SupervisionEvent};
use tokio::sync::Notify;
use tokio::time::{MissedTickBehavior, interval, sleep};

use crate::health::Upkeep;
use crate::mailbox::{Envelope, Mailbox};
use crate::task::OwnedTask;
use crate::{reconcile, relay};

/// Without news the relay looks anyhow: fairness may let rows pass that it held back.
const RELAY_ANYHOW: Duration = Duration::from_secs(5);
/// The pauses after a store did not answer.
const AWAY_PAUSE: Duration = Duration::from_millis(200);
const AWAY_PAUSE_MAX: Duration = Duration::from_secs(3);
/// Jobs that ended elsewhere come in bursts; one comparison serves them all.
const GATHER: Duration = Duration::from_secs(1);

/// What the reconciler is told.
pub(crate) enum Message {
    /// A part of its work ended, which none ever should.
    Ended(String),
}

/// What the reconciler is made of.
#[derive(Clone)]
pub(crate) struct Args {
    pub(crate) mailbox: Arc<Mailbox<Message>>,
    pub(crate) relay: Arc<relay::Relay>,
    pub(crate) comparison: Arc<reconcile::Reconciler>,
    /// Something waits in the outbox, or may pass now.
    pub(crate) outbox: Arc<Notify>,
    /// A job ended that no slot of this process ran.
    pub(crate) ended_elsewhere: Arc<Notify>,
    pub(crate) every: Duration,
    pub(crate) clock: SharedClock,
    pub(crate) upkeep: Arc<Upkeep>,
}

/// The actor.
pub(crate) struct Reconciler;

/// Its work.
pub(crate) struct State {
    _work: [OwnedTask; 2],
}

impl Actor for Reconciler {
    type Msg = Envelope<Message>;
    type State = State;
    type Arguments = Args;

    async fn pre_start(
        &self,
        myself: ActorRef<Self::Msg>,
        args: Args,
    ) -> Result<State, ActorProcessingErr> {
        args.mailbox.bind(&myself);
        let ended = |myself: ActorRef<Self::Msg>| {
            move |end: Result<(), String>| {
                let reason = end.err().unwrap_or_else(|| "its work ended".to_owned());
                let _ = myself.send_message(Envelope::internal(Message::Ended(reason)));
            }
        };
        let relay = OwnedTask::spawn(relay_for_ever(args.clone()), ended(myself.clone()));
        let compare = OwnedTask::spawn(compare_for_ever(args), ended(myself));
        Ok(State { _work: [relay, compare] })
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

async fn relay_for_ever(args: Args) {
    let mut pause = AWAY_PAUSE;
    loop {
        match args.relay.run().await {
            Ok(relayed) => {
                pause = AWAY_PAUSE;
                args.upkeep.relay_worked();
                if relayed > 0 {
                    tracing::debug!("{relayed} accepted runs are in their queues now");
                }
                let _ = tokio::time::timeout(RELAY_ANYHOW, args.outbox.notified()).await;
            }
            Err(error) => {
                tracing::warn!("accepted runs wait in the outbox: {error}");
                match &error {
                    relay::RelayError::Catalog(_) => args.upkeep.catalog_failed(&error.to_string()),
                    relay::RelayError::Queue { .. } => args.upkeep.queue_failed(&error.to_string()),
                }
                let part: f64 = rand::random_range(0.5..=1.0);
                sleep(pause.mul_f64(part)).await;
                pause = (pause * 2).min(AWAY_PAUSE_MAX);
            }
        }
    }
}

async fn compare_for_ever(args: Args) {
    let mut ticks = interval(args.every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            () = args.ended_elsewhere.notified() => sleep(GATHER).await,
        }
        match args.comparison.run(args.clock.now_ms()).await {
            Ok(mended) if mended == reconcile::Mended::default() => {}
            Ok(mended) => tracing::info!(
                "mended what disagreed: {} jobs submitted, {} rows written",
                mended.submitted,
                mended.written
            ),
            Err(error) => tracing::warn!("rows and jobs were not compared: {error}"),
        }
    }
}
