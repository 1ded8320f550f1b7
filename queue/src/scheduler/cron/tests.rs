//! Times of cron patterns against those that `cron-parser` 5.10 finds.

use super::*;

/// Pattern, zone, instant and the next time (or `ERR`) as `cron-parser` 5.10.3 gave them; random
/// fields and instants, many of them around changes of clocks.
const TIMES: &str = include_str!("times.tsv");

fn next(pattern: &str, tz: &str, after: &str) -> String {
    let zone = TimeZone::get(tz).unwrap();
    let after: Timestamp = after.parse().unwrap();
    let after_ms = u64::try_from(after.as_millisecond()).unwrap();
    let next_ms = Cron::parse(pattern).unwrap().next_after(after_ms, &zone).unwrap();
    Timestamp::from_millisecond(next_ms.cast_signed()).unwrap().to_string()
}

#[test]
fn next_times_are_those_of_cron_parser() {
    let mut compared = 0;
    for line in TIMES.lines() {
        let parts: Vec<&str> = line.split('\t').collect();
        let [pattern, tz, after_ms, expected] = parts[..] else { panic!("{line}") };
        let zone = TimeZone::get(tz).unwrap();
        let after_ms = after_ms.parse().unwrap();
        let found = Cron::parse(pattern).ok().and_then(|cron| cron.next_after(after_ms, &zone));
        assert_eq!(found.map_or("ERR".to_owned(), |next| next.to_string()), expected, "{line}");
        compared += 1;
    }
    assert!(compared > 500);
}

#[test]
fn a_skipped_time_takes_place_an_hour_later_once() {
    let zone = "Europe/Berlin";
    assert_eq!(next("30 2 * * *", zone, "2026-03-29T00:10:00Z"), "2026-03-29T01:30:00Z");
    assert_eq!(next("30 2 * * *", zone, "2026-03-29T01:30:00Z"), "2026-03-30T00:30:00Z");
    assert_eq!(
        next("0 0 * * *", "America/Santiago", "2026-09-05T04:00:00Z"),
        "2026-09-07T03:00:00Z"
    );
}

#[test]
fn a_time_that_comes_twice_takes_place_the_first_time_unless_every_hour_is_named() {
    let zone = "Europe/Berlin";
    assert_eq!(next("30 2 * * *", zone, "2026-10-25T00:00:00Z"), "2026-10-25T00:30:00Z");
    assert_eq!(next("30 2 * * *", zone, "2026-10-25T00:30:00Z"), "2026-10-26T01:30:00Z");
    assert_eq!(next("0 * * * *", zone, "2026-10-25T00:00:00Z"), "2026-10-25T01:00:00Z");
}

#[test]
fn missing_fields_stand_on_the_left() {
    let after = "2026-11-24T15:00:30Z";
    let times = [
        ("", "2026-11-24T15:01:00Z"),
        ("5", "2026-11-27T00:00:00Z"),
        ("1 5", "2027-01-01T00:00:00Z"),
        ("@daily", "2026-11-25T00:00:00Z"),
        ("0 0 * * 1#2", "2026-12-14T00:00:00Z"),
        ("0 0 L * *", "2026-11-30T00:00:00Z"),
        ("0 0 13 * 5", "2026-11-27T00:00:00Z"),
        ("0 0 29 2 *", "2028-02-29T00:00:00Z"),
        ("* * * * * *", "2026-11-24T15:00:31Z"),
    ];
    for (pattern, expected) in times {
        assert_eq!(next(pattern, "UTC", after), expected, "{pattern:?}");
    }
}

#[test]
fn patterns_that_mean_nothing_are_refused_with_the_part_that_is_wrong() {
    let refused = [
        ("* * * * * * *", "7 fields"),
        ("60 * * * *", "\"60\" is no minute"),
        ("* 24 * * *", "\"24\" is no hour"),
        ("0 0 31 2 *", "no month"),
        ("0 0 31 4,6 *", "no month"),
        ("*/0 * * * *", "step"),
        ("10-5 * * * *", "backwards"),
        ("1,1 * * * *", "again"),
        ("1,,2 * * * *", "\"\" is no minute"),
        ("0 0 1W * *", "1W"),
        ("0 0 L-2 * *", "L-2"),
        ("0 0 * * L", "\"L\""),
        ("0 0 * * 1#6", "1 to 5"),
        ("0 0 * * 1#2,3", "1#2,3"),
        ("0 0 * 0 *", "\"0\" is no month"),
        ("0 0 * FEBRUARY *", "FEBRUARY"),
        ("@reboot", "@reboot"),
        ("H * * * *", "H"),
        ("-5 * * * *", "-5"),
    ];
    for (pattern, part) in refused {
        let why = Cron::parse(pattern).expect_err(pattern);
        assert!(why.contains(part), "{pattern:?}: {why}");
    }
}
