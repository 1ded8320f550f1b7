//! Korean names of days, and what is said about them after them.

use super::{Group, WEEKDAYS, WEEKEND, is_joint};

/// Words behind days on which nothing should be studied.
const OFF: &[&str] = &[
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

/// Words behind days that are meant for study.
const STUDY: &[&str] = &["공부", "학습", "가능", "할게", "하고 싶", "할 수 있"];

/// Reads a word as days, and whether it carries `만`.
pub(super) fn days(words: &[&str], at: usize) -> Option<(u8, bool)> {
    let word = words[at];
    let (stem, only) = without_particle(word);
    let days = match stem {
        "주말" => WEEKEND,
        "평일" | "주중" => WEEKDAYS,
        _ => match stem.strip_suffix("요일") {
            Some(names) => letters(names)?,
            None => bare_letters(words, at, stem, stem != word)?,
        },
    };
    Some((days, only))
}

/// Tells whether the words after days take them off.
pub(super) fn says_off(spoken: &str) -> bool {
    OFF.iter().any(|word| spoken.contains(word))
}

/// Tells whether the words after days mean them for study.
pub(super) fn says_study(spoken: &str) -> bool {
    STUDY.iter().any(|word| spoken.contains(word))
}

/// Returns the words after a group that speak of it: up to the end of their verb. After "only
/// these" a comma ends them, too.
pub(super) fn window<'a>(group: &Group, after: &'a [&'a str]) -> &'a [&'a str] {
    let comma = |from: usize| {
        let found = after.iter().skip(from).position(|word| *word == ",");
        found.map_or(after.len(), |at| from + at)
    };
    let end = match comma(0) {
        0 if group.only_particle => 0,
        0 => comma(1),
        end => end,
    };
    let is_verb_end = |at: &usize| {
        let goes_on = after.get(at + 1).is_some_and(|next| next.starts_with('싶'));
        ["고", "며", "지만"].iter().any(|ending| after[*at].ends_with(ending)) && !goes_on
    };
    let verb = (0..end).find(is_verb_end).map_or(end, |at| at + 1);
    &after[..verb.min(8)]
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

/// Tells whether the word behind a name takes it off.
fn takes_off(words: &[&str], at: usize) -> bool {
    words.get(at + 1).is_some_and(|next| says_off(next))
}

fn letters(names: &str) -> Option<u8> {
    let bit = |letter| "월화수목금토일".chars().position(|day| day == letter).map(|day| 1 << day);
    let days = names.chars().try_fold(0_u8, |days, letter| Some(days | bit(letter)?))?;
    (days != 0).then_some(days)
}

/// Reads days without `요일`: a single letter only beside another one ("화, 목만"), two in order
/// with a particle ("화목만"), three in order. Otherwise `수`, `일` and `금일` are other words.
fn bare_letters(words: &[&str], at: usize, stem: &str, has_particle: bool) -> Option<u8> {
    let days = letters(stem)?;
    let places: Vec<usize> =
        stem.chars().filter_map(|c| "월화수목금토일".chars().position(|day| day == c)).collect();
    let ordered = places.windows(2).all(|pair| pair[0] < pair[1]);
    let beside_another = || {
        let is_letter = |word: &&str| {
            let (stem, _) = without_particle(word);
            stem.chars().count() == 1 && letters(stem).is_some()
        };
        let before = at >= 2 && is_joint(words[at - 1]) && is_letter(&words[at - 2]);
        let after = words.get(at + 1).is_some_and(|word| is_joint(word))
            && words.get(at + 2).is_some_and(is_letter);
        before || after
    };
    let accepted = match places.len() {
        1 => beside_another(),
        // "화목 제외"; without a word that says so two letters are a word of their own.
        2 => ordered && (has_particle || takes_off(words, at)) && stem != "금일",
        _ => ordered,
    };
    accepted.then_some(days)
}
