//! One side of a scenario: what a client can do with the queues of a row, in BullMQ's own words.
//!
//! Never knows which client it is.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::Instant;

use crate::peer::Peer;

/// How long anything is waited for.
pub(crate) const DEADLINE: Duration = Duration::from_secs(10);
/// The pause between two looks at what is waited for.
const LOOK_EVERY: Duration = Duration::from_millis(15);

/// A client of the queues of one row.
#[derive(Clone)]
pub(crate) struct Side {
    pub(crate) peer: Arc<Peer>,
    pub(crate) prefix: String,
}

/// A worker that a side started.
pub(crate) struct Work {
    side: Side,
    name: String,
}

static WORKERS: AtomicU64 = AtomicU64::new(0);

impl Side {
    pub(crate) fn new(peer: Arc<Peer>, prefix: &str) -> Self {
        Self { peer, prefix: prefix.to_owned() }
    }

    pub(crate) async fn tell(&self, mut command: Value) -> Result<Value, String> {
        command["prefix"] = self.prefix.as_str().into();
        self.peer.tell(command).await
    }

    /// Calls a method of a queue; an error is the client's text.
    pub(crate) async fn try_call(
        &self,
        queue: &str,
        method: &str,
        args: Value,
    ) -> Result<Value, String> {
        let command = json!({ "command": "call", "queue": queue, "method": method, "args": args });
        self.tell(command).await
    }

    /// Calls a method of a queue, which must succeed.
    pub(crate) async fn call(&self, queue: &str, method: &str, args: Value) -> Value {
        let told = self.try_call(queue, method, args).await;
        told.unwrap_or_else(|error| panic!("{method} on {:?}: {error}", self.peer.client))
    }

    /// Calls a method of a job; an error is the client's text.
    pub(crate) async fn try_on_job(
        &self,
        queue: &str,
        id: &str,
        method: &str,
        args: Value,
    ) -> Result<Value, String> {
        let command =
            json!({ "command": "job", "queue": queue, "id": id, "method": method, "args": args });
        self.tell(command).await
    }

    /// Calls a method of a job, which must succeed.
    pub(crate) async fn on_job(&self, queue: &str, id: &str, method: &str, args: Value) -> Value {
        let told = self.try_on_job(queue, id, method, args).await;
        told.unwrap_or_else(|error| panic!("{method} of job {id}: {error}"))
    }

    /// Adds a job and returns its id.
    pub(crate) async fn add(&self, queue: &str, name: &str, data: Value, options: Value) -> String {
        let job = self.call(queue, "add", json!([name, data, options])).await;
        job["id"].as_str().unwrap_or_else(|| panic!("an added job has an id: {job}")).to_owned()
    }

    /// Adds jobs in one call and returns their ids.
    pub(crate) async fn add_bulk(&self, queue: &str, jobs: Vec<Value>) -> Vec<String> {
        let jobs = self.call(queue, "addBulk", json!([jobs])).await;
        let id = |job: &Value| job["id"].as_str().unwrap().to_owned();
        jobs.as_array().unwrap().iter().map(id).collect()
    }

    /// Adds a flow of jobs over queues.
    pub(crate) async fn add_flow(&self, flow: Value) -> Result<Value, String> {
        self.tell(json!({ "command": "flow", "method": "add", "args": [flow] })).await
    }

    /// Returns the tree of a flow as its reader shows it.
    pub(crate) async fn flow(&self, queue: &str, id: &str) -> Value {
        let asked = json!([{ "queueName": queue, "id": id, "prefix": self.prefix }]);
        self.tell(json!({ "command": "flow", "method": "getFlow", "args": asked })).await.unwrap()
    }

    /// Returns a job with its state, or null.
    pub(crate) async fn job(&self, queue: &str, id: &str) -> Value {
        self.tell(json!({ "command": "job", "queue": queue, "id": id, "args": [] })).await.unwrap()
    }

    /// Waits until a job is in a state, and returns it.
    pub(crate) async fn job_in(&self, queue: &str, id: &str, state: &str) -> Value {
        until(&format!("job {id} is {state}"), async || {
            let job = self.job(queue, id).await;
            if job["state"] == state { Ok(job) } else { Err(job) }
        })
        .await
    }

    /// Waits for the end of a job as `waitUntilFinished` does.
    pub(crate) async fn finished(&self, queue: &str, id: &str) -> Result<Value, String> {
        self.finished_within(queue, id, 10_000).await
    }

    /// The same with the time after which the client gives up, in milliseconds.
    pub(crate) async fn finished_within(
        &self,
        queue: &str,
        id: &str,
        ttl: u64,
    ) -> Result<Value, String> {
        self.tell(json!({ "command": "finished", "queue": queue, "id": id, "ttl": ttl })).await
    }

    /// Returns all events of a queue so far.
    pub(crate) async fn events(&self, queue: &str) -> Events {
        let seen = self.tell(json!({ "command": "events", "queue": queue })).await.unwrap();
        Events(seen.as_array().unwrap().clone())
    }

    /// Waits until the events of a queue hold something, and returns them.
    pub(crate) async fn events_until(
        &self,
        queue: &str,
        holds: impl Fn(&Events) -> bool,
    ) -> Events {
        until("the events", async || {
            let events = self.events(queue).await;
            if holds(&events) { Ok(events) } else { Err(json!(events.0)) }
        })
        .await
    }

    /// Waits until the counts of a queue have these members, and returns them all.
    pub(crate) async fn counts_until(&self, queue: &str, expected: Value) -> Value {
        self.counts_within(queue, expected, DEADLINE.as_secs()).await
    }

    /// Waits so many seconds until the counts of a queue have these members.
    pub(crate) async fn counts_within(&self, queue: &str, expected: Value, seconds: u64) -> Value {
        let what = format!("the counts are {expected}");
        until_within(&what, Duration::from_secs(seconds), async || {
            let counts = self.call(queue, "getJobCounts", json!([])).await;
            let members = expected.as_object().unwrap();
            let same = members.iter().all(|(state, count)| counts.get(state) == Some(count));
            if same { Ok(counts) } else { Err(counts) }
        })
        .await
    }

    /// Waits until so many jobs of a queue have completed.
    pub(crate) async fn completed_at_least(&self, queue: &str, least: usize) {
        let what = format!("{least} jobs completed");
        until_within(&what, DEADLINE * 2, async || {
            let count = self.call(queue, "getCompletedCount", json!([])).await;
            let is_enough = count.as_u64().is_some_and(|count| count >= least as u64);
            if is_enough { Ok(()) } else { Err(count) }
        })
        .await;
    }

    /// Starts a worker whose processor does these steps with every job.
    ///
    /// Steps: `["sleep", ms]`, `["hold", null]` (until released), `["progress", value]`,
    /// `["log", row]`, `["fail", {"message", "times"}]` (while fewer attempts were made),
    /// `["fail_named", {"message", "name"}]`, `["unrecoverable", message]`, `["delay_once", ms]`,
    /// `["limit_once", ms]`, `["child_once", queue]` (adds a child `C` there and waits for it),
    /// `["children_values", null]` (returns them), `["return", value]`,
    /// `["echo", null]` (returns the data).
    pub(crate) async fn work(&self, queue: &str, options: Value, steps: Value) -> Work {
        let mut all = json!({
            "concurrency": 1, "lockDuration": 2000, "stalledInterval": 500,
            "maxStalledCount": 1, "drainDelay": 1,
        });
        for (option, value) in options.as_object().unwrap() {
            all[option] = value.clone();
        }
        let name = format!("w{}", WORKERS.fetch_add(1, Ordering::Relaxed));
        let command = json!({
            "command": "work", "queue": queue, "worker": name, "options": all, "steps": steps,
        });
        self.tell(command).await.unwrap();
        Work { side: self.clone(), name }
    }

    /// Closes what the side opened; returns the errors that its objects emitted.
    pub(crate) async fn finish(&self) -> Result<Vec<String>, String> {
        let errors = self.tell(json!({ "command": "finish" })).await?;
        let text = |error: &Value| error.as_str().unwrap_or_default().to_owned();
        Ok(errors.as_array().map(|errors| errors.iter().map(text).collect()).unwrap_or_default())
    }
}

impl Work {
    async fn tell(&self, command: &str, args: Value) -> Value {
        let mut told = args;
        told["command"] = command.into();
        told["worker"] = self.name.as_str().into();
        self.side.tell(told).await.unwrap_or_else(|error| panic!("{command} of a worker: {error}"))
    }

    /// Returns the runs so far: `id`, `name`, `data`, `attemptsMade`, `attemptsStarted`, and the
    /// times `at` and `ended` (null while it runs).
    pub(crate) async fn runs(&self) -> Vec<Value> {
        self.tell("runs", json!({})).await.as_array().unwrap().clone()
    }

    /// Waits until so many runs have ended, and returns them all.
    pub(crate) async fn ended(&self, count: usize) -> Vec<Value> {
        self.tally_until("ended", count).await
    }

    /// Waits until so many runs have begun, and returns them all.
    pub(crate) async fn begun(&self, count: usize) -> Vec<Value> {
        self.tally_until("begun", count).await
    }

    /// Returns how many runs have ended.
    pub(crate) async fn tally_ended(&self) -> usize {
        let tally = self.tell("tally", json!({})).await;
        tally["ended"].as_u64().and_then(|ended| ended.try_into().ok()).unwrap_or(0)
    }

    async fn tally_until(&self, what: &str, count: usize) -> Vec<Value> {
        until(&format!("{count} runs have {what}"), async || {
            let tally = self.tell("tally", json!({})).await;
            if tally[what].as_u64() >= Some(count as u64) { Ok(()) } else { Err(tally) }
        })
        .await;
        self.runs().await
    }

    /// Lets the runs go on that a `hold` stopped, and all later ones.
    pub(crate) async fn release(&self) {
        self.tell("release", json!({})).await;
    }

    /// Closes the worker after its running jobs.
    pub(crate) async fn close(&self) {
        self.tell("close", json!({})).await;
    }
}

/// The events of a queue: pairs of a name and its arguments.
#[derive(Debug, Clone)]
pub(crate) struct Events(pub(crate) Vec<Value>);

impl Events {
    /// Returns the names of a job's events, in order.
    pub(crate) fn of(&self, id: &str) -> Vec<&str> {
        let of = self.0.iter().filter(|event| event[1]["jobId"] == id);
        of.map(|event| event[0].as_str().unwrap()).collect()
    }

    /// Returns the arguments of the events of a name.
    pub(crate) fn named(&self, name: &str) -> Vec<&Value> {
        self.0.iter().filter(|event| event[0] == name).map(|event| &event[1]).collect()
    }

    /// Returns the number of events of a name.
    pub(crate) fn count(&self, name: &str) -> usize {
        self.named(name).len()
    }
}

/// Returns how long a job waited for its run, in milliseconds; two processes read two clocks.
pub(crate) fn waited(job: &Value) -> u64 {
    let time = |member: &str| job[member].as_u64().unwrap();
    time("processedOn").saturating_sub(time("timestamp"))
}

/// Asks until the answer is the wanted one; fails with the last answer after [`DEADLINE`].
pub(crate) async fn until<T, U: std::fmt::Display>(
    what: &str,
    ask: impl AsyncFnMut() -> Result<T, U>,
) -> T {
    until_within(what, DEADLINE, ask).await
}

/// The same with another time.
pub(crate) async fn until_within<T, U: std::fmt::Display>(
    what: &str,
    time: Duration,
    mut ask: impl AsyncFnMut() -> Result<T, U>,
) -> T {
    let deadline = Instant::now() + time;
    loop {
        match ask().await {
            Ok(found) => return found,
            Err(found) if Instant::now() >= deadline => {
                panic!("never: {what}; found {found:.2000}")
            }
            Err(_) => tokio::time::sleep(LOOK_EVERY).await,
        }
    }
}
