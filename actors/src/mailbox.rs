//! A mailbox with a bound and a gauge, which stays the same while its actor is restarted.
//!
//! ractor's own mailboxes have no bound; this one refuses what comes when too much waits. Nothing
//! durable lies in it: a refused or lost message costs time, never a job.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use ractor::ActorRef;

/// The most messages that wait for one actor.
pub(crate) const BOUND: u64 = 1_024;

/// A message on its way, or the order to crash.
pub(crate) struct Envelope<M> {
    content: Content<M>,
    /// Gives the place in the mailbox back when the message is taken, or lost with its actor.
    _place: Option<Place>,
}

enum Content<M> {
    Message(M),
    Crash,
}

impl<M> Envelope<M> {
    /// A message of an actor to itself: it never waits for a place.
    pub(crate) fn internal(message: M) -> Self {
        Self { content: Content::Message(message), _place: None }
    }

    /// Takes the message out.
    ///
    /// # Panics
    /// When a test asked for a crash; that is its purpose.
    pub(crate) fn open(self) -> M {
        match self.content {
            Content::Message(message) => message,
            Content::Crash => panic!("crashed on request of a test"),
        }
    }
}

struct Place(Arc<AtomicU64>);

impl Drop for Place {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Why a message was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refused {
    /// Too many wait.
    #[error("the mailbox is full")]
    Full,
    /// The actor is being restarted, or has ended.
    #[error("the actor is away")]
    Away,
}

/// The way to an actor, whichever incarnation of it runs.
pub(crate) struct Mailbox<M: Send + 'static> {
    target: RwLock<Option<ActorRef<Envelope<M>>>>,
    waiting: Arc<AtomicU64>,
}

impl<M: Send + 'static> Mailbox<M> {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self { target: RwLock::new(None), waiting: Arc::new(AtomicU64::new(0)) })
    }

    /// Directs the mailbox to an incarnation; called first thing in its `pre_start`, so that what
    /// arrives while it starts is not lost.
    pub(crate) fn bind(&self, actor: &ActorRef<Envelope<M>>) {
        let mut target = self.target.write().unwrap_or_else(PoisonError::into_inner);
        *target = Some(actor.clone());
    }

    /// Sends a message.
    ///
    /// # Errors
    /// [`Refused`]; the message is gone.
    pub(crate) fn send(&self, message: M) -> Result<(), Refused> {
        let place = self.take_place()?;
        self.deliver(Envelope { content: Content::Message(message), _place: Some(place) })
    }

    /// Lets the actor panic at its next message; tells whether it was there.
    pub(crate) fn crash(&self) -> bool {
        self.deliver(Envelope { content: Content::Crash, _place: None }).is_ok()
    }

    /// Lets the actor end at its next await, in the middle of a message.
    pub(crate) fn kill(&self) {
        if let Some(actor) = &*self.target.read().unwrap_or_else(PoisonError::into_inner) {
            actor.kill();
        }
    }

    /// Returns the count of waiting messages, which lives as long as anyone looks at it.
    pub(crate) fn gauge(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.waiting)
    }

    fn take_place(&self) -> Result<Place, Refused> {
        let before = self.waiting.fetch_add(1, Ordering::Relaxed);
        let place = Place(Arc::clone(&self.waiting));
        if before >= BOUND { Err(Refused::Full) } else { Ok(place) }
    }

    fn deliver(&self, envelope: Envelope<M>) -> Result<(), Refused> {
        let target = self.target.read().unwrap_or_else(PoisonError::into_inner);
        let actor = target.as_ref().ok_or(Refused::Away)?;
        actor.send_message(envelope).map_err(|_| Refused::Away)
    }
}

#[cfg(test)]
mod tests {
    use ractor::{Actor, ActorProcessingErr};

    use super::*;

    struct Deaf;

    impl Actor for Deaf {
        type Msg = Envelope<u32>;
        type State = ();
        type Arguments = Arc<Mailbox<u32>>;

        async fn pre_start(
            &self,
            myself: ActorRef<Self::Msg>,
            mailbox: Self::Arguments,
        ) -> Result<(), ActorProcessingErr> {
            mailbox.bind(&myself);
            Ok(())
        }

        async fn handle(
            &self,
            _: ActorRef<Self::Msg>,
            message: Self::Msg,
            (): &mut (),
        ) -> Result<(), ActorProcessingErr> {
            message.open();
            std::future::pending().await
        }
    }

    #[tokio::test]
    async fn a_mailbox_refuses_what_is_over_its_bound_and_forgets_what_died_with_its_actor() {
        let mailbox = Mailbox::new();
        assert_eq!(mailbox.send(0), Err(Refused::Away));
        let (actor, ended) = Actor::spawn(None, Deaf, Arc::clone(&mailbox)).await.unwrap();

        while mailbox.send(1).is_ok() {}
        assert_eq!(mailbox.send(1), Err(Refused::Full));
        assert!(mailbox.gauge().load(Ordering::Relaxed) >= BOUND - 1);

        actor.kill();
        ended.await.unwrap();
        drop(actor);
        let (_actor, _) = Actor::spawn(None, Deaf, Arc::clone(&mailbox)).await.unwrap();
        assert_eq!(mailbox.send(1), Ok(()));
    }
}
