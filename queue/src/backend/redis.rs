//! The Redis store, wire-compatible with BullMQ.
//!
//! Every key, field, score and event is one that BullMQ 6 could have written, so that its clients
//! and ours share queues. The Lua scripts are our own; each checks before it writes.
//!
//! # Layout, in reading order
//! * [`keys`], [`wire`], [`scripts`]: how things are spelled, read and done in Redis.
//! * [`address`], [`tls`], [`line`]: one connection. [`dial`], [`sentinel`], [`cluster`], [`slot`]: which
//!   server has the keys.
//! * [`connection`], [`dedicated`], [`fault`], [`time`]: connections that come back by themselves, and
//!   the clock of the server.
//! * [`produce`] with [`coalesce`], [`change`], [`deduplicate`], [`limit`], [`schedule`], [`relate`],
//!   [`consume`] with [`wake`] and [`unanswered`], [`inspect`] with [`stream`], [`maintain`],
//!   [`clear`], [`attend`]: the roles of a queue.
//! * [`status`]: the job records. [`boot`]: what a server must be like; [`server`]: what it tells of
//!   itself.
//!
//! Never holds state that another process could not take over: everything durable is in Redis.

mod address;
mod attend;
mod boot;
mod change;
mod clear;
mod cluster;
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
mod line;
mod maintain;
mod produce;
mod relate;
mod schedule;
mod scripts;
mod sentinel;
mod server;
mod slot;
mod status;
mod stream;
mod time;
mod tls;
mod unanswered;
mod wake;
mod wire;

use std::collections::HashMap;
use std::path::PathBuf;
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
use super::{Backend, ServerInfo, Store};
use crate::clock::SharedClock;
use crate::error::{QueueError, Result};
use crate::flow::{Flow, JobKey};
use crate::status::StatusStore;

/// How to reach the Redis store.
#[derive(Debug, Clone)]
pub struct RedisOptions {
    /// Where the server is, with user and password percent-encoded:
    /// * `redis://[[user]:password@]host[:port][/database]`, also any node of a cluster;
    /// * `redis+unix:///path`;
    /// * `redis+cluster://[[user]:password@]host[:port][,host[:port]...]`: nodes of a cluster, for
    ///   the case that one is away at the start;
    /// * `redis+sentinel://[[user]:password@]host[:port][,host[:port]...]/primary[/database]`:
    ///   sentinels (port 26379) and the name of the primary that they watch. User and password are
    ///   those of the servers, and of the sentinels if they want any.
    ///
    /// `rediss` in place of `redis` encrypts the connections.
    pub url: String,
    /// What the keys of all queues begin with; shared with the BullMQ clients. No `:` in it. In a
    /// cluster it needs a hash tag (`{bull}`), or each queue name does.
    pub prefix: String,
    /// How long [`RedisStore::connect`] tries before it gives up.
    pub patience: Duration,
    /// The PEM file of the authorities that may vouch for an encrypted server, in place of those
    /// that this system trusts.
    pub ca_file: Option<PathBuf>,
}

impl RedisOptions {
    /// Reaches a server with BullMQ's default prefix, `bull`, and ten seconds of patience.
    #[must_use]
    pub fn new(url: impl Into<String>) -> Self {
        let patience = Duration::from_secs(10);
        Self { url: url.into(), prefix: "bull".to_owned(), patience, ca_file: None }
    }
}

/// The queues and status records of an installation, in Redis.
pub struct RedisStore {
    space: Keyspace,
    clock: SharedClock,
    patience: Duration,
    /// The server of what belongs to no queue; without a cluster, of all.
    home: Server,
    /// The servers of other slots.
    others: Mutex<HashMap<u16, Server>>,
    queues: Mutex<HashMap<String, Arc<RedisQueue>>>,
}

/// The connections to whichever server has the keys of one slot.
#[derive(Clone)]
struct Server {
    dialer: Dialer,
    link: Arc<Link>,
    register: Arc<Register>,
}

impl Server {
    fn open(dialer: Dialer, clock: SharedClock) -> Self {
        let link = Arc::new(Link::open(dialer.clone(), clock));
        let register = Arc::new(Register::new(dialer.clone(), Arc::clone(&link)));
        Self { dialer, link, register }
    }
}

impl RedisStore {
    /// Connects, trying again until the options' patience ends, and checks the server.
    ///
    /// Later interruptions are survived: calls fail with [`QueueError::Unavailable`] until the
    /// server is back.
    ///
    /// # Errors
    /// [`QueueError::Unusable`] when the URL cannot be read, the server is not reached in time or
    /// is not trusted, does not let us in, is older than 6.2, or may evict keys;
    /// [`QueueError::Invalid`] for a bad prefix.
    pub async fn connect(options: RedisOptions, clock: SharedClock) -> Result<Arc<Self>> {
        let space = Keyspace::new(&options.prefix)?;
        let dialer = Dialer::new(&options, &space.own_in_cluster())?;
        let home = Server::open(dialer, Arc::clone(&clock));
        boot::check(&home.link, &home.dialer.address(), options.patience).await?;
        let space = if home.dialer.is_clustered() { space.clustered() } else { space };
        let (others, queues) = (Mutex::default(), Mutex::default());
        let patience = options.patience;
        Ok(Arc::new(Self { space, clock, patience, home, others, queues }))
    }

    /// Tells whether there can be a queue of this name.
    ///
    /// # Errors
    /// [`QueueError::Invalid`]; [`QueueError::CrossSlot`] in a cluster when its keys would not be in
    /// one slot.
    pub fn check_name(&self, queue: &str) -> Result<()> {
        self.space.queue(queue).map(drop)
    }

    /// Returns the server of a queue.
    fn server_of(&self, keys: &QueueKeys) -> Server {
        let dialer = &self.home.dialer;
        if !self.space.is_clustered() || keys.slot() == slot::of(&self.space.own_in_cluster()) {
            return self.home.clone();
        }
        let open = || Server::open(dialer.for_key(&keys.meta), Arc::clone(&self.clock));
        let mut others = self.others.lock().unwrap_or_else(PoisonError::into_inner);
        others.entry(keys.slot()).or_insert_with(open).clone()
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
        let server = self.server_of(&keys);
        if !Arc::ptr_eq(&server.link, &self.home.link) {
            boot::check(&server.link, &server.dialer.address(), self.patience).await?;
        }
        let mut call = scripts::call(&scripts::OPEN, &keys.declared);
        call.arg(WIRE_VERSION).arg(LIBRARY);
        server.link.script("open queue", &call).await?;
        let mut queues = self.queues.lock().unwrap_or_else(PoisonError::into_inner);
        let queue = queues
            .entry(name.to_owned())
            .or_insert_with(|| Arc::new(RedisQueue::new(keys, server)));
        Ok(Arc::clone(queue) as Arc<dyn Backend>)
    }

    async fn add_flow(&self, flow: Flow) -> Result<Vec<JobKey>> {
        self.add_tree(flow).await
    }

    fn status(&self) -> Arc<dyn StatusStore> {
        Arc::new(RedisStatus::new(self.space.clone(), Arc::clone(&self.home.link)))
    }

    async fn installation(&self, id: &str) -> Result<String> {
        let key = self.space.installation();
        let mut pipeline = redis::pipe();
        pipeline.cmd("SET").arg(&key).arg(id).arg("NX");
        pipeline.cmd("GET").arg(&key);
        let replies = self.home.link.pipeline("installation", &pipeline).await?;
        let stored = replies.into_iter().next_back().map(wire::text).transpose()?.flatten();
        stored.ok_or_else(|| QueueError::Corrupt(format!("{key} holds nothing")))
    }

    async fn ping(&self) -> Result<()> {
        let command = redis::cmd("PING");
        match tokio::time::timeout(PING_WAIT, self.home.link.command("ping", &command)).await {
            Ok(reply) => reply.map(drop),
            Err(_) => Err(QueueError::Unavailable {
                operation: "ping",
                cause: format!("no reply within {} s", PING_WAIT.as_secs()),
            }),
        }
    }

    async fn server(&self) -> Result<Option<ServerInfo>> {
        server::info(&self.home.link).await
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
        let others: Vec<_> = {
            let mut others = self.others.lock().unwrap_or_else(PoisonError::into_inner);
            others.drain().map(|(_, server)| server).collect()
        };
        for server in others.iter().chain([&self.home]) {
            server.link.close().await;
        }
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
    fn new(keys: Arc<QueueKeys>, Server { dialer, link, register }: Server) -> Self {
        Self {
            register,
            adder: Adder::start(Arc::clone(&keys), Arc::clone(&link)),
            wake: Wake::start(&keys, dialer.clone(), Arc::clone(&link)),
            tail: Dedicated::new(dialer, Arc::clone(&link), keys.events_client_name()),
            unanswered: Unanswered::default(),
            link,
            keys,
        }
    }

    /// Begins the call of a script of this queue with its key base.
    fn call(&self, script: &redis::Script) -> redis::Cmd {
        let mut call = scripts::call(script, &self.keys.declared);
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
