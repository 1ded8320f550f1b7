//! Owns the listeners and runs whoever serves them.
//!
//! Place in the tree: below the root. The sockets stay bound while it is restarted: connections
//! that arrive meanwhile wait and are not lost.

use std::io;
use std::sync::Arc;

use futures::future::{FutureExt as _, try_join_all};
use ractor::{Actor, ActorProcessingErr, ActorRef, SupervisionEvent};

use crate::handles::Drain;
use crate::mailbox::{Envelope, Mailbox};
use crate::parts::EdgeSpec;
use crate::task::OwnedTask;

/// What the edge is told.
pub(crate) enum Message {
    /// Serving ended: on purpose in a drain, else by an error.
    Ended(Result<(), String>),
}

/// What the edge is made of.
#[derive(Clone)]
pub(crate) struct Args {
    pub(crate) mailbox: Arc<Mailbox<Message>>,
    pub(crate) spec: Arc<EdgeSpec>,
    pub(crate) drain: Drain,
}

/// The actor.
pub(crate) struct Edge;

/// Its work.
pub(crate) struct State {
    drain: Drain,
    _work: OwnedTask,
}

impl Actor for Edge {
    type Msg = Envelope<Message>;
    type State = State;
    type Arguments = Args;

    async fn pre_start(
        &self,
        myself: ActorRef<Self::Msg>,
        args: Args,
    ) -> Result<State, ActorProcessingErr> {
        args.mailbox.bind(&myself);
        let drain = args.drain.clone();
        let served = serve(&args)?.map(|end| end.map_err(|error| error.to_string()));
        let work = OwnedTask::spawn(served, move |end| {
            let end = end.and_then(|served| served);
            let _ = myself.send_message(Envelope::internal(Message::Ended(end)));
        });
        Ok(State { drain, _work: work })
    }

    async fn handle(
        &self,
        _: ActorRef<Self::Msg>,
        message: Self::Msg,
        state: &mut State,
    ) -> Result<(), ActorProcessingErr> {
        match message.open() {
            Message::Ended(Ok(())) if state.drain.has_begun() => Ok(()),
            Message::Ended(Ok(())) => Err("serving ended without a reason".into()),
            Message::Ended(Err(reason)) => Err(reason.into()),
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

/// Serves every listener on a copy of its socket.
fn serve(args: &Args) -> io::Result<impl Future<Output = io::Result<()>> + use<>> {
    let mut serving = Vec::with_capacity(args.spec.listeners.len());
    for listener in &args.spec.listeners {
        let socket = listener.socket.try_clone()?;
        socket.set_nonblocking(true)?;
        let socket = tokio::net::TcpListener::from_std(socket)?;
        serving.push((args.spec.serve)(listener.name.clone(), socket, args.drain.clone()));
    }
    Ok(async move { try_join_all(serving).await.map(drop) })
}
