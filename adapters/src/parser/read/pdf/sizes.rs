//! Headings of documents without bookmarks: lines that are larger than the text, bold and alone,
//! or headings by the conventions of plain text.

use super::super::conventions;
use super::PageLines;
use super::headings::{Heading, Headings};
use super::lines::Line;

/// A line this much larger than the text stands out.
const LARGER: f32 = 1.1;

/// How many ranks of headings are told apart.
const RANKS: usize = 4;

/// The characters of a heading.
const MAX_LENGTH: usize = 140;

/// Finds the headings.
pub(super) fn find(pages: &[PageLines]) -> Headings {
    let Some(body) = body_size(pages) else { return Headings::default() };
    let mut found = candidates(pages, body);
    let title = take_title(&mut found, pages, body);
    found.retain(|candidate| !conventions::is_contents(&candidate.heading.title));
    let ranks = ranks(&found);
    let all = found
        .into_iter()
        .filter_map(|candidate| {
            let rank = ranks.iter().position(|rank| rank.holds(&candidate))?;
            let level = numbered_level(&candidate.heading.title);
            let level = level.unwrap_or(u8::try_from(rank + 1).unwrap_or(6));
            Some(Heading { level, ..candidate.heading })
        })
        .collect();
    Headings { all, title }
}

struct Candidate {
    heading: Heading,
    size: f32,
}

struct Rank(f32);

impl Rank {
    fn holds(&self, candidate: &Candidate) -> bool {
        (self.0 - candidate.size).abs() <= self.0 * 0.03
    }
}

/// Returns the size of most characters.
fn body_size(pages: &[PageLines]) -> Option<f32> {
    let mut sizes = std::collections::HashMap::new();
    for line in pages.iter().flat_map(|page| &page.lines) {
        let tenths = (line.size * 10.0).round() as i32;
        *sizes.entry(tenths).or_insert(0) += line.text.len();
    }
    let most = sizes.into_iter().max_by_key(|&(size, count)| (count, size));
    most.map(|(size, _)| size as f32 / 10.0)
}

fn candidates(pages: &[PageLines], body: f32) -> Vec<Candidate> {
    let mut found = Vec::new();
    for (index, page) in pages.iter().enumerate() {
        let right = page.lines.iter().map(|line| line.x_end).fold(0.0, f32::max);
        let mut line = 0;
        while line < page.lines.len() {
            let taken = run(&page.lines[line..]);
            let lines = Run { page: &page.lines, at: line, taken, right };
            if let Some((title, size)) = lines.title(body) {
                let heading = Heading { page: index, line, taken, level: 1, title };
                found.push(Candidate { heading, size });
            }
            line += taken;
        }
    }
    found
}

/// Returns how many lines from the first one look the same and follow closely.
fn run(lines: &[Line]) -> usize {
    let follows = |pair: &[Line]| {
        let [above, below] = pair else { return false };
        (above.size - below.size).abs() < 0.2
            && above.is_bold == below.is_bold
            && (0.0..above.size * 1.7).contains(&(below.y - above.y))
    };
    1 + lines.windows(2).take_while(|pair| follows(pair)).count()
}

/// Lines that look the same.
struct Run<'a> {
    page: &'a [Line],
    at: usize,
    taken: usize,
    right: f32,
}

impl Run<'_> {
    /// Returns the title that the lines are, and the size by which it is ranked.
    fn title(&self, body: f32) -> Option<(String, f32)> {
        let first = &self.page[self.at];
        let text: Vec<&str> =
            self.page[self.at..self.at + self.taken].iter().map(|line| &*line.text).collect();
        let text = super::super::draft::one_line(&text.join(" "));
        let is_possible = text.chars().count() <= MAX_LENGTH
            && text.chars().filter(|c| c.is_alphabetic()).count() >= 2
            && !text.ends_with(['.', ',', ';', ':'])
            && first.is_typewriter != Some(true);
        if !is_possible {
            return None;
        }
        if first.size > body * LARGER && self.taken <= 4 {
            return Some((text, first.size));
        }
        let is_alone = self.taken == 1
            && self.gap_above() > first.size * 1.4
            && first.x_end < self.right * 0.8
            && first.size >= body * 0.97;
        // What only looks like a heading ranks below everything that is larger than the text.
        let is_marked = first.is_bold
            || conventions::is_capitals(&text)
            || conventions::numbered_level(&text).is_some();
        (is_alone && is_marked).then_some((text, body))
    }

    fn gap_above(&self) -> f32 {
        let Some(above) = self.at.checked_sub(1) else { return f32::INFINITY };
        (self.page[self.at].y - self.page[above].y).abs()
    }
}

/// Takes the title out of the first page: its largest text, if nothing in the document is larger.
/// What follows it before the first words in the size of the text are names and dates.
fn take_title(found: &mut Vec<Candidate>, pages: &[PageLines], body: f32) -> Option<String> {
    let largest = found.iter().map(|candidate| candidate.size).max_by(f32::total_cmp)?;
    let at = found
        .iter()
        .position(|candidate| candidate.heading.page == 0 && candidate.size > largest * 0.97)?;
    if found.len() < 3 {
        return None;
    }
    let title = found.remove(at).heading;
    let after = title.line + title.taken;
    let text_begins = pages[0].lines[after..]
        .iter()
        .position(|line| line.size <= body * LARGER && line.text.chars().count() > 60)
        .map_or(usize::MAX, |line| after + line);
    found.retain(|Candidate { heading, .. }| {
        let is_below_title = heading.page == 0 && (after..text_begins).contains(&heading.line);
        // The heading right above the text is one.
        !is_below_title || heading.line + heading.taken == text_begins
    });
    Some(title.title)
}

/// Returns the sizes of headings, the largest first.
fn ranks(found: &[Candidate]) -> Vec<Rank> {
    let mut sizes: Vec<f32> = found.iter().map(|candidate| candidate.size).collect();
    sizes.sort_by(|a, b| b.total_cmp(a));
    let mut ranks: Vec<Rank> = Vec::new();
    for size in sizes {
        if ranks.last().is_none_or(|Rank(last)| last - size > last * 0.03) {
            ranks.push(Rank(size));
        }
    }
    ranks.truncate(RANKS);
    ranks
}

/// "2.1 Something" is of level 2, whatever its size.
fn numbered_level(title: &str) -> Option<u8> {
    if let Some(level) = conventions::numbered_level(title) {
        return Some(level);
    }
    let number = title.split_whitespace().next()?.trim_end_matches('.');
    let parts: Vec<&str> = number.split('.').collect();
    let is_number = parts.iter().all(|part| {
        (1..=2).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit())
    });
    if is_number { u8::try_from(parts.len()).ok() } else { None }
}
