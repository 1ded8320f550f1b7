//! What callers ask of the writer, and the way of its answers.
//!
//! Never carries anything out.

use rusqlite::Connection;
use tokio::sync::oneshot;

use crate::error::Result;

use super::operation::{Outcome, Stamped};

/// What callers ask of the writer.
pub(super) enum Request {
    /// A change of the state, and a row for the log of its job if it is about one.
    Operate { stamped: Stamped, log_row: Option<LogRow>, reply: Option<Reply<Outcome>> },
    /// A change of a table that the state does not depend on.
    Write(Box<dyn TableWrite>),
    /// Write everything out and stop.
    Close(Reply<()>),
}

pub(super) type Reply<T> = oneshot::Sender<Result<T>>;

/// A row that a handler writes.
pub(super) struct LogRow {
    pub(super) text: String,
    pub(super) keep: Option<u64>,
}

/// A change of a table in the transaction of a group.
pub(super) trait TableWrite: Send {
    fn write(&mut self, transaction: &Connection) -> rusqlite::Result<()>;
    fn answer(self: Box<Self>, committed: Result<()>);
}

/// A function as a [`TableWrite`].
pub(super) struct Write<T, F> {
    pub(super) write: F,
    pub(super) written: Option<T>,
    pub(super) reply: Reply<T>,
}

impl<T, F> TableWrite for Write<T, F>
where
    T: Send,
    F: FnMut(&Connection) -> rusqlite::Result<T> + Send,
{
    fn write(&mut self, transaction: &Connection) -> rusqlite::Result<()> {
        self.written = Some((self.write)(transaction)?);
        Ok(())
    }

    fn answer(self: Box<Self>, committed: Result<()>) {
        let Self { written, reply, .. } = *self;
        if let Some(written) = committed.map(|()| written).transpose() {
            // A caller that has gone away needs no answer.
            let _ = reply.send(written);
        }
    }
}
