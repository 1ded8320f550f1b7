//! The role of being seen: which workers a queue has.
//!
//! Never knows what a worker does.

use std::any::Any;
use std::fmt;
use std::time::Duration;

use async_trait::async_trait;

use crate::error::Result;

/// Telling which workers take jobs from a queue.
#[async_trait]
pub trait Attend: Send + Sync {
    /// Puts a worker on the list of the queue for as long as the answer lives.
    ///
    /// On Redis it has a connection of its own, by whose name BullMQ's `getWorkers` and dashboards
    /// find it; one that breaks is replaced. A server that refuses names is told of once in the
    /// log, and the worker works unseen.
    fn attend(&self, worker: Option<&str>) -> Attendance;

    /// Returns the workers on the list, of all processes, those of other engines among them; nothing
    /// when the server does not tell who is connected.
    async fn workers(&self) -> Result<Option<Vec<WorkerClient>>>;
}

/// A worker on the list of a queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkerClient {
    /// What tells it from the others: on Redis the server's id of its connection.
    pub id: String,
    /// Its name, if it has one; on Redis with `%` codes for what cannot be in a client's name.
    pub name: Option<String>,
    /// From where it is connected, `address:port`; `this process` on the embedded store.
    pub address: String,
    /// How long it has been there.
    pub age: Duration,
}

/// Keeps a worker on the list of its queue until it is dropped.
#[must_use = "the worker is on the list only as long as this lives"]
pub struct Attendance {
    _entry: Box<dyn Any + Send + Sync>,
}

impl Attendance {
    /// Lasts as long as `entry`, which takes the worker off the list when it is dropped.
    pub fn lasting(entry: impl Send + Sync + 'static) -> Self {
        Self { _entry: Box::new(entry) }
    }
}

impl fmt::Debug for Attendance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Attendance")
    }
}
