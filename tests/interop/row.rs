//! One row: a scenario that is being played, with its sides, under a prefix of its own.
//!
//! Never knows what the scenario is about.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use serde_json::Value;

use crate::keyspace::{self, Keyspace};
use crate::peer::{Client, Peer};
use crate::side::Side;

/// How long the server may take for an answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// Who plays which side.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Roles {
    /// BullMQ alone: the model.
    Model,
    /// Ours acts (adds), Node answers (works).
    OursToNode,
    /// Node acts (adds), ours answers (works).
    NodeToOurs,
    /// Ours acts, Node observes.
    OursActs,
    /// Node acts, ours goes on.
    NodeActs,
    /// Both do everything.
    Mixed,
}

/// The server and the peers that all rows share.
pub(crate) struct World {
    pub(crate) url: String,
    peers: Mutex<HashMap<Client, Arc<Peer>>>,
}

impl World {
    pub(crate) fn new(url: &str) -> Self {
        Self { url: url.to_owned(), peers: Mutex::default() }
    }

    fn peer(&self, client: Client) -> Arc<Peer> {
        let mut peers = self.peers.lock().unwrap();
        Arc::clone(peers.entry(client).or_insert_with(|| Peer::start(client, &self.url)))
    }
}

/// A scenario that is being played.
#[derive(Clone)]
pub(crate) struct Row {
    pub(crate) roles: Roles,
    pub(crate) major: u8,
    prefix: String,
    world: Arc<World>,
    redis: MultiplexedConnection,
    own: Arc<Mutex<Vec<Side>>>,
    no_model: Arc<Mutex<Option<&'static str>>>,
    remark: Arc<Mutex<Option<&'static str>>>,
    observed: Arc<Mutex<Vec<String>>>,
}

/// What a row left.
pub(crate) struct Left {
    pub(crate) keyspace: Keyspace,
    /// What an observer saw on the way, without what no two runs share.
    pub(crate) observed: Vec<String>,
    /// In what ours differs although what is left is the same.
    pub(crate) remark: Option<&'static str>,
    /// Why it is not to be compared with what BullMQ alone leaves.
    pub(crate) no_model: Option<&'static str>,
}

impl Row {
    pub(crate) async fn new(world: &Arc<World>, name: &str, roles: Roles, major: u8) -> Self {
        let client = redis::Client::open(world.url.as_str()).unwrap();
        // By default the client gives up after half a second, which ten thousand keys may take.
        let patience = redis::AsyncConnectionConfig::new()
            .set_connection_timeout(Some(PATIENCE))
            .set_response_timeout(Some(PATIENCE));
        let redis = client.get_multiplexed_async_connection_with_config(&patience).await.unwrap();
        Self {
            roles,
            major,
            prefix: format!("{name}-{roles:?}-{major}"),
            world: Arc::clone(world),
            redis,
            own: Arc::default(),
            no_model: Arc::default(),
            remark: Arc::default(),
            observed: Arc::default(),
        }
    }

    /// Returns a part of this row that is played elsewhere, under a prefix of its own; `redis` leads to
    /// the server that has its keys.
    pub(crate) async fn part(
        &self,
        world: &Arc<World>,
        prefix: &str,
        roles: Roles,
        redis: &str,
    ) -> Self {
        let mut part = Self::new(&Arc::new(World::new(redis)), prefix, roles, self.major).await;
        part.world = Arc::clone(world);
        part
    }

    fn side(&self, client: Client) -> Side {
        Side::new(self.world.peer(client), &self.prefix)
    }

    /// The Node client, which observes in every row.
    pub(crate) fn node(&self) -> Side {
        self.side(Client::Node(self.major))
    }

    /// Our client; Node's where Node plays alone.
    pub(crate) fn ours(&self) -> Side {
        if self.roles == Roles::Model { self.node() } else { self.side(Client::Oxherd) }
    }

    /// The side that acts.
    pub(crate) fn first(&self) -> Side {
        match self.roles {
            Roles::OursToNode | Roles::OursActs | Roles::Mixed => self.ours(),
            Roles::Model | Roles::NodeToOurs | Roles::NodeActs => self.node(),
        }
    }

    /// The side that answers.
    pub(crate) fn second(&self) -> Side {
        match self.roles {
            Roles::NodeToOurs | Roles::NodeActs => self.ours(),
            _ => self.node(),
        }
    }

    /// Starts a process of its own, which the row may kill.
    pub(crate) fn fresh(&self, like: &Side) -> Side {
        let side = Side::new(Peer::start(like.peer.client, &self.world.url), &self.prefix);
        self.own.lock().unwrap().push(side.clone());
        side
    }

    /// Returns one more client of this row, which ends with the row.
    pub(crate) fn own(&self, client: Client) -> Side {
        let side = self.side(client);
        self.own.lock().unwrap().push(side.clone());
        side
    }

    /// Says that BullMQ alone is no model for this row, and why; true where it plays alone: the
    /// scenario then ends.
    pub(crate) fn has_no_model(&self, why: &'static str) -> bool {
        *self.no_model.lock().unwrap() = Some(why);
        self.roles == Roles::Model
    }

    /// Says in what ours differs on purpose, where what is left is the same all the same.
    pub(crate) fn remarks(&self, why: &'static str) {
        *self.remark.lock().unwrap() = Some(why);
    }

    /// Notes what Node sees, which has to be what it sees where BullMQ plays alone.
    pub(crate) fn observes(&self, what: &str, seen: &Value) {
        let seen = keyspace::without_chance(&self.prefix, seen);
        self.observed.lock().unwrap().push(format!("{what}: {seen}"));
    }

    /// A connection of a stranger, who may write anything.
    pub(crate) fn redis(&self) -> MultiplexedConnection {
        self.redis.clone()
    }

    /// Returns the full name of a key of a queue.
    pub(crate) fn key(&self, queue: &str, rest: &str) -> String {
        format!("{}:{queue}:{rest}", self.prefix)
    }

    /// Ends the row: what must hold after every one, then the keyspace that it left.
    pub(crate) async fn finish(self) -> Result<Left, String> {
        let mut keyspace = Keyspace::read(&self.prefix, &mut self.redis.clone()).await;
        // A worker may be about to take a lock off or to count an event: once more if in doubt.
        for _ in 0..20 {
            if keyspace.problems().is_empty() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
            keyspace = Keyspace::read(&self.prefix, &mut self.redis.clone()).await;
        }
        let own = std::mem::take(&mut *self.own.lock().unwrap());
        let mut sides = vec![self.node()];
        if self.roles != Roles::Model {
            sides.push(self.ours());
        }
        let mut problems = keyspace.problems();
        for side in sides.iter().chain(&own) {
            // A process that the row killed has nothing to say.
            let Ok(errors) = side.finish().await else { continue };
            problems.extend(errors);
        }
        let no_model = *self.no_model.lock().unwrap();
        let observed = std::mem::take(&mut *self.observed.lock().unwrap());
        if problems.is_empty() {
            let remark = *self.remark.lock().unwrap();
            Ok(Left { keyspace, observed, remark, no_model })
        } else {
            Err(problems.join("; "))
        }
    }
}
