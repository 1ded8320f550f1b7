//! Running headers and footers whose words change with the chapter: they stand at one height on
//! many pages, apart from the text.

use std::collections::HashMap;

use super::super::PageLines;
use super::super::lines::Line;
use super::{Edge, MARGIN};

/// A header stands on at least so many pages.
const PAGES_MIN: usize = 4;

/// The part of the pages of a document on which one stands.
const SHARE: f32 = 0.25;

/// The heights at which headers and footers run.
pub(super) struct Running(Vec<(Edge, i32)>);

/// A line that is the outermost of its page.
struct Outermost {
    edge: Edge,
    y: f32,
    is_apart: bool,
}

impl Running {
    /// Finds the heights.
    pub(super) fn find(pages: &[PageLines]) -> Self {
        let mut counts: HashMap<(Edge, i32), (usize, usize)> = HashMap::new();
        for page in pages {
            for outermost in [Edge::Top, Edge::Bottom].map(|edge| outermost(page, edge)) {
                let Some(Outermost { edge, y, is_apart }) = outermost else { continue };
                let count = counts.entry((edge, height(y))).or_default();
                count.0 += 1;
                count.1 += usize::from(is_apart);
            }
        }
        let least = PAGES_MIN.max((pages.len() as f32 * SHARE) as usize);
        // The first line of a text stands at one height as well, but not apart.
        let is_running = |(all, apart): (usize, usize)| apart >= least && apart * 10 >= all * 8;
        Self(counts.into_iter().filter(|(_, count)| is_running(*count)).map(|(at, _)| at).collect())
    }

    /// Marks the lines that stand there.
    pub(super) fn drop(&self, page: &PageLines, dropped: &mut [bool]) {
        for edge in [Edge::Top, Edge::Bottom] {
            let Some(outermost) = outermost(page, edge) else { continue };
            if !outermost.is_apart || !self.0.contains(&(edge, height(outermost.y))) {
                continue;
            }
            for (line, dropped) in page.lines.iter().zip(dropped.iter_mut()) {
                *dropped |= is_beside(line.y, outermost.y);
            }
        }
    }
}

fn outermost(page: &PageLines, edge: Edge) -> Option<Outermost> {
    let from_edge = |line: &Line| match edge {
        Edge::Top => line.y,
        Edge::Bottom => page.height - line.y,
    };
    let nearest = |lines: &mut dyn Iterator<Item = &Line>| {
        lines.map(|line| (from_edge(line), line.size)).min_by(|a, b| a.0.total_cmp(&b.0))
    };
    let (first, size) = nearest(&mut page.lines.iter())?;
    if first > page.height * MARGIN {
        return None;
    }
    let mut others = page.lines.iter().filter(|line| !is_beside(from_edge(line), first));
    let is_apart = nearest(&mut others).is_some_and(|(next, _)| next - first > 1.7 * size);
    let y = if edge == Edge::Top { first } else { page.height - first };
    Some(Outermost { edge, y, is_apart })
}

fn is_beside(a: f32, b: f32) -> bool {
    (a - b).abs() < 2.5
}

/// Heights that differ by less than 2 points are one.
fn height(y: f32) -> i32 {
    (y / 2.0).round() as i32
}
