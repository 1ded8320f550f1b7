//! BullMQ's spelling of options, read into ours.
//!
//! Never carries anything out.

use std::time::Duration;

use oxherd_queue::worker::WorkerOptions;
use oxherd_queue::{JobId, JobOptions, NewJob, Payload, RateLimit};
use serde_json::{Map, Value};

/// The options that are stored under other names than a producer writes them.
const STORED: [(&str, &str); 6] = [
    ("deduplication", "de"),
    ("keepLogs", "kl"),
    ("failParentOnFailure", "fpof"),
    ("continueParentOnFailure", "cpof"),
    ("ignoreDependencyOnFailure", "idof"),
    ("removeDependencyOnFailure", "rdof"),
];

/// Reads a job: its name, data and options as `Queue.add` takes them.
pub(super) fn job(name: &Value, data: &Value, options: &Value) -> Result<NewJob, String> {
    let mut wire = Map::new();
    for (option, value) in options.as_object().cloned().unwrap_or_default() {
        if option == "telemetry" {
            wire.insert("tm".to_owned(), value["metadata"].clone());
            wire.insert("omc".to_owned(), value["omitContext"].clone());
            continue;
        }
        let stored = STORED.iter().find(|(written, _)| *written == option);
        wire.insert(stored.map_or(option, |(_, stored)| (*stored).to_owned()), value);
    }
    let id = wire.remove("jobId").map(|id| JobId::custom(id.as_str().unwrap_or_default()));
    wire.retain(|_, value| !value.is_null());
    let options = JobOptions::from_wire(Value::Object(wire))?;
    let data = Payload::encode(data).map_err(|error| error.to_string())?;
    let job = NewJob::new(name.as_str().unwrap_or_default(), data).with_options(options);
    match id {
        Some(id) => Ok(job.with_id(id.map_err(|error| error.to_string())?)),
        None => Ok(job),
    }
}

/// Reads the options of a worker.
pub(crate) fn worker(options: &Value) -> WorkerOptions {
    let ms = |option: &str| Duration::from_millis(options[option].as_u64().unwrap_or(1000));
    let count_of = |value: &Value| value.as_u64().and_then(|count| u32::try_from(count).ok());
    let count = |option: &str| count_of(&options[option]);
    let keep = |option: &str| {
        let wire = serde_json::json!({ option: options[option] });
        let read = JobOptions::from_wire(wire).unwrap_or_else(|_| JobOptions::bare());
        read.remove_on_complete.or(read.remove_on_fail)
    };
    let lock = ms("lockDuration");
    WorkerOptions {
        concurrency: options["concurrency"].as_u64().and_then(|n| n.try_into().ok()).unwrap_or(1),
        lock,
        renew_every: lock / 2,
        stalled_every: ms("stalledInterval"),
        stalled_every_idle: ms("stalledInterval"),
        stalled_max: count("maxStalledCount").unwrap_or(1),
        remove_on_complete: keep("removeOnComplete"),
        remove_on_fail: keep("removeOnFail"),
        rate: options["limiter"]["max"].as_u64().map(|max| {
            let window = options["limiter"]["duration"].as_u64().unwrap_or(1000);
            RateLimit::new(max, Duration::from_millis(window))
        }),
        metrics: count_of(&options["metrics"]["maxDataPoints"]),
        name: options["name"].as_str().map(str::to_owned),
        grace: Duration::from_secs(10),
        ..WorkerOptions::default()
    }
}
