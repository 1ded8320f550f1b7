//! Cancels jobs on behalf of people: what waits ends at once, what runs is asked to stop.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use oxherd_queue::backend::Cancelled;
use oxherd_queue::outcome::Failure;
use oxherd_queue::status::StatusRecord;
use oxherd_queue::{Backend, JobId, Position};
use oxherd_study::material::EntityError;
use oxherd_study::ports::{Catalog, Effects};
use oxherd_study::{MaterialId, PlanId, UserId};

use crate::handles::{CancelError, JobControl, StatusSource as _};
use crate::processors::EffectsObserver;
use crate::records::{Change, Records};

/// How long a running job is given to stop before the answer leaves.
const STOP_SHOWN_WITHIN: Duration = Duration::from_millis(800);

/// Cancels jobs.
pub(crate) struct Control {
    /// The rows.
    pub(crate) catalog: Arc<dyn Catalog>,
    /// The jobs.
    pub(crate) queues: HashMap<String, Arc<dyn Backend>>,
    /// The records.
    pub(crate) records: Records,
    /// Hears of plans that a cancelled material failed.
    pub(crate) effects: Arc<dyn EffectsObserver>,
    /// Tells the time, milliseconds since the epoch.
    pub(crate) now_ms: Arc<dyn Fn() -> u64 + Send + Sync>,
    /// Stops a run of this process at once; `false` when it runs elsewhere or not at all.
    pub(crate) stop_here: Arc<dyn Fn(&JobId) -> bool + Send + Sync>,
}

#[async_trait]
impl JobControl for Control {
    async fn cancel(&self, user: &UserId, job: &JobId) -> Result<Arc<StatusRecord>, CancelError> {
        let record = self.record(user, job).await?;
        if record.state.is_final() {
            return Err(CancelError::Finished(record));
        }
        match self.end(&record).await? {
            Cancelled::AlreadyFinished { .. } => {
                self.records.lost(job);
                Err(CancelError::Finished(self.record(user, job).await?))
            }
            Cancelled::Requested { .. } => {
                (self.stop_here)(job);
                self.shown_ended(job).await;
                self.record(user, job).await
            }
            Cancelled::Ended { version } => {
                self.fail_row(&record).await?;
                self.tell(job, version);
                self.record(user, job).await
            }
            // Accepted and not in the queue yet: the row's last word keeps it out.
            Cancelled::Unknown => {
                self.fail_row(&record).await?;
                self.tell(job, Position::START);
                self.record(user, job).await
            }
        }
    }

    async fn forget(&self, user: &UserId, job: &JobId) {
        let Ok(record) = self.record(user, job).await else { return };
        if record.state.is_final() {
            return;
        }
        match self.end(&record).await {
            Ok(Cancelled::Ended { version }) => self.tell(job, version),
            Ok(Cancelled::Unknown) => self.tell(job, Position::START),
            Ok(Cancelled::Requested { version, .. }) => {
                // Its entity is gone: however the run ends now, this is its last word.
                self.tell(job, version);
                (self.stop_here)(job);
            }
            Ok(Cancelled::AlreadyFinished { .. }) => self.records.lost(job),
            Err(error) => {
                tracing::warn!(job.id = %job, "job of a deleted entity lives on: {error}")
            }
        }
    }

    fn happened(&self, effects: &Effects) {
        self.effects.happened(effects);
    }
}

impl Control {
    async fn record(&self, user: &UserId, job: &JobId) -> Result<Arc<StatusRecord>, CancelError> {
        let found = self.records.lookup(job).await;
        let found = found.map_err(|error| CancelError::Unavailable(error.to_string()))?;
        found.filter(|record| record.owner == user.as_str()).ok_or(CancelError::Unknown)
    }

    async fn end(&self, record: &StatusRecord) -> Result<Cancelled, CancelError> {
        let queue = self.queues.get(&record.queue).ok_or(CancelError::Unknown)?;
        queue.cancel(&record.job).await.map_err(|error| CancelError::Unavailable(error.to_string()))
    }

    /// Writes the end of a job that nobody ran into its row.
    async fn fail_row(&self, record: &StatusRecord) -> Result<(), CancelError> {
        let failure = Failure::cancelled();
        let error = EntityError { code: failure.code, message: failure.message };
        let (user, now) = (UserId::new(&record.owner), (self.now_ms)());
        let away = |error: oxherd_study::StudyError| CancelError::Unavailable(error.to_string());
        let (id, generation) = (record.job.as_str(), record.generation);
        if let Ok(id) = MaterialId::parse(id) {
            let failed = self.catalog.fail_material(&user, &id, generation, &error, now).await;
            self.effects.happened(&failed.map_err(away)?);
        } else if let Ok(id) = PlanId::parse(id) {
            self.catalog.fail_plan(&user, &id, generation, &error, now).await.map_err(away)?;
        }
        Ok(())
    }

    fn tell(&self, job: &JobId, version: Position) {
        let error = Failure::cancelled();
        let change = Change::Failed { error, at_ms: (self.now_ms)(), attempts_made: None };
        self.records.change(job, &change, version);
    }

    /// Waits a moment for a running job to end, so that the answer can say so.
    async fn shown_ended(&self, job: &JobId) {
        let mut watch = self.records.watch(job);
        let ended = watch.wait_for(|record| record.as_ref().is_some_and(|r| r.state.is_final()));
        let _ = tokio::time::timeout(STOP_SHOWN_WITHIN, ended).await;
    }
}
