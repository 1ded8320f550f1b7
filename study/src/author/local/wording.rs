//! Words for titles, objectives and summaries, in the two languages of titles.
//!
//! It only puts together what the documents say themselves; the sentences around it are fixed.

mod casing;
mod english;
mod korean;

use super::super::validation::text::{is_control, unwanted};
use crate::language::Language;

pub(super) use casing::Casing;

/// What a session is about, as far as the text tells.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Subject {
    /// The headings that it covers, as written but without numbers; never empty.
    pub topics: Vec<String>,
    /// Its key phrases.
    pub terms: Vec<String>,
    /// The commands that it shows.
    pub commands: Vec<String>,
}

/// Writes the objective of a session.
pub(super) fn objective(language: Language, subject: &Subject, casing: &Casing) -> String {
    match language {
        Language::English => english::objective(subject, casing),
        Language::Korean => korean::objective(subject),
    }
}

/// Completes a heading that says nothing alone: `Introduction` under `Disks` is `Introduction to
/// disks`.
pub(super) fn placed(language: Language, heading: &str, above: &str) -> String {
    let lower = heading.to_lowercase();
    match language {
        Language::English => english::placed(&lower, above),
        Language::Korean => korean::placed(&lower, above),
    }
    .unwrap_or_else(|| heading.to_owned())
}

/// Tells whether a heading says nothing alone.
pub(super) fn is_general(language: Language, heading: &str) -> bool {
    let plain = without_number(heading);
    placed(language, plain, "") != plain
}

/// Returns the key terms that a sentence does not hold already, at most four: phrases and names
/// before single words, of which two are enough.
fn key_terms<'a>(subject: &'a Subject, sentence: &str) -> Option<Vec<&'a str>> {
    let lower = sentence.to_lowercase();
    let new = || {
        let all = subject.terms.iter().map(String::as_str);
        all.filter(|term| !lower.contains(&term.to_lowercase()) && is_term(term))
    };
    let is_strong = |term: &&str| {
        term.contains(' ') || term.chars().skip(1).any(|c| c.is_uppercase() || c.is_ascii_digit())
    };
    let mut terms: Vec<&str> = new().filter(is_strong).take(4).collect();
    let weak = new().filter(|term| !is_strong(term) && term.chars().count() >= 2);
    terms.extend(weak.take(4_usize.saturating_sub(terms.len()).min(2)));
    (!terms.is_empty()).then_some(terms)
}

/// Tells whether a phrase may be a term of the subject; names of examples and versions are not.
fn is_term(phrase: &str) -> bool {
    let words: Vec<&str> = phrase.split(' ').collect();
    let repeats = words.windows(2).any(|pair| pair[0].eq_ignore_ascii_case(pair[1]));
    let is_word = |word: &str| {
        let bare = word.trim_end_matches(|c: char| c.is_ascii_digit()).to_lowercase();
        let is_example = EXAMPLES.contains(&bare.as_str());
        let has_version = word.contains(|c: char| c.is_ascii_digit()) && word.contains(['.', '-']);
        let plain = word.chars().all(|c| c.is_alphanumeric() || "-_./'".contains(c));
        plain && !is_example && !has_version
    };
    !repeats && words.iter().all(|word| is_word(word))
}

/// What manuals call things that have no name.
const EXAMPLES: &[&str] = &[
    "", "a", "arg", "b", "bar", "baz", "command", "example", "file", "foo", "hello", "name",
    "option", "str", "string", "test", "var", "x", "y", "z",
];

/// Takes the ending of a file's name off a title.
pub(super) fn without_extension(title: &str) -> &str {
    let known = crate::document::DocumentKind::ALL.into_iter().flat_map(|kind| kind.extensions());
    let found = title.rsplit_once('.').filter(|(name, ending)| {
        !name.is_empty() && known.clone().any(|known| ending.eq_ignore_ascii_case(known))
    });
    found.map_or(title, |(name, _)| name)
}

/// Names a plan or module for which there is no word.
pub(super) fn untitled(language: Language) -> &'static str {
    match language {
        Language::English => "Untitled",
        Language::Korean => "제목 없음",
    }
}

/// Describes a part that only speaks of the document.
pub(super) fn about_document(language: Language) -> &'static str {
    match language {
        Language::English => "About the document itself: its licence, contents or history.",
        Language::Korean => "문서 자체에 관한 내용: 저작권, 차례 또는 변경 기록.",
    }
}

/// Says what a part holds, with as many topics as fit.
pub(super) fn covers(language: Language, topics: &[String], most: usize) -> String {
    let sentence = |list: &[String], all: bool| match (language, all) {
        (Language::English, true) => format!("Covers {}.", english::and(list)),
        (Language::English, false) => format!("Covers {} and more.", list.join(", ")),
        (Language::Korean, true) => format!("다루는 내용: {}.", list.join(", ")),
        (Language::Korean, false) => format!("다루는 내용: {} 등.", list.join(", ")),
    };
    (1..=topics.len())
        .rev()
        .map(|count| sentence(&topics[..count], count == topics.len()))
        .find(|sentence| sentence.chars().count() <= most)
        .unwrap_or_default()
}

/// How large a plan is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Size {
    /// Its modules.
    pub modules: usize,
    /// Their sessions.
    pub sessions: u32,
    /// The modules that the goal can be reached without.
    pub optional: usize,
}

/// Writes the summary of a plan.
pub(super) fn summary(
    language: Language,
    materials: &[String],
    size: &Size,
    stressed: &[String],
) -> String {
    match language {
        Language::English => english::summary(materials, size, stressed),
        Language::Korean => korean::summary(materials, size, stressed),
    }
}

/// Marks one of several pieces with the same title.
pub(super) fn numbered(title: &str, number: usize, of: usize) -> String {
    format!("{title} ({number}/{of})")
}

/// Returns what a goal wants, as a title: `I want to learn Git.` → `Learn Git`,
/// `깃을 배우고 싶어요` → `깃을 배우기`.
pub(super) fn wanted(goal: &str) -> String {
    let goal = first_sentence(goal);
    korean::wanted(goal).unwrap_or_else(|| english::wanted(goal))
}

/// Returns the first sentence of a goal, without its full stop.
fn first_sentence(text: &str) -> &str {
    let text = text.trim();
    let end = text.find(['\n', '!', '?']).or_else(|| text.find(". ")).unwrap_or(text.len());
    text[..end].trim_end_matches(['.', ' ', '\r'])
}

/// Puts headings into one title: all of them when they are few, else the first and the last.
pub(super) fn joined(topics: &[String]) -> String {
    match topics {
        [first, .., last] if topics.len() > 3 || length(topics) > JOINED_MAX => {
            format!("{first} – {last}")
        }
        _ => topics.join(" · "),
    }
}

/// Three long headings in a row are no title.
const JOINED_MAX: usize = 100;

fn length(topics: &[String]) -> usize {
    topics.iter().map(|topic| topic.chars().count()).sum()
}

/// Takes the number off a heading: `4.2.1. Disks`, `Chapter 3: Disks`, `제3장 디스크` → the rest;
/// a heading that is nothing but a number stays.
pub(super) fn without_number(title: &str) -> &str {
    let title = title.trim();
    let rest = without_word_number(title).unwrap_or(title);
    let rest = without_digits(rest);
    let rest = rest.trim_start_matches(|c: char| c.is_whitespace() || ".:)-–—".contains(c));
    if rest.is_empty() { title } else { rest }
}

/// Takes off `Chapter 3`, `Appendix B`, `부록 B`, `3장`, `제3장`.
fn without_word_number(title: &str) -> Option<&str> {
    for word in ["chapter ", "part ", "section ", "appendix ", "부록 "] {
        let Some(head) = title.get(..word.len()) else { continue };
        if head.to_lowercase() == word {
            let rest = &title[word.len()..];
            let number = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '.')?;
            let is_number = number <= 5
                && (rest[..number].chars().all(|c| c.is_ascii_digit() || c == '.')
                    || rest[..number].chars().all(|c| "IVXLC.".contains(c))
                    || rest[..number].trim_end_matches('.').len() == 1);
            return is_number.then(|| &rest[number..]);
        }
    }
    let rest = title.strip_prefix('제').unwrap_or(title).trim_start();
    let digits = rest.find(|c: char| !c.is_ascii_digit()).filter(|at| *at > 0)?;
    let rest = rest[digits..].trim_start();
    let rest = ["장", "절", "부", "편"].iter().find_map(|unit| rest.strip_prefix(unit))?;
    rest.starts_with(|c: char| c.is_whitespace() || ".:".contains(c)).then_some(rest)
}

/// Takes off `4.2.1.` or `4)`; a bare number before words (`3 ways`, `80486`) is part of them.
fn without_digits(title: &str) -> &str {
    let end = title.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(title.len());
    let number = &title[..end];
    let is_number = number.starts_with(|c: char| c.is_ascii_digit()) && number.contains('.');
    let rest = &title[end..];
    if (is_number && rest.starts_with(char::is_whitespace)) || (end > 0 && rest.starts_with(')')) {
        return rest;
    }
    let letter = title.split_once(". ").or_else(|| title.split_once(".\u{a0}"));
    letter.filter(|(head, _)| is_letter_number(head)).map_or(title, |(_, rest)| rest)
}

/// Tells whether the words before a full stop are a number like `A`, `B.2` or `IV`.
fn is_letter_number(head: &str) -> bool {
    let mut parts = head.split('.');
    let first = parts.next().unwrap_or_default();
    let letter = first.len() == 1 && first.starts_with(|c: char| c.is_ascii_uppercase());
    let roman = !first.is_empty() && first.chars().all(|c| "IVX".contains(c));
    (letter || roman)
        && parts.all(|part| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit()))
}

/// Makes words of a document fit for a title of at most `most` characters: on one line, without
/// links, markup and invisible characters; cut between words.
pub(super) fn plain(text: &str, most: usize) -> String {
    let clean: String = text
        .chars()
        .map(|c| if c.is_whitespace() { ' ' } else { c })
        .filter(|c| !is_control(*c))
        .collect();
    let mut words: Vec<&str> = clean.split_whitespace().collect();
    if unwanted(&clean).is_some() {
        words.retain(|word| unwanted(word).is_none() && !word.contains(['<', '>', ']']));
    }
    shorten(&words.join(" "), most)
}

/// Cuts a text to at most `most` characters, between words where it can, and says so with `…`.
pub(super) fn shorten(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    let end = text.char_indices().nth(most.saturating_sub(1)).map_or(text.len(), |(at, _)| at);
    let cut = &text[..end];
    let at_word = cut.rfind(' ').filter(|at| *at * 2 > end).unwrap_or(end);
    format!("{}…", cut[..at_word].trim_end_matches(|c: char| !c.is_alphanumeric() && c != ')'))
}

#[cfg(test)]
mod tests {
    use super::{plain, shorten, without_number};

    #[test]
    fn numbers_are_taken_off_headings() {
        for (title, rest) in [
            ("4.2.1. Disks", "Disks"),
            ("1. Disks", "Disks"),
            ("2.3 Disks", "Disks"),
            ("Chapter 3. Disks", "Disks"),
            ("Chapter 12: Disks", "Disks"),
            ("Appendix B. Disks", "Disks"),
            ("Appendix", "Appendix"),
            ("B.2. Disks", "Disks"),
            ("Part IV. Disks", "Disks"),
            ("제3장 디스크", "디스크"),
            ("3장. 디스크", "디스크"),
            ("부록 B. 디스크", "디스크"),
            ("1장", "1장"),
            ("3 ways to do it", "3 ways to do it"),
            ("Part of it", "Part of it"),
            ("Section headings", "Section headings"),
            ("4.2", "4.2"),
            ("C. elegans", "elegans"),
            ("80486 and later", "80486 and later"),
        ] {
            assert_eq!(without_number(title), rest, "{title}");
        }
    }

    #[test]
    fn titles_are_made_plain() {
        assert_eq!(plain(" A\n title\u{202E} ", 100), "A title");
        assert_eq!(plain("See https://example.org for <b>more</b>", 100), "See for");
        assert_eq!(plain("vector<int>", 100), "vector<int>");
    }

    #[test]
    fn long_titles_are_cut_between_words() {
        assert_eq!(shorten("one two three", 13), "one two three");
        assert_eq!(shorten("one two three", 12), "one two…");
        assert_eq!(shorten("가나다라마바사", 4), "가나다…");
    }
}
