//! The processor time of a process, from Linux's `/proc`; unknown elsewhere.

use std::time::Duration;

/// Ticks a second of `/proc`'s times: `USER_HZ`, 100 on every Linux that users meet.
const TICKS_PER_SECOND: u64 = 100;

/// Returns the user and system time that a process (`"self"` or an id) has used.
pub(super) fn used(process: &str) -> Option<Duration> {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    // The name stands in parentheses and may hold anything; 12 fields follow it up to `utime`.
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let ticks = fields.get(11)?.parse::<u64>().ok()? + fields.get(12)?.parse::<u64>().ok()?;
    Some(Duration::from_millis(ticks * 1000 / TICKS_PER_SECOND))
}

/// Returns the microseconds per job that a process used since `before`.
pub(super) fn micros_per_job(process: &str, before: Option<Duration>, jobs: usize) -> Option<f64> {
    let spent = used(process)?.checked_sub(before?)?;
    #[expect(clippy::cast_precision_loss, reason = "a few thousand jobs")]
    let jobs = jobs as f64;
    Some(spent.as_secs_f64() * 1e6 / jobs)
}
