//! Our engine on one of its stores, taking the steps.
//!
//! Never knows what the package does.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use oxherd_queue::backend::{Claim, Held};
use oxherd_queue::job::{ClaimedJob, Token};
use oxherd_queue::outcome::{Failure, JobError, Settled, Settlement};
use oxherd_queue::scheduler::Scheduler;
use oxherd_queue::worker::{Admission, RunEnd, WorkerOptions, admit, classify, fail_for_good};
use oxherd_queue::{Backend, JobId, JobState, Payload, Store};
use serde_json::{Value, json};

use super::QUEUES;
use super::clock::SetClock;
use super::step::{HOUR_MS, Operation, Step, Verdict, Worker};
use crate::oxherd::{families, options, queue_calls};

/// A job with its queue and the token of its lock.
type Hold = (String, String, String);

/// One of our stores, and the jobs that it gave out.
pub(super) struct Engine {
    pub(super) store: Arc<dyn Store>,
    pub(super) clock: Arc<SetClock>,
    held: HashMap<Hold, ClaimedJob>,
}

impl Engine {
    /// Begins on a store that is empty but for its queues.
    pub(super) async fn open(store: Arc<dyn Store>, clock: Arc<SetClock>) -> Self {
        for queue in QUEUES {
            store.queue(queue).await.unwrap();
        }
        Self { store, clock, held: HashMap::new() }
    }

    async fn queue(&self, name: &str) -> Arc<dyn Backend> {
        self.store.queue(name).await.unwrap()
    }

    /// Takes a step; answers as `lockstep.mjs` does, or with null if it is not to be taken at all.
    pub(super) async fn take(&mut self, step: &Step) -> Value {
        self.clock.set(step.now);
        if self.is_left_out(&step.operation).await {
            return Value::Null;
        }
        let answer = match &step.operation {
            Operation::Call { queue, method, args } => {
                let queue = self.queue(queue).await;
                match queue_calls::queue(&*queue, method, args).await {
                    // The package may overwrite the run in that slot: see `differences.rs`.
                    Err(error) if error.starts_with("scheduler") => return Value::Null,
                    answer => answer.map(|value| said(method, &value)),
                }
            }
            Operation::Job { queue, id, method, args } => {
                let queue = self.queue(queue).await;
                queue_calls::job(&*queue, id, method, args).await.map(|_| json!({}))
            }
            Operation::Flow { flow } => match families::add_tree(&*self.store, flow).await {
                Ok(keys) => {
                    let mut ids: Vec<_> = keys.iter().map(|key| &key.id).collect();
                    ids.sort();
                    Ok(json!({ "ids": ids }))
                }
                // Ours refuses as a whole what the package adds in part: see `differences.rs`.
                Err(_) => return Value::Null,
            },
            Operation::Claim { queue, token, worker } => {
                let claimed = self.queue(queue).await.claim(&claim(token, worker)).await;
                claimed.map(|claimed| self.hold(queue, token, claimed.jobs)).map_err(text)
            }
            Operation::Settle { queue, id, token, verdict, fetch, worker } => {
                let hold = (queue.clone(), id.clone(), token.clone());
                let Some(job) = self.held.remove(&hold) else { return Value::Null };
                self.settle(&hold, &job, verdict, Some(worker), *fetch).await
            }
            Operation::SettleLost { queue, id, token } => {
                let hold = (queue.clone(), id.clone(), token.clone());
                let Some(job) = self.held.remove(&hold) else { return Value::Null };
                let verdict = Verdict::FailForGood { message: "BROKEN: too late".to_owned() };
                self.settle(&hold, &job, &verdict, None, false).await
            }
            Operation::Renew { queue, id, token, lock } => {
                let held =
                    Held { id: JobId::from_store(&**id), token: Token::from_store(&**token) };
                let lock = Duration::from_millis(*lock);
                let renewal = self.queue(queue).await.renew(&[held], lock).await;
                renewal.map_err(text).and_then(|renewal| match renewal.lost.is_empty() {
                    true => Ok(json!({})),
                    false => Err("lost".to_owned()),
                })
            }
            Operation::Sweep { queue, most } => {
                let interval = Duration::from_millis(HOUR_MS);
                let swept = self.queue(queue).await.sweep_stalled(interval, *most).await;
                swept.map_err(text).map(|mut swept| {
                    swept.sort();
                    json!({ "recovered": swept })
                })
            }
            Operation::Hours { .. } => Ok(json!({})),
        };
        answer.unwrap_or_else(|error| json!({ "error": error }))
    }

    /// Tells whether a step would bring a difference that is meant and that would stay; see
    /// `differences.rs` for the reasons.
    async fn is_left_out(&self, operation: &Operation) -> bool {
        match operation {
            Operation::Renew { queue, id, token, .. } => {
                !self.held.contains_key(&(queue.clone(), id.clone(), token.clone()))
            }
            Operation::Sweep { queue, .. } => {
                self.queue(queue).await.counts().await.unwrap()["active"] == 0
            }
            Operation::Call { queue, method: "drain", .. } => {
                let queue = self.queue(queue).await;
                for scheduler in queue.schedulers(0, 100).await.unwrap() {
                    if armed_run_waits(&*queue, &scheduler).await {
                        return true;
                    }
                }
                false
            }
            Operation::Call { queue, method: "obliterate", .. } => {
                self.queue(queue).await.counts().await.unwrap()["waiting-children"] > 0
            }
            Operation::Call { queue, method: "upsertJobScheduler", args } => {
                let queue = self.queue(queue).await;
                let scheduler = queue.scheduler(args[0].as_str().unwrap()).await.unwrap();
                let Some(scheduler) = scheduler else { return false };
                queue.is_paused().await.unwrap() && armed_run_waits(&*queue, &scheduler).await
            }
            _ => false,
        }
    }

    async fn settle(
        &mut self,
        (queue, _, token): &Hold,
        job: &ClaimedJob,
        verdict: &Verdict,
        worker: Option<&Worker>,
        fetch: bool,
    ) -> Result<Value, String> {
        let backend = self.queue(queue).await;
        let options = options_of(worker);
        let settlement = self.settlement(&*backend, job, verdict, &options).await?;
        let fetches = match &settlement.verdict {
            // The package's worker fetches after these in a call of its own.
            oxherd_queue::outcome::Verdict::Retry { pause, .. } => !pause.is_zero(),
            oxherd_queue::outcome::Verdict::RateLimited => false,
            _ => true,
        };
        let next = worker.filter(|_| fetch && fetches).map(|worker| claim(token, worker));
        let turn = backend.settle(vec![settlement], next.as_ref()).await.map_err(text)?;
        if let [Settled::Lost { found }] = &turn.settled[..] {
            return Err((*found).to_owned());
        }
        Ok(self.hold(queue, token, turn.claimed.jobs))
    }

    /// Decides as our worker does after a run with this end.
    async fn settlement(
        &self,
        queue: &dyn Backend,
        job: &ClaimedJob,
        verdict: &Verdict,
        options: &WorkerOptions,
    ) -> Result<Settlement, String> {
        use oxherd_queue::clock::Clock as _;
        let now_ms = self.clock.now_ms();
        if let Admission::FailFor(failure) = admit(job, options, now_ms) {
            return Ok(fail_for_good(job, failure, options).settlement.unwrap());
        }
        let decide = |end| classify(job, end, options, now_ms).settlement.unwrap();
        let errored = |error| decide(RunEnd::Errored(error));
        Ok(match verdict {
            Verdict::Complete { value } => {
                decide(RunEnd::Returned(Payload::encode(value).map_err(text)?))
            }
            Verdict::Fail { message } => errored(JobError::Retry(Failure::from_reason(message))),
            Verdict::FailForGood { message } => {
                errored(JobError::Unrecoverable(Failure::from_reason(message)))
            }
            Verdict::Delay { ms } => Settlement {
                verdict: oxherd_queue::outcome::Verdict::Delay {
                    until_ms: now_ms + ms,
                    reason: None,
                },
                ..errored(JobError::RateLimited)
            },
            Verdict::Wait => Settlement {
                verdict: oxherd_queue::outcome::Verdict::HandBack,
                ..errored(JobError::RateLimited)
            },
            Verdict::Limit { ms } => {
                queue.rate_limit(Duration::from_millis(*ms)).await.map_err(text)?;
                errored(JobError::RateLimited)
            }
            Verdict::Children => {
                let children = queue.children_counts(&job.job.id).await.map_err(text)?;
                if children.unprocessed == 0 && children.failed == 0 {
                    decide(RunEnd::Returned(Payload::null()))
                } else {
                    errored(JobError::WaitForChildren)
                }
            }
        })
    }

    fn hold(&mut self, queue: &str, token: &str, jobs: Vec<ClaimedJob>) -> Value {
        let claimed = jobs.first().map(|job| job.job.id.as_str().to_owned());
        for job in jobs {
            let id = job.job.id.as_str().to_owned();
            self.held.insert((queue.to_owned(), id, token.to_owned()), job);
        }
        json!({ "claimed": claimed })
    }
}

fn claim(token: &str, worker: &Worker) -> Claim {
    let options = options_of(Some(worker));
    Claim { token: Token::from_store(token), ..options.claim(1) }
}

/// Our worker's options as they are written in BullMQ's spelling; keeps jobs for ever if not told.
fn options_of(worker: Option<&Worker>) -> WorkerOptions {
    let written = worker.map_or(Value::Null, |worker| serde_json::to_value(worker).unwrap());
    WorkerOptions {
        expires_after: Duration::MAX,
        name: Some("w".to_owned()),
        ..options::worker(&written)
    }
}

/// Tells whether the run that a scheduler has armed may be claimed.
async fn armed_run_waits(queue: &dyn Backend, scheduler: &Scheduler) -> bool {
    let id = JobId::from_store(format!("repeat:{}:{}", scheduler.id, scheduler.next_ms));
    let job = queue.jobs(&[id]).await.unwrap().remove(0);
    job.is_some_and(|job| matches!(job.state, JobState::Waiting | JobState::Prioritized))
}

/// The part of an answer that is compared.
fn said(method: &str, value: &Value) -> Value {
    match method {
        "add" => json!({ "ids": [value["id"]] }),
        "addBulk" => {
            let ids = value.as_array().unwrap().iter().map(|job| &job["id"]);
            json!({ "ids": ids.collect::<Vec<_>>() })
        }
        "clean" => json!({ "cleaned": value }),
        "upsertJobScheduler" => json!({ "armed": value["id"] }),
        _ => json!({}),
    }
}

#[expect(clippy::needless_pass_by_value, reason = "it is passed to map_err")]
fn text(error: oxherd_queue::QueueError) -> String {
    error.to_string()
}
