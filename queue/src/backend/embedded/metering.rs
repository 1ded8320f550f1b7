//! How many jobs of a queue ended, by the minute.
//!
//! Pure: the answer depends on the state and the operation alone.

use std::collections::VecDeque;

use crate::backend::Metrics;
use crate::job::JobState;

use super::encoding::encoded_struct;

const MINUTE_MS: u64 = 60_000;

/// What is counted of the ends of one kind.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Meter {
    count: u64,
    noted_ms: Option<u64>,
    noted_count: u64,
    /// The newest minute first.
    points: VecDeque<u64>,
}

/// What is counted in a queue.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Meters {
    completed: Meter,
    failed: Meter,
}

/// The encoded form of a meter.
#[derive(Debug)]
struct Row {
    count: u64,
    noted_ms: Option<u64>,
    noted_count: u64,
    points: Vec<u64>,
}

/// The encoded form of [`Meters`].
#[derive(Debug)]
pub(super) struct MeterRows {
    completed: Row,
    failed: Row,
}

encoded_struct!(Row { count, noted_ms, noted_count, points });
encoded_struct!(MeterRows { completed, failed });

impl Meter {
    /// Counts an end, and notes the minutes before if it is the first of its minute; an idle time
    /// leaves no more points than are kept.
    fn count(&mut self, kept: u32, now_ms: u64) {
        let before = self.count;
        self.count += 1;
        let Some(noted_ms) = self.noted_ms else {
            self.noted_ms = Some(now_ms);
            return;
        };
        let minutes = (now_ms / MINUTE_MS).saturating_sub(noted_ms / MINUTE_MS);
        if minutes == 0 {
            return;
        }
        let kept = kept as usize;
        let idle = usize::try_from(minutes - 1).unwrap_or(usize::MAX).min(kept.saturating_sub(1));
        self.points.push_front(before - self.noted_count);
        for _ in 0..idle {
            self.points.push_front(0);
        }
        self.points.truncate(kept);
        (self.noted_ms, self.noted_count) = (Some(now_ms), before);
    }

    fn read(&self, skip: u64, limit: u64) -> Metrics {
        let skip = usize::try_from(skip).unwrap_or(usize::MAX);
        let limit = usize::try_from(limit.min(Metrics::POINTS_MAX)).unwrap_or(usize::MAX);
        Metrics {
            count: self.count,
            noted_ms: self.noted_ms,
            noted_count: self.noted_count,
            points: self.points.iter().skip(skip).take(limit).copied().collect(),
            length: self.points.len() as u64,
        }
    }

    fn row(&self) -> Row {
        Row {
            count: self.count,
            noted_ms: self.noted_ms,
            noted_count: self.noted_count,
            points: self.points.iter().copied().collect(),
        }
    }

    fn of_row(row: Row) -> Self {
        let Row { count, noted_ms, noted_count, points } = row;
        Self { count, noted_ms, noted_count, points: points.into() }
    }
}

impl Meters {
    /// Counts an end of a job; another state is none.
    pub(super) fn count(&mut self, state: JobState, kept: u32, now_ms: u64) {
        match state {
            JobState::Completed => self.completed.count(kept, now_ms),
            JobState::Failed => self.failed.count(kept, now_ms),
            _ => {}
        }
    }

    pub(super) fn read(&self, state: JobState, skip: u64, limit: u64) -> Metrics {
        let meter = if state == JobState::Failed { &self.failed } else { &self.completed };
        meter.read(skip, limit)
    }

    pub(super) fn rows(&self) -> MeterRows {
        MeterRows { completed: self.completed.row(), failed: self.failed.row() }
    }

    pub(super) fn of_rows(rows: MeterRows) -> Self {
        Self { completed: Meter::of_row(rows.completed), failed: Meter::of_row(rows.failed) }
    }
}

#[cfg(test)]
mod tests {
    use super::super::encoding::{Decode as _, Encode as _, Input};
    use super::*;

    #[test]
    fn meters_read_back() {
        let mut meters = Meters::default();
        for minute in [1, 1, 2, 5] {
            meters.count(JobState::Completed, 10, minute * MINUTE_MS);
        }
        meters.count(JobState::Failed, 10, 7);
        let mut bytes = Vec::new();
        meters.rows().encode(&mut bytes);

        let read = MeterRows::decode(&mut Input::new(&bytes)).map(Meters::of_rows);

        assert_eq!(read, Ok(meters.clone()));
        assert_eq!(meters.read(JobState::Completed, 0, 10).points, [0, 0, 1, 2]);
    }
}
