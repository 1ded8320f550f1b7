//! Cuts a material along its headings into parts of the size of a module.
//!
//! Top-down: a part that is too large is cut at its sub-headings; bottom-up: neighbours that are
//! too small are joined. A part's title is always the heading of one of the pieces it is made of.

use super::heading::Heading;
use crate::outline::ChunkRange;

/// About ten sessions: a larger part is cut, if it has sub-headings.
const LARGE: f32 = 400.0;
/// About three sessions: what is not larger stays whole.
const WHOLE: f32 = 110.0;
/// Materials are cut into at least about so many parts, if they are large enough.
const PARTS: f32 = 6.0;
/// Pieces of a chapter that are smaller than this on average leave it whole.
const PIECE: f32 = 55.0;
/// Two neighbours that both would not fill a session are joined.
const SMALL: f32 = 25.0;
/// A part under this size is joined with any neighbour.
const TINY: f32 = 15.0;

/// A joined part is called after its first piece unless a later one is so much larger.
const MUCH_LARGER: f32 = 1.5;

/// A stretch of chunks under one title.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Part {
    /// The heading that gives its title, as a place in the list of headings.
    pub heading: Option<usize>,
    /// Its chunks.
    pub range: ChunkRange,
    /// The minutes that it takes.
    pub minutes: f32,
    /// Whether it only speaks of the document.
    pub boilerplate: bool,
    /// The minutes of the piece that gave the title.
    title_minutes: f32,
}

impl Part {
    /// Returns what is left of it: a range under a heading, which decides alone whether it only
    /// speaks of the document; the minutes stay those of the whole.
    pub(super) fn within(&self, range: ChunkRange, heading: Option<usize>, about: bool) -> Self {
        Self { range, heading, boilerplate: about, ..self.clone() }
    }
}

/// A material as the cutting sees it.
pub(super) struct Cutter<'a> {
    headings: &'a [Heading],
    /// The minutes of all chunks before each chunk, one more than there are chunks.
    sums: Vec<f32>,
    boilerplate: Vec<bool>,
}

impl<'a> Cutter<'a> {
    /// Prepares the cutting of a material; `minutes` are per chunk, `boilerplate` per heading.
    pub(super) fn new(headings: &'a [Heading], minutes: &[f32], boilerplate: Vec<bool>) -> Self {
        let mut sums = Vec::with_capacity(minutes.len() + 1);
        let mut sum = 0.0;
        sums.push(sum);
        for minutes in minutes {
            sum += minutes;
            sums.push(sum);
        }
        Self { headings, sums, boilerplate }
    }

    /// Returns the parts, in order; they cover every chunk exactly once.
    pub(super) fn parts(&self) -> Vec<Part> {
        let last = u32::try_from(self.sums.len().saturating_sub(2)).unwrap_or(u32::MAX);
        let everything = ChunkRange { start: 0, end: last };
        self.cut(None, everything)
    }

    fn minutes(&self, range: ChunkRange) -> f32 {
        self.sums[range.end as usize + 1] - self.sums[range.start as usize]
    }

    fn part(&self, heading: Option<usize>, range: ChunkRange) -> Part {
        let minutes = self.minutes(range);
        let boilerplate = heading.is_some_and(|heading| self.boilerplate[heading]);
        Part { heading, range, minutes, boilerplate, title_minutes: minutes }
    }

    /// Cuts what is under a heading (or the whole material) until nothing is too large.
    fn cut(&self, heading: Option<usize>, range: ChunkRange) -> Vec<Part> {
        let children = self.children(heading, range);
        let minutes = self.minutes(range);
        let total = self.sums.last().copied().unwrap_or(0.0);
        let large = (total / PARTS).clamp(WHOLE, LARGE);
        match (heading, children.as_slice()) {
            (_, []) => vec![self.part(heading, range)],
            (None, [(_, only)]) if minutes <= large => vec![self.part(Some(*only), range)],
            (None, _) if minutes <= large => vec![self.part(Some(self.telling(&children)), range)],
            (Some(_), _) if minutes <= large => vec![self.part(heading, range)],
            _ => {
                let parts = join(self.pieces(heading, range, &children), heading);
                let small = minutes < parts.len() as f32 * PIECE;
                let is_chapter = minutes < 0.7 * total && minutes <= LARGE;
                if small && is_chapter { vec![self.part(heading, range)] } else { parts }
            }
        }
    }

    /// Returns the parts of what is before the first sub-heading and under each.
    fn pieces(
        &self,
        heading: Option<usize>,
        range: ChunkRange,
        children: &[(ChunkRange, usize)],
    ) -> Vec<Part> {
        let mut parts = Vec::new();
        let (first, title) = children[0];
        if first.start > range.start {
            let lead = ChunkRange { start: range.start, end: first.start - 1 };
            parts.push(self.part(heading.or(Some(title)), lead));
        }
        for (range, child) in children {
            parts.extend(self.cut(Some(*child), *range));
        }
        parts
    }

    /// Returns the headings directly under one that begin at chunks of their own, with their
    /// chunks; of several that begin with the same chunk the first counts.
    fn children(&self, parent: Option<usize>, within: ChunkRange) -> Vec<(ChunkRange, usize)> {
        let mut starts: Vec<(u32, usize)> = Vec::new();
        for (place, heading) in self.headings.iter().enumerate() {
            let inside = (within.start..=within.end).contains(&heading.start);
            let own = starts.last().is_none_or(|(start, _)| *start < heading.start);
            if heading.parent == parent && inside && own {
                starts.push((heading.start, place));
            }
        }
        let ends = starts.iter().skip(1).map(|(start, _)| start - 1).chain([within.end]);
        starts
            .iter()
            .zip(ends)
            .map(|(&(start, place), end)| (ChunkRange { start, end }, place))
            .collect()
    }

    /// Chooses the title of a short document without a title of its own: its first heading that
    /// is not about the document.
    fn telling(&self, children: &[(ChunkRange, usize)]) -> usize {
        let telling = children.iter().find(|(_, place)| !self.boilerplate[*place]);
        telling.unwrap_or(&children[0]).1
    }
}

/// Joins neighbours that are too small to stand alone.
fn join(mut parts: Vec<Part>, parent: Option<usize>) -> Vec<Part> {
    while let Some(place) = next_join(&parts) {
        let second = parts.remove(place + 1);
        let first = &mut parts[place];
        let prefers_second = (first.boilerplate && !second.boilerplate)
            || (first.boilerplate == second.boilerplate
                && second.title_minutes > first.title_minutes * MUCH_LARGER);
        if prefers_second {
            first.heading = second.heading;
            first.title_minutes = second.title_minutes;
        }
        first.boilerplate &= second.boilerplate;
        first.range.end = second.range.end;
        first.minutes += second.minutes;
    }
    if let ([only], Some(parent)) = (parts.as_mut_slice(), parent) {
        only.heading = Some(parent);
    }
    parts
}

/// Finds the pair to join next: the smallest part that may not stand alone, with its smaller
/// neighbour that it may be joined with.
fn next_join(parts: &[Part]) -> Option<usize> {
    let fits = |a: &Part, b: &Part| {
        let small = a.minutes.max(b.minutes) < SMALL;
        let tiny = a.minutes.min(b.minutes) < TINY;
        let alike = a.boilerplate == b.boilerplate;
        a.minutes + b.minutes <= LARGE && (tiny || (small && alike))
    };
    (0..parts.len().saturating_sub(1))
        .filter(|&place| fits(&parts[place], &parts[place + 1]))
        .min_by(|&a, &b| {
            let cost = |place: usize| {
                let (first, second) = (&parts[place], &parts[place + 1]);
                (first.minutes.min(second.minutes), first.minutes + second.minutes)
            };
            cost(a).partial_cmp(&cost(b)).unwrap_or(std::cmp::Ordering::Equal)
        })
}

#[cfg(test)]
mod tests {
    use super::{Cutter, Part};
    use crate::author::local::heading::{Heading, headings};
    use crate::author::testing::{bundle, chunk, node};
    use crate::outline::OutlineNode;

    /// Parts of an outline over chunks of these minutes, as `(title, start, end)`.
    fn parts(outline: Vec<OutlineNode>, minutes: &[f32]) -> Vec<(String, u32, u32)> {
        let chunks = (0..minutes.len() as u32).map(|index| chunk(index, "text")).collect();
        let headings: Vec<Heading> = headings(&bundle(chunks, outline));
        let boilerplate =
            headings.iter().map(|heading| heading.title == "Copyright").collect::<Vec<_>>();
        let title = |part: &Part| {
            part.heading.map_or_else(String::new, |heading| headings[heading].title.clone())
        };
        let cutter = Cutter::new(&headings, minutes, boilerplate);
        cutter.parts().iter().map(|part| (title(part), part.range.start, part.range.end)).collect()
    }

    fn check(outline: Vec<OutlineNode>, minutes: &[f32], expected: &[(&str, u32, u32)]) {
        let parts = parts(outline, minutes);
        let parts: Vec<_> = parts.iter().map(|(title, s, e)| (title.as_str(), *s, *e)).collect();
        assert_eq!(parts, expected);
    }

    #[test]
    fn chapters_under_a_title_are_the_modules() {
        let chapters = vec![node("One", 2, 1, 2, vec![]), node("Two", 2, 3, 4, vec![])];
        check(
            vec![node("Book", 1, 0, 4, chapters)],
            &[5.0, 60.0, 60.0, 60.0, 60.0],
            &[("One", 0, 2), ("Two", 3, 4)],
        );
    }

    #[test]
    fn a_short_document_is_one_module_under_its_title() {
        let chapters = vec![node("One", 2, 0, 1, vec![]), node("Two", 2, 2, 3, vec![])];
        check(vec![node("Note", 1, 0, 3, chapters)], &[15.0; 4], &[("Note", 0, 3)]);
        let roots = vec![node("One", 1, 0, 1, vec![]), node("Two", 1, 2, 3, vec![])];
        check(roots, &[15.0; 4], &[("One", 0, 3)]);
    }

    #[test]
    fn a_chapter_that_is_too_large_is_cut_at_its_sections() {
        let sections = vec![node("1.1", 2, 0, 2, vec![]), node("1.2", 2, 3, 5, vec![])];
        check(
            vec![node("1", 1, 0, 5, sections), node("2", 1, 6, 7, vec![])],
            &[100.0; 8],
            &[("1.1", 0, 2), ("1.2", 3, 5), ("2", 6, 7)],
        );
    }

    #[test]
    fn small_neighbours_are_joined_under_the_larger_ones_title() {
        let roots = vec![
            node("Copyright", 1, 0, 0, vec![]),
            node("Start", 1, 1, 1, vec![]),
            node("Middle", 1, 2, 2, vec![]),
            node("Big", 1, 3, 3, vec![]),
        ];
        check(roots, &[10.0, 14.0, 24.0, 90.0], &[("Middle", 0, 2), ("Big", 3, 3)]);
    }

    #[test]
    fn headings_that_share_a_chunk_are_one_part() {
        let roots = vec![node("A", 1, 0, 0, vec![]), node("B", 1, 0, 1, vec![])];
        check(roots, &[60.0, 60.0], &[("A", 0, 1)]);
    }

    #[test]
    fn text_without_headings_is_one_part() {
        check(vec![], &[60.0, 60.0, 60.0], &[("", 0, 2)]);
    }
}
