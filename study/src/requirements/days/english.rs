//! English names of days, and what is said around them.

use super::{Verdict, WEEKDAYS, WEEKEND, is_joint};

/// Reads a word as days.
pub(super) fn days(words: &[&str], at: usize) -> Option<u8> {
    let word = words[at].trim_end_matches('.');
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

/// Words that take days off when they stand before them.
const OFF_BEFORE: &[&str] = &[
    "no",
    "not",
    "nothing",
    "none",
    "never",
    "without",
    "except",
    "excluding",
    "exclude",
    "excepting",
    "avoid",
    "avoiding",
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
    "away",
    "unavailable",
];

/// Words that take days off when they stand after them.
const OFF_AFTER: &[&str] = &[
    "off",
    "excluded",
    "busy",
    "unavailable",
    "impossible",
    "bad",
    "difficult",
    "terrible",
    "out",
    "away",
    "no",
    "not",
    "nothing",
    "never",
    "don't",
    "doesn't",
    "won't",
    "can't",
    "cannot",
    "rest",
];

/// Words that turn a "no" into something else: a limit, a part of the day, no objection.
const NOT_A_DAY_OFF: &[&str] = &[
    "than",
    "mind",
    "problem",
    "problems",
    "matter",
    "issue",
    "morning",
    "mornings",
    "afternoon",
    "afternoons",
    "evening",
    "evenings",
    "night",
    "nights",
    "before",
    "after",
    "until",
    "till",
    "since",
    "by",
];

/// Words by which a later part of a sentence speaks of the days again.
const AGAIN: &[&str] = &["then", "these", "those", "that", "them"];

fn has(words: &[&str], list: &[&str]) -> bool {
    words.iter().any(|word| list.contains(word))
}

fn count(words: &[&str], list: &[&str]) -> usize {
    words.iter().filter(|word| list.contains(word)).count()
}

/// Decides by the words before a group and after it, up to the next commas, and by the `rest` of
/// the sentence up to the next group.
pub(super) fn verdict(before: &[&str], after: &[&str], rest: &[&str]) -> Option<Verdict> {
    // The last few words before a group belong to it: "not on Mondays", "can't study on Fridays".
    let near = &before[before.len().saturating_sub(6)..];
    // "skip the index and no weekends": what stands before the "and" has its own verb.
    let own = near.rsplit(|word| *word == "and").next().unwrap_or_default();
    let near = if has(own, OFF_BEFORE) { own } else { near };
    if has(rest, OFF_BEFORE) && has(rest, AGAIN) && !has(near, OFF_BEFORE) {
        return Some(Verdict::Off);
    }
    let study = has(near, &["study", "learn", "sessions", "session", "available"]);
    let not_only = near.windows(2).any(|pair| pair == ["not", "only"] || pair == ["not", "just"]);
    let only_before = has(near, &["only", "just", "solely", "exclusively"]);
    let only_after = after.first().is_some_and(|word| ["only", "exclusively"].contains(word));
    // "I only work on Mondays" says nothing about study.
    if !not_only && (only_before && (study || !has(near, &["work", "working"])) || only_after) {
        return Some(Verdict::Only);
    }
    let but = near.windows(2).any(|pair| ["day", "days"].contains(&pair[0]) && pair[1] == "but");
    let kept_free = has(near, &["keep", "leave"]) && has(after, &["free"]);
    let negations = count(near, OFF_BEFORE) + count(after, OFF_AFTER);
    if but || kept_free || negations > 0 {
        // Two of them may undo each other: "not busy on Mondays", "can't study except on Mondays".
        let is_clear = negations <= 1 && !not_only;
        let is_clear = is_clear && !has(near, NOT_A_DAY_OFF) && !has(after, NOT_A_DAY_OFF);
        return is_clear.then_some(Verdict::Off);
    }
    // A "no" further on may be about these days, or about something else.
    (study && !has(rest, OFF_BEFORE)).then_some(Verdict::Only)
}
