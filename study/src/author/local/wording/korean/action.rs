//! Korean headings that name an action: `커널 설치하기`, `파티션 나누기`.

use super::{Particle, with_particle};
use crate::language::is_hangul;

/// An action that a heading names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Action {
    /// What stands before the verb, with the particle it needs, and a space; may be empty.
    object: String,
    /// The stem of the verb: `설치하`, `나누`.
    stem: String,
}

/// Verbs that headings end with, beside those of a noun and `하`; other words that end with `기`
/// (`크기`, `편집기`) are nouns.
const STEMS: &[&str] = &[
    "고르",
    "고치",
    "구하",
    "꾸미",
    "나누",
    "내려받",
    "내보내",
    "늘리",
    "다듬",
    "다루",
    "닫",
    "되돌리",
    "둘러보",
    "따라가",
    "띄우",
    "만들",
    "맞추",
    "모으",
    "바꾸",
    "받",
    "배우",
    "보내",
    "붙이",
    "살펴보",
    "설치하",
    "쌓",
    "쓰",
    "알아보",
    "열",
    "올리",
    "옮기",
    "익히",
    "읽",
    "읽어들이",
    "정하",
    "줄이",
    "지우",
    "찾",
    "찾아보",
    "합치",
];

impl Action {
    /// Reads a heading; `None` when it names a thing.
    pub(super) fn of(heading: &str) -> Option<Self> {
        let stem = heading.trim().strip_suffix('기')?;
        let (before, verb) = stem.rsplit_once(' ').unwrap_or(("", stem));
        let is_noun_verb = verb.strip_suffix('하').is_some_and(|noun| {
            noun.chars().count() >= 2 && noun.chars().all(char::is_alphanumeric)
        });
        if !is_noun_verb && !STEMS.contains(&verb) {
            return None;
        }
        let object = match before {
            "" => String::new(),
            _ if needs_particle(before) => format!("{} ", with_particle(before, Particle::Object)),
            _ => format!("{before} "),
        };
        Some(Self { object, stem: verb.to_owned() })
    }

    /// Writes it before another: `커널을 설치하고`.
    pub(super) fn and(&self) -> String {
        format!("{}{}고", self.object, self.stem)
    }

    /// Writes it before `수 있다`: `커널을 설치할`.
    pub(super) fn able(&self) -> String {
        format!("{}{}", self.object, with_l(&self.stem))
    }
}

/// Tells whether the words before a verb are a bare noun.
fn needs_particle(before: &str) -> bool {
    let endings = [
        "을", "를", "에", "에서", "에게", "로", "와", "과", "의", "게", "히", "도", "만", "은",
        "는", "고", "며", "서", "해", "여", "부터", "까지", "대로", "처럼", "미리", "새로", "먼저",
        "다시", "함께", "및", "자동", "수동", "직접",
    ];
    !endings.iter().any(|ending| before.ends_with(ending))
}

/// Adds the ending of the future to a stem: `나누` → `나눌`, `찾` → `찾을`, `만들` → `만들`.
fn with_l(stem: &str) -> String {
    let Some(last) = stem.chars().next_back().filter(|last| is_hangul(*last)) else {
        return format!("{stem}을");
    };
    let closing = (last as u32).wrapping_sub(0xAC00) % 28;
    const L: u32 = 8;
    match closing {
        0 => {
            let before = &stem[..stem.len() - last.len_utf8()];
            let closed = char::from_u32(last as u32 + L).unwrap_or(last);
            format!("{before}{closed}")
        }
        L => stem.to_owned(),
        _ => format!("{stem}을"),
    }
}

#[cfg(test)]
mod tests {
    use super::Action;

    #[test]
    fn headings_of_actions_become_abilities() {
        for (heading, able) in [
            ("설치하기", "설치할"),
            ("커널 설치하기", "커널을 설치할"),
            ("새로운 시스템으로 부팅하기", "새로운 시스템으로 부팅할"),
            ("데비안에서 파티션 나누기", "데비안에서 파티션을 나눌"),
            ("설치 미디어 구하기", "설치 미디어를 구할"),
            ("부팅 가능하게 만들기", "부팅 가능하게 만들"),
            ("파일 찾기", "파일을 찾을"),
            ("자동 파티션하기", "자동 파티션할"),
        ] {
            let action = Action::of(heading);
            assert_eq!(action.map(|action| action.able()).as_deref(), Some(able), "{heading}");
        }
        assert_eq!(Action::of("커널 설치하기").unwrap().and(), "커널을 설치하고");
    }

    #[test]
    fn headings_of_things_are_no_actions() {
        for heading in ["파티션 크기", "문서 편집기", "설치 과정 개요", "보기"] {
            assert_eq!(Action::of(heading), None, "{heading}");
        }
    }
}
