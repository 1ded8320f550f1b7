//! Takes tables of contents out of a document: they only repeat its headings, nobody learns from
//! them, and a search would find every subject there first.

use std::cell::Cell;
use std::collections::HashMap;

use super::section::Section;
use crate::document::Block;

/// How many headings in a row make a table of contents.
const ENTRIES_MIN: usize = 3;
/// How much of a text has to be headings, in percent.
const COVERED_MIN: usize = 85;
/// When so many letters have passed and fewer than half were headings, the text is none.
const LOOK: usize = 200;
/// How many letters are compared before the search is given up: no real document needs a tenth, and
/// a hostile one shall not hold a processor.
const COMPARED_MAX: usize = 50_000_000;
/// Shorter titles are in every text.
const TITLE_LETTERS_MIN: usize = 3;

/// Takes out runs of blocks that only repeat headings, their own titles, and the sections that
/// held nothing else. A document of nothing else stays as it is.
pub(super) fn drop_contents(sections: &mut Vec<Section>) {
    let titles = Titles::of(sections);
    let mut kept: Vec<Vec<Block>> = sections.iter().map(|s| titles.strip(&s.blocks)).collect();
    if kept.iter().all(Vec::is_empty) {
        return;
    }
    let had_text: Vec<bool> = sections.iter().map(|section| !section.blocks.is_empty()).collect();
    for (section, blocks) in sections.iter_mut().zip(&mut kept) {
        section.blocks = std::mem::take(blocks);
    }
    let heads_text = heads_text(sections);
    let mut stays = had_text.iter().zip(&heads_text).map(|(had, heads)| !had || *heads);
    sections.retain(|section| {
        let stays = stays.next().unwrap_or(true);
        stays || !section.blocks.is_empty() || section.heading.is_none()
    });
}

/// Tells of each section whether one below it has text.
fn heads_text(sections: &[Section]) -> Vec<bool> {
    let level = |section: &Section| section.heading.as_ref().map_or(0, |heading| heading.level);
    (0..sections.len())
        .map(|place| {
            let own = level(&sections[place]);
            let mut below = sections[place + 1..].iter().take_while(|section| level(section) > own);
            below.any(|section| !section.blocks.is_empty())
        })
        .collect()
}

/// The titles of a document as letters, found by their first three, the longest first.
struct Titles {
    by_beginning: HashMap<[char; TITLE_LETTERS_MIN], Vec<Vec<char>>>,
    compared: Cell<usize>,
}

impl Titles {
    fn of(sections: &[Section]) -> Self {
        let mut titles: HashMap<_, Vec<Vec<char>>> = HashMap::new();
        for heading in sections.iter().filter_map(|section| section.heading.as_ref()) {
            let letters = letters(&heading.title);
            if let Some(first) = letters.first_chunk() {
                titles.entry(*first).or_default().push(letters);
            }
        }
        for same in titles.values_mut() {
            same.sort_by_key(|title| std::cmp::Reverse(title.len()));
            same.dedup();
        }
        Self { by_beginning: titles, compared: Cell::new(0) }
    }

    /// Returns the blocks without the tables of contents among them.
    fn strip(&self, blocks: &[Block]) -> Vec<Block> {
        let entries: Vec<usize> = blocks.iter().map(|block| self.entries(&block.text)).collect();
        let mut kept: Vec<Block> = Vec::with_capacity(blocks.len());
        let mut place = 0;
        while place < blocks.len() {
            let run = entries[place..].iter().take_while(|count| **count > 0).count();
            if entries[place..place + run].iter().sum::<usize>() >= ENTRIES_MIN {
                kept.pop_if(|before| is_contents_title(&before.text));
                place += run;
                continue;
            }
            let end = place + run.max(1);
            kept.extend_from_slice(&blocks[place..end]);
            place = end;
        }
        kept
    }

    /// The number of titles that a text consists of; 0 when it says anything else.
    fn entries(&self, text: &str) -> usize {
        let letters = letters(text);
        let (mut at, mut covered, mut count) = (0, 0, 0);
        while at < letters.len() {
            match self.title_at(&letters[at..]) {
                Some(length) => {
                    at += length;
                    covered += length;
                    count += 1;
                }
                None => at += 1,
            }
            let is_hopeless = at > LOOK && covered * 2 < at;
            if is_hopeless || self.compared.get() > COMPARED_MAX {
                return 0;
            }
        }
        if covered * 100 >= letters.len() * COVERED_MIN { count } else { 0 }
    }

    fn title_at(&self, letters: &[char]) -> Option<usize> {
        let same = self.by_beginning.get(letters.first_chunk()?)?;
        let found = same.iter().find(|title| {
            self.compared.set(self.compared.get() + title.len());
            letters.starts_with(title)
        });
        found.filter(|_| self.compared.get() < COMPARED_MAX).map(Vec::len)
    }
}

fn is_contents_title(text: &str) -> bool {
    const TITLES: &[&str] = &["contents", "tableofcontents", "목차", "차례"];
    let letters: String = letters(text).into_iter().collect();
    TITLES.contains(&letters.as_str())
}

/// The letters of a text in lower case, without what numbers chapters (`1.2.`, `A.`, `Chapter 3.`,
/// `3장.`) and pages.
fn letters(text: &str) -> Vec<char> {
    let words: Vec<&str> = text.split_whitespace().collect();
    let is_label = |place: usize| {
        let next_is_number = words.get(place + 1).is_some_and(|next| is_number(next));
        is_number(words[place])
            || (next_is_number
                && matches!(words[place].to_lowercase().as_str(), "chapter" | "appendix" | "부록"))
    };
    let telling = (0..words.len()).filter(|place| !is_label(*place)).map(|place| words[place]);
    telling
        .flat_map(|word| word.chars().filter(|c| c.is_alphabetic()).flat_map(char::to_lowercase))
        .collect()
}

/// `1`, `1.2.`, `A.`, `A.1`, `IV.`, `3장.`: digits with signs, or one capital with a full stop.
fn is_number(word: &str) -> bool {
    let bare = word.trim_end_matches(['.', ')', ':']);
    let bare = bare.trim_end_matches(['장', '절', '부']);
    let parts: Vec<&str> = bare.split('.').collect();
    let is_digits = |part: &&str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    let is_capital = |part: &str| part.len() == 1 && part.bytes().all(|b| b.is_ascii_uppercase());
    let is_roman = |part: &str| !part.is_empty() && part.bytes().all(|b| b"IVXLC".contains(&b));
    let (Some(first), rest) = (parts.first(), parts.get(1..).unwrap_or_default()) else {
        return false;
    };
    let ends_with_sign = bare.len() < word.len() || !rest.is_empty();
    let is_first = is_digits(first) || (ends_with_sign && (is_capital(first) || is_roman(first)));
    is_first && rest.iter().all(is_digits)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chunk::section::Heading;
    use crate::document::BlockKind;

    fn block(text: &str) -> Block {
        Block {
            kind: BlockKind::Paragraph,
            text: text.to_owned(),
            page: None,
            page_turns: Vec::new(),
        }
    }

    fn section(title: Option<&str>, texts: &[&str]) -> Section {
        let heading = title.map(|title| Heading { title: title.to_owned(), level: 1, page: None });
        Section { heading, blocks: texts.iter().map(|text| block(text)).collect() }
    }

    fn check(preamble: &[&str], expected: &[&str]) {
        let mut sections = vec![
            section(None, preamble),
            section(Some("Chapter 1. Hard Disks"), &["a"]),
            section(Some("2장. 네트워크 설정"), &["b"]),
            section(Some("A.1 The End"), &["c"]),
        ];
        drop_contents(&mut sections);
        let texts: Vec<&str> = sections[0].blocks.iter().map(|block| block.text.as_str()).collect();
        assert_eq!(texts, expected);
    }

    #[test]
    fn lists_of_headings_are_dropped_with_their_title() {
        check(
            &[
                "Abstract",
                "Table of Contents",
                "1. Hard Disks ..... 7",
                "2. 네트워크 설정",
                "The End 9",
            ],
            &["Abstract"],
        );
        check(&["목차", "1. Hard Disks 2. 네트워크 설정 A.1. The End", "Text."], &["Text."]);
    }

    #[test]
    fn text_that_names_a_heading_stays() {
        check(&["Hard Disks", "Text."], &["Hard Disks", "Text."]);
        let text = "Hard Disks, 네트워크 설정, The End: all of this is told below, in this order.";
        check(&[text], &[text]);
        check(&["Contents", "Of the box"], &["Contents", "Of the box"]);
    }

    #[test]
    fn a_section_of_contents_alone_goes_and_a_document_of_nothing_else_stays() {
        let list = ["One thing", "Other thing", "Contents"];
        let mut sections = vec![
            section(Some("Contents"), &list),
            section(Some("One thing"), &["a"]),
            section(Some("Other thing"), &["b"]),
        ];
        drop_contents(&mut sections);
        assert_eq!(sections.len(), 2);

        let mut sections = vec![section(Some("One"), &["One", "One", "One"])];
        drop_contents(&mut sections);
        assert_eq!(sections[0].blocks.len(), 3);
    }

    #[test]
    fn numbers_of_chapters_are_told_from_words() {
        for number in ["1", "12.", "1.2.3", "A.", "A.1", "IV.", "3장.", "2)"] {
            assert!(is_number(number), "{number}");
        }
        for word in ["A", "I", "Hard", "UTF-8", "v1.2", "장", ""] {
            assert!(!is_number(word), "{word}");
        }
    }
}
