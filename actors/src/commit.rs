//! The core of the Intake: from waiting requests to one transaction, and from it to answers.
//!
//! A refusal because of the queue is decided before anything is written; after the transaction the
//! answer is always yes.

use std::sync::Arc;
use std::time::Duration;

use oxherd_queue::JobId;
use oxherd_study::StudyError;
use oxherd_study::accept::jobs::{MATERIAL_JOB, MATERIAL_QUEUE, PLAN_JOB, PLAN_QUEUE};
use oxherd_study::accept::{Accepted, AcceptedWhat, Action, Intent};
use oxherd_study::error::ErrorCode;
use oxherd_study::ports::Catalog;
use tokio::sync::Notify;
use tokio::time::timeout;

use crate::handles::IntakeRequest;
use crate::records::{AcceptedRun, Records};

/// The most requests that share a transaction.
pub(crate) const BATCH_MAX: usize = 256;
/// How long the catalog may take, so that the edge answers within 3 s.
const CATALOG_TIMEOUT: Duration = Duration::from_millis(2500);

/// What tells whether new runs may be accepted.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pressure {
    /// The most rows that may wait for the queue.
    pub(crate) rows_max: u64,
    /// The age of the oldest such row at which new runs are refused.
    pub(crate) age_max: Duration,
    /// The most unfinished runs of one user in the queues; rows that fairness holds back do not
    /// count.
    pub(crate) in_queue_max: u32,
}

/// Commits requests.
pub(crate) struct Committer {
    /// Where they are written.
    pub(crate) catalog: Arc<dyn Catalog>,
    /// Where their runs are seen.
    pub(crate) records: Records,
    /// Wakes the relay after each commit.
    pub(crate) relay: Arc<Notify>,
    /// When new runs are refused.
    pub(crate) pressure: Pressure,
    /// Whether the queues answered lately.
    pub(crate) queues_answer: Arc<dyn Fn() -> bool + Send + Sync>,
}

impl Committer {
    /// Carries out a batch of requests and answers each.
    pub(crate) async fn commit(&self, requests: Vec<IntakeRequest>, now_ms: u64) {
        let open: Vec<_> = requests.into_iter().filter(|r| !r.answer.is_closed()).collect();
        let (admitted, refused) = self.admit(open, now_ms).await;
        for (request, error) in refused {
            let _ = request.answer.send(Err(error));
        }
        if admitted.is_empty() {
            return;
        }
        let (intents, answers): (Vec<Intent>, Vec<_>) =
            admitted.into_iter().map(|request| (request.intent, request.answer)).unzip();
        let users: Vec<_> = intents.iter().map(|intent| intent.user.clone()).collect();
        let done = match timeout(CATALOG_TIMEOUT, self.catalog.commit(intents)).await {
            Ok(Ok(done)) => done,
            Ok(Err(error)) => return refuse_all(answers, &error),
            Err(_) => return refuse_all(answers, &no_catalog()),
        };
        let runs: Vec<AcceptedRun> = done
            .iter()
            .zip(&users)
            .filter_map(|(done, user)| run_of(done.as_ref().ok()?, user))
            .collect();
        self.records.accepted(&runs).await;
        if !runs.is_empty() {
            self.relay.notify_one();
        }
        for (answer, done) in answers.into_iter().zip(done) {
            let _ = answer.send(done);
        }
    }

    /// Refuses new runs while the queue cannot take them in time; everything else passes.
    async fn admit(
        &self,
        requests: Vec<IntakeRequest>,
        now_ms: u64,
    ) -> (Vec<IntakeRequest>, Vec<(IntakeRequest, StudyError)>) {
        if !requests.iter().any(IntakeRequest::starts_run) {
            return (requests, Vec::new());
        }
        let obstacle = self.obstacle(now_ms).await;
        let Some(obstacle) = obstacle else { return (requests, Vec::new()) };
        let (runs, others): (Vec<_>, Vec<_>) =
            requests.into_iter().partition(IntakeRequest::starts_run);
        (others, runs.into_iter().map(|request| (request, obstacle.clone())).collect())
    }

    async fn obstacle(&self, now_ms: u64) -> Option<StudyError> {
        if !(self.queues_answer)() {
            return Some(no_queue("the queue does not answer; try again in a moment"));
        }
        let pressure = self.catalog.outbox_pressure(self.pressure.in_queue_max);
        let waiting = match timeout(CATALOG_TIMEOUT, pressure).await {
            Ok(Ok(waiting)) => waiting,
            Ok(Err(error)) => return Some(error),
            Err(_) => return Some(no_catalog()),
        };
        let age = waiting.oldest_ms.map_or(0, |oldest| now_ms.saturating_sub(oldest));
        let is_old = u128::from(age) > self.pressure.age_max.as_millis();
        (waiting.rows > self.pressure.rows_max || is_old)
            .then(|| no_queue("too much waits already; try again in a moment"))
    }
}

impl IntakeRequest {
    /// Tells whether a job follows from the request.
    pub(crate) fn starts_run(&self) -> bool {
        match self.intent.action {
            Action::InitUpload(_) | Action::StoreUpload { .. } => false,
            Action::CompleteUpload { .. }
            | Action::CreateMaterial { .. }
            | Action::RetryMaterial(_)
            | Action::CreatePlan { .. }
            | Action::RetryPlan { .. } => true,
        }
    }
}

fn run_of(accepted: &Accepted, user: &oxherd_study::UserId) -> Option<AcceptedRun> {
    let (id, queue, name, generation) = match &accepted.what {
        AcceptedWhat::Material { id, generation } => {
            (id.as_str(), MATERIAL_QUEUE, MATERIAL_JOB, *generation)
        }
        AcceptedWhat::Plan { id, generation } => (id.as_str(), PLAN_QUEUE, PLAN_JOB, *generation),
        AcceptedWhat::Upload { .. } | AcceptedWhat::Stored { .. } => return None,
    };
    if accepted.replayed || accepted.existed {
        return None;
    }
    Some(AcceptedRun {
        job: JobId::from_store(id),
        queue,
        name,
        user: user.clone(),
        generation,
        accepted_ms: accepted.accepted_ms,
    })
}

fn refuse_all(
    answers: Vec<tokio::sync::oneshot::Sender<Result<Accepted, StudyError>>>,
    error: &StudyError,
) {
    tracing::warn!("the catalog took no requests: {error}");
    for answer in answers {
        let _ = answer.send(Err(error.clone()));
    }
}

fn no_catalog() -> StudyError {
    StudyError::storage("the catalog does not answer; try again in a moment")
}

fn no_queue(message: &str) -> StudyError {
    StudyError::transient(ErrorCode::QueueUnavailable, message)
}
