//! Finds the parts that the learner asked to leave out, by their number or by their words.
//!
//! Conservative: a part is left out only when a heading answers to its name.

use super::heading::Heading;
use super::wording::without_number;
use crate::keyword::content_words;
use crate::outline::ChunkRange;

/// Returns the chunks under the headings that a wish names; empty when none does.
pub(super) fn find(headings: &[Heading], chunk_count: u32, wish: &str) -> Vec<ChunkRange> {
    let whole = find_one(headings, chunk_count, wish);
    if !whole.is_empty() {
        return whole;
    }
    // Not the name of one part: a list of names ("chapters 3 and 4", "부록과 3장").
    let names = names_in(wish);
    if names.len() < 2 {
        return Vec::new();
    }
    let found: Vec<Vec<ChunkRange>> =
        names.iter().map(|name| find_one(headings, chunk_count, name)).collect();
    found.concat()
}

fn find_one(headings: &[Heading], chunk_count: u32, name: &str) -> Vec<ChunkRange> {
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
        let found: Vec<_> = find(&book(), 100, wish).iter().map(|r| (r.start, r.end)).collect();
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
        assert!(find(&list, 10, "printer manual").is_empty());
    }
}
