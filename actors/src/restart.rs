//! Decides about restarts: how many are too many, and how long to wait before the next one.
//!
//! Pure: time and dice are arguments. A restart replaces a process whose memory can no longer be
//! trusted; it never repeats a job, which is the business of the queue.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

/// How many failures of its children a supervisor bears within a sliding window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Intensity {
    /// The most failures within the window.
    pub(crate) failures_max: u32,
    /// The length of the window.
    pub(crate) within: Duration,
}

impl Intensity {
    /// The root: 3 in 60 s. Whatever brings it down does not pass by restarting.
    pub(crate) const ROOT: Self = Self { failures_max: 3, within: Duration::from_secs(60) };
    /// Supervisors below the root: 5 in 30 s.
    pub(crate) const BRANCH: Self = Self { failures_max: 5, within: Duration::from_secs(30) };
}

/// How long a child must have run so that its next failure is its first again.
pub(crate) const HEALTHY_AFTER: Duration = Duration::from_secs(60);
/// The pause before the second restart in a row; the first has none.
const PAUSE_FIRST: Duration = Duration::from_millis(100);
/// The longest pause before a restart.
const PAUSE_MAX: Duration = Duration::from_secs(10);

/// The failures within the sliding window of a supervisor.
#[derive(Debug)]
pub(crate) struct Window {
    intensity: Intensity,
    failures: VecDeque<Instant>,
}

/// Whether a supervisor can go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tolerance {
    /// The failure is within what it bears.
    Borne,
    /// It was one too many: the supervisor gives up, and its own supervisor decides.
    Exceeded,
}

impl Window {
    pub(crate) fn new(intensity: Intensity) -> Self {
        Self { intensity, failures: VecDeque::new() }
    }

    /// Counts a failure of a child.
    pub(crate) fn record(&mut self, now: Instant) -> Tolerance {
        self.failures.push_back(now);
        self.forget_old(now);
        let failures = u32::try_from(self.failures.len()).unwrap_or(u32::MAX);
        if failures > self.intensity.failures_max {
            return Tolerance::Exceeded;
        }
        Tolerance::Borne
    }

    fn forget_old(&mut self, now: Instant) {
        let is_old = |at: Instant| now.duration_since(at) >= self.intensity.within;
        while self.failures.front().is_some_and(|at| is_old(*at)) {
            self.failures.pop_front();
        }
    }
}

/// Returns how many failures in a row the next one is, given how long the child had run.
pub(crate) fn failures_in_a_row(before: u32, ran_for: Duration) -> u32 {
    if ran_for >= HEALTHY_AFTER { 1 } else { before.saturating_add(1) }
}

/// Returns the pause before a restart: none after the first failure, then 100 ms, 200 ms … 10 s,
/// of which a random part (`uniform`, 0 to 1) is waited.
pub(crate) fn pause(failures_in_a_row: u32, uniform: f64) -> Duration {
    if failures_in_a_row <= 1 {
        return Duration::ZERO;
    }
    let doublings = (failures_in_a_row - 2).min(16);
    (PAUSE_FIRST * (1 << doublings)).min(PAUSE_MAX).mul_f64(uniform.clamp(0.0, 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(crashes_at_ms: &[u64]) -> Vec<Tolerance> {
        let start = Instant::now();
        let mut window = Window::new(Intensity::BRANCH);
        crashes_at_ms.iter().map(|ms| window.record(start + Duration::from_millis(*ms))).collect()
    }

    #[test]
    fn five_crashes_in_the_window_are_borne_and_the_sixth_is_not() {
        let five = [0, 7_000, 14_000, 21_000, 29_900];
        assert!(after(&five).iter().all(|tolerance| *tolerance == Tolerance::Borne));

        let sixth = after(&[0, 7_000, 14_000, 21_000, 29_900, 29_950]);
        assert_eq!(sixth.last(), Some(&Tolerance::Exceeded));
    }

    #[test]
    fn six_crashes_over_more_than_the_window_are_borne() {
        let spread = after(&[0, 6_200, 12_400, 18_600, 24_800, 31_000]);
        assert!(spread.iter().all(|tolerance| *tolerance == Tolerance::Borne));
    }

    #[test]
    fn one_crash_every_six_seconds_is_borne_for_ever() {
        let long: Vec<u64> = (0..1_000).map(|n| n * 6_001).collect();
        assert!(after(&long).iter().all(|tolerance| *tolerance == Tolerance::Borne));
    }

    #[test]
    fn the_first_restart_is_at_once_and_later_ones_wait_longer_up_to_ten_seconds() {
        let pauses: Vec<u128> = (1..=10).map(|n| pause(n, 1.0).as_millis()).collect();
        assert_eq!(pauses, [0, 100, 200, 400, 800, 1_600, 3_200, 6_400, 10_000, 10_000]);
        assert_eq!(pause(u32::MAX, 1.0), PAUSE_MAX);
        assert_eq!(pause(5, 0.5), Duration::from_millis(400));
    }

    #[test]
    fn a_healthy_minute_makes_the_next_failure_the_first_again() {
        assert_eq!(failures_in_a_row(4, Duration::from_secs(59)), 5);
        assert_eq!(failures_in_a_row(4, Duration::from_secs(60)), 1);
    }
}
