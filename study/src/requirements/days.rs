//! Reads which weekdays a sentence allows or forbids.
//!
//! Neighbouring names of days form a group; the words around the group say what is wished: off
//! ("no weekends", "월요일은 안 돼요"), only these ("only on Tuesdays", "평일만"), or nothing.

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
        return english_days(words, at, word).map(|days| (days, false));
    }
    let (stem, only) = without_particle(word);
    let days = match stem {
        "주말" => WEEKEND,
        "평일" | "주중" => WEEKDAYS,
        _ => match stem.strip_suffix("요일") {
            Some(letters) => korean_letters(letters)?,
            None => bare_letters(words, at, stem, stem != word)?,
        },
    };
    Some((days, only))
}

/// Takes a particle off; the flag tells whether it says "only".
fn without_particle(word: &str) -> (&str, bool) {
    for (particle, only) in [
        ("에만", true),
        ("만은", true),
        ("만", true),
        ("마다", false),
        ("에는", false),
        ("에도", false),
        ("이나", false),
        ("이랑", false),
        ("하고", false),
        ("엔", false),
        ("에", false),
        ("은", false),
        ("는", false),
        ("과", false),
        ("와", false),
        ("랑", false),
        ("을", false),
        ("를", false),
        ("이", false),
        ("도", false),
        ("나", false),
    ] {
        if let Some(stem) = word.strip_suffix(particle).filter(|stem| !stem.is_empty()) {
            return (stem, only);
        }
    }
    (word, false)
}

fn korean_letters(letters: &str) -> Option<u8> {
    let bit = |letter| "월화수목금토일".chars().position(|day| day == letter).map(|day| 1 << day);
    let days = letters.chars().try_fold(0_u8, |days, letter| Some(days | bit(letter)?))?;
    (days != 0).then_some(days)
}

/// Reads days without `요일`: a single letter only beside another one ("화, 목만"), two in order
/// with a particle ("화목만"), three in order. Otherwise `수`, `일` and `금일` are other words.
fn bare_letters(words: &[&str], at: usize, stem: &str, has_particle: bool) -> Option<u8> {
    let days = korean_letters(stem)?;
    let letters: Vec<usize> =
        stem.chars().filter_map(|c| "월화수목금토일".chars().position(|day| day == c)).collect();
    let ordered = letters.windows(2).all(|pair| pair[0] < pair[1]);
    let beside_another = || {
        let is_letter = |word: &&str| {
            let (stem, _) = without_particle(word);
            stem.chars().count() == 1 && korean_letters(stem).is_some()
        };
        let before = at >= 2 && is_joint(words[at - 1]) && is_letter(&words[at - 2]);
        let after = words.get(at + 1).is_some_and(|word| is_joint(word))
            && words.get(at + 2).is_some_and(is_letter);
        before || after
    };
    let accepted = match letters.len() {
        1 => beside_another(),
        2 => ordered && has_particle,
        _ => ordered,
    };
    accepted.then_some(days)
}

fn english_days(words: &[&str], at: usize, word: &str) -> Option<u8> {
    let word = word.trim_end_matches('.');
    let full = |word: &str| {
        Some(match word.trim_end_matches('s') {
            "monday" => 1,
            "tuesday" => 1 << 1,
            "wednesday" => 1 << 2,
            "thursday" => 1 << 3,
            "friday" => 1 << 4,
            "saturday" => 1 << 5,
            "sunday" => 1 << 6,
            "weekday" | "workday" => WEEKDAYS,
            "weekend" => WEEKEND,
            _ => return None,
        })
    };
    let short = |word: &str| {
        Some(match word {
            "mon" => 1,
            "tue" | "tues" => 1 << 1,
            "wed" => 1 << 2,
            "thu" | "thur" | "thurs" => 1 << 3,
            "fri" => 1 << 4,
            "sat" => 1 << 5,
            "sun" => 1 << 6,
            _ => return None,
        })
    };
    // "sat" and "sun" are other words unless something beside them speaks of days.
    let beside = |word: &&str| {
        full(word).or_else(|| short(word)).is_some()
            || is_joint(word)
            || ["on", "no", "every", "only", "except"].contains(word)
    };
    full(word).or_else(|| {
        let near = at.checked_sub(1).and_then(|before| words.get(before)).is_some_and(beside)
            || words.get(at + 1).is_some_and(beside);
        short(word).filter(|_| near)
    })
}

/// Decides by the words around a group.
fn verdict(group: &Group, before: &[&str], after: &[&str]) -> Option<Verdict> {
    let after_text = after.join(" ");
    let korean_off = [
        "제외",
        "빼",
        "쉬고",
        "쉬어",
        "쉬는",
        "쉬었",
        "쉬면",
        "쉬기",
        "쉬겠",
        "쉬려",
        "쉽니다",
        "쉴",
        "쉰다",
        "안 돼",
        "안돼",
        "안 되",
        "안되",
        "안 됩",
        "안됩",
        "못 ",
        "못해",
        "못하",
        "불가",
        "말고",
        "없이",
        "휴식",
        "휴무",
        "바빠",
        "바쁘",
        "힘들",
        "어려워",
        "어렵",
        "피해",
        "안 할",
        "안 해",
        "지 않",
        "지 말",
    ];
    if korean_off.iter().any(|word| after_text.contains(word)) {
        return Some(Verdict::Off);
    }
    if group.only_particle {
        return Some(Verdict::Only);
    }
    let near_before = before.rsplit(|word| *word == ",").next().unwrap_or_default();
    let near_after = after.split(|word| *word == ",").next().unwrap_or_default();
    let near_after = &near_after[..near_after.len().min(5)];
    if let Some(verdict) = english_verdict(near_before, near_after) {
        return Some(verdict);
    }
    let studies = ["공부", "학습", "가능", "할게", "하고 싶", "할 수 있"];
    if studies.iter().any(|word| after_text.contains(word)) {
        return Some(Verdict::Only);
    }
    let bare = before.iter().chain(after).all(|word| is_joint(word));
    bare.then_some(Verdict::Only)
}

fn english_verdict(before: &[&str], after: &[&str]) -> Option<Verdict> {
    let has = |words: &[&str], list: &[&str]| words.iter().any(|word| list.contains(word));
    // The last few words before a group belong to it: "not on Mondays", "can't study on Fridays".
    let near = &before[before.len().saturating_sub(6)..];
    let off_before = [
        "no",
        "not",
        "never",
        "without",
        "except",
        "excluding",
        "exclude",
        "excepting",
        "avoid",
        "skip",
        "skipping",
        "don't",
        "dont",
        "cannot",
        "cant",
        "can't",
        "won't",
        "unable",
        "rest",
        "resting",
        "busy",
        "off",
        "unavailable",
    ];
    let but = near.windows(2).any(|pair| ["day", "days"].contains(&pair[0]) && pair[1] == "but");
    let kept_free = has(near, &["keep", "leave"]) && has(after, &["free"]);
    let not_only = near.windows(2).any(|pair| pair == ["not", "only"] || pair == ["not", "just"]);
    if !not_only && has(near, &["only", "just", "solely", "exclusively"]) {
        return Some(Verdict::Only);
    }
    if but || kept_free || (has(near, &off_before) && !not_only) {
        return Some(Verdict::Off);
    }
    let off_after =
        ["off", "excluded", "busy", "unavailable", "impossible", "not", "don't", "rest"];
    if has(after, &off_after) {
        return Some(Verdict::Off);
    }
    if has(after, &["only", "exclusively"]) {
        return Some(Verdict::Only);
    }
    has(near, &["study", "learn", "work", "sessions", "session", "available"])
        .then_some(Verdict::Only)
}

/// Tells whether a text names days ("weekends", "월요일"), so that it names no part.
pub(super) fn names_days(text: &str) -> bool {
    let lower = text.to_lowercase();
    !groups(&words(&lower)).is_empty()
}
