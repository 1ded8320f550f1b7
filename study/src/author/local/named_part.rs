//! Finds the parts that the learner names in a wish, by their number or by their words.
//!
//! Conservative: a part is found only when a heading answers to its name.

use super::boilerplate::is_boilerplate;
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
    let counted = counted_chapters(headings, name);
    let mut found: Vec<ChunkRange> = Vec::new();
    for (place, heading) in headings.iter().enumerate() {
        let range = ChunkRange { start: heading.start, end: heading.end };
        let inside = found.iter().any(|known| known.start <= range.start && range.end <= known.end);
        // A heading over nearly everything is the document, not a part of it.
        let is_document = u64::from(range.count()) * 10 >= u64::from(chunk_count) * 9;
        let answers = match &numbers {
            Some(numbers) if counted.is_empty() => {
                numbers.iter().any(|number| has_number(&heading.title, number))
            }
            Some(numbers) => counted
                .iter()
                .any(|(chapter, number)| *chapter == place && numbers.contains(number)),
            None => has_words(&heading.title, &words) || is_same_back_matter(&heading.title, name),
        };
        if answers && !inside && !is_document {
            found.push(range);
        }
    }
    found
}

/// Returns the chapters with the numbers that a reader counts, when a wish names a chapter and the
/// headings of the document carry no numbers: the bookmarks of a PDF never do.
fn counted_chapters(headings: &[Heading], name: &str) -> Vec<(usize, String)> {
    let lower = name.to_lowercase();
    let is_chapter = lower.starts_with("chapter") || lower.ends_with('장');
    let count_at = |depth: usize| headings.iter().filter(|h| h.depth == depth).count();
    // A single root is the title of the document; its chapters are below.
    let deepest = headings.iter().map(|heading| heading.depth).max().unwrap_or(0);
    let Some(depth) = (0..=deepest).find(|&depth| count_at(depth) >= 2).filter(|_| is_chapter)
    else {
        return Vec::new();
    };
    let chapters = headings.iter().enumerate().filter(|(_, heading)| {
        heading.depth == depth
            && !is_boilerplate(&heading.title)
            && !is_front_matter(&heading.title)
            && back_matter(&heading.title).is_none()
    });
    let chapters: Vec<(usize, &Heading)> = chapters.collect();
    if chapters.iter().any(|(_, heading)| without_number(&heading.title) != heading.title) {
        return Vec::new();
    }
    (1..).zip(chapters).map(|(number, (place, _)): (u32, _)| (place, number.to_string())).collect()
}

fn is_front_matter(title: &str) -> bool {
    let plain = title.trim().to_lowercase();
    ["preface", "foreword", "prologue", "머리말", "서문", "들어가며", "일러두기"]
        .contains(&plain.as_str())
}

/// A kind of part that stands behind the chapters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum BackMatter {
    Appendix,
    Index,
}

/// Tells by its first word, in either language, whether a name is one of back matter.
fn back_matter(name: &str) -> Option<BackMatter> {
    let lower = name.trim().to_lowercase();
    let first = lower.split(|c: char| !c.is_alphanumeric()).find(|word| *word != "the")?;
    match first {
        "appendix" | "appendices" | "appendixes" | "부록" => Some(BackMatter::Appendix),
        "index" | "indexes" | "indices" | "색인" | "찾아보기" => Some(BackMatter::Index),
        _ => None,
    }
}

/// Tells whether a wish that is nothing but "appendix" or "색인" means this heading.
fn is_same_back_matter(title: &str, name: &str) -> bool {
    let is_bare = name.split_whitespace().filter(|word| *word != "the").count() == 1;
    is_bare && back_matter(name).is_some_and(|kind| back_matter(title) == Some(kind))
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
    fn chapters_without_numbers_are_counted() {
        let chunks = (0..100).map(|index| chunk(index, "text")).collect();
        let inner = vec![node("What is this?", 2, 10, 19, vec![])];
        let roots = vec![
            node("Preface", 1, 0, 9, vec![]),
            node("Definitions and overview", 1, 10, 39, inner),
            node("설치", 1, 40, 59, vec![]),
            node("Compatibility issues", 1, 60, 79, vec![]),
            node("부록 A. 허가서", 1, 80, 89, vec![]),
            node("색인", 1, 90, 99, vec![]),
        ];
        let list = [headings(&bundle(chunks, roots))];
        for (wish, expected) in [
            ("chapter 1", vec![(10, 39)]),
            ("3장", vec![(60, 79)]),
            ("chapters 1 and 2", vec![(10, 39), (40, 59)]),
            ("chapter 4", vec![]),
            ("the appendix", vec![(80, 89)]),
            ("index", vec![(90, 99)]),
        ] {
            let parts = find(&list, wish);
            let found = parts.iter().flat_map(|part| &part.found);
            let found: Vec<_> = found.map(|(_, range)| (range.start, range.end)).collect();
            assert_eq!(found, expected, "{wish}");
        }
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
