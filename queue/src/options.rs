//! What a producer may ask for a job, with BullMQ's meaning and spelling on the wire.

mod backoff;
mod deduplication;
mod public;
mod rate_limit;
mod retention;
mod telemetry;

use std::time::Duration;

use serde_json::{Map, Value};

use crate::error::QueueError;

pub use self::backoff::{BACKOFF_MAX, Backoff, BackoffKind};
pub use self::deduplication::Deduplication;
pub use self::rate_limit::RateLimit;
pub(crate) use self::rate_limit::check_window;
pub use self::retention::Retention;
pub use self::telemetry::Telemetry;

/// The options of one job.
#[derive(Debug, Clone, PartialEq)]
pub struct JobOptions {
    /// How often the job may be started until it fails for good; 0 and 1 both mean once.
    pub attempts: u32,
    /// The pause between attempts; none retries at once.
    pub backoff: Option<Backoff>,
    /// How long after it was added the job becomes due, in milliseconds.
    pub delay_ms: u64,
    /// 0 (none) to [`JobOptions::PRIORITY_MAX`]: jobs without one run first, then the lowest number.
    pub priority: u32,
    /// Whether a job without a priority comes to wait in front of the others, as the next to run.
    pub lifo: bool,
    /// Which other adds mean the same work.
    pub deduplication: Option<Deduplication>,
    /// How long the job is kept when it completed; `None` leaves it to the worker.
    pub remove_on_complete: Option<Retention>,
    /// How long the job is kept when it failed; `None` leaves it to the worker.
    pub remove_on_fail: Option<Retention>,
    /// The newest log rows kept.
    pub keep_logs: Option<u64>,
    /// The newest stack traces kept.
    pub stack_trace_limit: Option<u64>,
    /// The creation time, if not the time of the add (milliseconds since the epoch).
    pub timestamp_ms: Option<u64>,
    /// The most bytes of data that the producer means to add; an add over it is refused.
    pub size_limit: Option<u64>,
    /// How long one run may take, in milliseconds, if less than its worker allows (ours: other
    /// clients pass it on as `timeout`).
    pub timeout_ms: Option<u64>,
    /// How long after it became due the job may still be started for the first time, in
    /// milliseconds, if less than its worker allows (ours: other clients pass it on as
    /// `expiresAfter`).
    pub expires_after_ms: Option<u64>,
    /// The trace that the job belongs to.
    pub telemetry: Option<Telemetry>,
    /// Members that this engine does not interpret, kept untouched for other clients.
    pub other: Map<String, Value>,
}

/// The members of `opts` that say what the failure of a child means for its parent.
const POLICIES: [&str; 4] = ["fpof", "cpof", "idof", "rdof"];
/// Members that only stand among the others when they cannot be read.
const UNREADABLE: [(&str, &str); 3] =
    [("priority", "priority"), ("de", "deduplication"), ("debounce", "debounce")];

impl Default for JobOptions {
    /// The product's defaults: 3 attempts, exponential backoff from 1 s, completed jobs kept for
    /// an hour or 100 of them, failed jobs for a day.
    fn default() -> Self {
        Self {
            attempts: 3,
            backoff: Some(Backoff::exponential(Duration::from_secs(1))),
            delay_ms: 0,
            priority: 0,
            lifo: false,
            deduplication: None,
            remove_on_complete: Some(Retention { count: Some(100), ..Retention::seconds(3600) }),
            remove_on_fail: Some(Retention::seconds(86_400)),
            keep_logs: None,
            stack_trace_limit: None,
            timestamp_ms: None,
            size_limit: None,
            timeout_ms: None,
            expires_after_ms: None,
            telemetry: None,
            other: Map::new(),
        }
    }
}

impl JobOptions {
    /// The highest priority number, that of the job that runs last: 2,097,151.
    pub const PRIORITY_MAX: u32 = (1 << 21) - 1;

    /// BullMQ's own defaults: one attempt, no backoff, finished jobs kept for ever.
    #[must_use]
    pub fn bare() -> Self {
        Self {
            attempts: 0,
            backoff: None,
            remove_on_complete: None,
            remove_on_fail: None,
            ..Self::default()
        }
    }

    /// Returns the number of attempts, at least 1.
    #[must_use]
    pub fn attempts_max(&self) -> u32 {
        self.attempts.max(1)
    }

    /// Sets the delay before the job becomes due.
    #[must_use]
    pub fn delayed(self, delay: Duration) -> Self {
        Self { delay_ms: millis(delay), ..self }
    }

    /// Sets the priority.
    #[must_use]
    pub fn with_priority(self, priority: u32) -> Self {
        Self { priority, ..self }
    }

    /// Lets other adds that mean the same work stand for the same job.
    #[must_use]
    pub fn deduplicated(self, deduplication: Deduplication) -> Self {
        Self { deduplication: Some(deduplication), ..self }
    }

    /// Lets a run take at most this long.
    #[must_use]
    pub fn with_timeout(self, timeout: Duration) -> Self {
        Self { timeout_ms: Some(millis(timeout)), ..self }
    }

    /// Lets the job fail if it was not started this long after it became due.
    #[must_use]
    pub fn expiring_after(self, time: Duration) -> Self {
        Self { expires_after_ms: Some(millis(time)), ..self }
    }

    /// Says to which trace the job belongs.
    #[must_use]
    pub fn traced(self, telemetry: Telemetry) -> Self {
        Self { telemetry: Some(telemetry), ..self }
    }

    /// Checks that the options mean something, and are within what a store can keep.
    ///
    /// # Errors
    /// [`QueueError::Invalid`] naming the option and what would be accepted.
    pub fn check(&self) -> Result<(), QueueError> {
        check_priority(self.priority)?;
        self.backoff.as_ref().map_or(Ok(()), Backoff::check)?;
        self.deduplication.as_ref().map_or(Ok(()), Deduplication::check)?;
        let refuse = |what, why: String| Err(QueueError::Invalid { what, why });
        let policies =
            POLICIES.iter().filter(|policy| self.other.get(**policy) == Some(&true.into()));
        if policies.count() > 1 {
            let why = "a child has one of fail, continue, ignore and remove, not several";
            return refuse("failure policy", why.to_owned());
        }
        // What stands here could not be read as what it should be.
        match UNREADABLE.iter().find_map(|(name, what)| Some((what, self.other.get(*name)?))) {
            Some((what, value)) => refuse(what, format!("{value} cannot be one")),
            None => Ok(()),
        }
    }

    /// Tells on which side of the line the job comes to wait.
    pub(crate) fn is_front(&self) -> bool {
        self.lifo && self.priority == 0
    }

    /// Writes the options as BullMQ's `opts` object; `job_id` only when the producer chose it.
    #[must_use]
    pub fn to_wire(&self, job_id: Option<&str>) -> Value {
        let mut wire = self.other.clone();
        let mut put = |key: &str, value: Value| {
            wire.insert(key.to_owned(), value);
        };
        put("attempts", self.attempts.into());
        if let Some(backoff) = self.backoff {
            put("backoff", backoff.to_wire());
        }
        if self.delay_ms > 0 {
            put("delay", self.delay_ms.into());
        }
        if let Some(id) = job_id {
            put("jobId", id.into());
        }
        if self.priority > 0 {
            put("priority", self.priority.into());
        }
        if self.lifo {
            put("lifo", true.into());
        }
        if let Some(deduplication) = &self.deduplication {
            put("de", deduplication.to_wire());
        }
        if let Some(keep) = self.remove_on_complete {
            put("removeOnComplete", keep.to_wire());
        }
        if let Some(keep) = self.remove_on_fail {
            put("removeOnFail", keep.to_wire());
        }
        for (name, number) in self.numbers() {
            if let Some(number) = number {
                put(name, number.into());
            }
        }
        for (name, value) in self.telemetry.iter().flat_map(Telemetry::wire) {
            if let Some(value) = value {
                put(name, value);
            }
        }
        Value::Object(wire)
    }

    /// The numbers that stand in `opts` if they are given.
    fn numbers(&self) -> [(&'static str, Option<u64>); 6] {
        [
            ("kl", self.keep_logs),
            ("stackTraceLimit", self.stack_trace_limit),
            ("timestamp", self.timestamp_ms),
            ("sizeLimit", self.size_limit),
            ("timeout", self.timeout_ms),
            ("expiresAfter", self.expires_after_ms),
        ]
    }

    /// Reads BullMQ's `opts` object, with the tolerance of BullMQ: numbers may be strings, a bare
    /// number is a fixed backoff, unknown members are kept.
    ///
    /// # Errors
    /// A text that says which member cannot be read; a job with such options fails with it.
    pub fn from_wire(wire: Value) -> Result<Self, String> {
        let mut members = match wire {
            Value::Object(members) => members,
            Value::Array(_) => Map::new(),
            _ => return Err("opts is not an object".to_owned()),
        };
        let mut options = Self::bare();
        let number = |members: &mut Map<String, Value>, key: &str| {
            members.remove(key).as_ref().and_then(as_number)
        };
        options.attempts = number(&mut members, "attempts")
            .map_or(0, |attempts| u32::try_from(attempts).unwrap_or(u32::MAX));
        options.delay_ms = number(&mut members, "delay").unwrap_or(0);
        options.keep_logs = number(&mut members, "kl");
        options.stack_trace_limit = number(&mut members, "stackTraceLimit");
        options.timestamp_ms = number(&mut members, "timestamp");
        options.size_limit = number(&mut members, "sizeLimit");
        options.timeout_ms = number(&mut members, "timeout");
        options.expires_after_ms = number(&mut members, "expiresAfter");
        members.remove("jobId");
        let [metadata, omit] = Telemetry::MEMBERS.map(|name| members.get(name));
        options.telemetry = Telemetry::of_wire(metadata, omit);
        if options.telemetry.is_some() {
            members.retain(|name, _| !Telemetry::MEMBERS.contains(&name.as_str()));
        }
        let priority = members.get("priority").and_then(as_priority);
        options.priority = priority.unwrap_or(0);
        if priority.is_some() {
            members.remove("priority");
        }
        options.lifo = members.get("lifo") == Some(&Value::Bool(true));
        if options.lifo {
            members.remove("lifo");
        }
        options.deduplication = members.get("de").and_then(Deduplication::from_wire);
        if options.deduplication.is_some() {
            members.remove("de");
        }
        if let Some(backoff) = members.remove("backoff") {
            options.backoff = Backoff::from_wire(&backoff)?;
        }
        if let Some(keep) = members.remove("removeOnComplete") {
            options.remove_on_complete = Retention::from_wire(&keep);
        }
        if let Some(keep) = members.remove("removeOnFail") {
            options.remove_on_fail = Retention::from_wire(&keep);
        }
        options.other = members;
        Ok(options)
    }
}

/// Checks a priority number.
///
/// # Errors
/// [`QueueError::Invalid`] when it is above [`JobOptions::PRIORITY_MAX`].
pub(crate) fn check_priority(priority: u32) -> Result<(), QueueError> {
    if priority <= JobOptions::PRIORITY_MAX {
        return Ok(());
    }
    let why = format!("{priority} is not 0 to {}", JobOptions::PRIORITY_MAX);
    Err(QueueError::Invalid { what: "priority", why })
}

/// Checks how many jobs may run at a time.
///
/// # Errors
/// [`QueueError::Invalid`] for 0.
pub(crate) fn check_concurrency(concurrency: Option<u64>) -> Result<(), QueueError> {
    if concurrency == Some(0) {
        let why = "0 would stop the queue; pause it instead".to_owned();
        return Err(QueueError::Invalid { what: "concurrency", why });
    }
    Ok(())
}

/// Reads a priority; another value is left to whoever wrote it.
fn as_priority(value: &Value) -> Option<u32> {
    let priority = u32::try_from(value.as_u64()?).ok()?;
    check_priority(priority).is_ok().then_some(priority)
}

/// Reads a number as any client may have written it.
pub(crate) fn as_number(value: &Value) -> Option<u64> {
    match value {
        Value::Number(number) => number.as_u64().or_else(|| {
            let float = number.as_f64()?;
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked")]
            (0.0..9e15).contains(&float).then_some(float as u64)
        }),
        Value::String(text) => text.parse().ok(),
        _ => None,
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_survive_the_wire() {
        let options = JobOptions {
            delay_ms: 5,
            keep_logs: Some(3),
            priority: 7,
            lifo: true,
            deduplication: Some(Deduplication::simple("once")),
            size_limit: Some(10),
            timeout_ms: Some(11),
            expires_after_ms: Some(12),
            telemetry: Some(Telemetry { omit_context: true, ..Telemetry::context("00-abc") }),
            ..JobOptions::default()
        };
        let back = JobOptions::from_wire(options.to_wire(Some("mat_1"))).unwrap();
        assert_eq!(back, options);
    }

    #[test]
    fn members_of_other_clients_are_kept() {
        let wire = serde_json::json!({ "attempts": "2", "theirs": [1], "backoff": 500 });
        let options = JobOptions::from_wire(wire).unwrap();
        assert_eq!(options.attempts, 2);
        assert_eq!(options.backoff, Some(Backoff::fixed(Duration::from_millis(500))));
        assert_eq!(options.to_wire(None)["theirs"], serde_json::json!([1]));
    }

    #[test]
    fn a_priority_that_no_store_can_keep_is_refused() {
        let check = |priority| JobOptions::bare().with_priority(priority).check();
        assert!(check(JobOptions::PRIORITY_MAX).is_ok());
        let error = check(JobOptions::PRIORITY_MAX + 1).unwrap_err().to_string();
        assert!(error.contains("priority") && error.contains("2097152"), "{error}");
        for other in ["-1", "1.5", "2097152", "\"7\""] {
            let wire = serde_json::from_str(&format!(r#"{{"priority":{other}}}"#)).unwrap();
            let options = JobOptions::from_wire(wire).unwrap();
            assert_eq!(options.priority, 0, "{other}");
            assert!(options.other.contains_key("priority"), "{other}");
        }
    }

    #[test]
    fn options_that_mean_nothing_are_refused_by_name() {
        let check = |wire: Value, what: &str| {
            let error = JobOptions::from_wire(wire).unwrap().check().unwrap_err().to_string();
            assert!(error.contains(what), "{error}");
        };
        check(serde_json::json!({ "fpof": true, "rdof": true }), "policy");
        check(serde_json::json!({ "priority": 1.5 }), "priority");
        check(serde_json::json!({ "priority": -1 }), "priority");
        check(
            serde_json::json!({ "backoff": { "type": "fixed", "delay": 1, "jitter": 2 } }),
            "jitter",
        );
        check(serde_json::json!({ "de": { "ttl": 5 } }), "deduplication");
    }

    #[test]
    fn an_unknown_backoff_is_named_in_the_error() {
        let wire = serde_json::json!({ "backoff": { "type": "lunar" } });
        assert!(JobOptions::from_wire(wire).unwrap_err().contains("lunar"));
    }
}
