//! Connections for blocking reads, one call at a time.
//!
//! Each call has a deadline a little behind that of the server; a connection whose reply was given
//! up, or whose call was dropped, is closed and never used again. It is also given up when the
//! connection that carries commands is lost, and the other way round: a network that swallowed one
//! has swallowed both, and who waits for a deadline of his own waits too long. Never dials again by
//! itself: the next call does.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use redis::{Cmd, Value};
use tokio::time::timeout;

use super::connection::{DIAL_WAIT, Link};
use super::dial::{Dialer, Line};
use super::fault;
use crate::error::{QueueError, Result};

/// How much longer than the server's block a blocking reply may take.
const BLOCK_GRACE: Duration = Duration::from_secs(1);

/// Connections for blocking reads; each call has one to itself.
pub(super) struct Dedicated {
    dialer: Dialer,
    link: Arc<Link>,
    name: String,
    idle: Mutex<Vec<Line>>,
}

/// Why a blocking read ends that had nothing to complain of.
const LOST_TOO: &str = "the connection for commands was lost";

/// The most connections kept open between two blocking reads.
const IDLE_MAX: usize = 4;

impl Dedicated {
    /// Prepares connections that carry `name` in the server's client list.
    pub(super) fn new(dialer: Dialer, link: Arc<Link>, name: String) -> Self {
        Self { dialer, link, name, idle: Mutex::new(Vec::new()) }
    }

    /// Sends a command that blocks up to `block` on the server; tells also whether the connection
    /// is new.
    ///
    /// Dropping the call closes its connection.
    pub(super) async fn blocking(
        &self,
        operation: &'static str,
        command: &Cmd,
        block: Duration,
    ) -> Result<(Value, bool)> {
        let unavailable = |cause: String| QueueError::Unavailable { operation, cause };
        let idle = self.idle();
        let fresh = idle.is_none();
        let mut line =
            match idle {
                Some(line) => line,
                None => timeout(DIAL_WAIT, self.dialer.dial(Some(&self.name))).await.map_err(
                    |_| unavailable(format!("no answer within {} s", DIAL_WAIT.as_secs())),
                )??,
            };
        let reply = tokio::select! {
            reply = timeout(block + BLOCK_GRACE, line.connection.send_packed_command(command)) => {
                reply
                    .map_err(|_| unavailable("no reply to a blocking read".to_owned()))
                    .and_then(|reply| {
                        reply.map_err(|error| fault::from_redis(operation, &error))
                    })
                    .inspect_err(|_| self.link.suspect())?
            }
            () = self.link.lost() => return Err(unavailable(LOST_TOO.to_owned())),
        };
        let reply = fault::accepted(operation, reply).inspect_err(|error| {
            if fault::is_elsewhere(error) && self.dialer.is_current(&line) {
                self.link.replace();
            }
        })?;
        let mut kept = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() < IDLE_MAX {
            kept.push(line);
        }
        drop(kept);
        Ok((reply, fresh))
    }

    /// Returns a connection that no call uses, to the server that has the keys now.
    fn idle(&self) -> Option<Line> {
        let mut kept = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        kept.retain(|line| self.dialer.is_current(line));
        kept.pop()
    }

    /// Closes the connections that no call uses.
    pub(super) fn close(&self) {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}
