//! Takes the particles off Korean words, with the document itself as the dictionary.
//!
//! A last syllable like `도` or `가` may be a particle or a part of the noun (`속도`, `평가`), and
//! `을` or `고` may end a noun or a verb (`값을`, `찾을`; `경고`, `쓰고`). The particle must fit the
//! final sound before it and leave two syllables; where that does not decide, other forms of the
//! same word in the document do.

mod endings;

use std::collections::HashSet;

use crate::language::is_hangul;

use endings::{
    Before, CLEAR, DOUBTFUL, DOUBTFUL_ENDINGS, SHOWING_ENDINGS, SHOWING_PARTICLES, VERB_ENDINGS,
    VERBALIZED,
};

/// The words of a document, as evidence.
pub(super) struct Evidence<'a> {
    words: HashSet<&'a str>,
    /// Nouns beyond doubt.
    nouns: HashSet<&'a str>,
}

/// A Korean word without its ending.
pub(super) struct Stem<'a> {
    pub(super) text: &'a str,
    pub(super) is_noun: bool,
}

impl<'a> Evidence<'a> {
    /// Learns from the words of a document.
    pub(super) fn of(words: impl Iterator<Item = &'a str>) -> Self {
        let is_korean = |word: &&str| word.chars().next_back().is_some_and(is_hangul);
        let words: HashSet<&str> = words.filter(is_korean).collect();
        let certain = |word: &&'a str| !is_verb(word) && !word.is_empty();
        let nouns = words.iter().copied().filter(certain).filter_map(|word| strip(word, CLEAR));
        Self { nouns: nouns.collect(), words }
    }

    /// Returns a word without its particle or verb ending.
    pub(super) fn stem<'w>(&self, word: &'w str) -> Stem<'w> {
        let noun = |text: &'w str| Stem { text, is_noun: true };
        if self.nouns.contains(word) {
            return noun(word);
        }
        let verbalized = VERBALIZED.iter().find_map(|ending| word.strip_suffix(ending));
        if let Some(stem) = verbalized.filter(|stem| syllables(stem) >= 2) {
            return noun(stem);
        }
        if is_verb(word) || self.shows_verb(word) {
            return Stem { text: word, is_noun: false };
        }
        if let Some(stem) = strip(word, CLEAR).or_else(|| strip(word, DOUBTFUL)) {
            return noun(stem);
        }
        match clear_particle(word) {
            Some(stem) => Stem { text: stem, is_noun: self.shows_noun(stem) },
            None => noun(word),
        }
    }

    /// Tells whether the document has the word with another verb ending as well.
    fn shows_verb(&self, word: &str) -> bool {
        let stems = DOUBTFUL_ENDINGS.iter().filter_map(|ending| word.strip_suffix(ending));
        stems.filter(|stem| !stem.is_empty()).any(|stem| {
            let other = |ending: &&str| -> bool {
                let form = format!("{stem}{ending}");
                form != word && self.words.contains(form.as_str())
            };
            SHOWING_ENDINGS.iter().any(other)
        })
    }

    /// Tells whether the document has a short word in a form that only nouns take.
    fn shows_noun(&self, stem: &str) -> bool {
        let form = |particle: &&str| self.words.contains(format!("{stem}{particle}").as_str());
        SHOWING_PARTICLES.iter().any(form)
    }
}

/// Takes a clear particle off a word of one syllable.
fn clear_particle(word: &str) -> Option<&str> {
    CLEAR.iter().find_map(|(particle, before)| {
        let stem = word.strip_suffix(particle)?;
        stem.chars().next_back().filter(|last| fits(*last, *before)).map(|_| stem)
    })
}

fn is_verb(word: &str) -> bool {
    VERB_ENDINGS.iter().any(|ending| word.ends_with(ending))
        || (word.ends_with('다') && syllables(word) >= 2)
}

/// Takes off the longest particle that fits, so that two syllables (or a Latin word) stay.
fn strip<'a>(word: &'a str, particles: &[(&str, Before)]) -> Option<&'a str> {
    particles.iter().find_map(|(particle, before)| {
        let stem = word.strip_suffix(particle)?;
        let last = stem.chars().next_back()?;
        let is_long = syllables(stem) >= 2 || !is_hangul(last);
        (is_long && fits(last, *before)).then_some(stem)
    })
}

/// Foreign words fit before every particle: how they are spoken is not known.
fn fits(last: char, before: Before) -> bool {
    const RIEUL: u32 = 8;
    let Some(place) = u32::from(last).checked_sub(0xAC00).filter(|place| *place < 11_172) else {
        return true;
    };
    let is_final = place % 28;
    match before {
        Before::Any => true,
        Before::Consonant => is_final != 0,
        Before::Vowel => is_final == 0,
        Before::VowelOrRieul => is_final == 0 || is_final == RIEUL,
    }
}

fn syllables(word: &str) -> usize {
    word.chars().filter(|c| is_hangul(*c)).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stem(word: &str, document: &[&str]) -> String {
        Evidence::of(document.iter().copied()).stem(word).text.to_owned()
    }

    #[test]
    fn particles_that_fit_the_sound_before_them_are_taken_off() {
        for (word, noun) in [
            ("데이터베이스를", "데이터베이스"),
            ("트랜잭션은", "트랜잭션"),
            ("프로그램으로", "프로그램"),
            ("네트워크에서는", "네트워크"),
            ("PostgreSQL을", "PostgreSQL"),
            ("level에서", "level"),
            ("메모리가", "메모리"),
        ] {
            assert_eq!(stem(word, &[]), noun, "{word}");
        }
    }

    #[test]
    fn nouns_that_end_like_a_particle_stay_whole() {
        for word in ["평가", "차이", "결과", "효과", "속도", "정의", "경로", "사용자"]
        {
            assert_eq!(stem(word, &[]), word);
        }
    }

    #[test]
    fn short_words_are_nouns_where_the_document_shows_it() {
        let evidence = Evidence::of(["값이", "찾아"].into_iter());
        assert!(evidence.stem("값을").is_noun && evidence.stem("값을").text == "값");
        assert!(!evidence.stem("찾을").is_noun);
    }

    #[test]
    fn two_forms_show_a_verb() {
        let evidence = Evidence::of(["쓰는", "쓰고", "경고", "페이지"].into_iter());
        assert!(!evidence.stem("쓰고").is_noun);
        assert!(evidence.stem("경고").is_noun && evidence.stem("페이지").is_noun);
    }

    #[test]
    fn the_document_tells_which_forms_are_nouns() {
        assert_eq!(stem("정확도", &["정확도를"]), "정확도");
        assert_eq!(stem("정확도가", &["정확도를"]), "정확도");
    }

    #[test]
    fn verbs_made_of_nouns_give_the_noun_and_others_are_none() {
        assert_eq!(stem("설치합니다", &[]), "설치");
        assert_eq!(stem("사용되는", &[]), "사용");
        let nouns = Evidence::of(std::iter::empty());
        for verb in ["있습니다", "만든다", "기다려야", "않는", "보면서"] {
            assert!(!nouns.stem(verb).is_noun, "{verb}");
        }
    }
}
