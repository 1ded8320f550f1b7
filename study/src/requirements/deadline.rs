//! Reads by when a goal is to be reached: "in two weeks", "within 10 days", "4주 안에".
//!
//! It knows no calendar: a deadline is a length of time from the day on which the plan begins.

use jiff::Span;
use jiff::civil::Date;

/// The longest that is read, in days; what is further off is a wish for no date.
const DAYS_MAX: i64 = 731;

/// By when a goal is to be reached, as its words say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deadline {
    /// The words that say so, as written.
    pub words: String,
    unit: Unit,
    count: i64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Unit {
    Days,
    Weeks,
    Months,
}

impl Deadline {
    /// Finds the deadline in a goal; `None` when it names none, or several.
    #[must_use]
    pub fn read(goal: &str) -> Option<Self> {
        let words: Vec<&str> = goal.split_whitespace().collect();
        let mut found =
            (0..words.len()).filter_map(|at| english(&words[at..]).or(korean(&words[at..])));
        let deadline = found.next()?;
        found.next().is_none().then_some(deadline)
    }

    /// Returns the last day of it, from a first one on.
    #[must_use]
    pub fn from(&self, today: Date) -> Option<Date> {
        let span = match self.unit {
            Unit::Days => Span::new().try_days(self.count),
            Unit::Weeks => Span::new().try_weeks(self.count),
            Unit::Months => Span::new().try_months(self.count),
        };
        span.and_then(|span| today.checked_add(span)).ok()
    }

    fn new(words: &[&str], unit: Unit, count: i64) -> Option<Self> {
        let days = match unit {
            Unit::Days => 1,
            Unit::Weeks => 7,
            Unit::Months => 31,
        };
        let words = words.join(" ");
        let words = words.trim_matches(|c: char| !c.is_alphanumeric()).to_owned();
        let is_sensible = count >= 1 && count.checked_mul(days)? <= DAYS_MAX;
        is_sensible.then_some(Self { words, unit, count })
    }
}

/// Reads `in two weeks`, `within the next 10 days` at the beginning of these words.
fn english(words: &[&str]) -> Option<Deadline> {
    let lower: Vec<String> = words.iter().take(8).map(|word| word.to_lowercase()).collect();
    if !["in", "within"].contains(&lower.first()?.as_str()) {
        return None;
    }
    let filler = |word: &&String| ["the", "next", "about", "only", "just"].contains(&word.as_str());
    let skipped = 1 + lower[1..].iter().take_while(filler).count();
    let count = english_number(lower.get(skipped)?)?;
    let last = lower.get(skipped + 1)?;
    let unit = match last.trim_end_matches([',', '.', '!', '?', ';', ':', ')']) {
        "day" | "days" => Unit::Days,
        "week" | "weeks" => Unit::Weeks,
        "month" | "months" => Unit::Months,
        _ => return None,
    };
    // "in two weeks of war", "in 3 days a week" speak of something else.
    let goes_on = lower.get(skipped + 2).filter(|_| last.ends_with(char::is_alphabetic));
    if goes_on
        .is_some_and(|next| ["of", "a", "per", "each", "every", "ago"].contains(&next.as_str()))
    {
        return None;
    }
    Deadline::new(&words[..=skipped + 1], unit, count)
}

fn english_number(word: &str) -> Option<i64> {
    let names = [
        "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven",
        "twelve",
    ];
    match word {
        "a" | "an" => Some(1),
        _ => match names.iter().position(|name| *name == word) {
            Some(place) => i64::try_from(place + 1).ok(),
            None => word.parse().ok(),
        },
    }
}

/// Reads `4주 안에`, `한 달 안에`, `10일 이내에` at the beginning of these words.
fn korean(words: &[&str]) -> Option<Deadline> {
    let within = |word: &str| {
        let word = word.trim_end_matches([',', '.']);
        ["안에", "안으로", "내에", "내로", "이내", "이내에", "만에"].contains(&word)
    };
    // The number and the unit in one word, or in two; the unit may carry the ending.
    for length in [1, 2] {
        let Some(head) = words.get(..length) else { continue };
        let length_of_time = head.concat();
        if words.get(length).is_some_and(|next| within(next))
            && let Some((unit, count)) = korean_length(&length_of_time)
        {
            return Deadline::new(&words[..=length], unit, count);
        }
        let joined = ["안에", "내에", "이내에", "만에"]
            .iter()
            .find_map(|ending| length_of_time.strip_suffix(ending));
        if let Some((unit, count)) = joined.and_then(korean_length) {
            return Deadline::new(head, unit, count);
        }
    }
    None
}

/// Reads `4주`, `2주일`, `두달`, `일주일`, `3개월`, `10일`.
fn korean_length(text: &str) -> Option<(Unit, i64)> {
    let units = [
        ("주일", Unit::Weeks),
        ("주", Unit::Weeks),
        ("개월", Unit::Months),
        ("달", Unit::Months),
        ("일", Unit::Days),
    ];
    let (number, unit) =
        units.iter().find_map(|(name, unit)| Some((text.strip_suffix(name)?, *unit)))?;
    let names = [
        ("일", 1),
        ("한", 1),
        ("두", 2),
        ("이", 2),
        ("세", 3),
        ("석", 3),
        ("삼", 3),
        ("네", 4),
        ("사", 4),
    ];
    let named = names.iter().find(|(name, _)| *name == number).map(|(_, count)| *count);
    let named = named.filter(|_| unit != Unit::Days);
    Some((unit, named.or_else(|| number.parse().ok())?))
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::Deadline;

    fn check(goal: &str, expected: Option<(i8, i8)>) {
        let end = Deadline::read(goal).and_then(|found| found.from(date(2026, 3, 2)));
        assert_eq!(end.map(|end| (end.month(), end.day())), expected, "{goal}");
    }

    #[test]
    fn lengths_of_time_are_read_in_english() {
        check("write shell scripts in two weeks", Some((3, 16)));
        check("In 10 days, understand queues", Some((3, 12)));
        check("learn it within a month", Some((4, 2)));
        check("pass the exam within the next 3 weeks!", Some((3, 23)));
    }

    #[test]
    fn lengths_of_time_are_read_in_korean() {
        check("4주 안에 중간고사 준비 끝내기", Some((3, 30)));
        check("2주 안에 셸 스크립트 배우기", Some((3, 16)));
        check("한 달 안에 끝내기", Some((4, 2)));
        check("일주일안에 끝내기", Some((3, 9)));
        check("10일 이내에 끝내기", Some((3, 12)));
    }

    #[test]
    fn words_that_are_no_deadline_are_not_read() {
        for goal in [
            "understand what happened in two weeks of war",
            "study in 3 days a week",
            "learn in depth",
            "write in 100000 days",
            "in two weeks or in three weeks",
            "집 안에 있는 것 배우기",
            "2주차 내용 배우기",
        ] {
            check(goal, None);
        }
    }

    #[test]
    fn the_words_are_kept_as_written() {
        assert_eq!(Deadline::read("Learn it in two weeks.").unwrap().words, "in two weeks");
        assert_eq!(Deadline::read("4주 안에 끝내기").unwrap().words, "4주 안에");
    }
}
