//! Replies of Redis as values of the engine.
//!
//! Reads leniently what any client may have written: numbers as text with fractions, JSON that is
//! none. Never talks to Redis.

use std::borrow::Cow;
use std::collections::HashMap;

use redis::Value;

use crate::error::{QueueError, Result};
use crate::event::{Event, EventKind, Position};
use crate::job::{Job, JobId, JobState, PAYLOAD_MAX, Payload};
use crate::options::JobOptions;
use crate::outcome::Failure;

/// Returns the elements of an array reply.
pub(super) fn list(value: Value) -> Result<Vec<Value>> {
    match value {
        Value::Array(items) => Ok(items),
        Value::Nil => Ok(Vec::new()),
        other => Err(unexpected("a list", &other)),
    }
}

/// Returns the elements of an array reply that has exactly `N`.
pub(super) fn tuple<const N: usize>(value: Value) -> Result<[Value; N]> {
    <[Value; N]>::try_from(list(value)?)
        .map_err(|items| QueueError::Corrupt(format!("{} values where {N} belong", items.len())))
}

/// Returns the replies of a pipeline of `N` commands.
pub(super) fn replies<const N: usize>(values: Vec<Value>) -> Result<[Value; N]> {
    tuple(Value::Array(values))
}

/// Returns a list of job ids.
pub(super) fn ids(value: Value) -> Result<Vec<JobId>> {
    list(value)?
        .into_iter()
        .map(|id| Ok(JobId::from_store(text(id)?.unwrap_or_default())))
        .collect()
}

/// Returns a text reply, `None` for nil; bytes that are no text are replaced.
pub(super) fn text(value: Value) -> Result<Option<String>> {
    match value {
        Value::Nil => Ok(None),
        Value::BulkString(bytes) => Ok(Some(into_text(bytes))),
        Value::SimpleString(text) => Ok(Some(text)),
        Value::Okay => Ok(Some("OK".to_owned())),
        Value::Int(number) => Ok(Some(number.to_string())),
        other => Err(unexpected("text", &other)),
    }
}

/// Returns a whole number, given as such or as text; `None` for nil.
pub(super) fn number(value: Value) -> Result<Option<u64>> {
    match value {
        Value::Int(number) => Ok(Some(u64::try_from(number).unwrap_or(0))),
        other => Ok(text(other)?.as_deref().and_then(lenient_number)),
    }
}

/// Returns the position that an XADD answered.
pub(super) fn position(value: Value) -> Result<Position> {
    let text = text(value)?.unwrap_or_default();
    text.parse().map_err(|_| QueueError::Corrupt(format!("{text:?} where a stream id belongs")))
}

/// Returns a TIME reply in milliseconds.
pub(super) fn time_ms(value: &Value) -> Option<u64> {
    let Value::Array(parts) = value else { return None };
    let [seconds, micros] = parts.as_slice() else { return None };
    let part = |value: &Value| number(value.clone()).ok().flatten();
    Some(part(seconds)? * 1000 + part(micros)? / 1000)
}

/// Reads a number as any client may have written it: with a fraction, or as a float.
pub(super) fn lenient_number(text: &str) -> Option<u64> {
    text.parse().ok().or_else(|| {
        let float: f64 = text.parse().ok()?;
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked")]
        (0.0..9e15).contains(&float).then_some(float as u64)
    })
}

fn into_text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes)
        .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
}

fn unexpected(wanted: &str, found: &Value) -> QueueError {
    let found = match found {
        Value::Nil => "nil",
        Value::Int(_) => "a number",
        Value::BulkString(_) | Value::SimpleString(_) => "text",
        Value::Array(_) => "a list",
        _ => "something else",
    };
    QueueError::Corrupt(format!("Redis answered {found} where {wanted} belongs"))
}

/// Reads the flat list of an HGETALL as texts by their names.
pub(super) fn text_pairs(value: Value) -> Result<HashMap<String, String>> {
    let mut pairs = HashMap::new();
    let mut items = list(value)?.into_iter();
    while let (Some(name), Some(content)) = (items.next(), items.next()) {
        if let (Some(name), Some(content)) = (text(name)?, text(content)?) {
            pairs.insert(name, content);
        }
    }
    Ok(pairs)
}

/// The fields of a job hash, as stored.
#[derive(Debug, Default)]
pub(super) struct Fields {
    /// A dozen at most, which are found faster in a row than by their hashes.
    fields: Vec<(Cow<'static, str>, String)>,
    /// The size of data that was too large to send.
    oversized: Option<u64>,
}

/// A job read from its hash, and what was wrong with it.
pub(super) struct ReadJob {
    pub(super) job: Job,
    /// Why it cannot be run, as a `failedReason`.
    pub(super) unreadable: Option<String>,
    /// Fields that no client can decode, each with a replacement (empty: none).
    pub(super) repairs: Vec<(&'static str, String)>,
}

impl Fields {
    /// Reads the flat list of an HGETALL.
    pub(super) fn from_pairs(value: Value) -> Result<Self> {
        let mut fields = Vec::new();
        let mut items = list(value)?.into_iter();
        while let (Some(name), Some(content)) = (items.next(), items.next()) {
            if let (Some(name), Some(content)) = (text(name)?, text(content)?) {
                fields.push((Cow::Owned(name), content));
            }
        }
        Ok(Self { fields, oversized: None })
    }

    /// Adds the values of an HMGET of these names; nil for the whole list adds none.
    pub(super) fn with(mut self, names: &[&'static str], value: Value) -> Result<Self> {
        let mut items = list(value)?.into_iter();
        for (name, item) in names.iter().zip(items.by_ref()) {
            if let Some(content) = text(item)? {
                self.fields.push((Cow::Borrowed(*name), content));
            }
        }
        self.oversized = match items.next() {
            Some(size) => number(size)?,
            None => self.oversized,
        };
        Ok(self)
    }

    fn take(&mut self, name: &str) -> Option<String> {
        let place = self.fields.iter().position(|(known, _)| known == name)?;
        Some(self.fields.swap_remove(place).1)
    }

    fn take_number(&mut self, name: &str) -> Option<u64> {
        self.take(name).as_deref().and_then(lenient_number)
    }

    fn take_count(&mut self, name: &str) -> u32 {
        self.take_number(name).map_or(0, |count| u32::try_from(count).unwrap_or(u32::MAX))
    }

    /// Makes a job of the fields.
    pub(super) fn into_job(self, id: JobId) -> ReadJob {
        self.into_job_like(id, &mut LastOptions::default())
    }

    /// Makes a job of the fields, one of many: options like those of the one before are read once.
    pub(super) fn into_job_like(mut self, id: JobId, last: &mut LastOptions) -> ReadJob {
        let mut reading = Reading::default();
        let data = match self.oversized {
            Some(size) => {
                reading.unreadable = Some(
                    Failure::new(
                        Failure::DATA_TOO_LARGE,
                        format!("the data has {size} bytes, at most {PAYLOAD_MAX} are run"),
                    )
                    .to_string(),
                );
                Payload::null()
            }
            None => reading.json("data", self.take("data").unwrap_or_default(), "{}"),
        };
        let options = reading.options_like(self.take("opts").unwrap_or_default(), last);
        let progress = self.take("progress").map(|text| {
            // Nobody needs the old progress to run the job.
            let told = reading.unreadable.take();
            let progress = reading.json("progress", text, "null");
            reading.unreadable = told;
            progress
        });
        if let Some(text) = self.take("parent") {
            reading.parent(&text);
        }
        let result = self
            .take("returnvalue")
            .map(|text| Payload::parse(text.as_str()).unwrap_or_else(|_| json_string(&text)));
        let attempts_made = self.take_number("attemptsMade");
        let job = Job {
            id,
            name: self.take("name").unwrap_or_default(),
            data,
            options,
            timestamp_ms: self.take_number("timestamp").unwrap_or(0),
            delay_ms: self.take_number("delay").unwrap_or(0),
            priority: self.take_count("priority"),
            attempts_started: self.take_count("ats"),
            attempts_made: attempts_made.map_or_else(
                || self.take_count("atm"),
                |made| u32::try_from(made).unwrap_or(u32::MAX),
            ),
            stalled_count: self.take_count("stc"),
            processed_on_ms: self.take_number("processedOn"),
            processed_by: self.take("pb"),
            finished_on_ms: self.take_number("finishedOn"),
            progress,
            result,
            failed_reason: self.take("failedReason"),
            stack_trace: self
                .take("stacktrace")
                .and_then(|text| serde_json::from_str(&text).ok())
                .unwrap_or_default(),
            deferred_failure: self.take("defa"),
        };
        ReadJob { job, unreadable: reading.unreadable, repairs: reading.repairs }
    }
}

/// The options that were read last, with their text.
#[derive(Default)]
pub(super) struct LastOptions(Option<(String, JobOptions)>);

/// What is found while the JSON of a job is read.
#[derive(Default)]
struct Reading {
    unreadable: Option<String>,
    repairs: Vec<(&'static str, String)>,
}

impl Reading {
    /// Reads JSON; other text becomes a JSON string, is told and marked for repair.
    fn json(&mut self, field: &'static str, text: String, absent: &'static str) -> Payload {
        if text.is_empty() {
            return Payload::from_store(absent);
        }
        match Payload::parse(text.as_str()) {
            Ok(payload) => payload,
            Err(error) => {
                let payload = json_string(&text);
                let why = match error {
                    QueueError::Invalid { why, .. } => why,
                    other => other.to_string(),
                };
                self.tell(format!("{field} is not JSON: {why}"));
                self.repairs.push((field, payload.as_str().to_owned()));
                payload
            }
        }
    }

    /// Checks the link to the parent; what is no JSON is told and marked for removal, so that at least
    /// the end of the job reaches its parent.
    fn parent(&mut self, text: &str) {
        if !text.is_empty()
            && let Err(error) = serde_json::from_str::<serde::de::IgnoredAny>(text)
        {
            self.tell(format!("parent is not JSON: {error}"));
            self.repairs.push(("parent", String::new()));
        }
    }

    fn options_like(&mut self, text: String, last: &mut LastOptions) -> JobOptions {
        if let Some((read, options)) = &last.0
            && *read == text
        {
            return options.clone();
        }
        let options = self.options(&text);
        // What was wrong is to be told of every job.
        if self.unreadable.is_none() {
            last.0 = Some((text, options.clone()));
        }
        options
    }

    fn options(&mut self, text: &str) -> JobOptions {
        if text.is_empty() {
            return JobOptions::bare();
        }
        let wire = match serde_json::from_str::<serde_json::Value>(text) {
            Ok(wire) if wire.is_object() || wire.is_array() => wire,
            Ok(_) => return self.no_options("opts is not an object".to_owned()),
            Err(error) => return self.no_options(format!("opts is not JSON: {error}")),
        };
        JobOptions::from_wire(wire).unwrap_or_else(|why| {
            self.tell(why);
            JobOptions::bare()
        })
    }

    fn no_options(&mut self, why: String) -> JobOptions {
        self.tell(why);
        self.repairs.push(("opts", "{}".to_owned()));
        JobOptions::bare()
    }

    fn tell(&mut self, why: String) {
        self.unreadable.get_or_insert_with(|| Failure::new(UNREADABLE, why).to_string());
    }
}

/// The code of a job whose hash cannot be read.
const UNREADABLE: &str = "JOB_UNREADABLE";

fn json_string(text: &str) -> Payload {
    Payload::encode(text).unwrap_or_else(|_| Payload::null())
}

/// Reads the entries of a stream.
pub(super) fn events(entries: Value) -> Result<Vec<Event>> {
    list(entries)?.into_iter().map(event).collect()
}

fn event(entry: Value) -> Result<Event> {
    let [id, fields] = tuple(entry)?;
    let position = position(id)?;
    let mut fields = Fields::from_pairs(fields)?;
    let mut take = |name: &str| fields.take(name);
    let name = take("event").unwrap_or_default();
    let id = take("jobId").map(JobId::from_store);
    let kind = match (name.as_str(), id) {
        ("added", Some(id)) => EventKind::Added { id, name: take("name").unwrap_or_default() },
        ("waiting", Some(id)) => EventKind::Waiting { id, prev: state(take("prev")) },
        ("delayed", Some(id)) => {
            let due_ms = take("delay").as_deref().and_then(lenient_number).unwrap_or(0);
            EventKind::Delayed { id, due_ms }
        }
        ("active", Some(id)) => EventKind::Active { id },
        ("progress", Some(id)) => EventKind::Progress { id, data: payload(take("data")) },
        ("completed", Some(id)) => {
            EventKind::Completed { id, result: payload(take("returnvalue")) }
        }
        ("failed", Some(id)) => {
            EventKind::Failed { id, reason: take("failedReason").unwrap_or_default() }
        }
        ("retries-exhausted", Some(id)) => {
            let made = take("attemptsMade").as_deref().and_then(lenient_number).unwrap_or(0);
            let attempts_made = u32::try_from(made).unwrap_or(u32::MAX);
            EventKind::RetriesExhausted { id, attempts_made }
        }
        ("stalled", Some(id)) => EventKind::Stalled { id },
        ("duplicated", Some(id)) => EventKind::Duplicated { id },
        ("deduplicated", Some(id)) => EventKind::Deduplicated {
            id,
            deduplication_id: take("deduplicationId").unwrap_or_default(),
            dropped: JobId::from_store(take("deduplicatedJobId").unwrap_or_default()),
        },
        ("removed", Some(id)) => EventKind::Removed { id, prev: state(take("prev")) },
        ("cancel-requested", Some(id)) => EventKind::CancelRequested { id },
        ("cleaned", None) => EventKind::Cleaned {
            count: take("count").as_deref().and_then(lenient_number).unwrap_or(0),
        },
        ("drained", None) => EventKind::Drained,
        ("paused", None) => EventKind::Paused,
        ("resumed", None) => EventKind::Resumed,
        (_, id) => EventKind::Other { name, id },
    };
    Ok(Event { position, kind })
}

fn state(word: Option<String>) -> Option<JobState> {
    word?.parse().ok()
}

/// Reads JSON that another client may have written; other text becomes a JSON string.
pub(super) fn payload(text: Option<String>) -> Payload {
    text.map_or_else(Payload::null, |text| {
        Payload::parse(text.as_str()).unwrap_or_else(|_| json_string(&text))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(pairs: &[(&'static str, &str)]) -> ReadJob {
        let mut fields = Fields::default();
        for (name, content) in pairs {
            fields.fields.push((Cow::Borrowed(name), (*content).to_owned()));
        }
        fields.into_job(JobId::from_store("7"))
    }

    #[test]
    fn numbers_are_read_as_any_client_writes_them() {
        for (text, number) in [("5", Some(5)), ("1.5", Some(1)), ("1e3", Some(1000))] {
            assert_eq!(lenient_number(text), number);
        }
        for text in ["", "x", "-1", "NaN", "1e300"] {
            assert_eq!(lenient_number(text), None, "{text}");
        }
    }

    #[test]
    fn a_plain_hash_becomes_a_job() {
        let read = read(&[
            ("name", "send"),
            ("data", r#"{"to":"x"}"#),
            ("opts", r#"{"attempts":2}"#),
            ("timestamp", "1795500000000"),
            ("delay", "0"),
            ("priority", "7"),
            ("stacktrace", r#"["one"]"#),
        ]);
        assert_eq!(read.unreadable, None);
        assert_eq!(read.job.priority, 7);
        assert_eq!(read.job.options.attempts, 2);
        assert_eq!(read.job.stack_trace, ["one"]);
        assert_eq!(read.job.timestamp_ms, 1_795_500_000_000);
    }

    #[test]
    fn data_that_is_not_json_is_told_and_replaced_by_its_text() {
        let read = read(&[("name", "x"), ("data", "not json"), ("opts", "null")]);
        assert!(read.unreadable.unwrap().starts_with("JOB_UNREADABLE: data is not JSON"));
        assert_eq!(read.job.data.as_str(), r#""not json""#);
        let fields: Vec<_> = read.repairs.iter().map(|(field, _)| *field).collect();
        assert_eq!(fields, ["data", "opts"]);
    }

    #[test]
    fn broken_progress_does_not_stop_a_job() {
        let read = read(&[("data", "{}"), ("progress", "half")]);
        assert_eq!(read.unreadable, None);
        assert_eq!(read.repairs, [("progress", r#""half""#.to_owned())]);
    }

    #[test]
    fn an_unknown_backoff_fails_the_job_with_its_name() {
        let read = read(&[("data", "{}"), ("opts", r#"{"backoff":{"type":"lunar"}}"#)]);
        assert!(read.unreadable.unwrap().contains("lunar"));
        assert_eq!(read.repairs, []);
    }

    #[test]
    fn events_of_other_clients_are_kept_by_name() {
        let entry = |fields: &[&str]| {
            let bulk = |text: &&str| Value::BulkString(text.as_bytes().to_vec());
            Value::Array(vec![bulk(&"5-1"), Value::Array(fields.iter().map(bulk).collect())])
        };
        let read = |fields: &[&str]| events(Value::Array(vec![entry(fields)])).unwrap().remove(0);
        let waiting = read(&["event", "waiting", "jobId", "7", "prev", "active"]);
        let id = JobId::from_store("7");
        assert_eq!(waiting.position, Position { ms: 5, seq: 1 });
        assert_eq!(
            waiting.kind,
            EventKind::Waiting { id: id.clone(), prev: Some(JobState::Active) }
        );
        let other = read(&["event", "debounced", "jobId", "7"]);
        assert_eq!(other.kind, EventKind::Other { name: "debounced".to_owned(), id: Some(id) });
        let nameless = read(&["x", "y"]);
        assert_eq!(nameless.kind, EventKind::Other { name: String::new(), id: None });
    }
}
