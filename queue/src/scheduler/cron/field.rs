//! The fields of a cron pattern as sets of numbers.
//!
//! Never knows what a date or a time zone is beyond the days of a month.

use std::ops::RangeInclusive;

use jiff::civil::Date;

/// The months by name, January first.
pub(super) const MONTHS: [&str; 12] =
    ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];

/// The days of the week by name, Sunday first.
const WEEKDAYS: [&str; 7] = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];

/// The numbers that a field allows, each below 64.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Values(u64);

impl Values {
    pub(super) fn parse(
        field: &str,
        text: &str,
        range: RangeInclusive<u8>,
        names: &[&str],
    ) -> Result<Self, String> {
        let mut all = Self::default();
        for item in text.split(',') {
            all.join(field, item, Self::item(field, item, &range, names)?)?;
        }
        Ok(all)
    }

    /// Adds what one item of a list allows; two items must not allow the same.
    fn join(&mut self, field: &str, item: &str, values: Self) -> Result<(), String> {
        if self.0 & values.0 != 0 {
            return Err(format!("{item:?} names a {field} again"));
        }
        self.0 |= values.0;
        Ok(())
    }

    /// Reads `*`, `n`, `n-m`, each perhaps with a step.
    fn item(
        field: &str,
        item: &str,
        range: &RangeInclusive<u8>,
        names: &[&str],
    ) -> Result<Self, String> {
        let (span, step) = match item.split_once('/') {
            None => (item, None),
            Some((span, step)) => (span, Some(step)),
        };
        let read =
            |text: &str| number(text, range, names).ok_or_else(|| unknown(field, item, range));
        let (first, last) = match (span, span.split_once('-')) {
            ("*" | "?", _) => (*range.start(), *range.end()),
            (_, Some((first, last))) => (read(first)?, read(last)?),
            (_, None) if step.is_some() => (read(span)?, *range.end()),
            (_, None) => (read(span)?, read(span)?),
        };
        if first > last {
            return Err(format!("{item:?} in the {field} goes backwards"));
        }
        let step = match step.map(str::parse::<u32>) {
            None => 1,
            Some(Ok(step)) if step > 0 => usize::try_from(step).unwrap_or(usize::MAX),
            Some(_) => return Err(format!("{item:?} has no step above 0 in the {field}")),
        };
        Ok(Self((first..=last).step_by(step).fold(0, |bits, value| bits | 1 << value)))
    }

    pub(super) fn has(self, value: u8) -> bool {
        self.0 & (1 << value) != 0
    }

    pub(super) fn iter(self) -> impl Iterator<Item = u8> {
        (0..64).filter(move |value| self.has(*value))
    }

    pub(super) fn first(self) -> Option<u8> {
        self.iter().next()
    }

    pub(super) fn len(self) -> u32 {
        self.0.count_ones()
    }
}

/// The days of the month.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct DaysOfMonth {
    pub(super) is_any: bool,
    pub(super) values: Values,
    /// Whether the last day of each month is one.
    pub(super) last: bool,
}

impl DaysOfMonth {
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let mut days = Self { is_any: is_any(text), values: Values::default(), last: false };
        for item in text.split(',') {
            if item.eq_ignore_ascii_case("l") {
                days.last = true;
                continue;
            }
            let values = Values::item("day of the month", item, &(1..=31), &[])?;
            days.values.join("day of the month", item, values)?;
        }
        Ok(days)
    }

    pub(super) fn has(&self, date: Date) -> bool {
        self.values.has(date.day().unsigned_abs())
            || (self.last && date.day() == date.days_in_month())
    }
}

/// The days of the week, 0 for Sunday.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct DaysOfWeek {
    pub(super) is_any: bool,
    values: Values,
    /// The days of which the last in each month is one.
    last: Values,
    /// Which of the days in a month, if not each.
    nth: Option<i8>,
}

impl DaysOfWeek {
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        const FIELD: &str = "day of the week";
        let (list, nth) = match text.split_once('#') {
            None => (text, None),
            Some((day, nth)) => (day, Some(nth_of(text, day, nth)?)),
        };
        let mut days =
            Self { is_any: is_any(text), values: Values::default(), last: Values::default(), nth };
        for item in list.split(',') {
            let last = item.strip_suffix(['l', 'L']).filter(|day| !day.is_empty());
            let values = Values::item(FIELD, last.unwrap_or(item), &(0..=7), &WEEKDAYS)?;
            // Sunday is 0 and 7.
            let values = Values(if values.has(7) { values.0 & 0x7f | 1 } else { values.0 });
            let side = if last.is_some() { &mut days.last } else { &mut days.values };
            side.join(FIELD, item, values)?;
        }
        Ok(days)
    }

    pub(super) fn has(&self, date: Date) -> bool {
        let weekday = date.weekday().to_sunday_zero_offset().unsigned_abs();
        let is_nth = self.nth.is_none_or(|nth| (date.day() - 1) / 7 + 1 == nth);
        let is_last = date.day() + 7 > date.days_in_month();
        (self.values.has(weekday) && is_nth) || (self.last.has(weekday) && is_last)
    }
}

fn nth_of(text: &str, day: &str, nth: &str) -> Result<i8, String> {
    if day.contains([',', '/', '-']) {
        return Err(format!("{text:?}: a day with '#' cannot be in a list or a range"));
    }
    match nth.parse() {
        Ok(nth @ 1..=5) => Ok(nth),
        _ => Err(format!("{text:?}: write 1 to 5 after '#'")),
    }
}

fn is_any(text: &str) -> bool {
    text == "*" || text == "?"
}

/// Reads a number or a name.
fn number(text: &str, range: &RangeInclusive<u8>, names: &[&str]) -> Option<u8> {
    let named = names.iter().position(|name| text.eq_ignore_ascii_case(name));
    if let Some(place) = named {
        return Some(range.start() + u8::try_from(place).ok()?);
    }
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|value| is_number && range.contains(value))
}

fn unknown(field: &str, item: &str, range: &RangeInclusive<u8>) -> String {
    format!("{item:?} is no {field}; write {} to {}", range.start(), range.end())
}
