//! Reads which weekdays a sentence allows or forbids.
//!
//! Neighbouring names of days form a group; the words around the group say what is wished: off
//! ("no weekends", "월요일은 안 돼요"), only these ("only on Tuesdays", "평일만"), or nothing.

mod english;
mod korean;

use super::StudyDays;

/// What the sentences said so far, as bits from Monday.
#[derive(Debug, Default)]
pub(super) struct DayWishes {
    only: u8,
    off: u8,
}

/// What a sentence says about a group of days.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Off,
    Only,
}

/// A group of days in a sentence.
#[derive(Debug)]
struct Group {
    days: u8,
    /// The first and the last word of the group.
    first: usize,
    last: usize,
    /// Whether its last word carries the particle `만` ("only").
    only_particle: bool,
}

const WEEKDAYS: u8 = 0b001_1111;
const WEEKEND: u8 = 0b110_0000;

impl DayWishes {
    /// Adds what a sentence says; `false` when it says nothing about days.
    pub(super) fn read(&mut self, clause: &str) -> bool {
        let lower = clause.to_lowercase().replace('’', "'");
        let words: Vec<&str> = words(&lower);
        let groups = groups(&words);
        let mut read = false;
        for (index, group) in groups.iter().enumerate() {
            let start = index.checked_sub(1).map_or(0, |before| groups[before].last + 1);
            let end = groups.get(index + 1).map_or(words.len(), |after| after.first);
            let verdict = verdict(group, &words[start..group.first], &words[group.last + 1..end]);
            match verdict {
                Some(Verdict::Off) => self.off |= group.days,
                Some(Verdict::Only) => self.only |= group.days,
                None => continue,
            }
            read = true;
        }
        read
    }

    /// Returns the days that are left, or `None` when none are.
    pub(super) fn allowed(&self) -> Option<StudyDays> {
        let wanted = if self.only == 0 { 0b111_1111 } else { self.only };
        StudyDays::from_bits(wanted & !self.off)
    }
}

/// Splits a sentence into words; a comma is a word of its own.
fn words(clause: &str) -> Vec<&str> {
    let mut words = Vec::new();
    for word in clause.split(|c: char| c.is_whitespace() || "()[]\"“”:".contains(c)) {
        let mut rest = word;
        while let Some(at) = rest.find([',', '/', '·', '、', '&']) {
            let after = at + rest[at..].chars().next().map_or(1, char::len_utf8);
            words.extend([&rest[..at], &rest[at..after]].into_iter().filter(|w| !w.is_empty()));
            rest = &rest[after..];
        }
        if !rest.is_empty() {
            words.push(rest);
        }
    }
    words
}

fn is_joint(word: &str) -> bool {
    [",", "/", "·", "、", "&", "and", "or", "nor", "및", "또는", "하고", "그리고"].contains(&word)
}

/// Finds the groups: days with nothing but joints between them.
fn groups(words: &[&str]) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    for (at, word) in words.iter().enumerate() {
        let Some((days, only_particle)) = days_of(words, at, word) else { continue };
        match groups.last_mut() {
            Some(group)
                if !group.only_particle
                    && words[group.last + 1..at].iter().all(|word| is_joint(word))
                    && continues(words[group.last]) =>
            {
                group.days |= days;
                group.last = at;
                group.only_particle = only_particle;
            }
            _ => groups.push(Group { days, first: at, last: at, only_particle }),
        }
    }
    groups
}

/// Tells whether a list of days may go on after this word: not after a particle that ends one.
fn continues(word: &str) -> bool {
    !["은", "는", "에", "에는", "엔", "을", "를"].iter().any(|end| word.ends_with(end))
}

/// Reads a word as days, and whether it carries `만`.
fn days_of(words: &[&str], at: usize, word: &str) -> Option<(u8, bool)> {
    if word.is_ascii() {
        return english::days(words, at).map(|days| (days, false));
    }
    korean::days(words, at)
}

/// Decides by the words around a group.
fn verdict(group: &Group, before: &[&str], after: &[&str]) -> Option<Verdict> {
    let spoken = korean::window(group, after).join(" ");
    if korean::says_off(&spoken) {
        return Some(Verdict::Off);
    }
    if group.only_particle {
        return Some(Verdict::Only);
    }
    let near_before = before.rsplit(|word| *word == ",").next().unwrap_or_default();
    let near_after = after.split(|word| *word == ",").next().unwrap_or_default();
    let rest = &after[near_after.len()..];
    let near_after = &near_after[..near_after.len().min(5)];
    if let Some(verdict) = english::verdict(near_before, near_after, rest) {
        return Some(verdict);
    }
    let bare = before.iter().chain(after).all(|word| is_joint(word));
    (korean::says_study(&spoken) || bare).then_some(Verdict::Only)
}

/// Tells whether a text names days ("weekends", "월요일"), so that it names no part.
pub(super) fn names_days(text: &str) -> bool {
    // Beside "on" a short name is one: here it stands in a list of days.
    let lower = format!("on {}", text.trim().to_lowercase());
    !groups(&words(&lower)).is_empty()
}
