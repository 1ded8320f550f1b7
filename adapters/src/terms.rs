//! Cuts texts into search terms: stemmed words for alphabets, pairs of syllables for Korean,
//! Chinese and Japanese.
//!
//! Pairs find `데이터베이스` in `데이터베이스를` without a dictionary; whole words would not. It knows
//! no query language: every text, however odd, is a list of terms, perhaps an empty one.

use std::borrow::Cow;

use rust_stemmers::{Algorithm, Stemmer};
use unicode_normalization::{IsNormalized, UnicodeNormalization as _, is_nfkc_quick};

/// Longer words are addresses and encoded data; nobody searches for them.
const WORD_LENGTH_MAX: usize = 40;

/// Cuts texts into terms; cheap to share.
pub(crate) struct Terms {
    stemmer: Stemmer,
}

impl Default for Terms {
    fn default() -> Self {
        Self { stemmer: Stemmer::create(Algorithm::English) }
    }
}

impl Terms {
    /// Calls `found` with each term of a text, in order.
    pub(crate) fn each(&self, text: &str, mut found: impl FnMut(&str)) {
        each_run(&normalized(text), &mut |run| match run {
            Run::Word(word) => {
                let lower = word.to_lowercase();
                let term = if lower.is_ascii() { self.stemmer.stem(&lower) } else { lower.into() };
                found(&term);
            }
            Run::Syllables { run, stands_alone } => each_pair(run, stands_alone, &mut found),
        });
    }
}

/// A piece of a text in one kind of script.
pub(crate) enum Run<'a> {
    /// Letters and digits of an alphabet.
    Word(&'a str),
    /// Characters that are each a syllable or a word.
    Syllables {
        /// The characters.
        run: &'a str,
        /// Whether no word of an alphabet stands right before: a particle after a Latin word
        /// (`SQL을`) says nothing.
        stands_alone: bool,
    },
}

/// Brings wide and composed forms of a character to one.
pub(crate) fn normalized(text: &str) -> Cow<'_, str> {
    match is_nfkc_quick(text.chars()) {
        IsNormalized::Yes => Cow::Borrowed(text),
        _ => Cow::Owned(text.nfkc().collect()),
    }
}

/// Calls `found` with each run of a normalized text.
pub(crate) fn each_run<'a>(text: &'a str, found: &mut impl FnMut(Run<'a>)) {
    let mut rest = text;
    let mut after_word = false;
    while let Some(first) = rest.chars().next() {
        let class = Class::of(first);
        let end = rest.find(|c| Class::of(c) != class).unwrap_or(rest.len());
        let (run, next) = rest.split_at(end);
        match class {
            Class::Syllable => found(Run::Syllables { run, stands_alone: !after_word }),
            Class::Letter => {
                let word = with_signs(rest, end);
                if word.chars().count() <= WORD_LENGTH_MAX {
                    found(Run::Word(word));
                }
            }
            Class::Other => {}
        }
        after_word = class == Class::Letter;
        rest = next;
    }
}

/// `C++` and `C#` are words of their own.
fn with_signs(text: &str, end: usize) -> &str {
    let signs = text[end..].bytes().take_while(|byte| matches!(byte, b'+' | b'#')).count();
    if end == 1 && signs <= 2 { &text[..end + signs] } else { &text[..end] }
}

/// Pairs of neighbours. The first syllable of two is a term as well: a word of one syllable and
/// its particle (`값을`) has to be found by the word.
fn each_pair(run: &str, stands_alone: bool, found: &mut impl FnMut(&str)) {
    let mut starts = run.char_indices().map(|(at, _)| at).chain([run.len()]);
    let (Some(mut first), Some(mut second)) = (starts.next(), starts.next()) else { return };
    let mut pairs = 0;
    let first_syllable = &run[..second];
    for end in starts {
        found(&run[first..end]);
        (first, second) = (second, end);
        pairs += 1;
    }
    if stands_alone && pairs <= 1 {
        found(first_syllable);
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Class {
    Letter,
    Syllable,
    Other,
}

impl Class {
    fn of(character: char) -> Self {
        match character {
            '\u{3040}'..='\u{30FF}'
            | '\u{3400}'..='\u{4DBF}'
            | '\u{4E00}'..='\u{9FFF}'
            | '\u{AC00}'..='\u{D7A3}'
            | '\u{F900}'..='\u{FAFF}'
            | '\u{20000}'..='\u{3FFFF}' => Self::Syllable,
            letter if letter.is_alphanumeric() => Self::Letter,
            _ => Self::Other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &[&str]) {
        let mut terms = Vec::new();
        Terms::default().each(text, |term| terms.push(term.to_owned()));
        assert_eq!(terms, expected, "{text}");
    }

    #[test]
    fn words_are_stemmed_and_lower_case() {
        check(
            "Installing read-only Disks, 2 of them",
            &["instal", "read", "onli", "disk", "2", "of", "them"],
        );
        check("C++ and C#, but not c+++", &["c++", "and", "c#", "but", "not", "c"]);
    }

    #[test]
    fn korean_words_are_pairs_of_syllables() {
        check("데이터를", &["데이", "이터", "터를"]);
        check("값을 값", &["값을", "값", "값"]);
        check("SQL을 쓴다", &["sql", "쓴다", "쓴"]);
    }

    #[test]
    fn wide_and_decomposed_letters_are_the_same() {
        check("ＳＱＬ", &["sql"]);
        check("\u{1112}\u{1161}\u{11AB}\u{1100}\u{1173}\u{11AF}", &["한글", "한"]);
    }

    #[test]
    fn odd_texts_have_no_terms() {
        check("", &[]);
        check("\"(+- *?:~^", &[]);
        check(&"x".repeat(100), &[]);
    }
}
