//! From sessions to days: on which day each session of a plan is meant to be done.
//!
//! Pure: it is told today's date and never reads a clock. It keeps the order of the sessions and
//! never uses a day before today or a day off.

mod slots;

use jiff::civil::Date;

pub use crate::requirements::StudyDays;
use slots::{Week, Weeks};

/// At most so many sessions on one day.
pub const DAY_MAX: u32 = 4;

/// Sessions in a week when neither a pace nor a target date is given.
pub const WEEK_DEFAULT: u32 = 5;

/// What the days have to keep to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rules {
    /// The first day that may be used.
    pub today: Date,
    /// The last day that may be used, if sessions fit before it.
    pub target: Option<Date>,
    /// At most so many sessions in a week from Monday; stronger than the target.
    pub week_max: Option<u32>,
    /// The weekdays that may be used.
    pub days: StudyDays,
}

/// The days of the sessions of a plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schedule {
    /// One day per session, never falling.
    pub dates: Vec<Date>,
    /// The nearest day on which the plan can end, when that is after the target.
    pub feasible_date: Option<Date>,
}

/// Gives `count` sessions their days.
///
/// With a target date they are spread evenly up to it, though never rarer than one in seven days;
/// when they do not fit, they end on the nearest day that can be. Without one they follow each
/// other at the weekly pace, from the first wanted day on.
#[must_use]
pub fn schedule(count: usize, rules: &Rules) -> Schedule {
    let Some(target) = rules.target else {
        return Schedule { dates: at_weekly_pace(count, rules), feasible_date: None };
    };
    // Who pauses for weeks between two sessions forgets the first: with a target far off the plan
    // ends early instead of thinning out.
    let end = weekly_end(count, rules).min(target);
    let weeks: Vec<Week> = Weeks::from(rules.today, rules.days).up_to(end).collect();
    for day_max in 1..=DAY_MAX {
        if slots::capacity(&weeks, day_max, rules.week_max) >= count as u64 {
            let slots = slots::slots(&weeks, day_max, rules.week_max);
            return Schedule { dates: spread(count, &slots), feasible_date: None };
        }
    }
    as_soon_as_possible(count, rules)
}

/// Returns the day on which the sessions end at one in seven days; every weekday occurs so often
/// until then that they always fit.
fn weekly_end(count: usize, rules: &Rules) -> Date {
    let days = i64::try_from(count).unwrap_or(i64::MAX).saturating_mul(7).saturating_sub(1).max(0);
    let span = jiff::Span::new().try_days(days);
    span.and_then(|span| rules.today.checked_add(span)).unwrap_or(Date::MAX)
}

/// Takes every slot there is until all sessions have one.
fn as_soon_as_possible(count: usize, rules: &Rules) -> Schedule {
    let mut weeks = Vec::new();
    let mut room = 0;
    for week in Weeks::from(rules.today, rules.days) {
        let week_room = week.room(DAY_MAX, rules.week_max);
        if room + week_room < count as u64 {
            room += week_room;
            weeks.push(week);
            continue;
        }
        let missing = count as u64 - room;
        weeks.push(week.cut_to(u64::from(DAY_MAX), missing));
        break;
    }
    let slots = slots::slots(&weeks, DAY_MAX, rules.week_max);
    let dates = spread(count, &slots);
    Schedule { feasible_date: dates.last().copied(), dates }
}

/// Repeats one week's pattern, anchored at the first wanted day, so that no week from Monday has
/// more than the pace.
fn at_weekly_pace(count: usize, rules: &Rules) -> Vec<Date> {
    let pace = rules.week_max.unwrap_or(WEEK_DEFAULT).max(1);
    let wanted = rules.days;
    let usual = if wanted == StudyDays::ALL && pace <= 5 { StudyDays::WEEKDAYS } else { wanted };
    let Some(first) = wanted.on_or_after(rules.today) else { return Vec::new() };
    let mut dates = Vec::with_capacity(count);
    if !usual.holds(first.weekday()) && count > 0 {
        dates.push(first);
    }
    let Some(anchor) = usual.on_or_after(first) else { return dates };
    // Seven days from the anchor hold each weekday once: the pattern fits every week.
    let days: Vec<Date> = usual.from(anchor).take(usual.count()).collect();
    let pace = u64::from(pace).min(days.len() as u64 * u64::from(DAY_MAX));
    let pattern: Vec<Date> =
        (0..pace).map(|slot| days[(slot * days.len() as u64 / pace) as usize]).collect();
    for week in 0.. {
        for day in &pattern {
            if dates.len() >= count {
                return dates;
            }
            let date = day.checked_add(jiff::Span::new().weeks(week)).unwrap_or(Date::MAX);
            dates.push(date);
        }
    }
    dates
}

/// Picks `count` of the slots, evenly.
fn spread(count: usize, slots: &[Date]) -> Vec<Date> {
    (0..count)
        .map_while(|session| slots.get(session * slots.len() / count.max(1)).copied())
        .collect()
}

#[cfg(test)]
mod tests;
