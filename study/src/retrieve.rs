//! Search over the bundles of a user, and the cache of open bundles.

use std::sync::Arc;

use crate::bundle::Bundle;
use crate::error::{ErrorCode, Result, StudyError};
use crate::id::{MaterialId, UserId};
use crate::ports::{Objects, Ports};

/// Open bundles by key, the least recently used dropped beyond a bound of bytes.
#[derive(Default)]
pub struct BundleCache {}

impl BundleCache {
    /// Returns the bundle under a key, read at most once at a time.
    ///
    /// # Errors
    /// When the object cannot be read or is not a bundle.
    pub async fn open(&self, objects: &dyn Objects, key: &str) -> Result<Arc<Bundle>> {
        let _ = (objects, key);
        Err(StudyError::permanent(ErrorCode::InternalError, "not written yet"))
    }
}

/// What a search found.
#[derive(Debug, Clone, PartialEq)]
pub struct SearchAnswer {
    /// The passages, best first.
    pub hits: Vec<SearchHit>,
    /// How many materials were searched.
    pub searched: u64,
    /// How many READY materials the user has.
    pub total: u64,
    /// Whether every searched bundle could be read.
    pub complete: bool,
}

/// A found passage.
#[derive(Debug, Clone, PartialEq)]
pub struct SearchHit {
    /// Its material.
    pub material: MaterialId,
    /// Its chunk.
    pub chunk_index: u32,
    /// The 1-based page on which it begins.
    pub page: Option<u32>,
    /// The headings above it.
    pub heading_path: Vec<String>,
    /// About 200 characters around the words that were found.
    pub snippet: String,
    /// Higher is better.
    pub score: f32,
}

/// Searches the user's READY materials, at most 50, newest first, or those in `only`.
///
/// # Errors
/// `MATERIAL_NOT_FOUND` when one of `only` is not the user's.
pub async fn search(
    ports: &Ports,
    user: &UserId,
    query: &str,
    only: &[MaterialId],
    limit: usize,
) -> Result<SearchAnswer> {
    let _ = (ports, user, query, only, limit);
    Err(StudyError::permanent(ErrorCode::InternalError, "not written yet"))
}
