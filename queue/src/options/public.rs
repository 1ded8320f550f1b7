//! Job options in the words of BullMQ's API, as Node programs and dashboards write them.
//!
//! On the wire some members have shorter names. Never reads or writes a store.

use serde_json::{Map, Value};

use super::{JobOptions, Telemetry};

/// The members that have another name on the wire: there, and in the API.
const WORDS: [(&str, &str); 6] = [
    ("de", "deduplication"),
    ("fpof", "failParentOnFailure"),
    ("cpof", "continueParentOnFailure"),
    ("idof", "ignoreDependencyOnFailure"),
    ("rdof", "removeDependencyOnFailure"),
    ("kl", "keepLogs"),
];
/// The members of `telemetry`, in the order of [`Telemetry::MEMBERS`].
const TELEMETRY: [&str; 2] = ["metadata", "omitContext"];

impl JobOptions {
    /// Writes the options as BullMQ's `job.opts` shows them: the scheduler of a run stands elsewhere.
    #[must_use]
    pub fn to_public(&self) -> Value {
        let Value::Object(mut members) = self.to_wire(None) else { return Value::Null };
        members.remove("repeatJobKey");
        for (wire, public) in WORDS {
            if let Some(value) = members.remove(wire) {
                members.insert(public.to_owned(), value);
            }
        }
        let mut telemetry = Map::new();
        for (wire, public) in Telemetry::MEMBERS.into_iter().zip(TELEMETRY) {
            if let Some(value) = members.remove(wire) {
                telemetry.insert(public.to_owned(), value);
            }
        }
        if !telemetry.is_empty() {
            members.insert("telemetry".to_owned(), Value::Object(telemetry));
        }
        Value::Object(members)
    }

    /// Reads what BullMQ's `queue.add` takes as options, but for `jobId`, `parent` and `repeat`,
    /// which are not options of a job alone.
    ///
    /// # Errors
    /// A text that says which member cannot be read.
    pub fn from_public(mut members: Map<String, Value>) -> Result<Self, String> {
        for member in ["jobId", "parent", "repeat"] {
            members.remove(member);
        }
        for (wire, public) in WORDS {
            if let Some(value) = members.remove(public) {
                members.insert(wire.to_owned(), value);
            }
        }
        if let Some(telemetry) = members.remove("telemetry") {
            for (wire, public) in Telemetry::MEMBERS.into_iter().zip(TELEMETRY) {
                if let Some(value) = telemetry.get(public) {
                    members.insert(wire.to_owned(), value.clone());
                }
            }
        }
        Self::from_wire(Value::Object(members))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::options::Deduplication;

    #[test]
    fn options_are_read_and_written_in_the_words_of_the_api() {
        let options = JobOptions {
            keep_logs: Some(3),
            deduplication: Some(Deduplication::simple("once")),
            telemetry: Some(Telemetry { omit_context: true, ..Telemetry::context("00-abc") }),
            ..JobOptions::default()
        };

        let public = options.to_public();

        assert_eq!(public["keepLogs"], 3);
        assert_eq!(public["deduplication"], serde_json::json!({ "id": "once" }));
        let telemetry = serde_json::json!({ "metadata": "00-abc", "omitContext": true });
        assert_eq!(public["telemetry"], telemetry);
        let Value::Object(members) = public else { panic!("no object") };
        assert_eq!(JobOptions::from_public(members), Ok(options));
    }

    #[test]
    fn what_is_no_option_of_a_job_alone_is_left_out() {
        let members = serde_json::json!({ "jobId": "a", "parent": {}, "repeat": {}, "lifo": true });
        let Value::Object(members) = members else { panic!("no object") };

        let options = JobOptions::from_public(members).unwrap();

        assert_eq!(options, JobOptions { lifo: true, ..JobOptions::bare() });
    }
}
