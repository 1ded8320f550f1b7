//! Makes up jobs and what their producers ask for them.

use rand::RngExt as _;
use rand::seq::IndexedRandom as _;
use serde_json::{Map, Value, json};

use super::super::PLAIN;
use super::super::step::{HOUR_MS, Operation};
use super::Chooser;

/// The ids that producers choose; few, so that they meet.
const NAMES: [&str; 6] = ["a", "b", "c", "d", "e", "f"];
/// What adds that mean the same have in common.
pub(crate) const DEDUPLICATIONS: [&str; 3] = ["x", "y", "z"];

impl Chooser {
    pub(super) fn add(&mut self) -> Operation {
        let queue = self.queue();
        let job = self.job(&queue);
        let args = json!([job["name"], job["data"], job["opts"]]);
        Operation::Call { queue, method: "add", args }
    }

    pub(super) fn add_bulk(&mut self) -> Operation {
        let queue = self.queue();
        let number = self.dice.random_range(1..5);
        let jobs: Vec<Value> = (0..number).map(|_| self.job(&queue)).collect();
        Operation::Call { queue, method: "addBulk", args: json!([jobs]) }
    }

    /// A job for a queue.
    pub(super) fn job(&mut self, queue: &str) -> Value {
        let data = json!({ "n": self.dice.random_range(0..1000) });
        json!({ "name": "work", "data": data, "opts": self.options(queue) })
    }

    fn options(&mut self, queue: &str) -> Value {
        let mut options = Map::new();
        let mut put = |name: &str, value: Value| {
            options.insert(name.to_owned(), value);
        };
        if self.chance(20) {
            put("jobId", (*NAMES.choose(&mut self.dice).unwrap()).into());
        }
        if self.chance(25) {
            put("delay", self.delay().into());
        }
        if queue != PLAIN && self.chance(25) {
            put("priority", self.dice.random_range(1..4).into());
        }
        if self.chance(10) {
            put("lifo", true.into());
        }
        if self.chance(40) {
            put("attempts", self.dice.random_range(1..4).into());
        }
        if self.chance(30) {
            put("backoff", self.backoff());
        }
        if self.chance(50) {
            put("removeOnComplete", self.retention());
        }
        if self.chance(50) {
            put("removeOnFail", self.retention());
        }
        if self.chance(10) {
            put("stackTraceLimit", self.dice.random_range(0..3).into());
        }
        if self.chance(10) {
            put("timestamp", (self.now - self.dice.random_range(0..5000_u64)).into());
        }
        if self.chance(10) {
            put("keepLogs", self.dice.random_range(1..4).into());
        }
        if self.chance(5) {
            put("sizeLimit", self.dice.random_range(7..12).into());
        }
        if self.chance(5) {
            // `omitContext: false` means the same as none, which our options do not keep apart.
            put(
                "telemetry",
                match self.chance(50) {
                    true => json!({ "metadata": "00-trace-span-01", "omitContext": true }),
                    false => json!({ "metadata": "00-trace-span-01" }),
                },
            );
        }
        if self.chance(20) {
            put("deduplication", self.deduplication());
        }
        if options.get("deduplication").is_some_and(|rule| rule["keepLastIfActive"] == true) {
            // An id that another job takes meanwhile: the package overwrites that job.
            options.remove("jobId");
            // The time that was given is not the time of the job that is made at last.
            options.remove("timestamp");
        }
        Value::Object(options)
    }

    fn deduplication(&mut self) -> Value {
        let mut rule = json!({ "id": DEDUPLICATIONS.choose(&mut self.dice).unwrap() });
        if self.chance(50) {
            rule["ttl"] = (HOUR_MS * self.dice.random_range(1..4)).into();
        }
        for way in ["extend", "replace", "keepLastIfActive", "reschedule"] {
            if self.chance(30) {
                rule[way] = true.into();
            }
        }
        rule
    }

    pub(super) fn delay(&mut self) -> u64 {
        match self.dice.random_range(0..3) {
            0 => self.dice.random_range(1..20),
            1 => self.dice.random_range(1..1000),
            _ => HOUR_MS * self.dice.random_range(1..4),
        }
    }

    fn backoff(&mut self) -> Value {
        let delay = self.delay();
        match self.dice.random_range(0..3) {
            0 => delay.into(),
            1 => json!({ "type": "fixed", "delay": delay }),
            _ => json!({ "type": "exponential", "delay": delay }),
        }
    }

    pub(super) fn retention(&mut self) -> Value {
        // 0 is another word for true, which our options do not keep apart.
        let count = self.dice.random_range(1..8);
        match self.dice.random_range(0..6) {
            0 => true.into(),
            1 => false.into(),
            2 => count.into(),
            3 => json!({ "age": self.dice.random_range(0..4) * 3600 }),
            4 => json!({ "age": self.dice.random_range(0..4) * 3600, "limit": count }),
            _ => json!({ "age": self.dice.random_range(1..4) * 3600, "count": count }),
        }
    }

    /// What a worker keeps; its option has one form only.
    pub(super) fn worker_retention(&mut self) -> Value {
        match self.retention() {
            Value::Bool(true) => json!({ "count": 0 }),
            Value::Number(count) => json!({ "count": count }),
            Value::Object(members) => Value::Object(members),
            _ => Value::Null,
        }
    }
}
