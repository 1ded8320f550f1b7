//! Weeks and the room in them: how many sessions a week can take, and on which of its days.

use jiff::civil::Date;

use crate::requirements::StudyDays;

/// The usable days of one week from Monday, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Week {
    days: Vec<Date>,
}

impl Week {
    /// Returns how many sessions fit.
    pub(super) fn room(&self, day_max: u32, week_max: Option<u32>) -> u64 {
        let by_days = self.days.len() as u64 * u64::from(day_max);
        week_max.map_or(by_days, |most| by_days.min(u64::from(most)))
    }

    /// Keeps the fewest first days that can take `sessions`.
    pub(super) fn cut_to(mut self, day_max: u64, sessions: u64) -> Self {
        let days = sessions.div_ceil(day_max.max(1)).max(1);
        self.days.truncate(usize::try_from(days).unwrap_or(usize::MAX));
        self
    }
}

/// The weeks from a day on; those without a usable day are left out.
pub(super) struct Weeks {
    next: Option<Date>,
    last: Date,
    days: StudyDays,
}

impl Weeks {
    pub(super) fn from(today: Date, days: StudyDays) -> Self {
        Self { next: days.on_or_after(today), last: Date::MAX, days }
    }

    /// Ends with a day, which may still be used.
    pub(super) fn up_to(self, last: Date) -> Self {
        Self { last, ..self }
    }
}

impl Iterator for Weeks {
    type Item = Week;

    fn next(&mut self) -> Option<Week> {
        let first = self.next.filter(|&day| day <= self.last)?;
        let left = 7 - usize::try_from(first.weekday().to_monday_zero_offset()).unwrap_or(0);
        let sunday = first.checked_add(jiff::Span::new().days(left as i64 - 1));
        let end = sunday.map_or(self.last, |sunday| sunday.min(self.last));
        let days: Vec<Date> = self.days.from(first).take_while(|&day| day <= end).collect();
        let last = days.last().copied().unwrap_or(first);
        self.next = last.tomorrow().ok().and_then(|day| self.days.on_or_after(day));
        Some(Week { days })
    }
}

/// Returns how many sessions fit into the weeks.
pub(super) fn capacity(weeks: &[Week], day_max: u32, week_max: Option<u32>) -> u64 {
    weeks.iter().map(|week| week.room(day_max, week_max)).sum()
}

/// Returns a day for each session that fits, in order, spread evenly within each week.
pub(super) fn slots(weeks: &[Week], day_max: u32, week_max: Option<u32>) -> Vec<Date> {
    let mut slots = Vec::new();
    for week in weeks {
        let room = usize::try_from(week.room(day_max, week_max)).unwrap_or(usize::MAX);
        slots.extend((0..room).map(|slot| week.days[slot * week.days.len() / room]));
    }
    slots
}
