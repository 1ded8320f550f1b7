//! The words of a document, as far as they stand inside of lines: they tell how words were cut at
//! the ends of lines.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};

use super::PageLines;

/// The different words that are remembered.
const MAX_WORDS: usize = 500_000;

/// How often words stand inside of lines.
#[derive(Default)]
pub(super) struct Words(HashMap<u64, u32>);

impl Words {
    /// Counts the words of all lines but their first and last ones, which may be cut.
    pub(super) fn count(pages: &[PageLines]) -> Self {
        let mut words = Self::default();
        for line in pages.iter().flat_map(|page| &page.lines) {
            let mut tokens = line.text.split_whitespace().skip(1).peekable();
            while let Some(token) = tokens.next() {
                if tokens.peek().is_some() && words.0.len() < MAX_WORDS {
                    *words.0.entry(hash(core(token))).or_insert(0) += 1;
                }
            }
        }
        words
    }

    /// Returns how often a word was seen.
    pub(super) fn seen(&self, word: &str) -> u32 {
        self.0.get(&hash(core(word))).copied().unwrap_or(0)
    }
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
