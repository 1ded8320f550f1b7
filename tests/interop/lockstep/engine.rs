//! Our engine on one of its stores, taking the steps.
//!
//! Never knows what the package does.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use oxherd_queue::backend::{Claim, Held};
use oxherd_queue::job::{ClaimedJob, Token};
use oxherd_queue::outcome::{Failure, JobError, Settled, Settlement};
use oxherd_queue::worker::{Admission, RunEnd, WorkerOptions, admit, classify, fail_for_good};
use oxherd_queue::{Backend, JobId, Payload, Store};
use serde_json::{Value, json};

use super::clock::SetClock;
use super::step::{HOUR_MS, Operation, Step, Verdict};
use crate::oxherd::{families, queue_calls};

/// A job with its queue and the token of its lock.
type Hold = (String, String, String);

/// One of our stores, and the jobs that it gave out.
pub(super) struct Engine {
    pub(super) store: Arc<dyn Store>,
    clock: Arc<SetClock>,
    held: HashMap<Hold, ClaimedJob>,
}

impl Engine {
    pub(super) fn new(store: Arc<dyn Store>, clock: Arc<SetClock>) -> Self {
        Self { store, clock, held: HashMap::new() }
    }

    pub(super) async fn queue(&self, name: &str) -> Arc<dyn Backend> {
        self.store.queue(name).await.unwrap()
    }

    /// Takes a step; answers as `lockstep.mjs` does, or with null if it is not to be taken at all.
    pub(super) async fn take(&mut self, step: &Step) -> Value {
        self.clock.set(step.now);
        let answer = match &step.operation {
            Operation::Call { queue, method, args } => {
                let queue = self.queue(queue).await;
                queue_calls::queue(&*queue, method, args).await.map(|value| said(method, &value))
            }
            Operation::Job { queue, id, method, args } => {
                let queue = self.queue(queue).await;
                queue_calls::job(&*queue, id, method, args).await.map(|_| json!({}))
            }
            Operation::Flow { flow } => families::add_tree(&*self.store, flow)
                .await
                .map(|keys| json!({ "ids": keys.iter().map(|key| &key.id).collect::<Vec<_>>() })),
            Operation::Claim { queue, token, lock } => {
                let claimed = self.queue(queue).await.claim(&claim(token, *lock)).await;
                claimed.map(|claimed| self.hold(queue, token, claimed.jobs)).map_err(text)
            }
            Operation::Settle { queue, id, token, verdict, fetch, lock } => {
                let hold = (queue.clone(), id.clone(), token.clone());
                let job = self.held.remove(&hold).unwrap();
                self.settle(&hold, &job, verdict, fetch.then_some(*lock)).await
            }
            Operation::SettleLost { queue, id, token } => {
                let hold = (queue.clone(), id.clone(), token.clone());
                let job = self.held.remove(&hold).unwrap();
                let verdict = Verdict::FailForGood { message: "LOST: too late".to_owned() };
                self.settle(&hold, &job, &verdict, None).await
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
            // Ours asks first whether anything is active, to save an idle queue the script. The
            // package then only notes that somebody has looked.
            Operation::Sweep { queue } if !self.has_active(queue).await => Ok(Value::Null),
            Operation::Sweep { queue } => {
                let interval = Duration::from_millis(HOUR_MS);
                let swept = self.queue(queue).await.sweep_stalled(interval, 1).await;
                swept.map(|_| json!({})).map_err(text)
            }
            Operation::Hours { .. } => Ok(json!({})),
        };
        answer.unwrap_or_else(|error| json!({ "error": error }))
    }

    async fn has_active(&self, queue: &str) -> bool {
        self.queue(queue).await.counts().await.unwrap()["active"] > 0
    }

    async fn settle(
        &mut self,
        (queue, _, token): &Hold,
        job: &ClaimedJob,
        verdict: &Verdict,
        fetch: Option<u64>,
    ) -> Result<Value, String> {
        let backend = self.queue(queue).await;
        let settlement = self.settlement(&*backend, job, verdict).await?;
        let fetches = match &settlement.verdict {
            // The package's worker fetches after these in a call of its own.
            oxherd_queue::outcome::Verdict::Retry { pause, .. } => !pause.is_zero(),
            oxherd_queue::outcome::Verdict::RateLimited => false,
            _ => true,
        };
        let next = fetch.filter(|_| fetches).map(|lock| claim(token, lock));
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
    ) -> Result<Settlement, String> {
        use oxherd_queue::clock::Clock as _;
        let options = WorkerOptions {
            expires_after: Duration::MAX,
            remove_on_complete: None,
            remove_on_fail: None,
            ..WorkerOptions::default()
        };
        let now_ms = self.clock.now_ms();
        if let Admission::FailFor(failure) = admit(job, &options, now_ms) {
            return Ok(fail_for_good(job, failure, &options).settlement.unwrap());
        }
        let decide = |end| classify(job, end, &options, now_ms).settlement.unwrap();
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

fn claim(token: &str, lock: u64) -> Claim {
    Claim {
        max: 1,
        token: Token::from_store(token),
        lock: Duration::from_millis(lock),
        worker: Some("w".to_owned()),
        rate: None,
    }
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
