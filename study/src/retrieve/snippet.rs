//! The part of a passage that shows why it was found.

use crate::keyword::content_words;
use crate::language::is_hangul;

/// The length of a snippet, in characters.
const LENGTH: usize = 200;
/// How much of it stands before the first word that was found.
const LEAD: usize = 40;
/// How far an edge moves to meet the edge of a word.
const EDGE: usize = 20;

/// Cuts about 200 characters out of a text, around the place where most of the query's words
/// stand close together; the beginning when none does. Edges lie between words, `…` marks a cut.
#[must_use]
pub fn snippet(text: &str, query: &str) -> String {
    let letters: Vec<char> = text.split_whitespace().flat_map(with_blank).collect();
    let letters = &letters[..letters.len().saturating_sub(1)];
    if letters.len() <= LENGTH {
        return letters.iter().collect();
    }
    let focus = focus(letters, &needles(query));
    let start = start_of_word(letters, focus.saturating_sub(LEAD).min(letters.len() - LENGTH));
    let end = end_of_word(letters, start + LENGTH);
    let before = if start > 0 { "…" } else { "" };
    let after = if end < letters.len() { "…" } else { "" };
    let part: String = letters[start..end].iter().collect();
    format!("{before}{}{after}", part.trim())
}

fn with_blank(word: &str) -> impl Iterator<Item = char> {
    word.chars().chain([' '])
}

/// The beginnings of the query's words, in lower case: `installing` looks for `insta`, so that
/// `installation` is found, as the index finds it.
fn needles(query: &str) -> Vec<Vec<char>> {
    let mut words = content_words(query);
    if words.is_empty() {
        words = query.split_whitespace().map(str::to_lowercase).collect();
    }
    let beginning = |word: String| -> Vec<char> {
        let letters: Vec<char> = word.chars().map(lower).collect();
        let is_korean = letters.iter().copied().any(is_hangul);
        let kept = if is_korean { letters.len() } else { (letters.len() * 2 / 3).max(4) };
        letters.into_iter().take(kept).collect()
    };
    words.into_iter().map(beginning).filter(|needle| !needle.is_empty()).collect()
}

/// The place after which most different needles stand within a snippet; 0 when none is found.
fn focus(letters: &[char], needles: &[Vec<char>]) -> usize {
    let found: Vec<(usize, usize)> = (0..letters.len())
        .filter_map(|at| Some((at, starting_at(letters, at, needles)?)))
        .collect();
    let different = |first: usize| {
        let within =
            found[first..].iter().take_while(|(at, _)| *at < found[first].0 + LENGTH - LEAD);
        let mut seen: Vec<usize> = within.map(|(_, needle)| *needle).collect();
        seen.sort_unstable();
        seen.dedup();
        seen.len()
    };
    let best = (0..found.len()).max_by_key(|first| (different(*first), std::cmp::Reverse(*first)));
    best.map_or(0, |first| found[first].0)
}

/// The needle that begins here, at the beginning of a word (anywhere in Korean).
fn starting_at(letters: &[char], at: usize, needles: &[Vec<char>]) -> Option<usize> {
    let inside = at > 0 && letters[at - 1].is_alphanumeric() && !is_hangul(letters[at]);
    if inside || !letters[at].is_alphanumeric() {
        return None;
    }
    let here = &letters[at..];
    needles.iter().position(|needle| {
        here.len() >= needle.len() && needle.iter().zip(here).all(|(n, l)| *n == lower(*l))
    })
}

fn lower(letter: char) -> char {
    letter.to_lowercase().next().unwrap_or(letter)
}

fn start_of_word(letters: &[char], start: usize) -> usize {
    if start == 0 || letters[start - 1] == ' ' {
        return start;
    }
    let near = letters[start..].iter().take(EDGE).position(|letter| *letter == ' ');
    near.map_or(start, |blanks| start + blanks + 1)
}

fn end_of_word(letters: &[char], end: usize) -> usize {
    let end = end.min(letters.len());
    if end == letters.len() || letters[end] == ' ' {
        return end;
    }
    let near = letters[..end].iter().rev().take(EDGE).position(|letter| *letter == ' ');
    near.map_or(end, |letters| end - letters - 1)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_short_text_is_its_own_snippet() {
        assert_eq!(snippet("One\n\ntwo  three", "two"), "One two three");
        assert_eq!(snippet("", "two"), "");
    }

    #[test]
    fn the_words_are_shown_where_most_of_them_stand_together() {
        let filler = "Nothing to see here at all. ".repeat(20);
        let text = format!("A disk. {filler}Partitions divide the disk into parts. {filler}");
        let snippet = snippet(&text, "partitioning a disk");
        assert!(snippet.contains("Partitions divide the disk"), "{snippet}");
        assert!(snippet.starts_with('…') && snippet.ends_with('…'), "{snippet}");
        assert!((150..=202).contains(&snippet.chars().count()), "{snippet}");
    }

    #[test]
    fn korean_words_are_found_with_their_particles() {
        let filler = "아무것도 없는 문장입니다. ".repeat(30);
        let text = format!("{filler}트랜잭션의 격리수준을 설정한다. {filler}");
        assert!(snippet(&text, "격리수준은").contains("트랜잭션의 격리수준을 설정한다"));
    }

    #[test]
    fn without_a_match_it_is_the_beginning() {
        let text = "word ".repeat(100);
        assert!(snippet(&text, "absent").starts_with("word word"));
        assert!(snippet(&text, "").ends_with("word…"));
    }

    proptest! {
        #[test]
        fn no_text_and_no_query_break_it(text in "\\PC{0,600}", query in "\\PC{0,40}") {
            prop_assert!(snippet(&text, &query).chars().count() <= LENGTH + 2);
        }
    }
}
