//! Headings of documents without bookmarks: lines that are larger than the text, or bold and
//! alone.

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
    let title = take_title(&mut found);
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
        let mut line = 0;
        while line < page.lines.len() {
            let taken = run(&page.lines[line..]);
            if let Some(title) = title(&page.lines, line, taken, body) {
                // Bold text of the same size ranks below everything that is larger.
                let first = &page.lines[line];
                let size = if first.size > body * LARGER { first.size } else { body };
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

fn title(lines: &[Line], at: usize, taken: usize, body: f32) -> Option<String> {
    let first = &lines[at];
    let text: Vec<&str> = lines[at..at + taken].iter().map(|line| &*line.text).collect();
    let text = text.join(" ");
    let length = text.chars().count();
    let is_larger = first.size > body * LARGER && taken <= 4;
    let above = at.checked_sub(1).map_or(f32::INFINITY, |above| (first.y - lines[above].y).abs());
    let is_alone = first.is_bold && taken == 1 && above > first.size * 1.4 && length < 80;
    let is_title = (is_larger || is_alone && first.size >= body * 0.97)
        && length <= MAX_LENGTH
        && text.chars().filter(|c| c.is_alphabetic()).count() >= 2
        && !text.ends_with(['.', ',', ';', ':'])
        && first.is_typewriter != Some(true);
    is_title.then_some(text)
}

/// Takes the largest text of the first page, if nothing else is as large: it names the document.
fn take_title(found: &mut Vec<Candidate>) -> Option<String> {
    let largest = found.iter().map(|candidate| candidate.size).max_by(f32::total_cmp)?;
    let rank = Rank(largest);
    let mut holders = found.iter().enumerate().filter(|(_, candidate)| rank.holds(candidate));
    let (index, first) = holders.next()?;
    if first.heading.page > 0 || holders.next().is_some() || found.len() < 2 {
        return None;
    }
    Some(found.remove(index).heading.title)
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
    let number = title.split_whitespace().next()?.trim_end_matches('.');
    let parts: Vec<&str> = number.split('.').collect();
    let is_number = parts.iter().all(|part| {
        (1..=2).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit())
    });
    if is_number { u8::try_from(parts.len()).ok() } else { None }
}
