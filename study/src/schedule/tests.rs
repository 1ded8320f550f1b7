//! What every schedule obeys.

use jiff::civil::{Date, date};
use proptest::prelude::*;

use super::{DAY_MAX, Rules, Schedule, StudyDays, schedule};

/// The Monday of the week of a date, as a key.
fn week_of(day: Date) -> Date {
    let offset = i64::from(day.weekday().to_monday_zero_offset());
    day.checked_sub(jiff::Span::new().days(offset)).unwrap()
}

/// Fills every slot from today on, one session after the other: the earliest possible end.
fn earliest_end(count: usize, rules: &Rules) -> Option<Date> {
    let mut day = rules.today;
    let (mut week, mut in_week, mut left) = (week_of(day), 0, count);
    let mut end = None;
    while left > 0 {
        if week_of(day) != week {
            (week, in_week) = (week_of(day), 0);
        }
        if rules.days.holds(day.weekday()) {
            let room = rules.week_max.map_or(DAY_MAX, |most| (most - in_week).min(DAY_MAX));
            let taken = (room as usize).min(left);
            (left, in_week) = (left - taken, in_week + taken as u32);
            if taken > 0 {
                end = Some(day);
            }
        }
        day = day.tomorrow().unwrap();
    }
    end
}

fn assert_rules_kept(count: usize, rules: &Rules, schedule: &Schedule) {
    let dates = &schedule.dates;
    assert_eq!(dates.len(), count, "every session has a day");
    assert!(dates.windows(2).all(|pair| pair[0] <= pair[1]), "the order is kept");
    for &day in dates {
        assert!(day >= rules.today, "{day} is before today");
        assert!(rules.days.holds(day.weekday()), "{day} is a day off");
        assert!(dates.iter().filter(|&&other| other == day).count() <= DAY_MAX as usize);
        let in_week = dates.iter().filter(|&&other| week_of(other) == week_of(day)).count();
        let most = rules.week_max.or(rules.target.is_none().then_some(super::WEEK_DEFAULT));
        assert!(most.is_none_or(|most| in_week <= most as usize), "too many in a week: {dates:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, ..ProptestConfig::default() })]

    #[test]
    fn every_schedule_keeps_the_rules(
        count in 0_usize..120,
        start in 0_i64..400,
        target in proptest::option::of(0_i64..120),
        week_max in proptest::option::of(1_u32..=21),
        bits in 1_u8..128,
    ) {
        let today = date(2026, 1, 1).checked_add(jiff::Span::new().days(start)).unwrap();
        let target = target.map(|d| today.checked_add(jiff::Span::new().days(d)).unwrap());
        let days = StudyDays::of(
            (0..7).filter(|day| bits & (1 << day) != 0)
                .map(|day| jiff::civil::Weekday::from_monday_zero_offset(day).unwrap()),
        ).unwrap();
        let rules = Rules { today, target, week_max, days };

        let schedule = schedule(count, &rules);

        assert_rules_kept(count, &rules, &schedule);
        let earliest = earliest_end(count, &rules);
        match (target, schedule.feasible_date) {
            (Some(target), None) => {
                prop_assert!(schedule.dates.last().is_none_or(|&end| end <= target));
            }
            (Some(target), Some(feasible)) => {
                prop_assert!(earliest.unwrap() > target, "it was feasible");
                prop_assert_eq!(Some(feasible), earliest, "a nearer end was possible");
                prop_assert_eq!(schedule.dates.last(), Some(&feasible));
            }
            (None, feasible) => prop_assert_eq!(feasible, None),
        }
    }
}

fn rules(today: Date) -> Rules {
    Rules { today, target: None, week_max: None, days: StudyDays::ALL }
}

#[test]
fn without_a_pace_five_sessions_a_week_fall_on_weekdays() {
    let wednesday = date(2026, 3, 4);
    let dates = schedule(6, &rules(wednesday)).dates;
    let expected = [(3, 4), (3, 5), (3, 6), (3, 9), (3, 10), (3, 11)];
    assert_eq!(dates, expected.map(|(month, day)| date(2026, month, day)));
}

#[test]
fn a_plan_made_on_a_sunday_begins_today() {
    let sunday = date(2026, 3, 8);
    let dates = schedule(3, &rules(sunday)).dates;
    assert_eq!(dates, [date(2026, 3, 8), date(2026, 3, 9), date(2026, 3, 10)]);
}

#[test]
fn sessions_are_spread_evenly_up_to_the_target() {
    let today = date(2026, 3, 2);
    let target = Some(date(2026, 3, 31));
    let dates = schedule(10, &Rules { target, ..rules(today) }).dates;
    let gaps: Vec<i32> =
        dates.windows(2).map(|pair| pair[0].until(pair[1]).unwrap().get_days()).collect();
    assert_eq!(gaps, [3; 9]);
}

#[test]
fn a_far_target_never_thins_the_sessions_out_below_one_a_week() {
    let today = date(2026, 3, 2);
    for target in [date(2027, 3, 2), Date::MAX] {
        let schedule = schedule(8, &Rules { target: Some(target), ..rules(today) });
        let gaps = schedule.dates.windows(2).map(|pair| pair[0].until(pair[1]).unwrap());
        assert_eq!(gaps.map(|gap| gap.get_days()).collect::<Vec<_>>(), [7; 7], "{target}");
        assert_eq!(schedule.feasible_date, None);
    }
}

#[test]
fn a_pace_wins_over_the_target_and_the_nearest_end_is_named() {
    let monday = date(2026, 3, 2);
    let target = Some(date(2026, 3, 8));
    let rules = Rules { target, week_max: Some(3), ..rules(monday) };
    let schedule = schedule(7, &rules);
    assert_eq!(schedule.feasible_date, Some(date(2026, 3, 16)));
    assert_eq!(schedule.dates.last(), Some(&date(2026, 3, 16)));
}

#[test]
fn a_thousand_sessions_at_the_end_of_time_do_not_panic() {
    let today = date(9999, 12, 30);
    let _ = schedule(1000, &rules(today));
    let _ = schedule(1000, &Rules { target: Some(Date::MAX), ..rules(today) });
}
