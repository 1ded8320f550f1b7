//! The nodes of a cluster, and which of them has the keys.
//!
//! All keys of a connection are in one slot, so that a plain connection to the owner of the slot
//! does; when it says that the slot has gone, the owner is looked for again.
//!
//! Never keeps a connection.

use std::time::Duration;

use rand::seq::SliceRandom as _;
use redis::Value;
use tokio::time::timeout;

use super::address::Place;
use super::line::{Line, Opener};
use super::{fault, slot, wire};
use crate::error::{QueueError, Result};

/// How long one node may take for its part of the search: another may know better.
pub(super) const STEP_WAIT: Duration = Duration::from_secs(1);

/// Tells whether a server is a node of a cluster; one that does not say is not.
pub(super) async fn is_node(line: &mut Line) -> Result<bool> {
    let mut info = redis::cmd("INFO");
    match line.ask(info.arg("cluster")).await {
        Ok(reply) => {
            let told = wire::text(reply)?.unwrap_or_default();
            Ok(told.lines().any(|line| line.trim_end() == "cluster_enabled:1"))
        }
        Err(error) if error.is_transient() => Err(error),
        Err(_) => Ok(false),
    }
}

/// Connects to the node that owns the slot of a key, by what one of the nodes or of the seeds says;
/// returns also all nodes.
pub(super) async fn find(
    opener: &Opener,
    nodes: &[Place],
    seeds: &[Place],
    key: &str,
) -> Result<(Line, Vec<Place>)> {
    let mut known = nodes.to_vec();
    // Not always the same first: it may be the one that hangs, or lives in the past.
    known.shuffle(&mut rand::rng());
    known.extend(seeds.iter().filter(|seed| !nodes.contains(seed)).cloned());
    let mut last = fault::unconnected("no node of the cluster is known");
    for place in &known {
        match by_word_of(opener, place, key).await {
            Ok(found) => return Ok(found),
            Err(error) => last = error,
        }
    }
    Err(last)
}

async fn by_word_of(opener: &Opener, place: &Place, key: &str) -> Result<(Line, Vec<Place>)> {
    let slot = slot::of(key);
    let (nodes, owner) =
        step(place, async { read(ask(opener, place).await?, place, slot) }).await?;
    let Some(owner) = owner else {
        return Err(fault::unconnected(&format!("{place} knows no owner of slot {slot}")));
    };
    let line = step(&owner, async {
        let mut line = opener.open(&owner).await?;
        let mut exists = redis::cmd("EXISTS");
        match line.ask(exists.arg(key)).await {
            // It owns the slot while it gives it away: what does not exist would be made elsewhere.
            Err(error) if !fault::says(&error, "ASK") => Err(error),
            _ => Ok(line),
        }
    })
    .await?;
    Ok((line, nodes))
}

async fn ask(opener: &Opener, place: &Place) -> Result<Value> {
    let mut line = opener.open(place).await?;
    let mut slots = redis::cmd("CLUSTER");
    line.ask(slots.arg("SLOTS")).await.map_err(|error| match error {
        QueueError::Corrupt(cause) => QueueError::Unusable {
            problem: format!("Redis at {place} is no node of a cluster, or hides it: {cause}"),
            fix: "write redis:// for a server that stands alone, or allow CLUSTER SLOTS".to_owned(),
        },
        other => other,
    })
}

/// Reads all nodes and the owner of a slot from the reply of `CLUSTER SLOTS`: ranges of
/// `[first, last, owner, replica...]`, each server being `[host, port, ...]`.
fn read(reply: Value, asked: &Place, slot: u16) -> Result<(Vec<Place>, Option<Place>)> {
    let (mut nodes, mut owner) = (Vec::new(), None);
    for range in wire::list(reply)? {
        let mut range = wire::list(range)?.into_iter();
        let mut bound = || range.next().map_or(Ok(None), wire::number);
        let (first, last) = (bound()?, bound()?);
        let is_of_slot = first <= Some(u64::from(slot)) && last >= Some(u64::from(slot));
        for (number, server) in range.enumerate() {
            let Some(place) = place_of(server, asked)? else { continue };
            if number == 0 && is_of_slot {
                owner = Some(place.clone());
            }
            if !nodes.contains(&place) {
                nodes.push(place);
            }
        }
    }
    Ok((nodes, owner))
}

fn place_of(server: Value, asked: &Place) -> Result<Option<Place>> {
    let mut fields = wire::list(server)?.into_iter();
    let host = fields.next().map_or(Ok(None), wire::text)?;
    let port = fields.next().map_or(Ok(None), wire::number)?;
    let Some(port) = port.and_then(|port| u16::try_from(port).ok()) else { return Ok(None) };
    Ok(match (host, asked) {
        // A node that does not know its own name is where it was asked.
        (None, Place::Tcp(asked, _)) => Some(Place::Tcp(asked.clone(), port)),
        (Some(host), Place::Tcp(asked, _)) if host.is_empty() => {
            Some(Place::Tcp(asked.clone(), port))
        }
        (Some(host), _) if host != "?" => Some(Place::Tcp(host, port)),
        _ => None,
    })
}

/// Gives one server its time.
pub(super) async fn step<T>(place: &Place, work: impl Future<Output = Result<T>>) -> Result<T> {
    let silent = || fault::unconnected(&format!("{place} does not answer"));
    timeout(STEP_WAIT, work).await.unwrap_or_else(|_| Err(silent()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server(host: Option<&str>, port: i64) -> Value {
        let host = host.map_or(Value::Nil, |host| Value::BulkString(host.into()));
        let id = Value::BulkString(b"07c37df".to_vec());
        Value::Array(vec![host, Value::Int(port), id, Value::Array(Vec::new())])
    }

    fn tcp(host: &str, port: u16) -> Place {
        Place::Tcp(host.to_owned(), port)
    }

    #[test]
    fn the_first_server_of_the_range_owns_the_slot() {
        let range = |first, last, servers: Vec<Value>| {
            let bounds = vec![Value::Int(first), Value::Int(last)];
            Value::Array([bounds, servers].concat())
        };
        let reply = Value::Array(vec![
            range(0, 99, vec![server(Some("a"), 1), server(Some("b"), 2)]),
            range(100, 16_383, vec![server(Some("b"), 2), server(None, 3), server(Some("?"), 4)]),
        ]);
        let asked = tcp("here", 9);
        let (nodes, owner) = read(reply.clone(), &asked, 99).unwrap();
        assert_eq!(nodes, [tcp("a", 1), tcp("b", 2), tcp("here", 3)]);
        assert_eq!(owner, Some(tcp("a", 1)));
        assert_eq!(read(reply.clone(), &asked, 100).unwrap().1, Some(tcp("b", 2)));
        assert_eq!(read(Value::Array(Vec::new()), &asked, 100).unwrap(), (Vec::new(), None));
    }
}
