//! From text to words: where a word begins and ends, its folded form, and whether it says
//! anything by itself.

use std::borrow::Cow;

use super::{korean, stop};
use crate::language::is_hangul;

/// The longest word that is taken seriously, in characters.
const WORD_MAX: usize = 40;

/// A word as it stands in a text.
pub(super) struct RawToken<'a> {
    pub(super) surface: &'a str,
    /// Whether punctuation or a line's end stands before it.
    pub(super) breaks_before: bool,
}

/// What a word is.
pub(super) struct Reading<'a> {
    /// Equal for all forms of the word.
    pub(super) folded: Cow<'a, str>,
    /// The word without particles.
    pub(super) display: &'a str,
    pub(super) is_content: bool,
    /// Whether a particle or an ending closes the phrase after it.
    pub(super) ends_phrase: bool,
}

/// Cuts a text into words.
pub(super) fn tokens(text: &str) -> Vec<RawToken<'_>> {
    let mut tokens = Vec::with_capacity(text.len() / 6);
    let mut breaks_before = true;
    let mut rest = text;
    while let Some(start) = rest.find(|c: char| c.is_alphanumeric()) {
        breaks_before |= rest[..start].chars().any(|c| c != ' ');
        rest = &rest[start..];
        let end = word_end(rest);
        tokens.push(RawToken { surface: &rest[..end], breaks_before });
        breaks_before = false;
        rest = &rest[end..];
    }
    tokens
}

/// The end of the word that a text begins with: letters and digits, joined by single `-`, `_`,
/// `.` and `'`; `C++` and `C#` keep their signs.
fn word_end(text: &str) -> usize {
    let mut end = 0;
    let mut letters = text.char_indices().peekable();
    while let Some((at, letter)) = letters.next() {
        let joins = matches!(letter, '-' | '_' | '.' | '\'' | '’')
            && letters.peek().is_some_and(|(_, next)| next.is_alphanumeric());
        if !letter.is_alphanumeric() && !joins {
            break;
        }
        end = at + letter.len_utf8();
    }
    let signs = text[end..].bytes().take_while(|byte| matches!(byte, b'+' | b'#')).count();
    if end == 1 && signs <= 2 { end + signs } else { end }
}

/// Reads a word.
pub(super) fn read<'a>(surface: &'a str, evidence: &korean::Evidence<'_>) -> Reading<'a> {
    if surface.chars().any(is_hangul) {
        return read_korean(surface, evidence);
    }
    let display = surface.strip_suffix("'s").or(surface.strip_suffix("’s")).unwrap_or(surface);
    let lower = display.to_lowercase().replace('’', "'");
    let is_content =
        is_telling(display) && !is_adverb(&lower) && !stop::ENGLISH.contains(lower.as_str());
    Reading { folded: Cow::Owned(singular(lower)), display, is_content, ends_phrase: false }
}

fn read_korean<'a>(surface: &'a str, evidence: &korean::Evidence<'_>) -> Reading<'a> {
    let stem = evidence.stem(surface);
    let is_content = stem.is_noun
        && is_whole(stem.text)
        && is_telling(stem.text)
        && !stop::KOREAN.contains(stem.text)
        && !stop::KOREAN.contains(surface);
    Reading {
        folded: if stem.text.is_ascii() {
            Cow::Owned(singular(stem.text.to_lowercase()))
        } else {
            Cow::Borrowed(stem.text)
        },
        display: stem.text,
        is_content,
        ends_phrase: stem.text.len() < surface.len(),
    }
}

/// Tells whether a word can say something: no number, no single letter, no address.
fn is_telling(word: &str) -> bool {
    let letters = word.chars().filter(|c| c.is_alphabetic()).count();
    let dots = word.bytes().filter(|&byte| byte == b'.').count();
    let (count, first) = (word.chars().count(), word.chars().next());
    let is_single = count < 2 && !first.is_some_and(is_hangul);
    letters > 0 && letters * 2 >= count && dots < 2 && !is_single && count <= WORD_MAX
}

/// English adverbs tell little; a few nouns look like them.
fn is_adverb(word: &str) -> bool {
    const NOUNS: &[&str] =
        &["family", "assembly", "supply", "reply", "anomaly", "monopoly", "butterfly", "poly"];
    word.len() > 4 && word.ends_with("ly") && !NOUNS.iter().any(|noun| word.ends_with(noun))
}

/// Tells whether Latin letters, if any, stand before the Hangul (`CPU별`); the other way round it
/// is no word but what a broken font left of one.
fn is_whole(word: &str) -> bool {
    let hangul = word.chars().skip_while(|c| !is_hangul(*c));
    hangul.skip_while(|c| is_hangul(*c)).all(|c| !c.is_alphabetic())
}

/// Takes the plural off an English word, roughly; a wrong guess only joins or parts two words.
fn singular(mut word: String) -> String {
    if word.len() <= 3 || !word.is_ascii() {
        return word;
    }
    if word.ends_with("ies") && word.len() > 4 {
        word.truncate(word.len() - 3);
        word.push('y');
    } else if ["sses", "shes", "ches", "xes"].iter().any(|end| word.ends_with(end)) {
        word.truncate(word.len() - 2);
    } else if word.ends_with('s') && !["ss", "us", "is"].iter().any(|end| word.ends_with(end)) {
        word.truncate(word.len() - 1);
    }
    word
}

#[cfg(test)]
mod tests {
    use super::*;

    fn surfaces(text: &str) -> Vec<&str> {
        tokens(text).iter().map(|token| token.surface).collect()
    }

    #[test]
    fn words_keep_their_inner_signs() {
        assert_eq!(
            surfaces("read-only C++ and C# on ext4, don't. v1.2"),
            ["read-only", "C++", "and", "C#", "on", "ext4", "don't", "v1.2"]
        );
        assert_eq!(surfaces("가상 메모리(RAM)의 끝."), ["가상", "메모리", "RAM", "의", "끝"]);
    }

    #[test]
    fn punctuation_breaks_phrases_and_blanks_do_not() {
        let breaks: Vec<bool> =
            tokens("one two, three\nfour").iter().map(|token| token.breaks_before).collect();
        assert_eq!(breaks, [true, false, true, true]);
    }

    #[test]
    fn plurals_and_possessives_fold_together() {
        let evidence = korean::Evidence::of(std::iter::empty());
        for (form, folded) in [
            ("Disks", "disk"),
            ("disk's", "disk"),
            ("policies", "policy"),
            ("classes", "class"),
            ("status", "status"),
            ("bus", "bus"),
        ] {
            assert_eq!(read(form, &evidence).folded, folded, "{form}");
        }
    }

    #[test]
    fn numbers_and_addresses_say_nothing() {
        let evidence = korean::Evidence::of(std::iter::empty());
        for word in ["42", "a", "www.debian.org", "0x1f4"] {
            assert!(!read(word, &evidence).is_content, "{word}");
        }
        assert!(read("ext4", &evidence).is_content);
    }
}
