//! The core of the relay: from the outbox into the queues, fairly, safely however often.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use oxherd_queue::backend::Submitted;
use oxherd_queue::job::JobSnapshot;
use oxherd_queue::{Backend, JobId, JobOptions, NewJob, Payload, Position, QueueError};
use oxherd_study::StudyError;
use oxherd_study::ports::{Catalog, OutboxRow};

use crate::records::Records;

/// The most rows in one round.
const ROWS_MAX: usize = 256;

/// Carries accepted runs into the queues.
pub(crate) struct Relay {
    /// Where they wait.
    pub(crate) catalog: Arc<dyn Catalog>,
    /// Where they go.
    pub(crate) queues: HashMap<String, Arc<dyn Backend>>,
    /// Where they are seen.
    pub(crate) records: Records,
    /// The most unfinished runs of one user in the queues.
    pub(crate) in_queue_max: u32,
}

/// Why a round of the relay ended early; what it did stays done.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RelayError {
    /// The catalog does not answer.
    #[error("the outbox cannot be read: {0}")]
    Catalog(#[from] StudyError),
    /// A queue does not answer.
    #[error("queue {queue} takes no jobs: {cause}")]
    Queue {
        /// The queue.
        queue: String,
        /// What it said.
        cause: QueueError,
    },
}

impl Relay {
    /// Relays rows until none may pass; returns how many did.
    ///
    /// # Errors
    /// [`RelayError`]; rows whose queue is away stay where they are.
    pub(crate) async fn run(&self) -> Result<usize, RelayError> {
        let mut all = 0;
        loop {
            let rows = self.catalog.next_rows(ROWS_MAX, self.in_queue_max).await?;
            let mut relayed = 0;
            for (queue, rows) in by_queue(rows) {
                relayed += self.submit(&queue, &rows).await?;
            }
            if relayed == 0 {
                return Ok(all);
            }
            all += relayed;
        }
    }

    /// Submits the rows of one queue and marks those as relayed whose run is in it now.
    async fn submit(&self, queue: &str, rows: &[OutboxRow]) -> Result<usize, RelayError> {
        let away = |cause| RelayError::Queue { queue: queue.to_owned(), cause };
        let backend = self.queues.get(queue).ok_or_else(|| {
            away(QueueError::Corrupt(format!(
                "the outbox names a queue {queue} that nobody serves"
            )))
        })?;
        let jobs = rows.iter().map(job_of).collect::<Result<Vec<_>, _>>().map_err(away)?;
        let submitted = backend.submit(jobs).await.map_err(away)?;
        let older = older_runs(&**backend, rows, &submitted).await.map_err(away)?;
        let mut in_queue = Vec::with_capacity(rows.len());
        for (row, submitted) in rows.iter().zip(&submitted) {
            if !older.contains(row.job.as_str()) {
                in_queue.push(row.number);
                self.tell(row, submitted);
            }
        }
        self.catalog.relayed(&in_queue).await?;
        Ok(in_queue.len())
    }

    fn tell(&self, row: &OutboxRow, submitted: &Submitted) {
        let position = match submitted {
            Submitted::Added { version } | Submitted::Again { version } => *version,
            Submitted::Unchanged { .. } => Position::START,
        };
        if position > Position::START {
            self.records.waiting(&JobId::from_store(row.job.as_str()), position);
        }
    }
}

/// Returns the jobs whose last run has not quite ended: the row of their new run stays where it is
/// until it has.
async fn older_runs(
    backend: &dyn Backend,
    rows: &[OutboxRow],
    submitted: &[Submitted],
) -> Result<HashSet<String>, QueueError> {
    let lives = |submitted: &Submitted| matches!(submitted, Submitted::Unchanged { state } if !state.is_final());
    let living: Vec<&OutboxRow> =
        rows.iter().zip(submitted).filter(|(_, s)| lives(s)).map(|(row, _)| row).collect();
    if living.is_empty() {
        return Ok(HashSet::new());
    }
    let ids: Vec<JobId> = living.iter().map(|row| JobId::from_store(row.job.as_str())).collect();
    let jobs = backend.jobs(&ids).await?;
    let is_older = |row: &OutboxRow, job: Option<JobSnapshot>| {
        job.is_some_and(|job| (1..row.generation).contains(&job.job.generation()))
    };
    let older = living.into_iter().zip(jobs).filter(|(row, job)| is_older(row, job.clone()));
    Ok(older.map(|(row, _)| row.job.clone()).collect())
}

fn by_queue(rows: Vec<OutboxRow>) -> Vec<(String, Vec<OutboxRow>)> {
    let mut queues: Vec<(String, Vec<OutboxRow>)> = Vec::new();
    for row in rows {
        match queues.iter_mut().find(|(queue, _)| *queue == row.queue) {
            Some((_, rows)) => rows.push(row),
            None => queues.push((row.queue.clone(), vec![row])),
        }
    }
    queues
}

/// Writes the job that a row asks for.
pub(crate) fn job_of(row: &OutboxRow) -> Result<NewJob, QueueError> {
    let data = Payload::parse(row.data.as_str())?;
    let id = JobId::custom(row.job.as_str())?;
    // Its life begins when it was accepted, however long it waited for its turn.
    let options = JobOptions { timestamp_ms: Some(row.created_ms), ..JobOptions::default() };
    Ok(NewJob::new(row.name.clone(), data).with_id(id).with_options(options))
}
