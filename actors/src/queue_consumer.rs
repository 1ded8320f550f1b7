//! Claims jobs for idle slots and has outcomes confirmed, in as few round trips as possible.
//!
//! Place in the tree: below a `QueueSupervisor`, before the pool. It owns no children and keeps
//! nothing: what is claimed and what is to be told stands in the table of slots, so that its
//! successor goes on where it ended.

mod turn;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use oxherd_queue::QueueError;
use oxherd_queue::backend::{Attendance, Waited};
use ractor::{Actor, ActorProcessingErr, ActorRef, SupervisionEvent};
use rand::RngExt as _;
use tokio::time::Instant;

use crate::mailbox::Envelope;
use crate::queue_supervisor::context::QueueContext;
use crate::task::OwnedTask;

/// Round trips under way at a time: while one waits for the disk, the next gathers.
const TURNS_MAX: usize = 2;
/// The most rounds of gathering; each takes a microsecond or so.
const GATHER_MAX: usize = 64;
/// The longest wait for news: an idle consumer counts as ready for 10 s. A store says within 8 s that
/// it is there and has none; when it did not, a claim asks it.
const WAIT_MAX: Duration = Duration::from_secs(9);
/// The pauses between claims while the store is away.
const AWAY_PAUSE: Duration = Duration::from_millis(100);
const AWAY_PAUSE_MAX: Duration = Duration::from_secs(3);

/// What a consumer is told.
pub(crate) enum Message {
    /// An outcome is there, or the drain has begun.
    Look,
    /// A turn is over.
    TurnEnded(TurnEnd),
    /// There may be something to claim.
    News,
    /// The store is there and has nothing to claim.
    Quiet,
    /// The wait for news failed.
    WaitFailed(QueueError),
}

/// What a turn brought.
pub(crate) struct TurnEnd {
    /// How many jobs it asked for.
    pub(crate) asked: usize,
    /// How many it got, or why none.
    pub(crate) got: Result<usize, QueueError>,
}

/// The actor.
pub(crate) struct QueueConsumer;

/// What an incarnation knows.
pub(crate) struct State {
    context: Arc<QueueContext>,
    appetite: Appetite,
    news: Option<OwnedTask>,
    away_pause: Duration,
    /// Lets dashboards see the worker.
    _seen: Attendance,
}

/// Whether the next claim may find something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Appetite {
    /// Claim as soon as a slot is free.
    Hungry,
    /// The last claim got less than it asked for: claim after news.
    Waiting,
}

impl Actor for QueueConsumer {
    type Msg = Envelope<Message>;
    type State = State;
    type Arguments = Arc<QueueContext>;

    async fn pre_start(
        &self,
        myself: ActorRef<Self::Msg>,
        context: Self::Arguments,
    ) -> Result<State, ActorProcessingErr> {
        context.consumer.bind(&myself);
        let seen = context.backend.attend(context.options.name.as_deref());
        Ok(State {
            context,
            appetite: Appetite::Hungry,
            news: None,
            away_pause: AWAY_PAUSE,
            _seen: seen,
        })
    }

    async fn post_start(
        &self,
        myself: ActorRef<Self::Msg>,
        _: &mut State,
    ) -> Result<(), ActorProcessingErr> {
        myself.send_message(Envelope::internal(Message::Look))?;
        Ok(())
    }

    async fn handle(
        &self,
        myself: ActorRef<Self::Msg>,
        message: Self::Msg,
        state: &mut State,
    ) -> Result<(), ActorProcessingErr> {
        match message.open() {
            Message::Look => state.gather().await,
            Message::TurnEnded(turn) => state.take_turn(turn),
            Message::News => state.hear_news(),
            Message::Quiet => state.hear_nothing(),
            Message::WaitFailed(error) => state.store_is_away(&error),
        }
        state.go_on(&myself);
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
    /// Lets slots that are about to end do so, for as long as each round brings more: the first
    /// outcome should not travel alone.
    async fn gather(&self) {
        let mut ended = 0;
        for _ in 0..GATHER_MAX {
            tokio::task::yield_now().await;
            let now_ended = self.context.slots.ended();
            if now_ended == ended {
                break;
            }
            ended = now_ended;
        }
        self.context.consumer_nudged.store(false, Ordering::Release);
    }

    /// Starts what can start: a turn if there is a reason for one, a wait if there is nothing.
    fn go_on(&mut self, myself: &ActorRef<Envelope<Message>>) {
        // Counted, since a runtime that is closing gives each turn back at once.
        for _ in 0..TURNS_MAX {
            if !self.start_turn() {
                break;
            }
        }
        let context = &self.context;
        let is_idle = self.appetite == Appetite::Waiting && context.slots.idle() > 0;
        if is_idle && self.news.is_none() && !context.is_draining() {
            self.news = Some(wait_for_news(context, myself));
        }
    }

    /// Tells what ended and claims for every free slot, in one trip.
    fn start_turn(&mut self) -> bool {
        let context = &self.context;
        if context.turns.load(Ordering::Acquire) >= TURNS_MAX {
            return false;
        }
        let has_ended = context.slots.ended() > 0;
        let is_claiming = context.claims.load(Ordering::Acquire) > 0;
        let is_hungry = self.appetite == Appetite::Hungry && !is_claiming;
        let may_claim = may_claim(has_ended, is_hungry) && !self.must_not_claim();
        let has_reason = has_ended || (may_claim && context.slots.idle() > 0);
        if !has_reason {
            return false;
        }
        turn::start(context, may_claim);
        true
    }

    fn must_not_claim(&self) -> bool {
        // A wait that follows a failure is a pause: until it is over, nothing is claimed.
        self.context.is_draining() || self.context.gate.is_wanted() || self.is_away()
    }

    fn is_away(&self) -> bool {
        self.away_pause > AWAY_PAUSE && self.news.is_some()
    }

    fn take_turn(&mut self, turn: TurnEnd) {
        match turn.got {
            Ok(got) => {
                if turn.asked > 0 {
                    self.away_pause = AWAY_PAUSE;
                }
                if got < turn.asked {
                    self.appetite = Appetite::Waiting;
                }
            }
            Err(error) => self.store_is_away(&error),
        }
    }

    fn hear_news(&mut self) {
        self.news = None;
        self.appetite = Appetite::Hungry;
    }

    fn hear_nothing(&mut self) {
        self.news = None;
        self.context.fetched();
    }

    fn store_is_away(&mut self, error: &QueueError) {
        let queue = &self.context.name;
        tracing::warn!(queue, "claims from {queue} pause: {error}");
        let pause = self.away_pause.mul_f64(rand::rng().random_range(0.5..=1.0));
        self.away_pause = (self.away_pause * 2).min(AWAY_PAUSE_MAX);
        let consumer = Arc::clone(&self.context.consumer);
        self.news = Some(OwnedTask::spawn(tokio::time::sleep(pause), move |_| {
            // Nobody is left to hear it only when the consumer is gone as well.
            let _ = consumer.send(Message::News);
        }));
    }
}

/// Decides whether a turn claims: with outcomes in hand it always does, for their slots are free
/// and the trip is made anyhow.
fn may_claim(has_ended: bool, is_hungry: bool) -> bool {
    has_ended || is_hungry
}

/// Waits until there may be something to claim.
fn wait_for_news(context: &Arc<QueueContext>, myself: &ActorRef<Envelope<Message>>) -> OwnedTask {
    let (waited, myself) = (Arc::clone(context), myself.clone());
    let wait = async move {
        let began = Instant::now();
        match waited.backend.wait(WAIT_MAX).await {
            Ok(Waited::News) => Message::News,
            Ok(Waited::Quiet) => Message::Quiet,
            Err(error) => {
                waited.pulse.failed(began);
                Message::WaitFailed(error)
            }
        }
    };
    OwnedTask::spawn(wait, move |message| {
        let message = message.unwrap_or_else(|panic| {
            tracing::error!("the wait for news panicked: {panic}");
            Message::News
        });
        let _ = myself.send_message(Envelope::internal(message));
    })
}

/// Has everything that ended confirmed, when no consumer is left to do it.
pub(crate) fn tell_what_ended(context: &Arc<QueueContext>) {
    turn::start(context, false);
}
