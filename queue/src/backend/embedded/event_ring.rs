//! The newest events of a queue, in memory.
//!
//! Positions go on rising over restarts; the events themselves do not outlive the process for
//! longer than the journal does. Never waits.

use std::collections::VecDeque;

use crate::backend::EventPage;
use crate::event::{Event, EventKind, Position};

/// The most events that are kept.
const EVENTS_MAX: usize = 10_000;

/// The most bytes of results, progress and reasons that are kept with them.
const BYTES_MAX: usize = 16 * 1024 * 1024;

#[derive(Debug, Default)]
pub(super) struct EventRing {
    events: VecDeque<Event>,
    bytes: usize,
    last: Position,
    /// The newest position of which the event is gone.
    trimmed: Position,
}

impl EventRing {
    /// Starts after the last position of the process before.
    pub(super) fn starting_after(last: Position) -> Self {
        Self { last, trimmed: last, ..Self::default() }
    }

    pub(super) fn push(&mut self, now_ms: u64, kind: EventKind) -> Position {
        // The clock may stand still or go back, positions never do.
        self.last = self.last.next().max(Position { ms: now_ms, seq: 0 });
        self.bytes += weight(&kind);
        self.events.push_back(Event { position: self.last, kind });
        while self.events.len() > EVENTS_MAX || self.bytes > BYTES_MAX {
            let Some(event) = self.events.pop_front() else { break };
            self.bytes -= weight(&event.kind);
            self.trimmed = event.position;
        }
        self.last
    }

    pub(super) fn last(&self) -> Position {
        self.last
    }

    pub(super) fn page(&self, after: Position, limit: usize) -> EventPage {
        let first = self.events.partition_point(|event| event.position <= after);
        let events: Vec<_> = self.events.range(first..).take(limit).cloned().collect();
        let next = events.last().map_or(after, |event| event.position);
        EventPage { events, next, gap: after < self.trimmed }
    }
}

fn weight(kind: &EventKind) -> usize {
    match kind {
        EventKind::Progress { data, .. } => data.as_str().len(),
        EventKind::Completed { result, .. } => result.as_str().len(),
        EventKind::Failed { reason, .. } => reason.len(),
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_rise_although_the_clock_goes_back() {
        let mut ring = EventRing::default();
        let positions = [5, 5, 3, 9].map(|now| ring.push(now, EventKind::Drained));
        assert_eq!(positions.map(|at| at.to_string()), ["5-0", "5-1", "5-2", "9-0"]);
    }

    #[test]
    fn a_reader_that_is_too_late_is_told_of_the_gap() {
        let mut ring = EventRing::default();
        let first = ring.push(1, EventKind::Drained);
        for _ in 0..EVENTS_MAX {
            ring.push(1, EventKind::Paused);
        }
        assert!(ring.page(Position::START, 1).gap);
        let page = ring.page(first, 2);
        assert!(!page.gap);
        assert_eq!(page.events.len(), 2);
        assert_eq!(page.next, page.events[1].position);
    }

    #[test]
    fn large_results_do_not_fill_the_memory() {
        let mut ring = EventRing::default();
        let reason = "x".repeat(1024 * 1024);
        for _ in 0..100 {
            let id = crate::job::JobId::from_store("1");
            ring.push(1, EventKind::Failed { id, reason: reason.clone() });
        }
        assert!(ring.events.len() <= 16);
    }
}
