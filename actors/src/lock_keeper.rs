//! Renews every held lock, and tells runs whose lock was lost or whose job was cancelled.
//!
//! Place in the tree: first below a `QueueSupervisor`. It works on a thread and a runtime of its
//! own, so that busy slots cannot delay it. The table of locks is shared and outlives it: its
//! successor renews at once.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use oxherd_queue::worker::renew_all;
use ractor::{Actor, ActorProcessingErr, ActorRef, SupervisionEvent};
use tokio::sync::oneshot;
use tokio::time::Instant;

use crate::mailbox::{Envelope, Mailbox};
use crate::queue_supervisor::context::QueueContext;
use crate::task::panic_text;

/// The pause after a renewal that the store did not answer: well under the rest of the lock.
const RENEWED_AGAIN_AFTER: Duration = Duration::from_secs(1);

/// What a lock keeper is told.
pub(crate) enum Message {
    /// Its thread ended, which it never should.
    ThreadEnded(String),
}

/// What a lock keeper is made of.
pub(crate) struct Args {
    pub(crate) context: Arc<QueueContext>,
    pub(crate) mailbox: Arc<Mailbox<Message>>,
}

/// The actor.
pub(crate) struct LockKeeper;

/// The thread, which ends when this is dropped.
pub(crate) struct State {
    _stop: oneshot::Sender<()>,
}

impl Actor for LockKeeper {
    type Msg = Envelope<Message>;
    type State = State;
    type Arguments = Args;

    async fn pre_start(
        &self,
        myself: ActorRef<Self::Msg>,
        args: Args,
    ) -> Result<State, ActorProcessingErr> {
        args.mailbox.bind(&myself);
        let (stop, stopped) = oneshot::channel();
        let name = format!("locks of {}", args.context.name);
        std::thread::Builder::new().name(name).spawn(move || {
            let work = AssertUnwindSafe(|| keep_locks(args.context, stopped));
            let end = match std::panic::catch_unwind(work) {
                Ok(Ok(())) => return,
                Ok(Err(error)) => format!("its runtime cannot be made: {error}"),
                Err(panic) => panic_text(&*panic),
            };
            // Without the actor nobody needs to hear it.
            let _ = myself.send_message(Envelope::internal(Message::ThreadEnded(end)));
        })?;
        Ok(State { _stop: stop })
    }

    async fn handle(
        &self,
        _: ActorRef<Self::Msg>,
        message: Self::Msg,
        _: &mut State,
    ) -> Result<(), ActorProcessingErr> {
        match message.open() {
            Message::ThreadEnded(reason) => Err(reason.into()),
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

/// Renews until told to stop.
fn keep_locks(context: Arc<QueueContext>, stopped: oneshot::Receiver<()>) -> std::io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async move {
        tokio::select! {
            () = renew_for_ever(&context) => {}
            _ = stopped => {}
        }
    });
    Ok(())
}

async fn renew_for_ever(context: &QueueContext) {
    let options = &context.options;
    loop {
        let began = Instant::now();
        let pause = match renew_all(&*context.backend, &context.locks, options.lock).await {
            Ok(_) => options.renew_every,
            Err(error) => {
                context.pulse.failed(began);
                tracing::warn!("{} locks not renewed: {error}", context.locks.len());
                RENEWED_AGAIN_AFTER.min(options.renew_every)
            }
        };
        tokio::time::sleep(pause).await;
    }
}
