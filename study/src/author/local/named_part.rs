//! Finds the parts that the learner names in a wish, by their number or by their words.
//!
//! Conservative: a part is found only when a heading answers to its name.

use super::heading::{Heading, headings};
use super::wording::without_number;
use crate::author::Brief;
use crate::keyword::content_words;
use crate::outline::ChunkRange;
use crate::requirements::Wishes;

/// A name in a wish, and what it names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct NamedPart {
    /// The learner's words.
    pub name: String,
    /// The chunks under the headings that answer to it, each with the index of its material;
    /// empty when no heading does.
    pub found: Vec<(usize, ChunkRange)>,
}

/// Returns what a wish names: one part, or else each part of a list.
pub(super) fn find(outlines: &[Vec<Heading>], wish: &str) -> Vec<NamedPart> {
    let named = |name: &str| {
        let of = |(material, list): (usize, &Vec<Heading>)| {
            let ranges = find_one(list, name).into_iter();
            ranges.map(move |range| (material, range)).collect::<Vec<_>>()
        };
        let found = outlines.iter().enumerate().flat_map(of).collect();
        NamedPart { name: name.to_owned(), found }
    };
    let whole = named(wish);
    // Not the name of one part: a list of names ("chapters 3 and 4", "부록과 3장").
    let names = names_in(wish);
    let is_list = names.len() > 1 && names.iter().any(|name| numbers(name).is_some());
    if names.len() < 2 || (!whole.found.is_empty() && !is_list) {
        return vec![whole];
    }
    names.iter().map(|name| named(name)).collect()
}

/// Returns the chunks of one material that the learner asks to stress by name.
pub(super) fn stressed(brief: &Brief, material: usize) -> Vec<ChunkRange> {
    let wishes = brief.special_requirements.as_deref().map(Wishes::read).unwrap_or_default();
    if wishes.stress.is_empty() {
        return Vec::new();
    }
    let outlines: Vec<_> = brief.materials.iter().map(|known| headings(&known.bundle)).collect();
    let parts = wishes.stress.iter().flat_map(|wish| find(&outlines, wish));
    let found = parts.flat_map(|part| part.found);
    found.filter(|(index, _)| *index == material).map(|(_, range)| range).collect()
}

fn find_one(headings: &[Heading], name: &str) -> Vec<ChunkRange> {
    let chunk_count = headings.iter().map(|heading| heading.end + 1).max().unwrap_or(0);
    let numbers = numbers(name);
    let words = content_words(name);
    let mut found: Vec<ChunkRange> = Vec::new();
    for heading in headings {
        let range = ChunkRange { start: heading.start, end: heading.end };
        let inside = found.iter().any(|known| known.start <= range.start && range.end <= known.end);
        // A heading over nearly everything is the document, not a part of it.
        let is_document = u64::from(range.count()) * 10 >= u64::from(chunk_count) * 9;
        let answers = match &numbers {
            Some(numbers) => numbers.iter().any(|number| has_number(&heading.title, number)),
            None => has_words(&heading.title, &words),
        };
        if answers && !inside && !is_document {
            found.push(range);
        }
    }
    found
}

/// Cuts a list into names; `chapters 3 and 4` gives `chapter 3` and `chapter 4`.
fn names_in(wish: &str) -> Vec<String> {
    let separated = wish.replace(" and ", ",").replace(" or ", ",").replace(" 및 ", ",");
    let separated = separated.replace("과 ", ",").replace("와 ", ",").replace("하고 ", ",");
    let mut unit = String::new();
    let mut names = Vec::new();
    for name in separated.split([',', '&', '·']).map(str::trim).filter(|name| !name.is_empty()) {
        let bare = name.chars().all(|c| c.is_ascii_digit() || c == '.');
        if bare && !unit.is_empty() {
            names.push(format!("{unit} {name}"));
            continue;
        }
        if let Some((word, _)) = name.split_once(' ').filter(|(word, _)| is_unit(word)) {
            unit = word.to_owned();
        }
        names.push(name.to_owned());
    }
    names
}

fn is_unit(word: &str) -> bool {
    let lower = word.to_lowercase();
    let singular = lower.strip_suffix('s').filter(|s| *s != "appendice").unwrap_or(&lower);
    ["chapter", "section", "part", "appendix", "appendixe"].contains(&singular)
}

/// Reads a name that is a number: `chapter 3`, `chapters 3-5`, `2.1`, `3장`, `제3장`, `appendix B`.
fn numbers(name: &str) -> Option<Vec<String>> {
    let lower = name.to_lowercase();
    let rest = match lower.split_once(' ') {
        Some((word, rest)) if is_unit(word) || word == "부록" => rest.trim(),
        _ => {
            let rest = lower.strip_prefix('제').unwrap_or(&lower).trim();
            let unit = ["장", "절", "부", "편"].iter().find_map(|unit| rest.strip_suffix(unit));
            unit.unwrap_or(rest).trim()
        }
    };
    let rest = rest.trim_end_matches('.');
    if let Some((first, last)) = rest.split_once(['-', '–', '~']) {
        let (first, last) = (first.trim().parse().ok()?, last.trim().parse::<u32>().ok()?);
        return (first <= last && last - first < 100)
            .then(|| (first..=last).map(|number| number.to_string()).collect());
    }
    let digits = !rest.is_empty() && rest.chars().all(|c| c.is_ascii_digit() || c == '.');
    let letter = rest.len() == 1 && rest != lower && rest.chars().all(|c| c.is_ascii_lowercase());
    (digits || letter).then(|| vec![rest.to_owned()])
}

/// Tells whether a heading carries this number: `3. Disks`, `Chapter 3`, `제3장 디스크`, `B. Lists`.
fn has_number(title: &str, number: &str) -> bool {
    let rest = without_number(title);
    let head = if rest == title { title } else { title.strip_suffix(rest).unwrap_or(title) };
    let written: String =
        head.to_lowercase().chars().filter(|c| c.is_alphanumeric() || *c == '.').collect();
    let written = written.trim_end_matches('.');
    let bare = ["chapter", "part", "section", "appendix", "부록", "제"]
        .iter()
        .fold(written, |text, word| text.strip_prefix(word).unwrap_or(text));
    let bare = bare.trim_end_matches(['장', '절', '부', '편']);
    bare == number
}

/// Tells whether a heading speaks of all these words.
fn has_words(title: &str, words: &[String]) -> bool {
    if words.is_empty() {
        return false;
    }
    let lower = title.to_lowercase();
    let own = content_words(title);
    words.iter().all(|word| {
        own.contains(word)
            || (!word.is_ascii() && word.chars().count() >= 2 && lower.contains(word.as_str()))
    })
}

#[cfg(test)]
mod tests {
    use super::find;
    use crate::author::local::heading::{Heading, headings};
    use crate::author::testing::{bundle, chunk, node};

    fn book() -> Vec<Heading> {
        let chunks = (0..100).map(|index| chunk(index, "text")).collect();
        let inner = vec![
            node("2.1 Printer drivers", 2, 25, 29, vec![]),
            node("2.2 디스크 준비", 2, 30, 39, vec![]),
        ];
        let roots = vec![
            node("1. Networks", 1, 0, 19, vec![]),
            node("2. Printers", 1, 20, 39, inner),
            node("제3장 설치", 1, 40, 59, vec![]),
            node("Chapter 4: Networks of disks", 1, 60, 79, vec![]),
            node("Appendix B. Licence", 1, 80, 99, vec![]),
        ];
        headings(&bundle(chunks, roots))
    }

    fn check(wish: &str, expected: &[(u32, u32)]) {
        let parts = find(&[book()], wish);
        let found = parts.iter().flat_map(|part| &part.found);
        let found: Vec<_> = found.map(|(_, range)| (range.start, range.end)).collect();
        assert_eq!(found, expected, "{wish}");
    }

    #[test]
    fn parts_are_found_by_number() {
        check("chapter 2", &[(20, 39)]);
        check("3장", &[(40, 59)]);
        check("제3장", &[(40, 59)]);
        check("section 2.1", &[(25, 29)]);
        check("chapters 3 and 4", &[(40, 59), (60, 79)]);
        check("chapters 2-4", &[(20, 39), (40, 59), (60, 79)]);
        check("appendix B", &[(80, 99)]);
        check("chapter 9", &[]);
    }

    #[test]
    fn parts_are_found_by_their_words() {
        check("printers", &[(20, 39)]);
        check("the appendix", &[(80, 99)]);
        check("networks", &[(0, 19), (60, 79)]);
        check("디스크 준비", &[(30, 39)]);
        check("설치와 디스크", &[(40, 59), (30, 39)]);
        check("quantum mechanics", &[]);
        check("it", &[]);
    }

    #[test]
    fn a_heading_over_everything_is_never_left_out() {
        let chunks = (0..10).map(|index| chunk(index, "text")).collect();
        let list = headings(&bundle(chunks, vec![node("Printer manual", 1, 0, 9, vec![])]));
        assert_eq!(find(&[list], "printer manual")[0].found, []);
    }

    #[test]
    fn names_of_a_list_that_nothing_answers_to_stay_without_parts() {
        let parts = find(&[book()], "printers and chapter 9");
        let found: Vec<_> =
            parts.iter().map(|part| (part.name.as_str(), part.found.len())).collect();
        assert_eq!(found, [("printers", 1), ("chapter 9", 0)]);
    }
}
