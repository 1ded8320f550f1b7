//! The core of the Janitor: what nobody refers to any more.

use std::sync::Arc;

use oxherd_queue::Store;
use oxherd_study::StudyError;
use oxherd_study::ports::{Catalog, Objects};

/// Uploads that expired this long ago are forgotten: late completions still get a clear answer.
const EXPIRED_AGO_MS: u64 = 60 * 60 * 1000;
/// Objects younger than this may belong to a row that is being written.
const ORPHAN_AGE_MS: u64 = 24 * 60 * 60 * 1000;
/// How many things are looked at in one call.
const PAGE: usize = 200;
/// Where objects lie: sent files and knowledge bundles.
const PREFIXES: [&str; 2] = ["uploads/", "bundles/"];

/// Removes what nobody refers to.
pub(crate) struct Janitor {
    /// The rows.
    pub(crate) catalog: Arc<dyn Catalog>,
    /// The files.
    pub(crate) objects: Arc<dyn Objects>,
    /// The job records.
    pub(crate) store: Arc<dyn Store>,
}

/// What a sweep removed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Removed {
    /// Uploads that expired.
    pub(crate) uploads: usize,
    /// Objects without a row.
    pub(crate) objects: usize,
    /// Idempotency keys older than a day.
    pub(crate) keys: u64,
    /// Records of jobs that ended more than a day ago.
    pub(crate) records: u64,
}

impl Janitor {
    /// Sweeps everything once.
    ///
    /// # Errors
    /// When a store does not answer; what was removed stays removed.
    pub(crate) async fn run(&self, now_ms: u64) -> Result<Removed, StudyError> {
        let records = self.store.status().purge().await;
        Ok(Removed {
            uploads: self.expired_uploads(now_ms).await?,
            objects: self.orphans(now_ms).await?,
            keys: self.catalog.purge_idempotency(now_ms).await?,
            records: records.map_err(|error| StudyError::storage(error.to_string()))?,
        })
    }

    async fn expired_uploads(&self, now_ms: u64) -> Result<usize, StudyError> {
        let mut removed = 0;
        loop {
            let before = now_ms.saturating_sub(EXPIRED_AGO_MS);
            let keys = self.catalog.expire_uploads(before, PAGE).await?;
            for key in &keys {
                self.objects.delete(key).await?;
            }
            removed += keys.len();
            if keys.len() < PAGE {
                return Ok(removed);
            }
        }
    }

    async fn orphans(&self, now_ms: u64) -> Result<usize, StudyError> {
        let mut removed = 0;
        for prefix in PREFIXES {
            let mut after: Option<String> = None;
            loop {
                let page = self.objects.list(prefix, after.as_deref(), PAGE).await?;
                let Some(last) = page.last() else { break };
                after = Some(last.key.clone());
                let old: Vec<String> = page
                    .into_iter()
                    .filter(|object| object.stored_ms.saturating_add(ORPHAN_AGE_MS) < now_ms)
                    .map(|object| object.key)
                    .collect();
                for key in self.catalog.unreferenced(&old).await? {
                    self.objects.delete(&key).await?;
                    removed += 1;
                }
            }
        }
        Ok(removed)
    }
}
