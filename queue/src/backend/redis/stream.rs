//! Reading the event stream of a queue from a position on.
//!
//! Notices when entries after that position are gone. Never writes to the stream.

use std::time::Duration;

use redis::Value;
use tokio::time::Instant;

use super::{RedisQueue, wire};
use crate::backend::EventPage;
use crate::error::Result;
use crate::event::{Event, Position};

/// The most events in a page.
const EVENTS_MAX: usize = 100_000;
/// The longest block of one read on the server. A connection that died in silence is noticed one
/// second later; nothing but what other processes did is late by it.
const BLOCK_MAX: Duration = Duration::from_secs(30);

/// Returns events after a position, waiting up to `block` for the first.
pub(super) async fn events(
    queue: &RedisQueue,
    after: Position,
    limit: usize,
    block: Duration,
) -> Result<EventPage> {
    let until = Instant::now() + block;
    loop {
        let left = until.saturating_duration_since(Instant::now());
        let (events, fresh) = read(queue, after, limit, left.min(BLOCK_MAX)).await?;
        if !events.is_empty() {
            let gap = is_gap(after, &ends(queue).await?);
            let next = events.last().map_or(after, |event| event.position);
            return Ok(EventPage { events, next, gap });
        }
        // The server may have lost its data while the connection was down: then the stream begins
        // anew, before the asked position.
        if fresh && ends(queue).await?.last < after {
            return Ok(EventPage { events, next: Position::START, gap: true });
        }
        if Instant::now() >= until {
            return Ok(EventPage { events, next: after, gap: false });
        }
    }
}

/// Reads entries after a position, none if there are none within `block`; tells also whether the
/// connection may have missed a restart of the server.
async fn read(
    queue: &RedisQueue,
    after: Position,
    limit: usize,
    block: Duration,
) -> Result<(Vec<Event>, bool)> {
    let mut command = redis::cmd("XREAD");
    command.arg("COUNT").arg(limit.clamp(1, EVENTS_MAX));
    let block_ms = u64::try_from(block.as_millis()).unwrap_or(0);
    if block_ms > 0 {
        command.arg("BLOCK").arg(block_ms);
    }
    command.arg("STREAMS").arg(&queue.keys.events).arg(after.to_string());
    let (reply, fresh) = if block_ms > 0 {
        queue.tail.blocking("events", &command, block).await?
    } else {
        (queue.link.command("events", &command).await?, true)
    };
    let Some(stream) = wire::list(reply)?.into_iter().next() else {
        return Ok((Vec::new(), fresh));
    };
    let [_, entries] = wire::tuple(stream)?;
    Ok((wire::events(entries)?, fresh))
}

/// How far clocks that are taken for equal may differ, milliseconds.
const CLOCK_TOLERANCE_MS: u64 = 100;

/// Returns the events since about a time, the first [`EVENTS_MAX`] of them.
pub(super) async fn since(queue: &RedisQueue, from: Position) -> Result<Vec<Event>> {
    let from_ms = from.ms.saturating_sub(CLOCK_TOLERANCE_MS);
    let mut command = redis::cmd("XRANGE");
    command.arg(&queue.keys.events).arg(from_ms).arg("+").arg("COUNT").arg(EVENTS_MAX);
    wire::events(queue.link.command("events", &command).await?)
}

/// What a stream holds.
#[derive(Debug, Default)]
struct Ends {
    first: Position,
    last: Position,
    /// Whether entries were ever trimmed; assumed where the server does not count them.
    trimmed: bool,
}

/// Tells whether entries after a position are gone.
///
/// As long as the entry at the position or one before it is kept, everything after it is.
fn is_gap(after: Position, ends: &Ends) -> bool {
    ends.first > after && (ends.trimmed || after > Position::START)
}

async fn ends(queue: &RedisQueue) -> Result<Ends> {
    let mut command = redis::cmd("XINFO");
    command.arg("STREAM").arg(&queue.keys.events);
    let reply = match queue.link.command("events", &command).await {
        Ok(reply) => reply,
        // The stream does not exist.
        Err(error) if !error.is_transient() => return Ok(Ends::default()),
        Err(error) => return Err(error),
    };
    let mut items = wire::list(reply)?.into_iter();
    let mut ends = Ends::default();
    let (mut length, mut added) = (0, None);
    while let (Some(name), Some(value)) = (items.next(), items.next()) {
        match wire::text(name)?.as_deref() {
            Some("length") => length = wire::number(value)?.unwrap_or(0),
            Some("entries-added") => added = wire::number(value)?,
            Some("last-generated-id") => ends.last = wire::position(value)?,
            Some("first-entry") if value != Value::Nil => {
                let [id, _] = wire::tuple(value)?;
                ends.first = wire::position(id)?;
            }
            _ => {}
        }
    }
    ends.trimmed = added.is_none_or(|added| added > length);
    Ok(ends)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gap_is_told_when_the_asked_entry_is_gone() {
        let at = |ms| Position { ms, seq: 0 };
        let ends = |first, trimmed| Ends { first: at(first), last: at(99), trimmed };
        assert!(!is_gap(at(10), &ends(10, true)), "the entry itself is kept");
        assert!(!is_gap(at(10), &ends(5, true)), "an earlier one is kept");
        assert!(is_gap(at(10), &ends(11, true)), "it was trimmed");
        assert!(is_gap(at(10), &ends(11, false)), "the stream began anew");
        assert!(is_gap(Position::START, &ends(5, true)), "the beginning was trimmed");
        assert!(!is_gap(Position::START, &ends(5, false)), "nothing was trimmed");
    }
}
