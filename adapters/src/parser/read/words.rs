//! The words of a document, as far as they stand inside of lines: they tell how words were cut at
//! the ends of lines.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};

/// The different words that are remembered.
const MAX_WORDS: usize = 500_000;

/// How often words stand inside of lines, and how this document ends its lines.
#[derive(Default)]
pub(super) struct Words {
    counts: HashMap<u64, u32>,
    cuts_korean: bool,
}

impl Words {
    /// Counts the words of all lines but their first and last ones, which may be cut.
    pub(super) fn count<'a>(lines: impl Iterator<Item = &'a str> + Clone) -> Self {
        let mut words = Self::default();
        for line in lines.clone() {
            let mut tokens = line.split_whitespace().skip(1).peekable();
            while let Some(token) = tokens.next() {
                if tokens.peek().is_some() && words.counts.len() < MAX_WORDS {
                    *words.counts.entry(hash(core(token))).or_insert(0) += 1;
                }
            }
        }
        words.cuts_korean = words.is_cutting_korean(lines);
        words
    }

    /// Returns how often a word was seen.
    fn seen(&self, word: &str) -> u32 {
        self.counts.get(&hash(core(word))).copied().unwrap_or(0)
    }

    /// Tells whether the last word of a line and the first one of the next are two halves of one.
    /// Korean is written with spaces, but many programs cut its lines between any two syllables.
    fn are_halves(&self, last: &str, first: &str) -> bool {
        if !is_korean(last, first) {
            return false;
        }
        let whole = self.seen(&format!("{last}{first}"));
        let (left, right) = (self.seen(last), self.seen(first));
        if whole > 0 {
            return whole >= left.min(right);
        }
        // A syllable that is never a word by itself is an ending or the beginning of a stem; so is
        // what ends sentences.
        let is_syllable = |word: &str| core(word).chars().count() == 1;
        let is_fragment = right == 0 && (is_syllable(first) || is_ending(core(first)))
            || left == 0 && is_syllable(last);
        self.cuts_korean && is_fragment
    }

    /// Joins two lines of a paragraph: words that were cut are made whole.
    pub(super) fn join(&self, text: &mut String, next: &str) {
        let last = text.rsplit(char::is_whitespace).next().unwrap_or_default().to_owned();
        let first = next.split_whitespace().next().unwrap_or_default();
        let (Some(before), Some(after)) = (last.chars().next_back(), first.chars().next()) else {
            text.push_str(next);
            return;
        };
        let is_same_case = |stem: &str| {
            after.is_lowercase() || after.is_uppercase() && stem.ends_with(char::is_uppercase)
        };
        if let Some(stem) = last.strip_suffix(['-', '\u{2010}', '\u{ad}'])
            && stem.ends_with(char::is_alphabetic)
            && is_same_case(stem)
        {
            // "well-known" keeps its hyphen when the document writes it so elsewhere.
            let whole = self.seen(&format!("{stem}{first}"));
            if whole >= self.seen(&format!("{stem}-{first}")) {
                text.truncate(text.len() - (last.len() - stem.len()));
            }
        } else if !(is_spaceless(before) && is_spaceless(after) || self.are_halves(&last, first)) {
            text.push(' ');
        }
        text.push_str(next);
    }

    /// Judges by the line ends that are certain: those that halve a word that is seen elsewhere,
    /// and those between two words that are.
    fn is_cutting_korean<'a>(&self, lines: impl Iterator<Item = &'a str> + Clone) -> bool {
        let (mut cut, mut whole) = (0, 0);
        for (above, below) in lines.clone().zip(lines.skip(1)) {
            let last = above.split_whitespace().next_back();
            let first = below.split_whitespace().next();
            let (Some(last), Some(first)) = (last, first) else { continue };
            if self.are_halves(last, first) {
                cut += 1;
            } else if is_korean(last, first) && self.seen(last) > 0 && self.seen(first) > 0 {
                whole += 1;
            }
        }
        cut > 3 && cut * 16 > whole
    }
}

/// Tells scripts that are written without spaces.
fn is_spaceless(c: char) -> bool {
    matches!(c, '\u{3001}'..='\u{30ff}' | '\u{3400}'..='\u{9fff}' | '\u{ff00}'..='\u{ffef}')
}

/// Tells the end of a line and the beginning of the next that are both Hangul.
fn is_korean(last: &str, first: &str) -> bool {
    let is_hangul = |c: char| matches!(c, '\u{ac00}'..='\u{d7a3}');
    last.ends_with(is_hangul) && first.starts_with(is_hangul)
}

/// Tells the endings of Korean sentences.
fn is_ending(word: &str) -> bool {
    let length = word.chars().count();
    length <= 3
        && word.starts_with(['니', '습', '십', '됩', '입'])
        && word.ends_with(['다', '오', '까'])
}

/// A word without the signs around it.
fn core(word: &str) -> &str {
    word.trim_matches(|c: char| !c.is_alphanumeric())
}

fn hash(word: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    word.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn joined(lines: &[&str], text: &str, next: &str) -> String {
        let words = Words::count(lines.iter().copied());
        let mut text = text.to_owned();
        words.join(&mut text, next);
        text
    }

    #[test]
    fn hyphens_at_line_ends_go_unless_the_word_has_one() {
        assert_eq!(joined(&[], "the data-", "base is"), "the database is");
        let lines = ["a well-known case", "no well-known thing"];
        assert_eq!(joined(&lines, "a well-", "known word"), "a well-known word");
        assert_eq!(joined(&[], "in 1990-", "1995"), "in 1990- 1995");
    }

    #[test]
    fn korean_words_are_made_whole_when_they_are_seen_elsewhere() {
        let lines = ["여기 설치 프로그램을 실행", "이제 설치 안내서를 보라"];

        assert_eq!(joined(&lines, "새 설치 프로", "그램을 쓴다"), "새 설치 프로그램을 쓴다");
        assert_eq!(joined(&lines, "이제 설치", "안내서를 쓴다"), "이제 설치 안내서를 쓴다");
    }

    #[test]
    fn han_and_kana_are_joined_without_a_space() {
        assert_eq!(joined(&[], "これは", "文章です"), "これは文章です");
    }
}
