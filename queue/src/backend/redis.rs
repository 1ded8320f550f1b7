//! The Redis store, wire-compatible with BullMQ.
//!
//! Every key, field, score and event is one that BullMQ 6 could have written, so that its clients
//! and ours share queues. The Lua scripts are our own; each checks before it writes.
//!
//! # Layout, in reading order
//! * [`keys`], [`wire`], [`scripts`]: how things are spelled, read and done in Redis.
//! * [`dial`], [`connection`], [`dedicated`], [`fault`], [`time`]: connections that come back by
//!   themselves, and the clock of the server.
//! * [`produce`] with [`coalesce`], [`change`], [`deduplicate`], [`limit`], [`schedule`], [`relate`],
//!   [`consume`] with [`wake`] and [`unanswered`], [`inspect`] with [`stream`], [`maintain`],
//!   [`clear`], [`attend`]: the roles of a queue.
//! * [`status`]: the job records. [`boot`]: what a server must be like.
//!
//! Never holds state that another process could not take over: everything durable is in Redis.

mod attend;
mod boot;
mod change;
mod clear;
mod coalesce;
mod connection;
mod consume;
mod dedicated;
mod deduplicate;
mod dial;
mod fault;
mod inspect;
mod keys;
mod limit;
mod maintain;
mod produce;
mod relate;
mod schedule;
mod scripts;
mod status;
mod stream;
mod time;
mod unanswered;
mod wake;
mod wire;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;

use self::attend::Register;
use self::coalesce::Adder;
use self::connection::Link;
use self::dedicated::Dedicated;
use self::dial::Dialer;
use self::keys::{Keyspace, LIBRARY, QueueKeys, WIRE_VERSION};
use self::status::RedisStatus;
use self::unanswered::Unanswered;
use self::wake::Wake;
use super::{Backend, Store};
use crate::clock::SharedClock;
use crate::error::{QueueError, Result};
use crate::flow::{Flow, JobKey};
use crate::status::StatusStore;

/// How to reach the Redis store.
#[derive(Debug, Clone)]
pub struct RedisOptions {
    /// `redis://[[user]:password@]host[:port][/database]` or `redis+unix:///path`; user and password
    /// percent-encoded.
    pub url: String,
    /// What the keys of all queues begin with; shared with the BullMQ clients. No `:` in it.
    pub prefix: String,
    /// How long [`RedisStore::connect`] tries before it gives up.
    pub patience: Duration,
}

impl RedisOptions {
    /// Reaches a server with BullMQ's default prefix, `bull`, and ten seconds of patience.
    #[must_use]
    pub fn new(url: impl Into<String>) -> Self {
        Self { url: url.into(), prefix: "bull".to_owned(), patience: Duration::from_secs(10) }
    }
}

/// The queues and status records of an installation, in Redis.
pub struct RedisStore {
    dialer: Dialer,
    space: Keyspace,
    link: Arc<Link>,
    register: Arc<Register>,
    queues: Mutex<HashMap<String, Arc<RedisQueue>>>,
}

impl RedisStore {
    /// Connects, trying again until the options' patience ends, and checks the server.
    ///
    /// Later interruptions are survived: calls fail with [`QueueError::Unavailable`] until the
    /// server is back.
    ///
    /// # Errors
    /// [`QueueError::Unusable`] when the URL cannot be read, the server is not reached in time or
    /// does not let us in, is older than 6.2, or may evict keys; [`QueueError::Invalid`] for a bad
    /// prefix.
    pub async fn connect(options: RedisOptions, clock: SharedClock) -> Result<Arc<Self>> {
        let space = Keyspace::new(&options.prefix)?;
        let dialer = Dialer::parse(&options.url)?;
        let link = Arc::new(Link::open(dialer.clone(), clock));
        boot::check(&link, &dialer.address(), options.patience).await?;
        let register = Arc::new(Register::new(dialer.clone(), Arc::clone(&link)));
        Ok(Arc::new(Self { dialer, space, link, register, queues: Mutex::default() }))
    }

    fn opened(&self, name: &str) -> Option<Arc<RedisQueue>> {
        let queues = self.queues.lock().unwrap_or_else(PoisonError::into_inner);
        queues.get(name).cloned()
    }
}

#[async_trait]
impl Store for RedisStore {
    async fn queue(&self, name: &str) -> Result<Arc<dyn Backend>> {
        if let Some(queue) = self.opened(name) {
            return Ok(queue);
        }
        let keys = Arc::new(self.space.queue(name)?);
        let mut call = scripts::call(&scripts::OPEN, &keys.meta);
        call.arg(WIRE_VERSION).arg(LIBRARY);
        self.link.script("open queue", &call).await?;
        let mut queues = self.queues.lock().unwrap_or_else(PoisonError::into_inner);
        let queue =
            queues.entry(name.to_owned()).or_insert_with(|| Arc::new(RedisQueue::new(keys, self)));
        Ok(Arc::clone(queue) as Arc<dyn Backend>)
    }

    async fn add_flow(&self, flow: Flow) -> Result<Vec<JobKey>> {
        self.add_tree(flow).await
    }

    fn status(&self) -> Arc<dyn StatusStore> {
        Arc::new(RedisStatus::new(self.space.clone(), Arc::clone(&self.link)))
    }

    async fn installation(&self, id: &str) -> Result<String> {
        let key = self.space.installation();
        let mut pipeline = redis::pipe();
        pipeline.cmd("SET").arg(&key).arg(id).arg("NX");
        pipeline.cmd("GET").arg(&key);
        let replies = self.link.pipeline("installation", &pipeline).await?;
        let stored = replies.into_iter().next_back().map(wire::text).transpose()?.flatten();
        stored.ok_or_else(|| QueueError::Corrupt(format!("{key} holds nothing")))
    }

    async fn ping(&self) -> Result<()> {
        let command = redis::cmd("PING");
        match tokio::time::timeout(PING_WAIT, self.link.command("ping", &command)).await {
            Ok(reply) => reply.map(drop),
            Err(_) => Err(QueueError::Unavailable {
                operation: "ping",
                cause: format!("no reply within {} s", PING_WAIT.as_secs()),
            }),
        }
    }

    async fn close(&self) {
        let queues: Vec<_> = {
            let mut queues = self.queues.lock().unwrap_or_else(PoisonError::into_inner);
            queues.drain().map(|(_, queue)| queue).collect()
        };
        for queue in queues {
            queue.wake.stop();
            queue.tail.close();
        }
        self.link.close().await;
    }
}

/// How long a readiness check waits for the server.
const PING_WAIT: Duration = Duration::from_secs(2);

/// One queue in Redis.
struct RedisQueue {
    keys: Arc<QueueKeys>,
    link: Arc<Link>,
    adder: Adder,
    wake: Wake,
    unanswered: Unanswered,
    /// Reads the event stream.
    tail: Dedicated,
    register: Arc<Register>,
}

impl RedisQueue {
    fn new(keys: Arc<QueueKeys>, store: &RedisStore) -> Self {
        let RedisStore { dialer, link, register, .. } = store;
        Self {
            register: Arc::clone(register),
            adder: Adder::start(Arc::clone(&keys), Arc::clone(link)),
            wake: Wake::start(&keys, dialer.clone(), Arc::clone(link)),
            tail: Dedicated::new(dialer.clone(), Arc::clone(link), keys.events_client_name()),
            unanswered: Unanswered::default(),
            link: Arc::clone(link),
            keys,
        }
    }

    /// Begins the call of a script of this queue with its key base.
    fn call(&self, script: &redis::Script) -> redis::Cmd {
        let mut call = scripts::call(script, &self.keys.meta);
        call.arg(&self.keys.base);
        call
    }

    /// Begins the call of a script that also needs the cancel marks.
    fn call_with_marks(&self, script: &redis::Script) -> redis::Cmd {
        let mut call = self.call(script);
        call.arg(&self.keys.cancel_marks);
        call
    }
}
