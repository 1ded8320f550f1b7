//! The only committer of accepted requests.
//!
//! Place in the tree: first below the root. Requests wait in a bounded channel that outlives it;
//! it takes what waits, up to 256 at a time, and commits them in one transaction. What it held
//! when it crashed is answered as unavailable, and may be repeated.

use std::sync::Arc;
use std::time::Duration;

use oxherd_queue::Store;
use oxherd_queue::clock::SharedClock;
use ractor::{Actor, ActorProcessingErr, ActorRef, SupervisionEvent};
use tokio::sync::{Mutex, mpsc};
use tokio::time::{Instant, timeout};

use crate::commit::{BATCH_MAX, Committer};
use crate::handles::IntakeRequest;
use crate::mailbox::{Envelope, Mailbox};
use crate::pulse::Pulse;
use crate::task::OwnedTask;

/// How long the queue may be silent before new runs are refused.
pub(crate) const SILENT_MAX: Duration = Duration::from_secs(2);
/// An answer younger than this is believed without asking again.
const FRESH: Duration = Duration::from_millis(500);
/// How long a request waits for the first sign of a queue.
const PROMPT: Duration = Duration::from_millis(250);

/// What the intake is told.
pub(crate) enum Message {
    /// Its work ended, which it never should.
    Ended(String),
}

/// What the intake is made of.
#[derive(Clone)]
pub(crate) struct Args {
    pub(crate) mailbox: Arc<Mailbox<Message>>,
    pub(crate) requests: Arc<Mutex<mpsc::Receiver<IntakeRequest>>>,
    pub(crate) committer: Arc<Committer>,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) pulse: Arc<Pulse>,
    pub(crate) clock: SharedClock,
}

/// The actor.
pub(crate) struct Intake;

/// Its work.
pub(crate) struct State {
    _work: OwnedTask,
}

impl Actor for Intake {
    type Msg = Envelope<Message>;
    type State = State;
    type Arguments = Args;

    async fn pre_start(
        &self,
        myself: ActorRef<Self::Msg>,
        args: Args,
    ) -> Result<State, ActorProcessingErr> {
        args.mailbox.bind(&myself);
        let work = OwnedTask::spawn(take_requests(args), move |end| {
            let reason = end.err().unwrap_or_else(|| "nobody can send requests".to_owned());
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

async fn take_requests(args: Args) {
    // Free as soon as an earlier incarnation is gone.
    let mut requests = args.requests.lock().await;
    let mut question = None;
    let mut batch = Vec::with_capacity(BATCH_MAX);
    while requests.recv_many(&mut batch, BATCH_MAX).await > 0 {
        if batch.iter().any(IntakeRequest::starts_run) {
            feel_pulse(&args, &mut question).await;
        }
        args.committer.commit(std::mem::take(&mut batch), args.clock.now_ms()).await;
    }
}

/// Asks the queue whether it is there, unless that is known: an idle one was not asked lately.
///
/// One that did not answer is asked aside: what is accepted meanwhile follows when it is back.
async fn feel_pulse(args: &Args, question: &mut Option<OwnedTask>) {
    let pulse = &args.pulse;
    if pulse.is_fresh(FRESH) {
        return;
    }
    if pulse.away_for().is_none() {
        ask(Arc::clone(&args.store), Arc::clone(pulse), PROMPT).await;
    } else if pulse.may_ask_again(FRESH) && question.as_ref().is_none_or(OwnedTask::is_over) {
        let asked = ask(Arc::clone(&args.store), Arc::clone(pulse), SILENT_MAX);
        *question = Some(OwnedTask::spawn(asked, |_| {}));
    }
}

async fn ask(store: Arc<dyn Store>, pulse: Arc<Pulse>, within: Duration) {
    let began = Instant::now();
    match timeout(within, store.ping()).await {
        Ok(Ok(())) => pulse.answered(),
        Ok(Err(_)) | Err(_) => pulse.failed(began),
    }
}
