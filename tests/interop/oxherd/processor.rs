//! A processor that does the steps of a script with every job; the words are those of `side.rs`.
//!
//! Never decides what becomes of a job.

use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use async_trait::async_trait;
use oxherd_queue::flow::{Flow, JobKey};
use oxherd_queue::job::ClaimedJob;
use oxherd_queue::outcome::{Failure, JobError};
use oxherd_queue::worker::{JobContext, Processor};
use oxherd_queue::{JobId, JobOptions, NewJob, Payload, Store};
use serde_json::{Value, json};
use tokio::sync::watch;

/// What is done with every job, and what was done so far.
pub(super) struct Script {
    store: Arc<dyn Store>,
    prefix: String,
    queue: String,
    steps: Vec<(String, Value)>,
    runs: Mutex<Vec<Value>>,
    released: watch::Sender<bool>,
}

impl Script {
    /// Takes the `prefix`, `queue` and `steps` of a command.
    pub(super) fn new(store: Arc<dyn Store>, command: &Value) -> Self {
        let step = |step: &Value| (step[0].as_str().unwrap().to_owned(), step[1].clone());
        let text = |member: &str| command[member].as_str().unwrap_or_default().to_owned();
        Self {
            store,
            prefix: text("prefix"),
            queue: text("queue"),
            steps: command["steps"].as_array().unwrap().iter().map(step).collect(),
            runs: Mutex::default(),
            released: watch::Sender::new(false),
        }
    }

    pub(super) fn runs(&self) -> Vec<Value> {
        self.runs.lock().unwrap().clone()
    }

    pub(super) fn tally(&self) -> Value {
        let runs = self.runs.lock().unwrap();
        let ended = runs.iter().filter(|run| !run["ended"].is_null()).count();
        json!({ "begun": runs.len(), "ended": ended })
    }

    pub(super) fn release(&self) {
        self.released.send_replace(true);
    }

    async fn steps(&self, job: &ClaimedJob, context: &JobContext) -> Result<Value, JobError> {
        let told = |error: oxherd_queue::QueueError| failure("QUEUE", &error.to_string());
        for (step, value) in &self.steps {
            let text = value.as_str().unwrap_or_default();
            let ms = value.as_u64().unwrap_or(0);
            match step.as_str() {
                "sleep" => tokio::time::sleep(Duration::from_millis(ms)).await,
                "hold" => drop(self.released.subscribe().wait_for(|released| *released).await),
                "progress" => {
                    let progress = Payload::encode(value).map_err(told)?;
                    context.progress(progress).await.map_err(told)?;
                }
                "log" => context.log(text).await.map_err(told)?,
                "fail" if u64::from(job.job.attempts_made) < value["times"].as_u64().unwrap() => {
                    let message = value["message"].as_str().unwrap();
                    return Err(JobError::Retry(Failure::from_reason(message)));
                }
                "fail_named" if job.job.name == value["name"] => {
                    let message = value["message"].as_str().unwrap();
                    return Err(JobError::Retry(Failure::from_reason(message)));
                }
                "unrecoverable" => return Err(JobError::Unrecoverable(Failure::from_reason(text))),
                "delay_once" if job.job.attempts_started == 1 => {
                    let failure = Failure::new("NOT_READY", "once more");
                    return Err(JobError::DelayUntil { until_ms: now_ms() + ms, failure });
                }
                "children_values" => {
                    let children = context.children().await.map_err(told)?;
                    let values = children.processed.iter().map(|(key, value)| {
                        (format!("{}:{key}", self.prefix), value.decode().unwrap_or(Value::Null))
                    });
                    return Ok(Value::Object(values.collect()));
                }
                "child_once" if job.job.attempts_started == 1 => {
                    let child =
                        NewJob::new("child", Payload::null()).with_options(JobOptions::bare());
                    let child = Flow::new(text, child.with_id(JobId::from_store("C")));
                    let flow = child.under(JobKey::new(&*self.queue, job.job.id.clone()));
                    self.store.add_flow(flow).await.map_err(told)?;
                    return Err(JobError::WaitForChildren);
                }
                "limit_once" if job.job.attempts_started == 1 => {
                    context.rate_limit(Duration::from_millis(ms)).await.map_err(told)?;
                    return Err(JobError::RateLimited);
                }
                "fail" | "fail_named" | "delay_once" | "limit_once" | "child_once" => {}
                "return" => return Ok(value.clone()),
                "echo" => {
                    return job.job.data.decode().map_err(|e| failure("DATA", &e.to_string()));
                }
                other => return Err(failure("NO_STEP", other)),
            }
        }
        Ok(Value::Null)
    }
}

#[async_trait]
impl Processor for Script {
    async fn run(&self, job: &ClaimedJob, context: &JobContext) -> Result<Payload, JobError> {
        let number = {
            let mut runs = self.runs.lock().unwrap();
            runs.push(json!({
                "id": job.job.id.as_str(), "name": job.job.name,
                "telemetry": job.job.options.telemetry.as_ref().and_then(|it| it.metadata.clone()),
                "data": job.job.data.decode::<Value>().unwrap_or(Value::Null),
                "attemptsMade": job.job.attempts_made,
                "attemptsStarted": job.job.attempts_started, "at": now_ms(), "ended": null,
            }));
            runs.len() - 1
        };
        let result = self.steps(job, context).await;
        self.runs.lock().unwrap()[number]["ended"] = now_ms().into();
        Payload::encode(&result?).map_err(|error| failure("RESULT", &error.to_string()))
    }
}

fn failure(code: &str, message: &str) -> JobError {
    JobError::Retry(Failure::new(code, message))
}

fn now_ms() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    u64::try_from(now.as_millis()).unwrap()
}
