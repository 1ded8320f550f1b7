//! Headings of documents without bookmarks: lines that are larger than the text, bold and alone,
//! or headings by the conventions of plain text.

use super::super::conventions;
use super::super::words::Words;
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
pub(super) fn find(pages: &[PageLines], words: &Words) -> Headings {
    let Some(body) = body_size(pages) else { return Headings::default() };
    let mut found = candidates(pages, body, words);
    let title = take_title(&mut found, pages, body);
    found.retain(|candidate| !conventions::is_contents(&candidate.heading.title));
    let ranks = ranks(&found);
    let all = found
        .into_iter()
        .filter_map(|candidate| {
            let rank = ranks.iter().position(|rank| rank.holds(&candidate))?;
            let level = level(&candidate.heading.title, u8::try_from(rank + 1).unwrap_or(6));
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

fn candidates(pages: &[PageLines], body: f32, words: &Words) -> Vec<Candidate> {
    let mut found = Vec::new();
    for (index, page) in pages.iter().enumerate() {
        let place = Page::of(&page.lines);
        let mut line = 0;
        while line < page.lines.len() {
            let run = run(&page.lines[line..]);
            let larger = place.larger(line, run, body, words);
            let title = larger.or_else(|| place.alone(line, body));
            let taken = title.as_ref().map_or(1, |title| title.taken);
            if let Some(Title { text: title, size, taken }) = title {
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

/// Lines that look like a title, the size by which it is ranked, and how many they are.
struct Title {
    text: String,
    size: f32,
    taken: usize,
}

/// The lines of a page, its right end and the usual distance of its lines.
struct Page<'a> {
    lines: &'a [Line],
    right: f32,
    pitch: f32,
}

impl<'a> Page<'a> {
    fn of(lines: &'a [Line]) -> Self {
        let right = lines.iter().map(|line| line.x_end).fold(0.0, f32::max);
        let mut pitches: Vec<f32> = lines
            .windows(2)
            .map(|pair| pair[1].y - pair[0].y)
            .filter(|pitch| (4.0..40.0).contains(pitch))
            .collect();
        let middle = pitches.len() / 2;
        let pitch = if pitches.is_empty() {
            12.0
        } else {
            *pitches.select_nth_unstable_by(middle, f32::total_cmp).1
        };
        Self { lines, right, pitch }
    }

    /// Returns a title in letters that are larger than those of the text.
    fn larger(&self, at: usize, taken: usize, body: f32, words: &Words) -> Option<Title> {
        let first = &self.lines[at];
        let mut text = String::new();
        for line in &self.lines[at..at + taken] {
            words.join(&mut text, &line.text);
        }
        let text = super::super::draft::one_line(&text);
        let is_title = first.size > body * LARGER && taken <= 4 && is_possible(&text, first);
        is_title.then_some(Title { text, size: first.size, taken })
    }

    /// Returns a title that stands alone and is bold, numbered or in capitals. It ranks below
    /// everything that is larger than the text.
    fn alone(&self, at: usize, body: f32) -> Option<Title> {
        let line = &self.lines[at];
        let distance =
            |other: Option<&Line>| other.map_or(f32::INFINITY, |other| (other.y - line.y).abs());
        let above = distance(at.checked_sub(1).and_then(|above| self.lines.get(above)));
        let below = self.lines.get(at + 1);
        // What it heads is either apart from it or indented below it.
        let is_apart = distance(below) > self.pitch * 1.06
            || below.is_some_and(|below| below.x > line.x + line.size);
        let is_alone =
            above > self.pitch * 1.25 && is_apart && self.is_short(at) && line.size >= body * 0.97;
        let text = super::super::draft::one_line(&line.text);
        let is_marked = line.is_bold
            || conventions::is_capitals(&text)
            || conventions::numbered_level(&text).is_some();
        let is_title = is_alone && is_marked && is_possible(&text, line);
        is_title.then_some(Title { text, size: body, taken: 1 })
    }

    /// Tells a line that ends before its column does.
    fn is_short(&self, at: usize) -> bool {
        let line = &self.lines[at];
        let neighbours = [at.checked_sub(1), at.checked_add(1)].into_iter().flatten();
        let ends = neighbours.filter_map(|at| self.lines.get(at)).map(|other| other.x_end);
        line.x_end < self.right * 0.8 || ends.fold(0.0, f32::max) > line.x_end + line.size
    }
}

fn is_possible(text: &str, first: &Line) -> bool {
    text.chars().count() <= MAX_LENGTH
        && text.chars().filter(|c| c.is_alphabetic()).count() >= 2
        && !text.ends_with(['.', ',', ';', ':'])
        && first.is_typewriter != Some(true)
}

/// Takes the title out of the first page: its largest text, when nothing in the document is as
/// large or the page is a cover. What follows it before the first line of running text are names
/// and dates.
fn take_title(found: &mut Vec<Candidate>, pages: &[PageLines], body: f32) -> Option<String> {
    let largest = found.iter().map(|candidate| candidate.size).max_by(f32::total_cmp)?;
    let at = found
        .iter()
        .position(|candidate| candidate.heading.page == 0 && candidate.size > largest * 0.97)?;
    let Heading { line, taken, ref title, .. } = found[at].heading;
    let after = line + taken;
    let text_begins = pages[0].lines[after..]
        .iter()
        .position(|line| line.size <= body * LARGER && line.text.chars().count() > 60)
        .map(|text| after + text);
    let rank = Rank(largest);
    let is_alone = found.iter().filter(|candidate| rank.holds(candidate)).count() == 1;
    if conventions::numbered_level(title).is_some() || !is_alone && text_begins.is_some() {
        return None;
    }
    let title = found.remove(at).heading.title;
    let text_begins = text_begins.unwrap_or(usize::MAX);
    found.retain(|Candidate { heading, .. }| {
        let is_below_title = heading.page == 0 && (after..text_begins).contains(&heading.line);
        // The heading right above the text is one.
        !is_below_title || heading.line + heading.taken == text_begins
    });
    Some(title)
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

/// "2.1 Something" is of level 2, whatever its size; "Section 2" is so at most.
fn level(title: &str, rank: u8) -> u8 {
    let by_words = conventions::numbered_level(title);
    if !title.starts_with(|c: char| c.is_ascii_digit()) {
        return by_words.map_or(rank, |level| level.min(rank));
    }
    let number = title.split_whitespace().next().unwrap_or_default().trim_end_matches('.');
    let parts: Vec<&str> = number.split('.').collect();
    let is_number = parts.iter().all(|part| {
        (1..=2).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit())
    });
    let by_number = if is_number { u8::try_from(parts.len()).ok() } else { None };
    by_words.or(by_number).unwrap_or(rank)
}
