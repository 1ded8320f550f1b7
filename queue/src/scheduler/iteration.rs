//! What the next run of a series is, as far as it is known before the store is asked.
//!
//! Pure: the time is an argument. The store decides the slot of an interval, and whether the run
//! that asks is the one that may arm the next.

use jiff::tz::TimeZone;
use serde_json::{Map, Value};

use crate::error::{QueueError, Result};
use crate::job::{Job, JobId};
use crate::options::as_number;

use super::cron::Cron;
use super::{NewScheduler, Rhythm};

/// From this time on (September 2039) the score of a delayed job would lose its order.
const DUE_END_MS: u64 = 1 << 41;

/// A run that may be armed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Plan {
    /// The scheduler's id.
    pub(crate) scheduler: String,
    /// The interval, if the job has one; the store's own definition goes before it.
    pub(crate) every_ms: Option<u64>,
    /// The slot, where it is not an interval's.
    pub(crate) slot_ms: Option<u64>,
    /// The options of the run as a JSON object, without what depends on the slot.
    pub(crate) options: String,
    /// `opts.repeat` as a JSON object.
    pub(crate) repeat: String,
    /// The priority of the run; 0 is none.
    pub(crate) priority: u32,
    /// Whether the run goes to the front of the line.
    pub(crate) is_lifo: bool,
}

impl Plan {
    fn new(
        scheduler: &str,
        options: Map<String, Value>,
        mut repeat: Map<String, Value>,
        count: u64,
    ) -> Self {
        repeat.insert("count".to_owned(), count.into());
        let priority = options.get("priority").and_then(Value::as_u64).unwrap_or(0);
        Self {
            scheduler: scheduler.to_owned(),
            every_ms: repeat.get("every").and_then(as_number),
            slot_ms: None,
            priority: u32::try_from(priority).unwrap_or(u32::MAX),
            is_lifo: options.get("lifo") == Some(&Value::Bool(true)),
            options: Value::Object(options).to_string(),
            repeat: Value::Object(repeat).to_string(),
        }
    }

    /// Returns the id of the run in a slot.
    pub(crate) fn id_at(&self, slot_ms: u64) -> JobId {
        JobId::from_store(format!("repeat:{}:{slot_ms}", self.scheduler))
    }

    /// Returns the beginning of the options' JSON, to which further members are written.
    pub(crate) fn options_head(&self) -> String {
        let head = self.options.strip_suffix('}').unwrap_or("{").to_owned();
        if head == "{" { head } else { head + "," }
    }

    /// Returns the scheduler's id as it stands inside of a JSON string.
    pub(crate) fn id_in_json(&self) -> String {
        let quoted = Value::from(self.scheduler.as_str()).to_string();
        quoted[1..quoted.len() - 1].to_owned()
    }

    /// Returns the whole options of the run in a slot, as `iteration.lua` writes them.
    pub(crate) fn options_at(&self, slot_ms: u64, now_ms: u64) -> String {
        let (head, id) = (self.options_head(), self.id_in_json());
        let delay = slot_ms.saturating_sub(now_ms);
        let prev = self.slot_ms.map_or(String::new(), |slot| format!(r#""prevMillis":{slot},"#));
        format!(
            r#"{head}"jobId":"repeat:{id}:{slot_ms}","delay":{delay},"timestamp":{now_ms},"repeatJobKey":"{id}",{prev}"repeat":{}}}"#,
            self.repeat
        )
    }
}

/// Returns the first run of a scheduler; nothing when its limit is reached already, or when a
/// pattern has no time before the end.
///
/// # Errors
/// [`crate::QueueError::Invalid`] for a description that means nothing.
pub(crate) fn first(scheduler: &NewScheduler, now_ms: u64) -> Result<Option<Plan>> {
    scheduler.check(now_ms)?;
    let count = scheduler.count.saturating_add(1);
    if scheduler.limit.is_some_and(|limit| count > limit) {
        return Ok(None);
    }
    let (options, repeat) = (scheduler.wire_options(), scheduler.wire_repeat());
    let plan = Plan::new(&scheduler.id, options, repeat, count);
    let Rhythm::Cron { pattern, tz } = &scheduler.rhythm else { return Ok(Some(plan)) };
    let slot_ms = if scheduler.immediately {
        now_ms
    } else {
        let from_ms = now_ms.max(scheduler.start_ms.unwrap_or(0));
        next_time(pattern, tz.as_deref(), from_ms)
            .map_err(|why| QueueError::Invalid { what: "cron pattern", why })?
    };
    if scheduler.end_ms.is_some_and(|end| slot_ms > end) {
        return Ok(None);
    }
    Ok(Some(Plan { slot_ms: Some(slot_ms), ..plan }))
}

/// Returns the run that follows one that was just claimed; nothing when the series ends with it.
///
/// # Errors
/// A text that says why the job's `opts.repeat` cannot be followed.
pub(crate) fn following(job: &Job, now_ms: u64) -> Result<Option<Plan>, String> {
    let Some(scheduler) = scheduler_of(&job.id) else { return Ok(None) };
    let other = &job.options.other;
    if !other.contains_key("repeat") && !other.contains_key("repeatJobKey") {
        // A producer may have chosen an id of this form for a job of its own.
        return Ok(None);
    }
    let mut options = match job.options.to_wire(None) {
        Value::Object(members) => members,
        _ => Map::new(),
    };
    let prev_ms = options.get("prevMillis").and_then(as_number);
    for member in ["delay", "timestamp", "repeatJobKey", "prevMillis"] {
        options.remove(member);
    }
    let Some(Value::Object(repeat)) = options.remove("repeat") else {
        return Err("the run of a scheduler has no opts.repeat".to_owned());
    };
    let member = |name: &str| repeat.get(name).and_then(as_number);
    let count = member("count").unwrap_or(0).saturating_add(1);
    let is_over = member("limit").is_some_and(|limit| count > limit)
        || member("endDate").is_some_and(|end| now_ms > end);
    if is_over {
        return Ok(None);
    }
    let text = |name: &str| repeat.get(name).and_then(Value::as_str);
    let slot_ms = match text("pattern") {
        // The slot of an interval is the store's to find.
        _ if member("every").is_some_and(|every_ms| every_ms > 0) => None,
        Some(pattern) => Some(next_time(pattern, text("tz"), now_ms.max(prev_ms.unwrap_or(0)))?),
        None => return Err("opts.repeat has neither an interval nor a pattern".to_owned()),
    };
    if slot_ms.zip(member("endDate")).is_some_and(|(slot_ms, end)| slot_ms > end) {
        return Ok(None);
    }
    Ok(Some(Plan { slot_ms, ..Plan::new(scheduler, options, repeat, count) }))
}

/// Returns the first time of a cron pattern after an instant.
fn next_time(pattern: &str, tz: Option<&str>, after_ms: u64) -> Result<u64, String> {
    let zone = zone(tz)?;
    let cron = Cron::parse(pattern).map_err(|why| format!("{pattern:?}: {why}"))?;
    let next_ms = cron.next_after(after_ms, &zone).filter(|next_ms| *next_ms < DUE_END_MS);
    next_ms.ok_or_else(|| format!("{pattern:?} has no time before September 2039"))
}

/// Returns a time zone by its name, or this machine's.
///
/// # Errors
/// A text that names what is not known.
pub(super) fn zone(tz: Option<&str>) -> Result<TimeZone, String> {
    let Some(name) = tz else { return Ok(TimeZone::system()) };
    TimeZone::get(name).map_err(|_| format!("{name:?} is no time zone; write Area/City"))
}

/// Returns the scheduler whose run has this id, if it is one's.
pub(crate) fn scheduler_of(id: &JobId) -> Option<&str> {
    let (scheduler, slot) = id.as_str().strip_prefix("repeat:")?.rsplit_once(':')?;
    let is_slot = !slot.is_empty() && slot.bytes().all(|byte| byte.is_ascii_digit());
    (is_slot && !scheduler.is_empty()).then_some(scheduler)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::job::{NewJob, Payload};
    use crate::options::JobOptions;
    use crate::worker::tests::claimed;

    fn every_second() -> NewScheduler {
        let job = NewJob::new("tick", Payload::null()).with_options(JobOptions::bare());
        NewScheduler::every("s\"1", Duration::from_secs(1), job)
    }

    /// A run of the scheduler as a claim returns it.
    fn run(plan: &Plan, slot_ms: u64) -> Job {
        let mut job = claimed(plan.id_at(slot_ms).as_str()).job;
        let wire = serde_json::from_str(&plan.options_at(slot_ms, slot_ms)).unwrap();
        job.options = JobOptions::from_wire(wire).unwrap();
        job
    }

    #[test]
    fn each_run_counts_one_more_until_the_limit() {
        let plan = first(&every_second().with_limit(3), 500).unwrap().unwrap();
        assert_eq!(plan.repeat, r#"{"every":1000,"limit":3,"count":1}"#);

        let second = following(&run(&plan, 500), 600).unwrap().unwrap();
        assert!(second.repeat.contains(r#""count":2"#), "{}", second.repeat);
        let third = following(&run(&second, 1_500), 1_600).unwrap().unwrap();

        assert_eq!(following(&run(&third, 2_500), 2_600), Ok(None));
    }

    #[test]
    fn no_run_is_armed_after_the_end_date() {
        let plan = first(&every_second().ending_at(2_000), 500).unwrap().unwrap();
        assert!(following(&run(&plan, 500), 2_000).unwrap().is_some());
        assert_eq!(following(&run(&plan, 500), 2_001), Ok(None));
    }

    #[test]
    fn a_scheduler_whose_limit_is_used_up_has_no_run() {
        let used = NewScheduler { count: 3, ..every_second().with_limit(3) };
        assert_eq!(first(&used, 500).unwrap(), None);
    }

    #[test]
    fn the_options_of_a_run_are_json_whatever_the_id_is() {
        let plan = first(&every_second(), 500).unwrap().unwrap();
        let wire: Value = serde_json::from_str(&plan.options_at(900, 500)).unwrap();
        assert_eq!(wire["jobId"], "repeat:s\"1:900");
        assert_eq!(wire["repeatJobKey"], "s\"1");
        assert_eq!(wire["delay"], 400);
        assert_eq!(wire["repeat"]["count"], 1);
    }

    #[test]
    fn the_runs_of_a_pattern_stand_in_its_next_times() {
        let job = NewJob::new("tick", Payload::null()).with_options(JobOptions::bare());
        let daily = NewScheduler::cron("s", "0 0 3 * * *", Some("UTC"), job);
        let hour_ms = 3_600_000;
        let plan = first(&daily, hour_ms).unwrap().unwrap();
        assert_eq!(plan.slot_ms, Some(3 * hour_ms));

        // It starts too early, as a promoted one does: the same slot does not come again.
        let early = following(&run(&plan, 3 * hour_ms), 2 * hour_ms).unwrap().unwrap();
        assert_eq!(early.slot_ms, Some(27 * hour_ms));
        let late = following(&run(&plan, 3 * hour_ms), 80 * hour_ms).unwrap().unwrap();
        assert_eq!(late.slot_ms, Some(99 * hour_ms), "missed slots are skipped");

        let now = first(&daily.clone().immediately(), 500).unwrap().unwrap();
        assert_eq!(now.slot_ms, Some(500));
        let later = first(&daily.starting_at(4 * hour_ms), 500).unwrap().unwrap();
        assert_eq!(later.slot_ms, Some(27 * hour_ms));
    }

    #[test]
    fn only_ids_of_runs_name_a_scheduler() {
        let of = |id: &str| scheduler_of(&JobId::from_store(id)).map(str::to_owned);
        assert_eq!(of("repeat:s:17").as_deref(), Some("s"));
        assert_eq!(of("repeat:a:b:17").as_deref(), Some("a:b"));
        for id in ["17", "repeat:17", "repeat:s:x", "repeat::17", "mat_1"] {
            assert_eq!(of(id), None, "{id}");
        }
    }

    #[test]
    fn a_run_without_its_rhythm_is_told() {
        let mut job = claimed("repeat:s:17").job;
        job.options = JobOptions::bare();
        assert_eq!(following(&job, 20), Ok(None), "a job that only looks like one");
        job.options.other.insert("repeatJobKey".to_owned(), "s".into());
        assert!(following(&job, 20).is_err());
    }
}
