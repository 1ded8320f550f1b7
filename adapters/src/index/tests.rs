//! What searches over one and over several indexes find.

use std::sync::Arc;

use oxherd_study::bundle::Bundle;
use oxherd_study::language::Language;
use oxherd_study::vector::Vectors;

use super::*;

fn chunks(texts: &[(&str, &str)]) -> Vec<Chunk> {
    texts
        .iter()
        .enumerate()
        .map(|(index, (heading, text))| Chunk {
            index: index as u32,
            text: (*text).to_owned(),
            heading_path: vec![(*heading).to_owned()],
            page: None,
            page_end: None,
        })
        .collect()
}

/// Builds the index of these chunks and opens it under a key.
async fn open(index: &TantivyIndex, key: &str, texts: &[(&str, &str)]) -> OpenBundle {
    let chunks = chunks(texts);
    let bytes = index.build(&chunks).await.unwrap();
    let bundle = Bundle {
        chunks,
        outline: Vec::new(),
        language: Language::English,
        document_title: None,
        summary: String::new(),
        page_count: None,
        embedding_model: String::new(),
        vectors: Vectors::default(),
        index: bytes,
    };
    OpenBundle { key: key.to_owned(), bundle: Arc::new(bundle) }
}

async fn found(index: &TantivyIndex, bundles: &[OpenBundle], query: &str) -> Vec<(usize, u32)> {
    let hits = index.search(bundles, query, 10).await.unwrap();
    assert!(hits.is_sorted_by(|a, b| a.score >= b.score));
    hits.iter().map(|hit| (hit.bundle, hit.chunk)).collect()
}

#[tokio::test]
async fn words_are_found_in_any_form_and_in_headings() {
    let index = TantivyIndex::default();
    let bundle = open(
        &index,
        "a",
        &[
            ("Disks", "How the installer partitions a drive."),
            ("네트워크", "데이터베이스를 설정하고 값을 바꾼다."),
            ("Clock", "The time runs in UTC."),
        ],
    )
    .await;
    let bundles = [bundle];
    assert_eq!(found(&index, &bundles, "partitioning drives").await, [(0, 0)]);
    assert_eq!(found(&index, &bundles, "데이터베이스").await, [(0, 1)]);
    assert_eq!(found(&index, &bundles, "값").await, [(0, 1)]);
    assert_eq!(found(&index, &bundles, "네트워크의").await, [(0, 1)]);
    assert_eq!(found(&index, &bundles, "clocks").await, [(0, 2)]);
    assert_eq!(found(&index, &bundles, "absent").await, []);
}

#[tokio::test]
async fn several_indexes_rank_as_one_would() {
    let index = TantivyIndex::default();
    let first = [("", "lock lock lock table"), ("", "lock order"), ("", "lock free code")];
    let second = [("", "vacuum table"), ("", "a rare lock"), ("", "vacuum runs at night in a row")];
    let apart = [open(&index, "1", &first).await, open(&index, "2", &second).await];
    let all: Vec<_> = first.into_iter().chain(second).collect();
    let together = [open(&index, "all", &all).await];

    for query in ["lock", "vacuum lock", "table row night"] {
        let one = index.search(&together, query, 10).await.unwrap();
        let two = index.search(&apart, query, 10).await.unwrap();
        let joined: Vec<_> =
            two.iter().map(|hit| (hit.bundle as u32 * 3 + hit.chunk, hit.score)).collect();
        let single: Vec<_> = one.iter().map(|hit| (hit.chunk, hit.score)).collect();
        assert!(!single.is_empty());
        assert_eq!(joined, single, "{query}");
    }
}

#[tokio::test]
async fn no_query_fails() {
    let index = TantivyIndex::default();
    let bundles = [open(&index, "a", &[("", "text")]).await];
    let long = "가나다라 text ".repeat(200);
    for query in ["", "\"", "text AND (", "a:b^-1", "*", "[1 TO", "\u{0}\u{feff}", &long] {
        index.search(&bundles, query, 3).await.unwrap();
    }
    assert_eq!(index.search(&bundles, "text", 0).await.unwrap(), []);
    assert_eq!(index.search(&[], "text", 3).await.unwrap(), []);
}

#[tokio::test]
async fn a_damaged_index_is_an_error_and_no_panic() {
    let index = TantivyIndex::default();
    let whole = open(&index, "whole", &[("", "text")]).await;
    for keep in [3, whole.bundle.index.len() / 2, whole.bundle.index.len() - 1] {
        let mut bundle = Bundle::clone(&whole.bundle);
        bundle.index = bundle.index.slice(..keep);
        let damaged = OpenBundle { key: format!("cut at {keep}"), bundle: Arc::new(bundle) };
        let error = index.search(&[damaged], "text", 3).await.unwrap_err();
        assert_eq!(error.code, ErrorCode::InternalError);
    }
}

#[test]
fn the_cache_keeps_what_was_used_last_within_its_bound() {
    let archive = build(&Terms::default(), &chunks(&[("", "text")])).unwrap();
    let cache = cache::OpenedIndexes::new(archive.len() * 2);
    for key in ["a", "b", "a", "c"] {
        cache.open(key, &archive).unwrap();
    }
    // What is not read anew needs no bytes.
    for (key, is_open) in [("a", true), ("b", false), ("c", true)] {
        assert_eq!(cache.open(key, &[1]).is_ok(), is_open, "{key}");
    }
}
