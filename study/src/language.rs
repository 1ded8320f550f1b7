//! The languages that texts are written in here, told from the text itself.

use serde::{Deserialize, Serialize};

/// A language that titles and objectives can be written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, Default)]
pub enum Language {
    /// English, and everything that is not told apart from it.
    #[default]
    #[serde(rename = "en")]
    English,
    /// Korean.
    #[serde(rename = "ko")]
    Korean,
}

impl Language {
    /// Tells the language of a text: Korean when at least a fifth of its letters are Hangul.
    #[must_use]
    pub fn of(text: &str) -> Self {
        Self::of_all([text])
    }

    /// Tells the language of texts by the same rule, from their first 20,000 letters.
    #[must_use]
    pub fn of_all<'a>(texts: impl IntoIterator<Item = &'a str>) -> Self {
        let (mut letters, mut hangul) = (0_usize, 0_usize);
        let all = texts.into_iter().flat_map(str::chars);
        for letter in all.filter(|c| c.is_alphabetic()).take(20_000) {
            letters += 1;
            hangul += usize::from(is_hangul(letter));
        }
        if hangul > 0 && hangul * 5 >= letters { Self::Korean } else { Self::English }
    }

    /// Returns the ISO 639-1 code.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::Korean => "ko",
        }
    }

    /// Reads an ISO 639-1 code; unknown ones are English.
    #[must_use]
    pub fn from_code(code: &str) -> Self {
        if code == "ko" { Self::Korean } else { Self::English }
    }
}

/// Tells whether a character is a Hangul syllable or jamo.
#[must_use]
pub fn is_hangul(character: char) -> bool {
    matches!(character, '\u{AC00}'..='\u{D7A3}' | '\u{1100}'..='\u{11FF}' | '\u{3130}'..='\u{318F}')
}

#[cfg(test)]
mod tests {
    use super::Language;

    #[test]
    fn a_korean_text_with_english_terms_is_korean() {
        assert_eq!(Language::of("트랜잭션 isolation level을 설정합니다"), Language::Korean);
        assert_eq!(Language::of("Set the isolation level (격리)"), Language::English);
        assert_eq!(Language::of("12 34"), Language::English);
    }
}
