//! What a document is about, in two or three of its own sentences.
//!
//! Extractive: it picks telling sentences and never writes one.

use std::collections::{HashMap, HashSet};

use crate::chunk::{Chunk, sentences};
use crate::keyword::{Vocabulary, content_words};

/// The most sentences.
const SENTENCES_MAX: usize = 3;
/// The longest summary, in characters.
const LENGTH_MAX: usize = 600;
/// Shorter sentences are captions; longer ones are tables that look like sentences.
const SENTENCE_LENGTH: std::ops::RangeInclusive<usize> = 25..=280;
/// How many key phrases of the document decide what is telling.
const PHRASES: usize = 24;
/// Only the beginning of a long document is read for sentences: it says what is to come.
const CHUNKS_READ: usize = 60;
/// A sentence with this share of words of those before says nothing new.
const REPEATED: f32 = 0.6;

/// Sentences with these, or under headings with these, are about the book and not about its
/// matter.
const BOILERPLATE: &[&str] = &[
    "copyright",
    "©",
    "all rights reserved",
    "isbn",
    "license",
    "warrant",
    "acknowledg",
    "contributors",
    "저작권",
    "무단 전재",
    "라이선스",
    "허가서",
    "감사의 말",
    "감사의 글",
];

/// Returns the most telling sentences in the document's order; the beginning of the text when it
/// has no sentences. Empty only when there are no chunks.
#[must_use]
pub fn summarize(chunks: &[Chunk]) -> String {
    let telling = telling_words(chunks);
    let mut candidates: Vec<Candidate> =
        chunks.iter().take(CHUNKS_READ).flat_map(|chunk| candidates(chunk, &telling)).collect();
    candidates.sort_by(|a, b| b.weight.total_cmp(&a.weight).then(a.place.cmp(&b.place)));
    let mut chosen: Vec<Candidate> = Vec::new();
    let mut length = 0;
    for candidate in candidates {
        let with = length + candidate.text.chars().count() + 1;
        if chosen.len() < SENTENCES_MAX && with <= LENGTH_MAX && candidate.is_new(&chosen) {
            length = with;
            chosen.push(candidate);
        }
    }
    if chosen.is_empty() {
        return beginning(chunks);
    }
    chosen.sort_by_key(|candidate| candidate.place);
    chosen.iter().map(|candidate| candidate.text.as_str()).collect::<Vec<_>>().join(" ")
}

/// A sentence that may stand in the summary.
struct Candidate {
    text: String,
    words: HashSet<String>,
    weight: f32,
    /// Chunk and sentence.
    place: (u32, usize),
}

impl Candidate {
    /// From another chunk, and with other words.
    fn is_new(&self, chosen: &[Self]) -> bool {
        chosen.iter().all(|other| {
            if self.place.0 == other.place.0 {
                return false;
            }
            let common = self.words.intersection(&other.words).count() as f32;
            common < REPEATED * self.words.len().min(other.words.len()) as f32
        })
    }
}

/// The words of the document's key phrases; the first phrases weigh the most.
fn telling_words(chunks: &[Chunk]) -> HashMap<String, f32> {
    let texts: Vec<&str> = chunks.iter().map(|chunk| chunk.text.as_str()).collect();
    let phrases = Vocabulary::of(&texts).keyphrases(0..texts.len(), PHRASES);
    let mut words = HashMap::new();
    for (rank, phrase) in phrases.iter().enumerate() {
        for word in content_words(phrase) {
            words.entry(word).or_insert(1.0 / (rank as f32 + 4.0).sqrt());
        }
    }
    words
}

fn candidates(chunk: &Chunk, telling: &HashMap<String, f32>) -> Vec<Candidate> {
    let paragraphs = chunk.text.split("\n\n").filter(|paragraph| !paragraph.contains('\n'));
    let sentences = paragraphs.flat_map(sentences).map(str::trim);
    sentences
        .enumerate()
        .filter(|(_, sentence)| is_prose(sentence))
        .map(|(place, text)| {
            let words: HashSet<String> = content_words(text).into_iter().collect();
            let found: f32 = words.iter().filter_map(|word| telling.get(word)).sum();
            // The beginning says what a document is about; the weight halves over ten chunks.
            let position = 1.0 / (1.0 + chunk.index as f32 / 10.0);
            let weight = found * position / (words.len() as f32 + 6.0).sqrt();
            Candidate { text: text.to_owned(), words, weight, place: (chunk.index, place) }
        })
        .filter(|candidate| candidate.weight > 0.0)
        .collect()
}

/// Tells sentences from headings, tables, code and what else a parser may call a paragraph.
fn is_prose(sentence: &str) -> bool {
    let length = sentence.chars().count();
    let odd = sentence
        .chars()
        .filter(|c| !c.is_alphabetic() && !c.is_whitespace() && !matches!(c, ',' | '\'' | '’'))
        .count();
    let capitals = sentence.chars().filter(|c| c.is_uppercase()).count();
    let begins = sentence.starts_with(|c: char| c.is_alphabetic() && !c.is_lowercase());
    SENTENCE_LENGTH.contains(&length)
        && begins
        && !is_boilerplate(sentence)
        && sentence.ends_with(['.', '!', '。', '"', '”', ')'])
        && odd * 8 <= length
        && capitals * 4 <= length
}

fn is_boilerplate(text: &str) -> bool {
    let lower = text.to_lowercase();
    BOILERPLATE.iter().any(|words| lower.contains(words))
}

/// The first words of the text, for texts without sentences.
fn beginning(chunks: &[Chunk]) -> String {
    let words = chunks.iter().flat_map(|chunk| chunk.text.split_whitespace());
    let mut text = String::new();
    for word in words {
        if text.chars().count() + word.chars().count() >= 200 {
            text.push('…');
            break;
        }
        if !text.is_empty() {
            text.push(' ');
        }
        text.push_str(word);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chunks(texts: &[&str]) -> Vec<Chunk> {
        let chunk = |(index, text): (usize, &&str)| Chunk {
            index: index as u32,
            text: (*text).to_owned(),
            heading_path: Vec::new(),
            page: None,
            page_end: None,
        };
        texts.iter().enumerate().map(chunk).collect()
    }

    #[test]
    fn telling_sentences_come_in_the_order_of_the_text() {
        let summary = summarize(&chunks(&[
            "Copyright of the authors and of nobody else at all.\n\n\
             This manual tells how to install the Debian system. It is short.",
            "The Debian installer divides the disk. The installer then copies the Debian system.",
            "| 1 | 2 |\n| 3 | 4 |",
        ]));
        assert!(
            summary.starts_with("This manual tells how to install the Debian system."),
            "{summary}"
        );
        assert!(!summary.contains('|') && !summary.contains("Copyright"), "{summary}");
    }

    #[test]
    fn korean_sentences_are_summarized_in_korean() {
        let summary = summarize(&chunks(&[
            "이 문서는 데비안 시스템을 설치하는 방법을 자세히 설명합니다. 짧다.",
            "데비안 설치 프로그램은 먼저 디스크를 여러 파티션으로 나눕니다.",
        ]));
        assert!(summary.starts_with("이 문서는 데비안 시스템을"), "{summary}");
    }

    #[test]
    fn the_same_sentence_is_not_said_twice() {
        let twice = "The installer divides the disk into partitions.";
        assert_eq!(summarize(&chunks(&[twice, twice])), twice);
    }

    #[test]
    fn a_text_without_sentences_begins_its_own_summary() {
        assert_eq!(summarize(&chunks(&["one\ntwo"])), "one two");
        let long = summarize(&chunks(&["word ".repeat(100).as_str()]));
        assert!(long.ends_with("word…") && long.chars().count() <= 201);
        assert_eq!(summarize(&[]), "");
    }
}
