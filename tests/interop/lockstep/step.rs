//! A step of a sequence, in words that mean the same to the package and to our engine.
//!
//! Never carries anything out.

use serde::Serialize;
use serde_json::Value;

/// All times that a store measures itself are whole hours: see `clock.rs`.
pub(super) const HOUR_MS: u64 = 3_600_000;

/// A step, with the time at which it is taken.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Step {
    /// Milliseconds since the epoch.
    pub(super) now: u64,
    #[serde(flatten)]
    pub(super) operation: Operation,
}

/// What is done.
#[derive(Debug, Clone, Serialize)]
#[serde(tag = "operation", rename_all = "camelCase")]
pub(super) enum Operation {
    /// A method of BullMQ's queue, with its arguments.
    Call { queue: String, method: &'static str, args: Value },
    /// A method of BullMQ's job.
    Job { queue: String, id: String, method: &'static str, args: Value },
    /// A tree of jobs as BullMQ's flow producer takes it.
    Flow { flow: Value },
    /// Takes the next job.
    Claim { queue: String, token: String, worker: Worker },
    /// Ends the run of a job that was claimed, and takes the next one if `fetch` is set.
    Settle {
        queue: String,
        id: String,
        token: String,
        verdict: Verdict,
        fetch: bool,
        worker: Worker,
    },
    /// Fails a job whose lock is lost, which must change nothing.
    SettleLost { queue: String, id: String, token: String },
    /// Renews a lock.
    Renew { queue: String, id: String, token: String, lock: u64 },
    /// Looks for jobs whose worker is gone; more than so many stalls fail a job.
    Sweep { queue: String, most: u32 },
    /// Nothing but time goes by: whole hours.
    Hours { hours: u64 },
}

/// The options of a worker, in BullMQ's spelling.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Worker {
    /// How long its locks hold, in milliseconds.
    pub(super) lock_duration: u64,
    /// How many jobs it starts in a time: `{ max, duration }`, or null.
    pub(super) limiter: Value,
    /// How long it keeps jobs whose producer did not say; null for all of them.
    pub(super) remove_on_complete: Value,
    pub(super) remove_on_fail: Value,
    /// How many minutes of metrics it keeps: `{ maxDataPoints }`, or null.
    pub(super) metrics: Value,
}

/// How a run ends.
#[derive(Debug, Clone, Serialize)]
#[serde(tag = "kind", rename_all = "camelCase")]
pub(super) enum Verdict {
    /// With a result.
    Complete { value: Value },
    /// With an error; tried again if attempts are left.
    Fail { message: String },
    /// With an error that no attempt would mend.
    FailForGood { message: String },
    /// It moves itself to be run later.
    Delay { ms: u64 },
    /// It moves itself back to wait.
    Wait,
    /// It says that nothing should be started for a time.
    Limit { ms: u64 },
    /// It moves itself to wait for its children; completes without any.
    Children,
}
