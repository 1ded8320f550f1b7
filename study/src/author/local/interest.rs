//! What the goal speaks of, and how much a text speaks of it.

use crate::chunk::Chunk;
use crate::keyword::content_words;
use crate::language::is_hangul;

/// A word in fewer of the chunks tells parts apart.
const RARE: f32 = 0.4;
/// A part treats a word that stands in so many of its chunks.
const TREATED: f32 = 0.3;

/// At most so many words of a goal count; more do not fit the bits.
const WORDS_MAX: usize = 24;

/// Words of goals that name no subject.
const GENERIC: &[&str] = &[
    "able",
    "advanced",
    "basic",
    "basics",
    "become",
    "beginner",
    "beginning",
    "better",
    "book",
    "concept",
    "course",
    "day",
    "deep",
    "deeply",
    "document",
    "exam",
    "expert",
    "final",
    "finish",
    "fundamental",
    "fundamentals",
    "goal",
    "good",
    "guide",
    "help",
    "hour",
    "introduction",
    "know",
    "knowledge",
    "learn",
    "learning",
    "learner",
    "lesson",
    "level",
    "make",
    "manual",
    "master",
    "mastering",
    "material",
    "midterm",
    "month",
    "need",
    "new",
    "own",
    "pass",
    "plan",
    "practical",
    "prepare",
    "read",
    "reading",
    "review",
    "session",
    "skill",
    "start",
    "step",
    "student",
    "study",
    "studying",
    "task",
    "teach",
    "test",
    "thing",
    "time",
    "topic",
    "understand",
    "understanding",
    "use",
    "using",
    "want",
    "week",
    "well",
    "work",
    "world",
    "write",
    "year",
    "가이드",
    "강의",
    "개념",
    "공부",
    "과목",
    "교재",
    "기본",
    "기초",
    "내용",
    "달",
    "대비",
    "목표",
    "문서",
    "방법",
    "배우기",
    "복습",
    "사용",
    "사용법",
    "수업",
    "시간",
    "시작",
    "시험",
    "심화",
    "완성",
    "이해",
    "익히기",
    "입문",
    "자격증",
    "주",
    "준비",
    "중간고사",
    "처음",
    "초보",
    "초보자",
    "하루",
    "학기",
    "학습",
    "활용",
    "특히",
];

/// The subject of a goal: its words, ready to be found in texts.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Interest {
    words: Vec<String>,
    /// How much each word counts.
    weights: Vec<f32>,
}

impl Interest {
    /// Reads a goal and the names of parts that should be stressed.
    pub(super) fn of(goal: &str, stress: &[String]) -> Self {
        let mut interest = Self::default();
        for part in std::iter::once(goal).flat_map(emphasised).chain(with_emphasis(stress)) {
            interest.add(part);
        }
        interest
    }

    fn add(&mut self, (text, weight): (&str, f32)) {
        for word in content_words(text).into_iter().filter(|word| tells(word)) {
            let root = root(&word).to_owned();
            match self.words.iter().position(|known| *known == root) {
                Some(place) => self.weights[place] = self.weights[place].max(weight),
                None if self.words.len() < WORDS_MAX => {
                    self.words.push(root);
                    self.weights.push(weight);
                }
                None => {}
            }
        }
    }

    /// Returns how often each word stands in a text, as bits.
    fn found(&self, text: &str) -> u32 {
        let lower = text.to_lowercase();
        self.words
            .iter()
            .enumerate()
            .filter(|(_, word)| holds(&lower, word))
            .fold(0, |bits, (place, _)| bits | 1 << place)
    }

    /// Reads the chunks of a material.
    pub(super) fn in_chunks(&self, chunks: &[Chunk]) -> Echo {
        let found: Vec<u32> = chunks.iter().map(|chunk| self.found(&chunk.text)).collect();
        let with = |place: usize| found.iter().filter(|bits| *bits & (1 << place) != 0).count();
        let all = chunks.len().max(1) as f32;
        let shares: Vec<f32> =
            (0..self.words.len()).map(|place| with(place) as f32 / all).collect();
        Echo { found, shares, weights: self.weights.clone() }
    }

    /// Tells whether a title names one of the words.
    pub(super) fn names(&self, title: &str) -> bool {
        self.found(title) != 0
    }
}

/// Where the words of a goal stand in a material.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Echo {
    /// Per chunk, the words that it holds, as bits.
    found: Vec<u32>,
    /// Per word, the share of the chunks that hold it.
    shares: Vec<f32>,
    /// Per word, how much it counts.
    weights: Vec<f32>,
}

impl Echo {
    /// Returns how much the material speaks of the goal: 0 when it knows none of its words, 1 when
    /// every chunk holds every word.
    pub(super) fn strength(&self) -> f32 {
        let sum: f32 = self.shares.iter().map(|share| share.sqrt()).sum();
        sum / self.shares.len().max(1) as f32
    }

    /// Returns how much chunks speak of the goal's rarer words, 0 when they do not.
    pub(super) fn relevance(&self, range: std::ops::RangeInclusive<usize>) -> f32 {
        let Some(part) = self.found.get(range).filter(|part| !part.is_empty()) else { return 0.0 };
        let with = |place: usize| part.iter().filter(|bits| *bits & (1 << place) != 0).count();
        let size = part.len() as f32;
        self.shares
            .iter()
            .enumerate()
            .filter(|(_, share)| **share > 0.0)
            .map(|(place, share)| {
                self.weights[place] * with(place) as f32 / size * (1.0 / share).ln()
            })
            .sum()
    }

    /// Tells whether one of the goal's words that most of the material lacks stands in a good part
    /// of these chunks: they treat it, they do not only mention it.
    pub(super) fn is_subject(&self, range: std::ops::RangeInclusive<usize>) -> bool {
        let part = self.found.get(range).unwrap_or_default();
        self.shares.iter().enumerate().any(|(place, share)| {
            let with = part.iter().filter(|bits| *bits & (1 << place) != 0).count();
            *share < RARE && with as f32 >= TREATED * part.len() as f32 && with > 0
        })
    }
}

/// Cuts a goal at a word like "especially": what follows counts twice.
fn emphasised(goal: &str) -> Vec<(&str, f32)> {
    let lower = goal.to_ascii_lowercase();
    let marks = ["especially", "particularly", "in particular", "above all", "특히", "무엇보다"];
    let at = marks.iter().filter_map(|mark| lower.find(mark)).min();
    let (before, after) = goal.split_at(at.unwrap_or(goal.len()));
    vec![(before, 1.0), (after, 2.0)]
}

fn with_emphasis(stress: &[String]) -> impl Iterator<Item = (&str, f32)> {
    stress.iter().map(|part| (part.as_str(), 2.0))
}

fn tells(word: &str) -> bool {
    let long = word.chars().count() >= 2;
    long && !GENERIC.contains(&word) && !word.chars().all(|c| c.is_ascii_digit())
}

/// Cuts an English ending off, so that `partitioning` finds `partition`.
fn root(word: &str) -> &str {
    if !word.is_ascii() || word.len() < 7 {
        return word;
    }
    ["ation", "ing", "ies", "ed", "e", "y"]
        .iter()
        .find_map(|ending| word.strip_suffix(ending).filter(|stem| stem.len() >= 5))
        .unwrap_or(word)
}

/// Finds a word: a Korean one anywhere, another at the beginning of a word.
fn holds(lower: &str, word: &str) -> bool {
    lower.match_indices(word).any(|(at, _)| {
        word.chars().any(is_hangul)
            || !lower[..at]
                .chars()
                .next_back()
                .is_some_and(|c| c.is_alphanumeric() && !is_hangul(c))
    })
}

#[cfg(test)]
mod tests {
    use super::Interest;
    use crate::author::testing::chunk;

    #[test]
    fn the_subject_of_a_goal_is_found_in_titles() {
        let goal = Interest::of("I want to learn disk partitioning in four weeks", &[]);
        assert!(goal.names("Partitions and file systems"));
        assert!(goal.names("Hard Disks"));
        assert!(!goal.names("Learning the basics"));
        let goal = Interest::of("중간고사 대비로 네트워크 설정을 공부하고 싶어요", &[]);
        assert!(goal.names("무선네트워크 연결"));
        assert!(!goal.names("공부 방법"));
    }

    #[test]
    fn parts_that_speak_of_the_goal_are_told_from_the_others() {
        let texts = ["The network card", "Disks hold files", "A network has hosts", "Printers"];
        let chunks: Vec<_> = (0..).zip(texts).map(|(index, text)| chunk(index, text)).collect();
        let echo = Interest::of("networks", &[]).in_chunks(&chunks);
        assert!(echo.relevance(0..=0) > echo.relevance(0..=1));
        assert!(echo.relevance(1..=1).abs() < 1e-6);
        assert!(echo.strength() > 0.5);
        assert!(Interest::of("painting", &[]).in_chunks(&chunks).strength().abs() < 1e-6);
    }
}
