//! The trace that a job belongs to.
//!
//! Never starts a span: what a producer wrote is passed on to whoever runs the job.

use serde_json::Value;

/// What a producer says of its trace, verbatim for the worker (BullMQ `telemetry`).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Telemetry {
    /// The propagation context, e.g. a W3C `traceparent` in JSON.
    pub metadata: Option<String>,
    /// Whether the run is to be a trace of its own.
    pub omit_context: bool,
}

impl Telemetry {
    /// The members of `opts` that say it.
    pub(super) const MEMBERS: [&str; 2] = ["tm", "omc"];

    /// Carries a propagation context to the run.
    #[must_use]
    pub fn context(metadata: impl Into<String>) -> Self {
        Self { metadata: Some(metadata.into()), omit_context: false }
    }

    /// Returns the members of `opts` that are set.
    pub(super) fn wire(&self) -> [(&'static str, Option<Value>); 2] {
        let [metadata, omit] = Self::MEMBERS;
        let omitted = self.omit_context.then_some(Value::Bool(true));
        [(metadata, self.metadata.clone().map(Value::String)), (omit, omitted)]
    }

    /// Reads the members of `opts`; nothing when neither says something.
    pub(super) fn of_wire(metadata: Option<&Value>, omit: Option<&Value>) -> Option<Self> {
        let metadata = metadata.and_then(Value::as_str).map(str::to_owned);
        let omit_context = omit == Some(&Value::Bool(true));
        (metadata.is_some() || omit_context).then_some(Self { metadata, omit_context })
    }
}
