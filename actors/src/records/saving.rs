//! Saving: from memory into the status store, in batches; what it refuses to take stays.

use std::sync::{Arc, PoisonError};

use oxherd_queue::status::StatusRecord;
use oxherd_queue::{JobId, QueueError};

use super::Records;

/// The most records that are saved in one call.
const SAVED_AT_ONCE: usize = 256;

impl Records {
    /// Completes when there is something to save.
    pub async fn unsaved(&self) {
        self.inner.has_unsaved.notified().await;
    }

    /// Saves what was not saved yet; what the store refuses to take stays for the next call.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn save(&self) -> Result<(), QueueError> {
        loop {
            let batch = self.take_unsaved();
            if batch.is_empty() {
                return Ok(());
            }
            let records = batch.iter().map(|record| record.as_ref().clone()).collect();
            match self.inner.store.put(records).await {
                Ok(newer) => newer.into_iter().flatten().for_each(|record| self.adopt(record)),
                Err(error) => {
                    self.give_back(batch);
                    return Err(error);
                }
            }
        }
    }

    fn take_unsaved(&self) -> Vec<Arc<StatusRecord>> {
        let mut unsaved = self.inner.unsaved.lock().unwrap_or_else(PoisonError::into_inner);
        if unsaved.len() <= SAVED_AT_ONCE {
            return std::mem::take(&mut *unsaved).into_values().collect();
        }
        let some: Vec<JobId> = unsaved.keys().take(SAVED_AT_ONCE).cloned().collect();
        some.iter().filter_map(|job| unsaved.remove(job)).collect()
    }

    fn give_back(&self, batch: Vec<Arc<StatusRecord>>) {
        let mut unsaved = self.inner.unsaved.lock().unwrap_or_else(PoisonError::into_inner);
        for record in batch {
            unsaved.entry(record.job.clone()).or_insert(record);
        }
    }
}
