//! Removes what nobody refers to any more, now and then.
//!
//! Place in the tree: below the root. What it removes, and when that is safe, stands in
//! [`crate::sweep`].

use std::sync::Arc;
use std::time::Duration;

use oxherd_queue::clock::SharedClock;
use ractor::{Actor, ActorProcessingErr, ActorRef, SupervisionEvent};

use crate::mailbox::{Envelope, Mailbox};
use crate::sweep;
use crate::task::OwnedTask;

/// The first sweep waits until the process has settled.
const FIRST_AFTER: Duration = Duration::from_secs(60);

/// What the janitor is told.
pub(crate) enum Message {
    /// Its work ended, which it never should.
    Ended(String),
}

/// What the janitor is made of.
#[derive(Clone)]
pub(crate) struct Args {
    pub(crate) mailbox: Arc<Mailbox<Message>>,
    pub(crate) sweep: Arc<sweep::Janitor>,
    pub(crate) every: Duration,
    pub(crate) clock: SharedClock,
}

/// The actor.
pub(crate) struct Janitor;

/// Its work.
pub(crate) struct State {
    _work: OwnedTask,
}

impl Actor for Janitor {
    type Msg = Envelope<Message>;
    type State = State;
    type Arguments = Args;

    async fn pre_start(
        &self,
        myself: ActorRef<Self::Msg>,
        args: Args,
    ) -> Result<State, ActorProcessingErr> {
        args.mailbox.bind(&myself);
        let work = OwnedTask::spawn(sweep_for_ever(args), move |end: Result<(), String>| {
            let reason = end.err().unwrap_or_else(|| "its work ended".to_owned());
            let _ = myself.send_message(Envelope::internal(Message::Ended(reason)));
        });
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

async fn sweep_for_ever(args: Args) {
    let mut pause = FIRST_AFTER.min(args.every);
    loop {
        tokio::time::sleep(pause).await;
        pause = args.every;
        match args.sweep.run(args.clock.now_ms()).await {
            Ok(removed) if removed == sweep::Removed::default() => {}
            Ok(removed) => tracing::info!(
                uploads = removed.uploads,
                objects = removed.objects,
                keys = removed.keys,
                records = removed.records,
                "removed what nobody refers to any more"
            ),
            Err(error) => tracing::warn!("the sweep of unused things ended early: {error}"),
        }
    }
}
