//! Finding the server that has the keys, and connecting to it.
//!
//! What a URL names is that server itself, sentinels that know it, or nodes of a cluster of which
//! one owns the slot of the keys; each time the connection for commands is lost, it is looked for
//! again. Other connections go where that one went.
//!
//! Never keeps a connection.

use std::sync::{Arc, Mutex, PoisonError};

use super::address::{Address, Place, Route};
use super::line::Opener;
use super::tls::Tls;
use super::{RedisOptions, cluster, sentinel};
use crate::error::Result;

pub(super) use super::line::{Line, OPERATION};

/// Connects to the server that has the keys of one slot.
#[derive(Clone)]
pub(super) struct Dialer {
    address: Arc<Address>,
    opener: Opener,
    /// One of the keys, which need not exist.
    key: Arc<str>,
    found: Arc<Mutex<Found>>,
}

/// Where the server was when it was last looked for.
#[derive(Clone, Default)]
struct Found {
    place: Option<Place>,
    /// The nodes of its cluster; none if it stands alone.
    nodes: Vec<Place>,
}

impl Dialer {
    /// Reads the options; `key` is one of the keys.
    ///
    /// # Errors
    /// [`crate::QueueError::Unusable`] that shows no part of the password.
    pub(super) fn new(options: &RedisOptions, key: &str) -> Result<Self> {
        let address = Address::parse(&options.url)?;
        let tls = match address.is_secure {
            true => Some(Tls::new(options.ca_file.as_deref())?),
            false => None,
        };
        let opener = Opener::new(address.sign_in.clone(), tls);
        let address = Arc::new(address);
        Ok(Self { address, opener, key: key.into(), found: Arc::default() })
    }

    /// Returns a dialer for another key of the same servers.
    pub(super) fn for_key(&self, key: &str) -> Self {
        Self { key: key.into(), found: Arc::new(Mutex::new(self.found())), ..self.clone() }
    }

    /// Returns where the servers are, without user and password.
    pub(super) fn address(&self) -> String {
        self.address.to_string()
    }

    /// Tells whether the server is a node of a cluster, as far as known.
    pub(super) fn is_clustered(&self) -> bool {
        !self.found().nodes.is_empty()
    }

    /// Looks for the server and connects to it.
    pub(super) async fn find(&self) -> Result<Line> {
        let before = self.found();
        let (line, nodes) = match &self.address.route {
            Route::Sentinel(master) => {
                (sentinel::find(&self.opener, &self.address.places, master).await?, Vec::new())
            }
            Route::Direct if before.nodes.is_empty() => self.direct().await?,
            Route::Direct | Route::Cluster => self.in_cluster(&before.nodes).await?,
        };
        let found = Found { place: Some(line.place.clone()), nodes };
        *self.found.lock().unwrap_or_else(PoisonError::into_inner) = found;
        Ok(line)
    }

    /// Connects to the server that was found last; with a name, it shows it in its client list.
    pub(super) async fn dial(&self, name: Option<&str>) -> Result<Line> {
        let mut line = match self.found().place {
            Some(place) => self.opener.open(&place).await?,
            None => self.find().await?,
        };
        if let Some(name) = name {
            // Managed servers may forbid CLIENT; the name is only for dashboards.
            let mut command = redis::cmd("CLIENT");
            match line.ask(command.arg("SETNAME").arg(name)).await {
                Err(error) if error.is_transient() => return Err(error),
                Err(error) => tracing::debug!(%error, "the connection stays unnamed"),
                Ok(_) => {}
            }
        }
        Ok(line)
    }

    /// Tells whether a connection leads to the server that was found last.
    pub(super) fn is_current(&self, line: &Line) -> bool {
        self.found().place.as_ref() == Some(&line.place)
    }

    /// Connects to the named server, or to its neighbour that has the keys.
    async fn direct(&self) -> Result<(Line, Vec<Place>)> {
        let place = &self.address.places[0];
        let mut line = self.opener.open(place).await?;
        if cluster::is_node(&mut line).await? {
            return self.in_cluster(&[]).await;
        }
        Ok((line, Vec::new()))
    }

    async fn in_cluster(&self, nodes: &[Place]) -> Result<(Line, Vec<Place>)> {
        cluster::find(&self.opener, nodes, &self.address.places, &self.key).await
    }

    fn found(&self) -> Found {
        self.found.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
