//! Korean sentences: the particles follow the sound before them.

mod action;

use super::{Size, Subject};
use action::Action;

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
        Some(last @ '\u{AC00}'..='\u{D7A3}') => !(last as u32 - 0xAC00).is_multiple_of(28),
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

/// Turns a wish (`데비안을 설치하고 싶어요`) into what is wished (`데비안 설치하기`).
pub(super) fn wanted(goal: &str) -> Option<String> {
    let wish = ["고 싶어요", "고 싶습니다", "고 싶다", "고 싶어", "고 싶음"];
    let rest = wish.iter().find_map(|wish| goal.strip_suffix(wish))?;
    let (before, verb) = rest.rsplit_once(' ').unwrap_or(("", rest));
    let object = before.strip_suffix(['을', '를']).unwrap_or(before);
    Some(format!("{object} {verb}기").trim_start().to_owned())
}

/// Completes a heading that says nothing alone.
pub(super) fn placed(heading: &str, above: &str) -> Option<String> {
    let alone = [
        "소개",
        "개요",
        "요약",
        "정리",
        "예제",
        "예시",
        "연습 문제",
        "연습문제",
        "기타",
        "기본",
        "배경",
        "설명",
        "사용법",
        "들어가며",
        "머리말",
        "시작하기 전에",
        "주의 사항",
        "옵션",
    ];
    alone.contains(&heading).then(|| format!("{above}: {heading}"))
}

fn ability(subject: &Subject) -> String {
    let (mut explained, mut done, mut answered) = (Vec::new(), Vec::new(), Vec::new());
    for topic in &subject.topics {
        if topic.ends_with('?') {
            answered.push(format!("“{topic}”"));
        } else if let Some(action) = Action::of(topic) {
            done.push(action);
        } else {
            explained.push(quoted(topic));
        }
    }
    let mut parts: Vec<(String, String)> = Vec::new();
    if !answered.is_empty() {
        let to = format!("{}라는 질문에 답", answered.join(", "));
        parts.push((format!("{to}하고"), format!("{to}할")));
    }
    if !explained.is_empty() {
        let object = with_particle(&and(&set_apart(explained)), Particle::Object);
        parts.push((format!("{object} 설명하고"), format!("{object} 설명할")));
    }
    parts.extend(done.iter().map(|action| (action.and(), action.able())));
    if !subject.commands.is_empty() {
        let commands = format!("{} 명령을 사용", subject.commands.join(", "));
        parts.push((format!("{commands}하고"), format!("{commands}할")));
    }
    let last = parts.pop().map(|(_, able)| able).unwrap_or_default();
    let before: String = parts.iter().map(|(and, _)| format!("{and} ")).collect();
    format!("{before}{last} 수 있다.")
}

/// Puts topics that are lists themselves into quotes when they stand in a list.
fn set_apart(topics: Vec<String>) -> Vec<String> {
    let is_list = |topic: &String| {
        !topic.starts_with('“')
            && ["와 ", "과 ", " 및 ", ", "].iter().any(|joint| topic.contains(joint))
    };
    if topics.len() < 2 {
        return topics;
    }
    let quote = |topic: String| if is_list(&topic) { format!("“{topic}”") } else { topic };
    topics.into_iter().map(quote).collect()
}

/// Puts a heading that is a sentence into quotes, so that a particle can follow it.
fn quoted(topic: &str) -> String {
    let bare = topic.trim_end_matches(['.', '!']);
    let is_sentence = topic.ends_with(['.', '!'])
        || ["니다", "세요", "십시오", "어요", "해요", "하자"].iter().any(|end| bare.ends_with(end));
    if is_sentence { format!("“{topic}”") } else { topic.to_owned() }
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
        check(&["시스템 설치하기"], &[], "시스템을 설치할 수 있다.");
        check(
            &["부팅 파라미터", "커널 설치하기"],
            &["apt"],
            "부팅 파라미터를 설명하고 커널을 설치하고 apt 명령을 사용할 수 있다.",
        );
        check(&["환영합니다", "준비"], &[], "“환영합니다”와 준비를 설명할 수 있다.");
    }
}
