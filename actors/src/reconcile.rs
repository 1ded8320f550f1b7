//! The core of the Reconciler: rows and jobs that disagree. Events are the fast path, this is the
//! guarantee.

use std::collections::HashMap;
use std::sync::Arc;

use oxherd_queue::job::JobSnapshot;
use oxherd_queue::outcome::Failure;
use oxherd_queue::{Backend, JobId, JobState};
use oxherd_study::error::ErrorCode;
use oxherd_study::material::EntityError;
use oxherd_study::ports::{Catalog, Unsettled};
use oxherd_study::{MaterialId, PlanId, StudyError};

use crate::processors::EffectsObserver;
use crate::records::{Change, Records};
use crate::relay::{RelayError, job_of};

/// Rows that are looked at in one call.
const PAGE: usize = 200;
/// A row that changed within this time is left alone: its job may be on its way.
const SETTLING_MS: u64 = 30_000;

/// Compares rows and jobs, and mends.
pub(crate) struct Reconciler {
    /// The rows.
    pub(crate) catalog: Arc<dyn Catalog>,
    /// The jobs.
    pub(crate) queues: HashMap<String, Arc<dyn Backend>>,
    /// The records.
    pub(crate) records: Records,
    /// Hears of plans that a failed material woke or failed.
    pub(crate) effects: Arc<dyn EffectsObserver>,
}

/// What a comparison did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Mended {
    /// Jobs that were missing and were added again.
    pub(crate) submitted: usize,
    /// Rows that were written from their jobs.
    pub(crate) written: usize,
}

impl Reconciler {
    /// Compares every row that has not ended and was not touched for 30 s.
    ///
    /// # Errors
    /// When a store does not answer; what was mended stays mended.
    pub(crate) async fn run(&self, now_ms: u64) -> Result<Mended, RelayError> {
        let before = now_ms.saturating_sub(SETTLING_MS);
        let (mut after, mut mended) = (None::<String>, Mended::default());
        loop {
            let page = self.catalog.unsettled(before, after.as_deref(), PAGE).await?;
            let Some(last) = page.last() else { return Ok(mended) };
            after = Some(last.row.job.clone());
            for (queue, backend) in &self.queues {
                let rows: Vec<_> = page.iter().filter(|row| row.queue == *queue).collect();
                self.compare(queue, backend, &rows, now_ms, &mut mended).await?;
            }
        }
    }

    async fn compare(
        &self,
        queue: &str,
        backend: &Arc<dyn Backend>,
        rows: &[&Unsettled],
        now_ms: u64,
        mended: &mut Mended,
    ) -> Result<(), RelayError> {
        let ids: Vec<_> = rows.iter().map(|row| JobId::from_store(row.row.job.as_str())).collect();
        let away = |cause| RelayError::Queue { queue: queue.to_owned(), cause };
        let jobs = backend.jobs(&ids).await.map_err(away)?;
        for (row, job) in rows.iter().zip(jobs) {
            match judge(row, job.as_ref()) {
                Judgement::Agrees => {}
                Judgement::Submit => {
                    let job = job_of(&row.row).map_err(away)?;
                    backend.submit(vec![job]).await.map_err(away)?;
                    mended.submitted += 1;
                }
                Judgement::Fail(failure) => {
                    self.fail(row, &failure, now_ms).await?;
                    mended.written += 1;
                }
            }
        }
        Ok(())
    }

    /// Writes a failed job's last word into its row.
    async fn fail(
        &self,
        row: &Unsettled,
        failure: &Failure,
        now_ms: u64,
    ) -> Result<(), StudyError> {
        let error = EntityError { code: failure.code.clone(), message: failure.message.clone() };
        let (user, generation) = (&row.row.user, row.row.generation);
        if let Ok(id) = MaterialId::parse(&row.row.job) {
            let failed = self.catalog.fail_material(user, &id, generation, &error, now_ms);
            self.effects.happened(&failed.await?);
        } else if let Ok(id) = PlanId::parse(&row.row.job) {
            self.catalog.fail_plan(user, &id, generation, &error, now_ms).await?;
        }
        let job = JobId::from_store(row.row.job.as_str());
        let change = Change::Failed { error: failure.clone(), at_ms: now_ms, attempts_made: None };
        self.records.change(&job, &change, oxherd_queue::Position::START);
        Ok(())
    }
}

/// What a row and its job say together.
#[derive(Debug, PartialEq, Eq)]
enum Judgement {
    Agrees,
    Submit,
    Fail(Failure),
}

fn judge(row: &Unsettled, job: Option<&JobSnapshot>) -> Judgement {
    if row.in_outbox {
        return Judgement::Agrees;
    }
    let Some(job) = job else { return Judgement::Submit };
    let generation = job.job.generation();
    if job.state.is_final() && generation < row.row.generation {
        return Judgement::Submit;
    }
    match job.state {
        JobState::Failed => {
            let reason = job.job.failed_reason.as_deref().unwrap_or_default();
            Judgement::Fail(Failure::from_reason(reason))
        }
        // A worker that is not ours may have completed it without doing its work.
        JobState::Completed => Judgement::Fail(Failure::new(
            ErrorCode::JobFailed.as_str(),
            "the job completed without a result for this entity",
        )),
        _ => Judgement::Agrees,
    }
}
