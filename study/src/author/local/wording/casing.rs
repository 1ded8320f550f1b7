//! How a document writes its words in running text, to write a Title Cased heading inside a
//! sentence: `the Installer` → `the installer`, but `Debian` stays.

use std::collections::HashMap;

/// How often a text writes each word small, and how often with a capital inside a sentence.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in crate::author::local) struct Casing(HashMap<String, (u32, u32)>);

impl Casing {
    /// Reads texts.
    pub(in crate::author::local) fn of(texts: &[&str]) -> Self {
        let mut counts: HashMap<String, (u32, u32)> = HashMap::new();
        for text in texts {
            let (mut begins, mut in_brackets) = (true, false);
            for word in text.split_whitespace() {
                in_brackets |= word.starts_with('[');
                let bare = word.trim_matches(|c: char| !c.is_alphanumeric());
                let is_word = !bare.is_empty() && bare.bytes().all(|b| b.is_ascii_alphabetic());
                if is_word {
                    let small = bare.bytes().all(|b| b.is_ascii_lowercase());
                    let (smalls, capitals) = counts.entry(bare.to_ascii_lowercase()).or_default();
                    *smalls += u32::from(small);
                    // A capital at the beginning of a sentence tells nothing, nor does one in the
                    // title of a cross-reference: `[Job Control Basics]`.
                    *capitals += u32::from(!small && !begins && !in_brackets);
                }
                in_brackets &= !word.contains(']');
                begins = word.ends_with(['.', '?', '!', ':']);
            }
        }
        Self(counts)
    }

    /// Writes a heading as it would stand inside a sentence.
    pub(in crate::author::local) fn inside(&self, heading: &str) -> String {
        let words: Vec<&str> = heading.split(' ').collect();
        let rest = || words.iter().skip(1).filter(|word| !is_small(word));
        let capitals = rest().filter(|word| is_capitalised(word)).count();
        // In a heading that is written like a sentence a capital means a name; so it does where
        // the text knows none of the words in small letters.
        let is_known = rest().any(|word| is_capitalised(word) && self.is_common(word));
        let is_title_case = capitals * 2 >= rest().count() && (is_known || capitals > 2);
        let written = words.iter().enumerate().map(|(place, word)| {
            let is_common = is_small(word) || self.is_common(word);
            let lowers = match place {
                0 => is_common,
                _ => {
                    is_common && (is_title_case || is_small(word))
                        || is_title_case && !self.is_name(word)
                }
            };
            if lowers && is_capitalised(word) {
                word.to_ascii_lowercase()
            } else {
                (*word).to_owned()
            }
        });
        written.collect::<Vec<_>>().join(" ")
    }

    /// Tells whether the text writes a word small.
    fn is_common(&self, word: &str) -> bool {
        self.0.get(&bare(word)).is_some_and(|(smalls, _)| *smalls > 0) && !self.is_name(word)
    }

    /// Tells whether the text writes a word with a capital.
    pub(super) fn is_name(&self, word: &str) -> bool {
        let is_name = |(smalls, capitals): &(u32, u32)| *capitals > smalls * NAME_RATIO;
        !is_small(word) && self.0.get(&bare(word)).is_some_and(is_name)
    }
}

/// A name is written with a capital so much more often than small: cross-references quote headings,
/// which makes capitals of common words.
const NAME_RATIO: u32 = 3;

/// Tells whether a word begins with its only capital.
fn is_capitalised(word: &str) -> bool {
    let mut letters = word.chars();
    letters.next().is_some_and(|first| first.is_ascii_uppercase())
        && letters.next().is_none_or(|c| c.is_lowercase())
        && letters.all(|c| c.is_lowercase() || ",.:;!?)'".contains(c))
}

fn is_small(word: &str) -> bool {
    SMALL.contains(&bare(word).as_str())
}

fn bare(word: &str) -> String {
    word.trim_matches(|c: char| !c.is_alphanumeric()).to_ascii_lowercase()
}

/// Words that are small in every sentence.
const SMALL: &[&str] = &[
    "a", "about", "after", "an", "and", "as", "at", "before", "by", "for", "from", "how", "in",
    "into", "of", "on", "or", "other", "some", "that", "the", "their", "this", "to", "under",
    "using", "what", "when", "where", "why", "with", "without", "your",
];

#[cfg(test)]
mod tests {
    use super::Casing;

    #[test]
    fn headings_are_written_as_the_text_writes_their_words() {
        let casing = Casing::of(&[
            "The installer of Debian asks. Then the installer works on a mirror of Debian, see [The Installer].",
        ]);
        assert_eq!(casing.inside("How the Installer Works"), "how the installer works");
        assert_eq!(casing.inside("Debian Mirror Setup"), "Debian mirror setup");
        assert_eq!(casing.inside("Using mirrors with Example"), "using mirrors with Example");
        assert_eq!(casing.inside("Debian"), "Debian");
        assert_eq!(casing.inside("Unix-like Makefile.in"), "Unix-like Makefile.in");
        assert_eq!(casing.inside("LVM and the PDF"), "LVM and the PDF");
    }
}
