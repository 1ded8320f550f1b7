//! Cuts a module into sessions: 25 to 50 minutes each, at sub-headings where that is possible.
//!
//! The cheapest of all cuttings: each session costs by its distance from the ideal length, each
//! cut by how deep in the structure it falls.

use crate::outline::ChunkRange;

/// What a session should take, in minutes.
const IDEAL: f32 = 38.0;
/// The most that one session may hold, unless a single chunk is longer.
const MOST: f32 = 50.0;
/// The least that a session should hold, unless the module is shorter.
const LEAST: f32 = 25.0;

/// How good a place is to begin a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Edge {
    /// A sub-heading begins here; 0 is the highest level inside the module.
    Heading(usize),
    /// In the middle of a section.
    Inside,
}

impl Edge {
    fn cost(self) -> f32 {
        match self {
            Self::Heading(0) => 0.0,
            Self::Heading(1) => 0.5,
            Self::Heading(2) => 0.8,
            Self::Heading(_) => 1.0,
            Self::Inside => 2.0,
        }
    }
}

/// Returns the chunks of each session of a module.
///
/// `minutes` and `edges` are per chunk of the module, which begins at chunk `start`.
pub(super) fn cut(start: u32, minutes: &[f32], edges: &[Edge]) -> Vec<ChunkRange> {
    let count = minutes.len();
    // The least cost of the chunks before each place, and where their last session begins.
    let mut best = vec![(f32::INFINITY, 0_usize); count + 1];
    best[0] = (0.0, 0);
    for from in 0..count {
        let edge = if from == 0 { 0.0 } else { edges[from].cost() };
        let (before, mut sum) = (best[from].0 + edge, 0.0);
        for to in from..count {
            sum += minutes[to];
            if sum > MOST && to > from {
                break;
            }
            let cost = before + length_cost(sum);
            if cost < best[to + 1].0 {
                best[to + 1] = (cost, from);
            }
        }
    }
    let mut ranges = Vec::new();
    let mut end = count;
    while end > 0 {
        let from = best[end].1;
        let at = |place: usize| start + u32::try_from(place).unwrap_or(u32::MAX);
        ranges.push(ChunkRange { start: at(from), end: at(end - 1) });
        end = from;
    }
    ranges.reverse();
    ranges
}

fn length_cost(minutes: f32) -> f32 {
    let off = (minutes - IDEAL) / 14.0;
    let short = ((LEAST - minutes) / 7.0).max(0.0);
    off * off + short * short
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Edge, MOST, cut};

    fn ends(minutes: &[f32], edges: &[Edge]) -> Vec<u32> {
        cut(0, minutes, edges).iter().map(|range| range.end).collect()
    }

    #[test]
    fn a_short_module_is_one_session() {
        assert_eq!(ends(&[5.0, 5.0], &[Edge::Heading(0), Edge::Heading(0)]), [1]);
    }

    #[test]
    fn sessions_begin_at_sub_headings() {
        let mut edges = vec![Edge::Inside; 20];
        edges[0] = Edge::Heading(0);
        edges[6] = Edge::Heading(0);
        edges[14] = Edge::Heading(0);
        assert_eq!(ends(&[5.0; 20], &edges), [5, 13, 19]);
    }

    #[test]
    fn a_chunk_that_is_longer_than_a_session_stands_alone() {
        assert_eq!(ends(&[30.0, 120.0, 30.0], &[Edge::Inside; 3]), [0, 1, 2]);
    }

    proptest! {
        #[test]
        fn every_cutting_covers_the_module_in_order(
            chunks in proptest::collection::vec((0.1_f32..70.0, 0_usize..6), 1..200),
        ) {
            let minutes: Vec<f32> = chunks.iter().map(|chunk| chunk.0).collect();
            let edges: Vec<Edge> = chunks
                .iter()
                .map(|chunk| if chunk.1 < 4 { Edge::Heading(chunk.1) } else { Edge::Inside })
                .collect();
            let mut next = 7;
            for range in cut(7, &minutes, &edges) {
                prop_assert_eq!(range.start, next);
                let held = &minutes[range.start as usize - 7..=range.end as usize - 7];
                prop_assert!(held.len() == 1 || held.iter().sum::<f32>() <= MOST + 0.01);
                next = range.end + 1;
            }
            prop_assert_eq!(next as usize, minutes.len() + 7);
        }
    }
}
