//! The role of telling and freeing deduplication ids.
//!
//! Never adds or changes a job.

use async_trait::async_trait;

use crate::error::Result;
use crate::job::JobId;

/// Deduplication ids that are taken; see [`crate::options::Deduplication`].
#[async_trait]
pub trait Deduplicate: Send + Sync {
    /// Returns the job that owns a deduplication id now, if any; it may have ended.
    async fn deduplication_owner(&self, deduplication_id: &str) -> Result<Option<JobId>>;

    /// Frees a deduplication id, so that the next add makes a job; the owner goes on. With `owner`
    /// only if that job owns it. `false` when nothing was freed.
    async fn free_deduplication(
        &self,
        deduplication_id: &str,
        owner: Option<&JobId>,
    ) -> Result<bool>;
}
