//! Takes the particles off Korean words, with the document itself as the dictionary.
//!
//! A last syllable like `도` or `가` may be a particle or a part of the noun (`속도`, `평가`), and
//! `을` or `고` may end a noun or a verb (`값을`, `찾을`; `경고`, `쓰고`). The particle must fit the
//! final sound before it and leave two syllables; where that does not decide, other forms of the
//! same word in the document do.

use std::collections::HashSet;

use crate::language::is_hangul;

/// What must stand before a particle.
#[derive(Clone, Copy, PartialEq)]
enum Before {
    Any,
    Consonant,
    Vowel,
    /// A vowel or `ㄹ`.
    VowelOrRieul,
}

/// Particles that hardly any noun ends with, longest first.
const CLEAR: &[(&str, Before)] = &[
    ("에서부터", Before::Any),
    ("으로부터", Before::Consonant),
    ("으로써", Before::Consonant),
    ("으로서", Before::Consonant),
    ("으로는", Before::Consonant),
    ("으로의", Before::Consonant),
    ("이라는", Before::Consonant),
    ("이라고", Before::Consonant),
    ("에서는", Before::Any),
    ("에서도", Before::Any),
    ("에서의", Before::Any),
    ("에게서", Before::Any),
    ("까지는", Before::Any),
    ("까지의", Before::Any),
    ("에서", Before::Any),
    ("에게", Before::Any),
    ("에는", Before::Any),
    ("에도", Before::Any),
    ("에의", Before::Any),
    ("으로", Before::Consonant),
    ("로부터", Before::VowelOrRieul),
    ("로써", Before::VowelOrRieul),
    ("로서", Before::VowelOrRieul),
    ("로는", Before::VowelOrRieul),
    ("로의", Before::VowelOrRieul),
    ("라는", Before::Vowel),
    ("라고", Before::Vowel),
    ("이란", Before::Consonant),
    ("이나", Before::Consonant),
    ("이며", Before::Consonant),
    ("과의", Before::Consonant),
    ("와의", Before::Vowel),
    ("까지", Before::Any),
    ("부터", Before::Any),
    ("처럼", Before::Any),
    ("보다", Before::Any),
    ("마다", Before::Any),
    ("조차", Before::Any),
    ("밖에", Before::Any),
    ("만을", Before::Any),
    ("만큼", Before::Any),
    ("들은", Before::Any),
    ("들이", Before::Any),
    ("들을", Before::Any),
    ("들의", Before::Any),
    ("을", Before::Consonant),
    ("를", Before::Vowel),
];

/// Particles that many nouns end with.
const DOUBTFUL: &[(&str, Before)] = &[
    ("은", Before::Consonant),
    ("는", Before::Vowel),
    ("이", Before::Consonant),
    ("가", Before::Vowel),
    ("과", Before::Consonant),
    ("와", Before::Vowel),
    ("로", Before::VowelOrRieul),
    ("나", Before::Vowel),
    ("란", Before::Vowel),
    ("의", Before::Any),
    ("에", Before::Any),
    ("도", Before::Any),
    ("만", Before::Any),
    ("들", Before::Any),
];

/// Forms of the verbs that make verbs of nouns (`설치하다`, `사용되다`), longest first.
const VERBALIZED: &[&str] = &[
    "하였습니다",
    "하십시오",
    "하겠습니다",
    "되었습니다",
    "시킵니다",
    "하려면",
    "하므로",
    "하도록",
    "되도록",
    "하거나",
    "되거나",
    "하면서",
    "되면서",
    "하지만",
    "되지만",
    "하세요",
    "합니다",
    "됩니다",
    "했습니다",
    "됐습니다",
    "하려는",
    "하려고",
    "하기",
    "되기",
    "하는",
    "되는",
    "하고",
    "되고",
    "하여",
    "되어",
    "해서",
    "돼서",
    "하면",
    "되면",
    "하지",
    "되지",
    "하게",
    "되게",
    "한다",
    "된다",
    "했다",
    "됐다",
    "하던",
    "되던",
    "해야",
    "돼야",
    "하며",
    "되며",
    "하니",
    "되니",
    "했던",
    "됐던",
    "하다",
    "되다",
    "시켜",
    "시킨",
    "한",
    "할",
    "함",
    "해",
    "된",
    "될",
    "됨",
    "돼",
];

/// Endings after which a word is surely a verb or an adjective.
const VERB_ENDINGS: &[&str] = &[
    "습니다",
    "ㅂ니다",
    "니다",
    "십시오",
    "세요",
    "어요",
    "아요",
    "에요",
    "예요",
    "네요",
    "는다",
    "었다",
    "았다",
    "였다",
    "있다",
    "없다",
    "않다",
    "이다",
    "려면",
    "려고",
    "도록",
    "지만",
    "는데",
    "으며",
    "으면",
    "어서",
    "아서",
    "어야",
    "아야",
    "거나",
    "면서",
    "않는",
    "않고",
    "않은",
    "않을",
    "있는",
    "있고",
    "있을",
    "있어",
    "있으",
    "없는",
    "없고",
    "없이",
    "없을",
    "같은",
    "같이",
    "다는",
    "다고",
    "지요",
    "던가",
    "은지",
    "는지",
    "을지",
    "인지",
    "주는",
    "지는",
    "지고",
    "어진",
    "진다",
    "려는",
    "이고",
    "인데",
    "이면",
    "라면",
    "으니",
    "하자",
    "보자",
    "두자",
    "리는",
    "르는",
    "키는",
    "기는",
    "우는",
    "히는",
    "이는",
    "오는",
    "가는",
    "보는",
    "나는",
    "쓰는",
    "으려",
    "려서",
    "겨서",
    "켜서",
    "혀서",
    "워서",
    "와서",
    "져서",
    "봐야",
    "다면",
    "았던",
    "었던",
    "듯이",
    "므로",
    "려야",
];

/// Endings that verbs share with nouns (`쓰고`, `경고`).
const DOUBTFUL_ENDINGS: &[&str] =
    &["고", "지", "면", "며", "서", "게", "던", "나", "니", "아", "어"];

/// Endings that show a verb beside one of the doubtful ones.
const SHOWING_ENDINGS: &[&str] = &["고", "지", "면", "며", "는", "던", "다", "기", "거나", "도록"];

/// Particles that show a noun: no verb takes them.
const SHOWING_PARTICLES: &[&str] = &["", "이", "가", "의", "에", "로", "과", "와", "에서"];

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
            let other = |ending: &&str| {
                let form = format!("{stem}{ending}");
                form != word && self.words.contains(form.as_str())
            };
            SHOWING_ENDINGS.iter().any(|ending| other(&ending))
        })
    }

    /// Tells whether the document has a short word in a form that only nouns take.
    fn shows_noun(&self, stem: &str) -> bool {
        let form = |particle: &&str| self.words.contains(format!("{stem}{particle}").as_str());
        SHOWING_PARTICLES.iter().any(|particle| form(&particle))
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
