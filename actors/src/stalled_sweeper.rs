//! Takes back what dead workers held: at once when it starts, often while jobs run here, seldom
//! else.
//!
//! Place in the tree: below a `QueueSupervisor`.

use std::sync::Arc;

use oxherd_queue::JobState;
use oxherd_queue::worker::sweep;
use ractor::{Actor, ActorProcessingErr, ActorRef, SupervisionEvent};
use tokio::time::Instant;

use crate::mailbox::{Envelope, Mailbox};
use crate::queue_supervisor::context::QueueContext;

/// What a sweeper is told.
pub(crate) enum Message {
    /// The time has come to see whether a sweep is due.
    Tick,
}

/// What a sweeper is made of.
pub(crate) struct Args {
    pub(crate) context: Arc<QueueContext>,
    pub(crate) mailbox: Arc<Mailbox<Message>>,
}

/// The actor.
pub(crate) struct StalledSweeper;

/// What an incarnation knows.
pub(crate) struct State {
    context: Arc<QueueContext>,
    swept: Option<Instant>,
    /// Jobs that were active anywhere at the last sweep: those of a process that died are not
    /// seen by the locks here.
    active: usize,
}

impl Actor for StalledSweeper {
    type Msg = Envelope<Message>;
    type State = State;
    type Arguments = Args;

    async fn pre_start(
        &self,
        myself: ActorRef<Self::Msg>,
        args: Args,
    ) -> Result<State, ActorProcessingErr> {
        args.mailbox.bind(&myself);
        Ok(State { context: args.context, swept: None, active: 0 })
    }

    async fn post_start(
        &self,
        myself: ActorRef<Self::Msg>,
        _: &mut State,
    ) -> Result<(), ActorProcessingErr> {
        myself.send_message(Envelope::internal(Message::Tick))?;
        Ok(())
    }

    async fn handle(
        &self,
        myself: ActorRef<Self::Msg>,
        message: Self::Msg,
        state: &mut State,
    ) -> Result<(), ActorProcessingErr> {
        match message.open() {
            Message::Tick => state.sweep_if_due().await,
        }
        let every = state.context.options.stalled_every;
        let _timer = myself.send_after(every, || Envelope::internal(Message::Tick));
        Ok(())
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

impl State {
    async fn sweep_if_due(&mut self) {
        let options = &self.context.options;
        // A tick comes a little early or late; half a tick of tolerance keeps the rhythm.
        let pause = options.sweep_pause(self.context.locks.len().max(self.active));
        let due = pause.saturating_sub(options.stalled_every / 2);
        if self.swept.is_some_and(|at| at.elapsed() < due) {
            return;
        }
        match sweep(&*self.context.backend, options).await {
            Ok(recovered) => {
                self.swept = Some(Instant::now());
                self.active = self.active.max(recovered.len());
            }
            Err(error) => tracing::warn!("the stalled sweep failed: {error}"),
        }
        if self.active == 0 && self.context.locks.is_empty() {
            // A process that runs nothing does not pay for counting what others run.
            return;
        }
        if let Ok(counts) = self.context.backend.counts().await {
            let active = counts.get(JobState::Active.as_str()).copied().unwrap_or(0);
            self.active = usize::try_from(active).unwrap_or(usize::MAX);
        }
    }
}
