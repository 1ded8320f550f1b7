//! Health as progress: what is ready is what did its work a moment ago, not what holds a socket.
//!
//! Never asks an actor; reads what they wrote down. Metrics of the tree:
//! `bullmq_job_completed_total{queue}`, `bullmq_job_failed_total{queue}`,
//! `oxherd_actor_restarts_total{actor}` as they happen, and `oxherd_actor_mailbox{actor,name}` each
//! time the queues are counted.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use oxherd_queue::QueueError;
use tokio::time::{Instant, timeout};

use crate::handles::{Check, Drain, Health, QueueOverview};
use crate::intake::SILENT_MAX;
use crate::pulse::Pulse;
use crate::queue_supervisor::context::QueueContext;
use crate::tree::TreeNode;
use crate::tree::live::Branch;

/// The age of the last successful fetch at which a consumer is not ready.
const FETCHED_WITHIN: Duration = Duration::from_secs(10);
/// The same for the catalog, which the relay reads every few seconds.
const CATALOG_WITHIN: Duration = Duration::from_secs(10);

/// How long the counts of the queues may take.
const COUNTED_WITHIN: Duration = Duration::from_millis(2500);

/// What the relay writes down: it is the one that reads the catalog regularly.
#[derive(Debug, Default)]
pub(crate) struct Upkeep {
    noted: Mutex<Noted>,
}

#[derive(Debug, Clone, Default)]
struct Noted {
    catalog_answered: Option<Instant>,
    relay_failure: Option<String>,
}

impl Upkeep {
    /// The relay has nothing left to do.
    pub(crate) fn relay_worked(&self) {
        self.set(Noted { catalog_answered: Some(Instant::now()), relay_failure: None });
    }

    /// The relay reached the catalog, and a queue did not take its jobs.
    pub(crate) fn queue_failed(&self, reason: &str) {
        let relay_failure = Some(reason.to_owned());
        self.set(Noted { catalog_answered: Some(Instant::now()), relay_failure });
    }

    /// The relay did not reach the catalog.
    pub(crate) fn catalog_failed(&self, reason: &str) {
        let catalog_answered = self.get().catalog_answered;
        self.set(Noted { catalog_answered, relay_failure: Some(reason.to_owned()) });
    }

    fn get(&self) -> Noted {
        self.noted.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn set(&self, noted: Noted) {
        *self.noted.lock().unwrap_or_else(PoisonError::into_inner) = noted;
    }
}

/// Everything that health is read from.
pub(crate) struct HealthView {
    /// The root, once it is there.
    pub(crate) root: Arc<OnceLock<Arc<Branch>>>,
    pub(crate) queues: Vec<Arc<QueueContext>>,
    pub(crate) pulse: Arc<Pulse>,
    pub(crate) upkeep: Arc<Upkeep>,
    pub(crate) drain: Drain,
}

#[async_trait]
impl Health for HealthView {
    fn tree(&self) -> TreeNode {
        self.root.get().map_or_else(TreeNode::unborn, |root| root.document())
    }

    fn readiness(&self) -> Vec<Check> {
        let mut checks = vec![self.not_draining(), self.catalog(), self.store(), self.relay()];
        checks.extend(self.queues.iter().map(|queue| consumer(queue)));
        checks
    }

    fn is_started(&self) -> bool {
        self.root.get().is_some()
            && self.queues.iter().all(|queue| queue.fetched_ms.load(Ordering::Relaxed) > 0)
    }

    fn queue_names(&self) -> Vec<String> {
        self.queues.iter().map(|queue| queue.name.clone()).collect()
    }

    async fn queues(&self) -> Result<Vec<QueueOverview>, QueueError> {
        if let Some(root) = self.root.get() {
            root.publish_gauges();
        }
        let overviews = futures::future::try_join_all(self.queues.iter().map(|q| overview(q)));
        let silent = |_| QueueError::Unavailable {
            operation: "count",
            cause: format!("no answer within {COUNTED_WITHIN:?}"),
        };
        timeout(COUNTED_WITHIN, overviews).await.map_err(silent)?
    }
}

impl HealthView {
    fn not_draining(&self) -> Check {
        let is_draining = self.drain.has_begun();
        let cause = if is_draining { "the process goes down" } else { "the process is up" };
        check("drain", !is_draining, cause, "send requests to another process")
    }

    fn catalog(&self) -> Check {
        let noted = self.upkeep.get();
        let age = noted.catalog_answered.map(|at| at.elapsed());
        let cause = match age {
            Some(age) => format!("it answered {} ms ago", age.as_millis()),
            None => "it has not answered yet".to_owned(),
        };
        let fix = "see the log for what the catalog says; check the disk of the data folder";
        check("catalog", age.is_some_and(|age| age < CATALOG_WITHIN), &cause, fix)
    }

    fn store(&self) -> Check {
        let away = self.pulse.away_for();
        let cause = match away {
            Some(away) => format!("no answer for {} ms", away.as_millis()),
            None => "it answers".to_owned(),
        };
        let fix = "check that the queue's server runs and can be reached";
        check("queue store", away.is_none_or(|away| away < SILENT_MAX), &cause, fix)
    }

    fn relay(&self) -> Check {
        let failure = self.upkeep.get().relay_failure;
        let cause = failure.as_deref().unwrap_or("accepted runs reach their queues");
        let fix = "accepted runs are safe and follow when the store that failed is back";
        check("relay", failure.is_none(), cause, fix)
    }
}

fn consumer(queue: &QueueContext) -> Check {
    let fetched_ms = queue.fetched_ms.load(Ordering::Relaxed);
    let age_ms = queue.clock.now_ms().saturating_sub(fetched_ms);
    let name = format!("consumer {}", queue.name);
    let fix = "check the queue's store; /health/supervisor shows whether the consumer restarts";
    if fetched_ms == 0 {
        return check(&name, false, "it has not reached the queue yet", fix);
    }
    let is_fresh = u128::from(age_ms) < FETCHED_WITHIN.as_millis();
    let cause = format!("it reached the queue {age_ms} ms ago");
    check(&name, is_fresh || is_busy(queue), &cause, fix)
}

/// With every slot taken there is nothing to fetch for: the locks tell whether the store answers.
fn is_busy(queue: &QueueContext) -> bool {
    queue.slots.idle() == 0 && queue.pulse.away_for().is_none()
}

fn check(name: &str, ok: bool, cause: &str, fix: &str) -> Check {
    let fix = if ok { String::new() } else { fix.to_owned() };
    Check { name: name.to_owned(), ok, cause: cause.to_owned(), fix }
}

async fn overview(queue: &QueueContext) -> Result<QueueOverview, QueueError> {
    Ok(QueueOverview {
        name: queue.name.clone(),
        paused: queue.backend.is_paused().await?,
        counts: queue.backend.counts().await?,
        workers: u32::try_from(queue.slots.count()).unwrap_or(u32::MAX),
        oldest_waiting_ms: queue.backend.oldest_waiting_ms().await?,
    })
}
