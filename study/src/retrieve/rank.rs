//! One list of passages from two: full text, and vectors.
//!
//! Vectors of a semantic model are fused with the full text by their ranks. Weak vectors would only
//! push better passages down; they fill up what full text leaves free.

use std::collections::HashMap;

use crate::error::{ErrorCode, Result, StudyError};
use crate::ports::{Hit, OpenBundle, Ports};

/// How deep both lists are read before they are fused.
const FUSED_DEPTH: usize = 50;
/// The usual constant of reciprocal rank fusion.
const FUSION: f32 = 60.0;
/// Weak vectors of unrelated texts come as near as a tenth by chance.
const WEAK_COSINE_MIN: f32 = 0.15;

/// Returns the best passages of all bundles, best first, at most `limit`.
pub(super) async fn rank(
    ports: &Ports,
    bundles: &[OpenBundle],
    query: &str,
    limit: usize,
) -> Result<Vec<Hit>> {
    if bundles.is_empty() || limit == 0 {
        return Ok(Vec::new());
    }
    if ports.embedder.is_semantic() {
        let depth = limit.max(FUSED_DEPTH);
        let text = ports.index.search(bundles, query, depth).await?;
        let near = nearest(ports, bundles, query, depth).await?;
        return Ok(fuse(&[text, near], limit));
    }
    let mut hits = ports.index.search(bundles, query, limit).await?;
    if hits.len() < limit {
        let mut near = nearest(ports, bundles, query, limit).await?;
        near.retain(|hit| hit.score >= WEAK_COSINE_MIN);
        fill(&mut hits, near, limit);
    }
    Ok(hits)
}

/// Scans the vectors of all bundles that were made by the present model.
async fn nearest(
    ports: &Ports,
    bundles: &[OpenBundle],
    query: &str,
    limit: usize,
) -> Result<Vec<Hit>> {
    let query = [query.to_owned()];
    let Some(query) = ports.embedder.embed(&query).await?.pop() else { return Ok(Vec::new()) };
    let model = ports.embedder.model();
    let same_model = |(_, open): &(usize, &OpenBundle)| open.bundle.embedding_model == model;
    let scanned: Vec<(usize, OpenBundle)> = bundles
        .iter()
        .enumerate()
        .filter(same_model)
        .map(|(place, open)| (place, open.clone()))
        .collect();
    let scan = move || scan(&scanned, &query, limit);
    tokio::task::spawn_blocking(scan).await.map_err(|error| {
        tracing::warn!(%error, "could not scan vectors");
        StudyError::transient(ErrorCode::InternalError, "the search broke off; try again")
    })
}

fn scan(bundles: &[(usize, OpenBundle)], query: &[f32], limit: usize) -> Vec<Hit> {
    let mut hits: Vec<Hit> = Vec::new();
    for (bundle, open) in bundles {
        let products = open.bundle.vectors.products(query);
        hits.extend((0_u32..).zip(products).map(|(chunk, score)| Hit {
            bundle: *bundle,
            chunk,
            score,
        }));
        sort_and_cut(&mut hits, limit);
    }
    hits
}

/// Appends what is not there yet, with scores below those that are.
fn fill(hits: &mut Vec<Hit>, near: Vec<Hit>, limit: usize) {
    let lowest = hits.last().map_or(1.0, |hit| hit.score);
    for hit in near {
        let is_there = hits.iter().any(|other| place(other) == place(&hit));
        if hits.len() < limit && !is_there {
            hits.push(Hit { score: hit.score * lowest, ..hit });
        }
    }
}

/// Adds up the reciprocal ranks of each passage over all lists.
fn fuse(lists: &[Vec<Hit>], limit: usize) -> Vec<Hit> {
    let mut scores: HashMap<(usize, u32), f32> = HashMap::new();
    for list in lists {
        for (rank, hit) in list.iter().enumerate() {
            *scores.entry(place(hit)).or_default() += 1.0 / (FUSION + rank as f32 + 1.0);
        }
    }
    let mut hits: Vec<Hit> =
        scores.into_iter().map(|((bundle, chunk), score)| Hit { bundle, chunk, score }).collect();
    sort_and_cut(&mut hits, limit);
    hits
}

fn sort_and_cut(hits: &mut Vec<Hit>, limit: usize) {
    let best_first =
        |a: &Hit, b: &Hit| b.score.total_cmp(&a.score).then_with(|| place(a).cmp(&place(b)));
    if hits.len() > limit && limit > 0 {
        hits.select_nth_unstable_by(limit - 1, best_first);
        hits.truncate(limit);
    }
    hits.sort_by(best_first);
}

fn place(hit: &Hit) -> (usize, u32) {
    (hit.bundle, hit.chunk)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hit(chunk: u32, score: f32) -> Hit {
        Hit { bundle: 0, chunk, score }
    }

    fn chunks(hits: &[Hit]) -> Vec<u32> {
        assert!(hits.is_sorted_by(|a, b| a.score >= b.score));
        hits.iter().map(|hit| hit.chunk).collect()
    }

    #[test]
    fn weak_vectors_stand_below_full_text_and_repeat_nothing() {
        let mut hits = vec![hit(3, 9.0), hit(1, 2.0)];
        fill(&mut hits, vec![hit(1, 0.9), hit(5, 0.8), hit(6, 0.7)], 3);
        assert_eq!(chunks(&hits), [3, 1, 5]);
    }

    #[test]
    fn a_passage_in_both_lists_beats_the_first_of_one() {
        let fused = fuse(&[vec![hit(1, 9.0), hit(2, 8.0)], vec![hit(3, 0.9), hit(2, 0.8)]], 2);
        assert_eq!(chunks(&fused), [2, 1]);
    }
}
