//! Key phrases: the words of a text, or of a part of it, that tell what it is about.
//!
//! Extractive, deterministic, English and Korean mixed as they come: a phrase is one to three
//! neighbouring content words, ranked by how often it stands in the part and how few other parts
//! know its words. It never invents a word and knows no dictionary.

mod korean;
mod phrase;
mod stop;
mod token;

use std::collections::HashMap;
use std::ops::Range;

use token::RawToken;

/// Returns the key phrases of texts that stand alone, most telling first, at most `limit`.
///
/// The language is told from each word. To compare parts of one material, use [`Vocabulary`].
#[must_use]
pub fn keyphrases<T: AsRef<str>>(texts: &[T], limit: usize) -> Vec<String> {
    Vocabulary::of(texts).keyphrases(0..texts.len(), limit)
}

/// Returns the content words of a short text (a goal, a heading) in their order, folded so that
/// `disks` and `disk`, `디스크를` and `디스크` are equal; no word twice.
#[must_use]
pub fn content_words(text: &str) -> Vec<String> {
    let vocabulary = Vocabulary::of(&[text]);
    let mut seen = vec![false; vocabulary.words.len()];
    let mut words = Vec::new();
    for token in vocabulary.texts.iter().flatten().filter(|token| token.is_content) {
        if !std::mem::replace(&mut seen[token.word as usize], true) {
            words.push(vocabulary.words[token.word as usize].folded.clone());
        }
    }
    words
}

/// The words of a list of texts (the chunks of a material), ready to tell parts of it apart.
pub struct Vocabulary {
    words: Vec<Word>,
    texts: Vec<Vec<Token>>,
}

/// A word with all its forms.
struct Word {
    folded: String,
    display: String,
    text_count: u32,
}

/// A word at its place in a text.
#[derive(Clone, Copy)]
struct Token {
    word: u32,
    /// Whether it says something by itself; stop words and numbers do not.
    is_content: bool,
    /// Whether a phrase may not reach over its left edge.
    breaks_before: bool,
}

impl Vocabulary {
    /// Reads the texts; about 20 MB of text a second.
    #[must_use]
    pub fn of<T: AsRef<str>>(texts: &[T]) -> Self {
        let raw: Vec<Vec<RawToken<'_>>> =
            texts.iter().map(|text| token::tokens(text.as_ref())).collect();
        let evidence = korean::Evidence::of(raw.iter().flatten().map(|token| token.surface));
        let mut builder = Builder::default();
        let texts = raw.iter().map(|tokens| builder.read(tokens, &evidence)).collect();
        Self { words: builder.finish(), texts }
    }

    /// Returns the phrases that tell these texts from the others, most telling first, at most
    /// `limit`; ranges beyond the end are cut.
    #[must_use]
    pub fn keyphrases(&self, part: Range<usize>, limit: usize) -> Vec<String> {
        let end = part.end.min(self.texts.len());
        let part = self.texts.get(part.start..end).unwrap_or_default();
        phrase::rank(part, limit, &|word| self.rarity(word))
            .into_iter()
            .map(|phrase| self.display(&phrase))
            .collect()
    }

    /// How telling a word is: near 0 when every text has it, about 7 when one of a thousand does.
    fn rarity(&self, word: u32) -> f32 {
        let all = self.texts.len() as f32;
        let with = self.words[word as usize].text_count as f32;
        (1.0 + (all - with + 0.5) / (with + 0.5)).ln()
    }

    fn display(&self, phrase: &[u32]) -> String {
        let words: Vec<&str> =
            phrase.iter().map(|&word| self.words[word as usize].display.as_str()).collect();
        words.join(" ")
    }
}

/// Gives numbers to words and counts their forms.
#[derive(Default)]
struct Builder {
    numbers: HashMap<String, u32>,
    folded: Vec<String>,
    forms: Vec<HashMap<String, u32>>,
    text_counts: Vec<u32>,
    last_text: Vec<u32>,
    text: u32,
}

impl Builder {
    fn read(&mut self, tokens: &[RawToken<'_>], evidence: &korean::Evidence<'_>) -> Vec<Token> {
        self.text += 1;
        let mut breaks_next = false;
        tokens
            .iter()
            .map(|raw| {
                let reading = token::read(raw.surface, evidence);
                let breaks_before = raw.breaks_before || std::mem::take(&mut breaks_next);
                breaks_next = reading.ends_phrase;
                let word = self.number(&reading.folded, reading.display);
                Token { word, is_content: reading.is_content, breaks_before }
            })
            .collect()
    }

    fn number(&mut self, folded: &str, form: &str) -> u32 {
        let number = match self.numbers.get(folded) {
            Some(&number) => number,
            None => self.add(folded),
        };
        let index = number as usize;
        if self.last_text[index] != self.text {
            self.last_text[index] = self.text;
            self.text_counts[index] += 1;
        }
        match self.forms[index].get_mut(form) {
            Some(count) => *count += 1,
            None => _ = self.forms[index].insert(form.to_owned(), 1),
        }
        number
    }

    fn add(&mut self, folded: &str) -> u32 {
        let number = u32::try_from(self.folded.len()).unwrap_or(u32::MAX);
        self.numbers.insert(folded.to_owned(), number);
        self.folded.push(folded.to_owned());
        self.forms.push(HashMap::new());
        self.text_counts.push(0);
        self.last_text.push(0);
        number
    }

    fn finish(self) -> Vec<Word> {
        self.folded
            .into_iter()
            .zip(self.forms)
            .zip(self.text_counts)
            .map(|((folded, forms), text_count)| {
                let display = most_used(forms).unwrap_or_else(|| folded.clone());
                Word { folded, display, text_count }
            })
            .collect()
    }
}

/// The most used form; of equals the one with the fewest capitals, then the first by order, so
/// that the answer does not depend on the map's order.
fn most_used(forms: HashMap<String, u32>) -> Option<String> {
    let capitals = |form: &str| form.chars().filter(|c| c.is_uppercase()).count();
    forms
        .into_iter()
        .max_by(|(a, a_count), (b, b_count)| {
            a_count.cmp(b_count).then_with(|| capitals(b).cmp(&capitals(a))).then_with(|| b.cmp(a))
        })
        .map(|(form, _)| form)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_is_told_by_the_phrases_that_the_others_lack() {
        let texts = [
            "The installer asks for the hard disk. Each hard disk holds partitions. \
             A partition table lists the partitions of the hard disk.",
            "The network card is found by the installer. Network cards need firmware.",
            "The installer sets the clock. The clock runs in UTC.",
        ];
        let vocabulary = Vocabulary::of(&texts);
        assert_eq!(vocabulary.keyphrases(0..1, 1), ["hard disk"]);
        assert_eq!(vocabulary.keyphrases(1..2, 1), ["network card"]);
        assert_eq!(vocabulary.keyphrases(2..3, 1), ["clock"]);
        assert_eq!(vocabulary.keyphrases(7..9, 3), Vec::<String>::new());
    }

    #[test]
    fn korean_phrases_lose_their_particles() {
        let phrases = keyphrases(
            &["트랜잭션의 격리 수준을 설정합니다. 격리 수준은 트랜잭션마다 다르다. \
               높은 격리 수준에서는 트랜잭션이 기다린다."],
            2,
        );
        assert_eq!(phrases, ["격리 수준", "트랜잭션"]);
    }

    #[test]
    fn content_words_are_folded_and_unique() {
        assert_eq!(content_words("Learn the disks, and a disk"), ["learn", "disk"]);
        assert_eq!(content_words("디스크를 디스크에 설치하기"), ["디스크", "설치"]);
    }

    #[test]
    fn the_same_texts_give_the_same_phrases() {
        let texts = ["alpha beta gamma", "beta Gamma", "gamma delta, alpha beta"];
        assert_eq!(keyphrases(&texts, 9), keyphrases(&texts, 9));
    }
}
