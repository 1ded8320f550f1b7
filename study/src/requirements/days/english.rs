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

/// Decides by the words before a group and after it, up to the next commas.
pub(super) fn verdict(before: &[&str], after: &[&str]) -> Option<Verdict> {
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
