//! Search over the bundles of a user.
//!
//! The set of bundles comes from the catalog with each search, so that a deletion is effective at
//! once everywhere. It keeps no index of its own and never answers for another user.

mod bundle_cache;
mod rank;
mod snippet;

use futures::stream::{self, StreamExt as _};

use crate::error::{ErrorCode, Result, StudyError};
use crate::id::{MaterialId, UserId};
use crate::ports::{Hit, OpenBundle, Ports, Searchable};

pub use bundle_cache::BundleCache;
pub use snippet::snippet;

/// The most materials that one search reads.
pub const MATERIALS_MAX: usize = 50;
/// How many bundles are read at once.
const OPEN_AT_ONCE: usize = 8;

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
/// A bundle that cannot be read is left out and makes the answer incomplete; it does not fail the
/// search over the others.
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
    let found = ports.catalog.searchable(user, only, MATERIALS_MAX).await?;
    let (materials, total) = found.ok_or_else(|| {
        let message = "one of the materials does not exist; leave it out or check its id";
        StudyError::permanent(ErrorCode::MaterialNotFound, message)
    })?;
    let wanted = materials.len();
    let opened = open_all(ports, materials).await;
    let (owners, bundles): (Vec<Searchable>, Vec<OpenBundle>) = opened.into_iter().unzip();
    let hits = rank::rank(ports, &bundles, query, limit).await?;
    let describe = |hit: &Hit| describe(hit, &owners[hit.bundle], &bundles[hit.bundle], query);
    Ok(SearchAnswer {
        hits: hits.iter().filter_map(describe).collect(),
        searched: bundles.len() as u64,
        total,
        complete: bundles.len() == wanted,
    })
}

/// Opens the bundles that can be opened, in the order of the materials.
async fn open_all(ports: &Ports, materials: Vec<Searchable>) -> Vec<(Searchable, OpenBundle)> {
    let open = |material: Searchable| async move {
        let key = material.bundle_key.clone();
        match ports.bundles.open(ports.objects.as_ref(), &key).await {
            Ok(bundle) => Some((material, OpenBundle { key, bundle })),
            Err(error) => {
                tracing::warn!(material = %material.id, %error, "a search left out a material");
                None
            }
        }
    };
    let opened = stream::iter(materials).map(open).buffered(OPEN_AT_ONCE);
    opened.filter_map(std::future::ready).collect().await
}

fn describe(hit: &Hit, material: &Searchable, open: &OpenBundle, query: &str) -> Option<SearchHit> {
    let chunk = open.bundle.chunks.get(hit.chunk as usize)?;
    Some(SearchHit {
        material: material.id.clone(),
        chunk_index: chunk.index,
        page: chunk.page,
        heading_path: chunk.heading_path.clone(),
        snippet: snippet(&chunk.text, query),
        score: hit.score,
    })
}

#[cfg(test)]
mod tests;
