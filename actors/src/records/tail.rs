//! The event tail: what other processes did to jobs that are known or followed here.

use oxherd_queue::backend::EventPage;
use oxherd_queue::outcome::Failure;
use oxherd_queue::{Event, EventKind, JobId, Position, QueueError};

use super::change::{Change, change_of, progress_of, record_of};
use super::lookup::owner_of;
use super::{Records, next};

impl Records {
    /// Takes a page of a queue's events; returns the jobs that other workers ended, whose rows may
    /// have to follow, and those whose stop was asked for.
    ///
    /// # Errors
    /// When the queue does not answer; the page should be taken again.
    pub async fn observe(&self, queue: &str, page: &EventPage) -> Result<Observed, QueueError> {
        if page.gap {
            self.inner.shards.mark_stale(queue);
        }
        let mut observed = Observed::default();
        let mut news: Vec<(&JobId, &Event)> = Vec::new();
        for event in &page.events {
            if let EventKind::CancelRequested { id } = &event.kind {
                observed.stop.push(id.clone());
            }
            if let Some(id) = event.kind.job()
                && self.is_news(id, event.position)
            {
                news.push((id, event));
            }
        }
        let mut ids: Vec<JobId> = news.iter().map(|(id, _)| (*id).clone()).collect();
        ids.sort_unstable();
        ids.dedup();
        let Some(backend) = self.inner.queues.get(queue).filter(|_| !ids.is_empty()) else {
            return Ok(observed);
        };
        for (id, found) in ids.iter().zip(backend.jobs(&ids).await?) {
            let Some(found) = found else {
                news.iter()
                    .filter(|(job, _)| *job == id)
                    .for_each(|(_, event)| self.take(id, event));
                continue;
            };
            let last = news.iter().rev().find(|(job, _)| *job == id);
            let position = last.map_or(Position::START, |(_, event)| event.position);
            let shown = self.inner.shards.write(id, |entry| {
                // It may have gone on while the job was read.
                let is_old_news = entry.is_ours || position <= entry.position;
                if is_old_news || entry.is_beyond(found.job.generation()) {
                    return None;
                }
                let is_older = |generation| generation < found.job.generation();
                if entry.record.as_ref().is_none_or(|record| is_older(record.generation)) {
                    let owner = owner_of(&found.job.data)?;
                    let mut record = record_of(queue, &owner, &found.job);
                    if let Some(old) = &entry.record {
                        record.version = record.version.max(old.version.next());
                    }
                    entry.record = Some(std::sync::Arc::new(record));
                }
                next(entry, &change_of(&found, self.inner.clock.now_ms()), position)
            });
            self.keep(shown);
            if found.state.is_final() {
                observed.ended.push(id.clone());
            }
        }
        Ok(observed)
    }

    /// Tells whether an event says more than the record does, of a job that is known here and not
    /// run here.
    fn is_news(&self, id: &JobId, position: Position) -> bool {
        let newer = |entry: &super::shards::Entry| !entry.is_ours && position > entry.position;
        self.inner.shards.read(id, newer).unwrap_or(false)
    }

    /// Takes what the event itself says: the job may be gone by the time one looks.
    fn take(&self, id: &JobId, event: &Event) {
        let now = self.inner.clock.now_ms();
        let change = match &event.kind {
            EventKind::Waiting { .. } => Change::Waiting,
            EventKind::Delayed { due_ms, .. } => {
                Change::Delayed { due_ms: Some(*due_ms), error: None, attempts_made: None }
            }
            EventKind::Active { .. } => Change::Active { at_ms: event.position.ms.min(now) },
            EventKind::Progress { data, .. } => match progress_of(data) {
                Some(progress) => Change::Progress(progress),
                None => return,
            },
            EventKind::Completed { result, .. } => {
                Change::Completed { result: result.decode().ok(), at_ms: now, attempts_made: None }
            }
            EventKind::Failed { reason, .. } => Change::Failed {
                error: Failure::from_reason(reason),
                at_ms: now,
                attempts_made: None,
            },
            _ => return,
        };
        let shown = self.inner.shards.write(id, |entry| {
            let is_old_news = entry.is_ours || event.position <= entry.position;
            if is_old_news { None } else { next(entry, &change, event.position) }
        });
        self.keep(shown);
    }
}

/// What a page of events asks of others.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Observed {
    /// Jobs that ended in another process.
    pub ended: Vec<JobId>,
    /// Jobs that someone wants to stop.
    pub stop: Vec<JobId>,
}
