//! Korean sentences: the particles follow the sound before them.

use super::{Size, Subject};
use crate::language::is_hangul;

/// A particle in its two forms.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::author::local) enum Particle {
    /// 을 / 를.
    Object,
    /// 과 / 와.
    And,
}

/// Appends a particle in the form that the text asks for.
pub(in crate::author::local) fn with_particle(text: &str, particle: Particle) -> String {
    let (closed, open) = match particle {
        Particle::Object => ("을", "를"),
        Particle::And => ("과", "와"),
    };
    let ending = if ends_closed(text) { closed } else { open };
    format!("{text}{ending}")
}

/// Tells whether the sound of a text ends with a consonant, as a Korean reader says it.
fn ends_closed(text: &str) -> bool {
    // What stands in brackets or quotes at the end is not spoken, or is the last word itself.
    let spoken = text.trim_end_matches(|c: char| !c.is_alphanumeric());
    let spoken = match (text.ends_with(')'), text.rfind('(')) {
        (true, Some(at)) if at > 0 => text[..at].trim_end_matches(|c: char| !c.is_alphanumeric()),
        _ => spoken,
    };
    match spoken.chars().next_back() {
        Some(last @ '\u{AC00}'..='\u{D7A3}') => (last as u32 - 0xAC00) % 28 != 0,
        Some(last) if last.is_ascii_digit() => "013678".contains(last),
        Some(last) if last.is_ascii_alphabetic() => {
            let start = spoken
                .rfind(|c: char| !c.is_ascii_alphabetic())
                .map_or(0, |at| at + spoken[at..].chars().next().map_or(1, char::len_utf8));
            latin_ends_closed(&spoken[start..])
        }
        _ => false,
    }
}

/// Guesses the sound of a Latin word as Korean takes it over: `Git` 깃, `disk` 디스크, `LVM` 엘브이엠.
fn latin_ends_closed(word: &str) -> bool {
    let letters: Vec<char> = word.chars().collect();
    let is_acronym = letters.len() <= 1 || letters.iter().all(char::is_ascii_uppercase);
    let lower: Vec<char> = letters.iter().map(char::to_ascii_lowercase).collect();
    let Some(&last) = lower.last() else { return false };
    if is_acronym {
        return "lmnr".contains(last);
    }
    let vowel = |back: usize| {
        lower
            .len()
            .checked_sub(back)
            .and_then(|at| lower.get(at))
            .is_some_and(|c| "aeiou".contains(*c))
    };
    match last {
        'l' | 'm' | 'n' => true,
        'g' => lower.ends_with(&['n', 'g']),
        'p' | 't' | 'b' => vowel(2) && !vowel(3),
        'k' | 'c' => (vowel(2) && !vowel(3)) || (lower.ends_with(&['c', 'k']) && vowel(3)),
        _ => false,
    }
}

/// Joins a list: `가와 나`, `가, 나, 다`.
pub(super) fn and(list: &[String]) -> String {
    match list {
        [first, second] => format!("{} {second}", with_particle(first, Particle::And)),
        _ => list.join(", "),
    }
}

/// Writes what the learner can do after a session.
pub(super) fn objective(subject: &Subject) -> String {
    let mut sentence = ability(subject);
    if let Some(terms) = super::key_terms(subject, &sentence) {
        sentence.push_str(&format!(" 핵심 용어: {}.", terms.join(", ")));
    }
    sentence
}

/// Writes the summary of a plan.
pub(super) fn summary(materials: &[String], size: &Size, stressed: &[String]) -> String {
    let from = with_particle(&and(materials), Particle::Object);
    let mut text =
        format!("{from} 모듈 {}개, 세션 {}개로 나누어 공부해요.", size.modules, size.sessions);
    if !stressed.is_empty() {
        let stressed = with_particle(&and(stressed), Particle::Object);
        text.push_str(&format!(" 목표에 맞추어 {stressed} 더 오래 다뤄요."));
    }
    if size.optional > 0 {
        text.push_str(&format!(" 모듈 {}개는 선택이에요.", size.optional));
    }
    text
}

fn ability(subject: &Subject) -> String {
    let topics = &subject.topics[..subject.topics.len().min(3)];
    let more = if subject.topics.len() > topics.len() { " 등" } else { "" };
    if let [topic] = topics {
        if topic.ends_with('?') {
            return format!("“{topic}”라는 질문에 답할 수 있다.");
        }
        if let Some(action) = topic.strip_suffix("하기").filter(|noun| is_noun(noun)) {
            return format!("{} 할 수 있다.", with_particle(action.trim_end(), Particle::Object));
        }
        if ["비교", "차이", "차이점"].iter().any(|word| topic.ends_with(word)) {
            return format!(
                "{} 설명하고 언제 무엇을 고를지 판단할 수 있다.",
                with_particle(topic, Particle::Object)
            );
        }
    }
    let named = format!("{}{more}", and(topics));
    let named = with_particle(&named, Particle::Object);
    match subject.commands.as_slice() {
        [] => format!("{named} 설명할 수 있다."),
        commands => {
            let commands = commands[..commands.len().min(3)].join(", ");
            format!("{named} 설명하고 {commands} 명령을 사용할 수 있다.")
        }
    }
}

/// Tells whether `…하기` is a noun and `하기` ("설치하기"), so that "설치를 할 수 있다" is right.
fn is_noun(noun: &str) -> bool {
    let last = noun.trim_end().chars().next_back();
    last.is_some_and(is_hangul) && !noun.ends_with(['게', '지', '록'])
}

#[cfg(test)]
mod tests {
    use super::{Particle, Subject, objective, with_particle};

    #[test]
    fn particles_follow_the_sound() {
        for (word, expected) in [
            ("디스크", "디스크를"),
            ("파티션", "파티션을"),
            ("LVM", "LVM을"),
            ("TCP", "TCP를"),
            ("Git", "Git을"),
            ("disk", "disk를"),
            ("block", "block을"),
            ("Debian", "Debian을"),
            ("root", "root를"),
            ("IPv6", "IPv6을"),
            ("버전 2", "버전 2를"),
            ("논리 볼륨(LVM)", "논리 볼륨(LVM)을"),
            ("파티션 나누기 (fdisk)", "파티션 나누기 (fdisk)를"),
        ] {
            assert_eq!(with_particle(word, Particle::Object), expected);
        }
        assert_eq!(with_particle("커널", Particle::And), "커널과");
    }

    #[test]
    fn objectives_are_korean_sentences() {
        let check = |topics: &[&str], commands: &[&str], expected: &str| {
            let own = |list: &[&str]| list.iter().map(|s| (*s).to_owned()).collect();
            let subject =
                Subject { topics: own(topics), terms: Vec::new(), commands: own(commands) };
            assert_eq!(objective(&subject), expected);
        };
        check(&["파티션"], &[], "파티션을 설명할 수 있다.");
        check(&["파일 시스템", "마운트"], &[], "파일 시스템과 마운트를 설명할 수 있다.");
        check(&["데비안이란 무엇인가?"], &[], "“데비안이란 무엇인가?”라는 질문에 답할 수 있다.");
        check(&["시스템 설치하기"], &[], "시스템 설치를 할 수 있다.");
        check(
            &["가", "나", "다", "라"],
            &["apt"],
            "가, 나, 다 등을 설명하고 apt 명령을 사용할 수 있다.",
        );
    }
}
