//! Job schedulers: series of jobs by an interval or a cron pattern (BullMQ `upsertJobScheduler`).
//!
//! A scheduler owns one armed run at a time, a job of the id `repeat:<scheduler>:<ms>`. Whoever
//! claims that job arms the next one before the job is run, so the series goes on whatever becomes
//! of the run. Never runs a job, never looks at a clock.

mod cron;
mod iteration;
mod slot;

use std::time::Duration;

use async_trait::async_trait;
use serde_json::{Map, Value};

use crate::error::{QueueError, Result};
use crate::job::{JobId, NewJob, Payload};
use crate::options::JobOptions;

pub(crate) use iteration::{Plan, first, following, scheduler_of};
pub(crate) use slot::{Slots, next_slot};

/// Keeping job schedulers.
#[async_trait]
pub trait Schedule: Send + Sync {
    /// Creates a scheduler, or replaces the one with this id, and arms its next run.
    ///
    /// A run that is armed and has not started is replaced, in its own time slot if the interval
    /// stays the same; the count of iterations goes on. Returns nothing, and changes nothing, when
    /// the limit is reached already, or when a pattern has no time before the end.
    ///
    /// # Errors
    /// [`QueueError::Invalid`] for a rhythm that means nothing; [`QueueError::SlotTaken`] when a
    /// job of another run stands in the next time slot (BullMQ's codes -10 and -11).
    async fn upsert_scheduler(&self, scheduler: NewScheduler) -> Result<Option<Armed>>;

    /// Returns a scheduler.
    async fn scheduler(&self, id: &str) -> Result<Option<Scheduler>>;

    /// Returns schedulers by the time of their armed run, the earliest first.
    async fn schedulers(&self, skip: u64, limit: u64) -> Result<Vec<Scheduler>>;

    /// Ends a series: its armed run is removed if it is delayed, one that waits still runs.
    /// Returns `false` when there is no such scheduler.
    async fn remove_scheduler(&self, id: &str) -> Result<bool>;
}

/// When the runs of a scheduler take place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rhythm {
    /// Every so many milliseconds.
    Every {
        /// The time between two runs, at least 1 ms.
        every_ms: u64,
        /// The time of the runs within the interval; by default that of the first run.
        offset_ms: Option<u64>,
    },
    /// At the times of a cron pattern, with `cron-parser`'s dialect and rules.
    Cron {
        /// One to six fields, aligned to the right; six begin with seconds.
        pattern: String,
        /// The name of a time zone, as `Europe/Berlin`; by default that of this machine.
        tz: Option<String>,
    },
}

impl Rhythm {
    /// Returns the interval and the offset, if it is an interval.
    pub(crate) fn interval(&self) -> Option<(u64, Option<u64>)> {
        match self {
            Self::Every { every_ms, offset_ms } => Some((*every_ms, *offset_ms)),
            Self::Cron { .. } => None,
        }
    }

    /// Makes a rhythm of what a store keeps of it.
    pub(crate) fn of(
        every_ms: Option<u64>,
        offset_ms: Option<u64>,
        pattern: Option<String>,
        tz: Option<String>,
    ) -> Option<Self> {
        match (every_ms, pattern) {
            (Some(every_ms), _) => Some(Self::Every { every_ms, offset_ms }),
            (None, Some(pattern)) => Some(Self::Cron { pattern, tz }),
            (None, None) => None,
        }
    }

    /// Returns the members of `opts.repeat` that it has.
    fn wire(&self) -> Map<String, Value> {
        let members = match self {
            Self::Every { every_ms, offset_ms } => {
                [("every", Some(Value::from(*every_ms))), ("offset", offset_ms.map(Value::from))]
            }
            Self::Cron { pattern, tz } => [
                ("pattern", Some(Value::from(pattern.as_str()))),
                ("tz", tz.as_deref().map(Value::from)),
            ],
        };
        let given = members.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?)));
        given.collect()
    }
}

/// A scheduler as it is asked for.
#[derive(Debug, Clone)]
pub struct NewScheduler {
    /// Its id, unique in the queue.
    pub id: String,
    /// When its runs take place.
    pub rhythm: Rhythm,
    /// What every run is: name, data and options. An empty name stands for the scheduler's id; the
    /// job has no id and no delay of its own.
    pub job: NewJob,
    /// Whether the first run of a cron pattern is at once; that of an interval is anyhow.
    pub immediately: bool,
    /// No run before this time (milliseconds since the epoch).
    pub start_ms: Option<u64>,
    /// No run is armed after this time.
    pub end_ms: Option<u64>,
    /// How many runs there are at most.
    pub limit: Option<u64>,
    /// How many runs of the limit are used up already.
    pub count: u64,
}

impl NewScheduler {
    /// The longest id in bytes.
    pub const ID_MAX: usize = 200;

    /// Describes a scheduler with an interval.
    #[must_use]
    pub fn every(id: impl Into<String>, every: Duration, job: NewJob) -> Self {
        let every_ms = u64::try_from(every.as_millis()).unwrap_or(u64::MAX);
        Self::new(id, Rhythm::Every { every_ms, offset_ms: None }, job)
    }

    /// Describes a scheduler with a cron pattern in a time zone (by default this machine's).
    #[must_use]
    pub fn cron(
        id: impl Into<String>,
        pattern: impl Into<String>,
        tz: Option<&str>,
        job: NewJob,
    ) -> Self {
        let tz = tz.map(str::to_owned);
        Self::new(id, Rhythm::Cron { pattern: pattern.into(), tz }, job)
    }

    fn new(id: impl Into<String>, rhythm: Rhythm, job: NewJob) -> Self {
        Self {
            id: id.into(),
            rhythm,
            job,
            immediately: false,
            start_ms: None,
            end_ms: None,
            limit: None,
            count: 0,
        }
    }

    /// Lets the first run of a cron pattern take place at once.
    #[must_use]
    pub fn immediately(self) -> Self {
        Self { immediately: true, ..self }
    }

    /// Ends the series after so many runs.
    #[must_use]
    pub fn with_limit(self, limit: u64) -> Self {
        Self { limit: Some(limit), ..self }
    }

    /// Lets no run take place before a time (milliseconds since the epoch).
    #[must_use]
    pub fn starting_at(self, start_ms: u64) -> Self {
        Self { start_ms: Some(start_ms), ..self }
    }

    /// Arms no run after a time (milliseconds since the epoch).
    #[must_use]
    pub fn ending_at(self, end_ms: u64) -> Self {
        Self { end_ms: Some(end_ms), ..self }
    }

    /// Refuses what means nothing, or what a client of BullMQ could not read.
    pub(crate) fn check(&self, now_ms: u64) -> Result<()> {
        check_id(&self.id)?;
        self.job.options.check()?;
        let refuse = |what, why: String| Err(QueueError::Invalid { what, why });
        self.check_rhythm()?;
        if self.immediately && self.start_ms.is_some() {
            return refuse("start date", "it cannot be given together with immediately".to_owned());
        }
        if let Some(end) = self.end_ms.filter(|end| *end <= now_ms) {
            return refuse("end date", format!("{end} is over; it must be in the future"));
        }
        if self.limit == Some(0) {
            return refuse("limit", "0; a scheduler runs at least once".to_owned());
        }
        if self.job.id.is_some() || self.job.options.delay_ms > 0 {
            let why = "its id and its delay are given by the scheduler".to_owned();
            return refuse("job of a scheduler", why);
        }
        let size = self.job.data.as_str().len();
        if size > NewJob::DATA_MAX {
            let most = NewJob::DATA_MAX;
            return refuse("job data", format!("{size} bytes; at most {most} are added"));
        }
        Ok(())
    }

    fn check_rhythm(&self) -> Result<()> {
        let refuse = |what, why: String| Err(QueueError::Invalid { what, why });
        match &self.rhythm {
            Rhythm::Every { every_ms, .. } if *every_ms == 0 || *every_ms > EVERY_MAX_MS => {
                refuse("interval", format!("{every_ms} ms; write 1 ms to 10 years"))
            }
            Rhythm::Every { every_ms, offset_ms: Some(offset) } if offset >= every_ms => {
                let why = format!("{offset} ms; must be less than the interval of {every_ms} ms");
                refuse("offset", why)
            }
            Rhythm::Every { .. } => Ok(()),
            Rhythm::Cron { pattern, tz } => {
                cron::Cron::parse(pattern)
                    .and_then(|_| iteration::zone(tz.as_deref()))
                    .map_err(|why| QueueError::Invalid { what: "cron pattern", why })?;
                Ok(())
            }
        }
    }

    /// Returns the name of the runs.
    pub(crate) fn name(&self) -> &str {
        if self.job.name.is_empty() { &self.id } else { &self.job.name }
    }

    /// Returns the data of the runs as the store keeps it: none for an empty object.
    pub(crate) fn kept_data(&self) -> Option<&Payload> {
        Some(&self.job.data).filter(|data| data.as_str() != EMPTY)
    }

    /// Returns the options of the runs in their wire form.
    pub(crate) fn wire_options(&self) -> Map<String, Value> {
        let mut options = match self.job.options.to_wire(None) {
            Value::Object(members) => members,
            _ => Map::new(),
        };
        // What the scheduler decides itself.
        options.remove("timestamp");
        if options.get("attempts") == Some(&Value::from(0)) {
            options.remove("attempts");
        }
        options
    }

    /// Returns `opts.repeat` as BullMQ writes it, but for the count.
    pub(crate) fn wire_repeat(&self) -> Map<String, Value> {
        let mut repeat = self.rhythm.wire();
        let numbers =
            [("limit", self.limit), ("startDate", self.start_ms), ("endDate", self.end_ms)];
        let given = numbers.into_iter().filter_map(|(key, value)| Some((key, value?)));
        repeat.extend(given.map(|(key, value)| (key.to_owned(), value.into())));
        repeat
    }
}

/// The data of a run whose scheduler has none.
pub(crate) const EMPTY: &str = "{}";

/// The longest interval: about ten years.
const EVERY_MAX_MS: u64 = 10 * 366 * 24 * 60 * 60 * 1000;

/// Refuses ids whose keys would be taken for something else.
fn check_id(id: &str) -> Result<()> {
    let refuse =
        |why: &str| Err(QueueError::Invalid { what: "scheduler id", why: format!("{id:?} {why}") });
    if id.is_empty() || id.len() > NewScheduler::ID_MAX {
        return refuse("must have 1 to 200 bytes");
    }
    if id.matches(':').count() >= 4 {
        return refuse("has four ':' or more, as the repeatable jobs of BullMQ 4 have");
    }
    let is_number = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    if id.rsplit_once(':').is_some_and(|(_, last)| is_number(last)) {
        return refuse("ends like the id of a run of another scheduler, in ':' and a number");
    }
    Ok(())
}

/// A run that waits for its time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Armed {
    /// The id of its job.
    pub id: JobId,
    /// Its time slot, milliseconds since the epoch.
    pub slot_ms: u64,
}

/// A scheduler as the store keeps it.
#[derive(Debug, Clone, PartialEq)]
pub struct Scheduler {
    /// Its id.
    pub id: String,
    /// The name of its runs.
    pub name: String,
    /// When its runs take place; nothing if another client wrote a rhythm that cannot be read.
    pub rhythm: Option<Rhythm>,
    /// No run before this time.
    pub start_ms: Option<u64>,
    /// No run is armed after this time.
    pub end_ms: Option<u64>,
    /// How many runs there are at most.
    pub limit: Option<u64>,
    /// The data of its runs.
    pub data: Payload,
    /// The options of its runs.
    pub options: JobOptions,
    /// How many runs were armed so far.
    pub iterations: u64,
    /// The time slot of the run that is armed, or was armed last.
    pub next_ms: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scheduler(id: &str) -> NewScheduler {
        let job = NewJob::new("tick", Payload::null());
        NewScheduler::every(id, Duration::from_secs(1), job)
    }

    #[test]
    fn ids_that_would_be_taken_for_something_else_are_refused() {
        for id in ["", "a:b:c:d:e", "daily:17"] {
            assert!(scheduler(id).check(0).is_err(), "{id}");
        }
        for id in ["daily", "tenant:daily", "7", "a b"] {
            assert!(scheduler(id).check(0).is_ok(), "{id}");
        }
    }

    #[test]
    fn a_series_that_means_nothing_is_refused_by_name() {
        let refused = |change: fn(&mut NewScheduler), what: &str| {
            let mut scheduler = scheduler("s");
            change(&mut scheduler);
            let error = scheduler.check(1_000).unwrap_err().to_string();
            assert!(error.contains(what), "{error}");
        };
        refused(|s| s.rhythm = Rhythm::Every { every_ms: 0, offset_ms: None }, "interval");
        refused(|s| s.rhythm = Rhythm::Every { every_ms: 9, offset_ms: Some(9) }, "offset");
        refused(|s| s.end_ms = Some(1_000), "end date");
        refused(|s| s.limit = Some(0), "limit");
        refused(|s| s.job.options.delay_ms = 5, "job of a scheduler");
    }

    #[test]
    fn options_that_are_bullmqs_own_defaults_are_not_written() {
        let mut bare = scheduler("s");
        bare.job.options = JobOptions::bare();
        assert!(bare.wire_options().is_empty());
        bare.job.options.attempts = 2;
        assert_eq!(bare.wire_options()["attempts"], 2);
    }
}
