//! The weekdays on which a learner studies.

use jiff::civil::{Date, Weekday};

/// A set of weekdays, never empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct StudyDays(u8);

impl Default for StudyDays {
    fn default() -> Self {
        Self::ALL
    }
}

impl StudyDays {
    /// Every day.
    pub const ALL: Self = Self(0b111_1111);
    /// Monday to Friday.
    pub const WEEKDAYS: Self = Self(0b001_1111);

    /// Returns the set of the days, or `None` when there are none.
    #[must_use]
    pub fn of(days: impl IntoIterator<Item = Weekday>) -> Option<Self> {
        Self::from_bits(days.into_iter().fold(0, |bits, day| bits | bit(day)))
    }

    /// Reads bits from Monday (the lowest); `None` when no day is set.
    pub(super) fn from_bits(bits: u8) -> Option<Self> {
        let bits = bits & Self::ALL.0;
        (bits != 0).then_some(Self(bits))
    }

    /// Tells whether a weekday is one of them.
    #[must_use]
    pub fn holds(self, day: Weekday) -> bool {
        self.0 & bit(day) != 0
    }

    /// Returns how many they are, 1 to 7.
    #[must_use]
    pub fn count(self) -> usize {
        self.0.count_ones() as usize
    }

    /// Returns the first such day from a date on; `None` at the end of time.
    #[must_use]
    pub fn on_or_after(self, date: Date) -> Option<Date> {
        self.from(date).next()
    }

    /// Returns all such days from a date on.
    pub fn from(self, date: Date) -> impl Iterator<Item = Date> {
        std::iter::successors(Some(date), |day| day.tomorrow().ok())
            .filter(move |day| self.holds(day.weekday()))
    }
}

fn bit(day: Weekday) -> u8 {
    1 << day.to_monday_zero_offset()
}
