//! The times of a cron pattern, as `cron-parser` finds them for BullMQ.
//!
//! One to six fields, aligned to the right (six: seconds first): lists, ranges, steps, names, `?`,
//! `L` as a day of the month, `5L` and `1#2` as days of the week, `@daily` and the like. If day of
//! the month and day of the week are both restricted, either matches.
//!
//! When clocks go forward, a time that is skipped takes place as much later, unless midnight itself
//! is skipped; when they go back, a time that comes twice takes place the first time only, unless
//! the pattern names every hour. Differences to `cron-parser`, all of them on purpose: fields in
//! `H`, and numbers that it reads from texts like `1-2-3` and `*/5-10`, are refused; where clocks
//! change by half an hour (Lord Howe), the rule above holds too.
//!
//! Never looks at a clock.

mod field;

use jiff::Timestamp;
use jiff::civil::{Date, Time};
use jiff::tz::{AmbiguousOffset, TimeZone};

use self::field::{DaysOfMonth, DaysOfWeek, Values};

/// How far ahead a time is looked for: a fifth Friday of February comes after up to 40 years.
const DAYS_AHEAD: usize = 366 * 41;

/// A cron pattern that was understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Cron {
    seconds: Values,
    minutes: Values,
    hours: Values,
    days: DaysOfMonth,
    months: Values,
    weekdays: DaysOfWeek,
}

impl Cron {
    /// Reads a pattern.
    ///
    /// # Errors
    /// A text that says which part cannot be read and why.
    pub(crate) fn parse(pattern: &str) -> Result<Self, String> {
        let pattern = named(pattern);
        let mut fields: Vec<&str> = pattern.split_whitespace().collect();
        if fields.len() > 6 {
            return Err(format!("it has {} fields, at most 6 are known", fields.len()));
        }
        let missing = ["0", "*", "*", "*", "*", "*"].iter().take(6 - fields.len());
        let mut all: Vec<&str> = missing.copied().collect();
        all.append(&mut fields);
        let cron = Self {
            seconds: Values::parse("second", all[0], 0..=59, &[])?,
            minutes: Values::parse("minute", all[1], 0..=59, &[])?,
            hours: Values::parse("hour", all[2], 0..=23, &[])?,
            days: DaysOfMonth::parse(all[3])?,
            months: Values::parse("month", all[4], 1..=12, &field::MONTHS)?,
            weekdays: DaysOfWeek::parse(all[5])?,
        };
        if cron.has_a_day() { Ok(cron) } else { Err("no month has such a day".to_owned()) }
    }

    /// Tells whether some month has one of the days.
    fn has_a_day(&self) -> bool {
        let longest = self.months.iter().map(|month| match month {
            2 => 29,
            4 | 6 | 9 | 11 => 30,
            _ => 31,
        });
        let longest = longest.max().unwrap_or(0);
        !self.weekdays.is_any || self.days.last || self.days.values.first() <= Some(longest)
    }

    /// Returns the first time after an instant, both in milliseconds since the epoch.
    pub(crate) fn next_after(&self, after_ms: u64, zone: &TimeZone) -> Option<u64> {
        let after = i64::try_from(after_ms / 1000).ok()?;
        let local = zone.to_datetime(Timestamp::from_second(after).ok()?);
        let mut date = local.date();
        for _ in 0..DAYS_AHEAD {
            if self.is_on(date)
                && let Some(second) = self.next_on(date, after, zone)
            {
                return u64::try_from(second).ok()?.checked_mul(1000);
            }
            date = date.tomorrow().ok()?;
        }
        None
    }

    fn is_on(&self, date: Date) -> bool {
        let month = self.months.has(date.month().unsigned_abs());
        month
            && match (self.days.is_any, self.weekdays.is_any) {
                (true, true) => true,
                (true, false) => self.weekdays.has(date),
                (false, true) => self.days.has(date),
                (false, false) => self.days.has(date) || self.weekdays.has(date),
            }
    }

    /// Returns the first time on a day that is after a second.
    fn next_on(&self, date: Date, after: i64, zone: &TimeZone) -> Option<i64> {
        let start = second_of(date, zone)?;
        let end = second_of(date.tomorrow().ok()?, zone)?;
        if end <= after {
            return None;
        }
        if end - start == 86_400 {
            return self.next_in(start, after);
        }
        // On a day with a change of clocks, each minute is looked at: changes come at full minutes.
        let minutes =
            self.hours.iter().flat_map(|hour| self.minutes.iter().map(move |m| (hour, m)));
        let found = minutes
            .filter_map(|(hour, minute)| self.next_in_minute(date, (hour, minute), after, zone));
        found.min()
    }

    /// The same on a day of 24 hours that begins at a second.
    fn next_in(&self, start: i64, after: i64) -> Option<i64> {
        let from = (after + 1 - start).max(0);
        let (hour, minute, second) = (from / 3600, from / 60 % 60, from % 60);
        for h in self.hours.iter().filter(|h| i64::from(*h) >= hour) {
            let is_first = i64::from(h) == hour;
            for m in self.minutes.iter().filter(|m| !is_first || i64::from(*m) >= minute) {
                let is_now = is_first && i64::from(m) == minute;
                let found = self.seconds.iter().find(|s| !is_now || i64::from(*s) >= second);
                if let Some(s) = found {
                    return Some(start + i64::from(h) * 3600 + i64::from(m) * 60 + i64::from(s));
                }
            }
        }
        None
    }

    /// The same within one minute by the clocks of a zone, which may come twice or not at all.
    fn next_in_minute(
        &self,
        date: Date,
        (hour, minute): (u8, u8),
        after: i64,
        zone: &TimeZone,
    ) -> Option<i64> {
        let time = Time::new(hour.cast_signed(), minute.cast_signed(), 0, 0).ok()?;
        let wall = date.to_datetime(time);
        let at = |offset: jiff::tz::Offset| Some(offset.to_timestamp(wall).ok()?.as_second());
        let first_after = |begin: i64| {
            self.seconds.iter().map(|second| begin + i64::from(second)).find(|at| *at > after)
        };
        match zone.to_ambiguous_timestamp(wall).offset() {
            AmbiguousOffset::Unambiguous { offset } => first_after(at(offset)?),
            AmbiguousOffset::Gap { before, .. } => {
                let begin = at(before)?;
                let change = change_before(zone, begin + 1)?;
                let is_ahead = after < change && !begins_late(date, zone);
                first_after(begin).filter(|_| is_ahead)
            }
            AmbiguousOffset::Fold { before, after: later } => {
                let begin = at(later)?;
                // The second time counts for who asks during it, else it would be as if it were over.
                let counts = self.hours.len() == 24 || after >= change_before(zone, begin + 1)?;
                first_after(at(before)?).or_else(|| first_after(begin).filter(|_| counts))
            }
        }
    }
}

/// Returns the last change of clocks before a second.
fn change_before(zone: &TimeZone, second: i64) -> Option<i64> {
    let change = zone.preceding(Timestamp::from_second(second).ok()?).next()?;
    Some(change.timestamp().as_second())
}

/// Tells whether the midnight at which a day should begin is skipped.
fn begins_late(date: Date, zone: &TimeZone) -> bool {
    let midnight = zone.to_ambiguous_timestamp(date.to_datetime(Time::midnight()));
    matches!(midnight.offset(), AmbiguousOffset::Gap { .. })
}

/// Returns the second at which a day begins.
fn second_of(date: Date, zone: &TimeZone) -> Option<i64> {
    let midnight = zone.to_ambiguous_timestamp(date.to_datetime(Time::midnight()));
    Some(midnight.compatible().ok()?.as_second())
}

/// Replaces a name by its pattern.
fn named(pattern: &str) -> &str {
    match pattern {
        "@yearly" | "@annually" => "0 0 0 1 1 *",
        "@monthly" => "0 0 0 1 * *",
        "@weekly" => "0 0 0 * * 0",
        "@daily" => "0 0 0 * * *",
        "@hourly" => "0 0 * * * *",
        "@minutely" => "0 * * * * *",
        "@secondly" => "* * * * * *",
        "@weekdays" => "0 0 0 * * 1-5",
        "@weekends" => "0 0 0 * * 0,6",
        other => other,
    }
}

#[cfg(test)]
mod tests;
