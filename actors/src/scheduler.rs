//! Wakes delayed jobs when they are due.
//!
//! Place in the tree: last below a `QueueSupervisor`. Asks the store what is due next and sleeps
//! until then; whoever learns of an earlier one tells it.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use ractor::{Actor, ActorProcessingErr, ActorRef, SupervisionEvent};

use crate::mailbox::Envelope;
use crate::queue_supervisor::context::QueueContext;
use crate::task::OwnedTask;

/// The longest sleep. Jobs that other processes delay are heard of on the event stream.
const SLEEP_MAX: Duration = Duration::from_secs(120);
/// The shortest, so that a clock that differs from the store's does not make it spin.
const SLEEP_MIN: Duration = Duration::from_millis(5);
/// The sleep after the store did not answer.
const AWAY_SLEEP: Duration = Duration::from_secs(1);

/// What a scheduler is told.
pub(crate) enum Message {
    /// Something is due.
    Due,
    /// Something is due earlier than it thought.
    Earlier,
}

/// The actor.
pub(crate) struct Scheduler;

/// What an incarnation knows.
pub(crate) struct State {
    context: Arc<QueueContext>,
    alarm: Option<OwnedTask>,
}

impl Actor for Scheduler {
    type Msg = Envelope<Message>;
    type State = State;
    type Arguments = Arc<QueueContext>;

    async fn pre_start(
        &self,
        myself: ActorRef<Self::Msg>,
        context: Self::Arguments,
    ) -> Result<State, ActorProcessingErr> {
        context.scheduler.bind(&myself);
        Ok(State { context, alarm: None })
    }

    async fn post_start(
        &self,
        myself: ActorRef<Self::Msg>,
        _: &mut State,
    ) -> Result<(), ActorProcessingErr> {
        myself.send_message(Envelope::internal(Message::Due))?;
        Ok(())
    }

    async fn handle(
        &self,
        myself: ActorRef<Self::Msg>,
        message: Self::Msg,
        state: &mut State,
    ) -> Result<(), ActorProcessingErr> {
        let sleep = match message.open() {
            Message::Due => state.promote().await,
            Message::Earlier => state.until_due(),
        };
        let _ = state.alarm.insert(OwnedTask::spawn(tokio::time::sleep(sleep), move |_| {
            let _ = myself.send_message(Envelope::internal(Message::Due));
        }));
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
    /// Moves what is due; returns how long to sleep.
    async fn promote(&self) -> Duration {
        let context = &self.context;
        context.next_due_ms.store(0, Ordering::Relaxed);
        match context.backend.promote_due().await {
            Ok((_, next_due_ms)) => {
                if let Some(due_ms) = next_due_ms {
                    context.next_due_ms.fetch_max(due_ms, Ordering::Relaxed);
                }
                self.until_due()
            }
            Err(error) => {
                tracing::warn!("delayed jobs of {} not looked at: {error}", context.name);
                AWAY_SLEEP
            }
        }
    }

    fn until_due(&self) -> Duration {
        let due_ms = self.context.next_due_ms.load(Ordering::Relaxed);
        sleep_until(due_ms, self.context.clock.now_ms())
    }
}

/// Decides how long to sleep; a due time of 0 is none.
fn sleep_until(due_ms: u64, now_ms: u64) -> Duration {
    if due_ms == 0 {
        return SLEEP_MAX;
    }
    Duration::from_millis(due_ms.saturating_sub(now_ms)).clamp(SLEEP_MIN, SLEEP_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_sleeps_until_the_next_job_is_due_within_bounds() {
        assert_eq!(sleep_until(0, 1_000), SLEEP_MAX);
        assert_eq!(sleep_until(1_500, 1_000), Duration::from_millis(500));
        assert_eq!(sleep_until(900, 1_000), SLEEP_MIN);
        assert_eq!(sleep_until(10_000_000, 1_000), SLEEP_MAX);
    }
}
