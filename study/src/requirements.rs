//! What a learner asks for in their own words, as far as a rule can read it: days off, parts to
//! leave out, parts to stress; in Korean and English.
//!
//! Conservative: what it does not read stays unread and is named, nothing is guessed.

mod days;
mod deadline;
mod parts;
mod study_days;

pub use deadline::Deadline;
pub use study_days::StudyDays;

/// The wishes that were read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wishes {
    /// The weekdays that may be used.
    pub days: StudyDays,
    /// Names of parts to leave out, in the learner's words.
    pub omit: Vec<String>,
    /// Names of parts to stress, in the learner's words.
    pub stress: Vec<String>,
    /// Sentences in which nothing was read, and day wishes that exclude every day.
    pub unread: Vec<String>,
}

impl Wishes {
    /// Reads the wishes.
    #[must_use]
    pub fn read(text: &str) -> Self {
        let mut wishes = Self::default();
        let mut days = days::DayWishes::default();
        for clause in clauses(text) {
            let before = (wishes.omit.len(), wishes.stress.len());
            let read_days = days.read(&clause);
            parts::read(&clause, &mut wishes.omit, &mut wishes.stress);
            if !read_days && before == (wishes.omit.len(), wishes.stress.len()) {
                wishes.unread.push(clause);
            }
        }
        match days.allowed() {
            Some(allowed) => wishes.days = allowed,
            None => wishes.unread.push(text.trim().to_owned()),
        }
        wishes
    }
}

/// Cuts a text into sentences; a full stop ends one only before a space or the end, so that
/// `2.1` stays whole.
fn clauses(text: &str) -> Vec<String> {
    let mut clauses = vec![String::new()];
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        let ends = match character {
            '\n' | '\r' | ';' | '!' | '?' | '。' => true,
            '.' => characters.peek().is_none_or(|next| next.is_whitespace()),
            _ => false,
        };
        if ends {
            clauses.push(String::new());
        } else if let Some(clause) = clauses.last_mut() {
            clause.push(character);
        }
    }
    let trim = |clause: String| {
        clause.trim_matches(|c: char| c.is_whitespace() || "-*•·,".contains(c)).to_owned()
    };
    clauses.into_iter().map(trim).filter(|clause| !clause.is_empty()).collect()
}

#[cfg(test)]
mod tests;
