//! Sentinels, which know where the primary of a name is.
//!
//! Never keeps a connection.

use rand::seq::SliceRandom as _;
use redis::Value;

use super::address::Place;
use super::cluster::step;
use super::line::{Line, Opener};
use super::{fault, wire};
use crate::error::{QueueError, Result};

/// Connects to the primary, by what one of the sentinels says.
///
/// One that still names a dead or demoted primary is passed over: another may know better.
pub(super) async fn find(opener: &Opener, sentinels: &[Place], master: &str) -> Result<Line> {
    let mut sentinels = sentinels.to_vec();
    sentinels.shuffle(&mut rand::rng());
    let mut last = fault::unconnected("no sentinel is named");
    for sentinel in &sentinels {
        match by_word_of(opener, sentinel, master).await {
            Ok(line) => return Ok(line),
            Err(error) => last = error,
        }
    }
    Err(last)
}

async fn by_word_of(opener: &Opener, sentinel: &Place, master: &str) -> Result<Line> {
    let told = step(sentinel, ask(opener, sentinel, master)).await?;
    let place = match wire::list(told).ok().as_deref() {
        Some([host, port]) => {
            let host = wire::text(host.clone())?;
            let port = wire::text(port.clone())?.and_then(|port| port.parse().ok());
            host.zip(port).map(|(host, port)| Place::Tcp(host, port))
        }
        _ => None,
    };
    let Some(place) = place else {
        let unknown = format!("the sentinel at {sentinel} watches no primary named {master:?}");
        return Err(fault::unconnected(&unknown));
    };
    step(&place, open_primary(opener, &place)).await
}

/// Asks a sentinel; signs in only if it wants that, as most have no password of their own.
async fn ask(opener: &Opener, sentinel: &Place, master: &str) -> Result<Value> {
    let mut question = redis::cmd("SENTINEL");
    question.arg("GET-MASTER-ADDR-BY-NAME").arg(master);
    match opener.anonymous().open(sentinel).await?.ask(&question).await {
        Err(QueueError::Unusable { .. }) => {
            opener.without_database().open(sentinel).await?.ask(&question).await
        }
        told => told,
    }
}

/// Connects to a server that takes itself for a primary.
async fn open_primary(opener: &Opener, place: &Place) -> Result<Line> {
    let mut line = opener.open(place).await?;
    match line.ask(&redis::cmd("ROLE")).await {
        Ok(reply) => {
            let role = wire::list(reply)?.into_iter().next().map_or(Ok(None), wire::text)?;
            if role.as_deref() == Some("master") {
                return Ok(line);
            }
            Err(fault::unconnected(&format!("{place} is no primary now")))
        }
        Err(error) if error.is_transient() => Err(error),
        // A server that hides its role is believed: it will refuse writes if it has another.
        Err(_) => Ok(line),
    }
}
