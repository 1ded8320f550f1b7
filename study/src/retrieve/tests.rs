//! What a search answers, and how often it reads.

use std::sync::Arc;

use bytes::Bytes;

use super::*;
use crate::bundle::Bundle;
use crate::chunk::Chunk;
use crate::language::Language;
use crate::material::{Material, MaterialStatus};
use crate::testing::{FakeObjects, World, pending_material};
use crate::vector::Vectors;

fn bundle(texts: &[&str]) -> Bundle {
    let chunk = |(index, text): (u32, &&str)| Chunk {
        index,
        text: (*text).to_owned(),
        heading_path: vec!["Heading".to_owned()],
        page: Some(index + 1),
        page_end: Some(index + 1),
    };
    Bundle {
        chunks: (0..).zip(texts).map(chunk).collect(),
        outline: Vec::new(),
        language: Language::English,
        document_title: None,
        summary: String::new(),
        page_count: None,
        embedding_model: "fake".to_owned(),
        vectors: Vectors::quantize(&vec![vec![1.0, 0.0]; texts.len()]).unwrap(),
        index: Bytes::new(),
    }
}

/// Adds a READY material of these chunks; later ones are newer.
fn add(world: &World, texts: &[&str]) -> Material {
    let created_ms = world.catalog.rows(|rows| rows.materials.len()) as u64;
    let material = Material {
        status: MaterialStatus::Ready,
        bundle_key: Some(format!("bundles/{created_ms}")),
        created_ms,
        ..pending_material("manual")
    };
    let encoded = bundle(texts).encode().unwrap();
    world.objects.put(material.bundle_key.as_deref().unwrap(), encoded);
    world.catalog.rows(|rows| rows.materials.push(material.clone()));
    material
}

async fn find(world: &World, query: &str, only: &[MaterialId], limit: usize) -> SearchAnswer {
    search(&world.ports(), &UserId::local(), query, only, limit).await.unwrap()
}

#[tokio::test]
async fn passages_of_all_materials_come_in_one_list() {
    let world = World::default();
    let old = add(&world, &["no such word", "disk disk disk"]);
    let new = add(&world, &["a disk"]);

    let answer = find(&world, "disk", &[], 2).await;

    let found: Vec<_> = answer.hits.iter().map(|hit| (&hit.material, hit.chunk_index)).collect();
    assert_eq!(found, [(&old.id, 1), (&new.id, 0)]);
    assert_eq!((answer.searched, answer.total, answer.complete), (2, 2, true));
    assert_eq!(answer.hits[0].page, Some(2));
    assert_eq!(answer.hits[0].heading_path, ["Heading"]);
    assert_eq!(answer.hits[0].snippet, "disk disk disk");
}

#[tokio::test]
async fn weak_vectors_only_fill_what_full_text_leaves_free() {
    let world = World::default();
    add(&world, &["something else", "the disk"]);

    let answer = find(&world, "disk", &[], 5).await;

    let found: Vec<u32> = answer.hits.iter().map(|hit| hit.chunk_index).collect();
    assert_eq!(found, [1, 0]);
    assert!(answer.hits[0].score >= answer.hits[1].score);
}

#[tokio::test]
async fn a_search_in_some_materials_leaves_out_the_others() {
    let world = World::default();
    let wanted = add(&world, &["a disk"]);
    add(&world, &["another disk"]);

    let answer = find(&world, "disk", std::slice::from_ref(&wanted.id), 5).await;

    assert!(answer.hits.iter().all(|hit| hit.material == wanted.id));
    assert_eq!(answer.searched, 1);
}

#[tokio::test]
async fn an_unknown_material_is_not_found() {
    let world = World::default();
    add(&world, &["a disk"]);

    let only = [MaterialId::random()];
    let error = search(&world.ports(), &UserId::local(), "disk", &only, 5).await.unwrap_err();

    assert_eq!(error.code, ErrorCode::MaterialNotFound);
}

#[tokio::test]
async fn a_bundle_that_cannot_be_read_makes_the_answer_incomplete() {
    let world = World::default();
    let gone = add(&world, &["a disk"]);
    let damaged = add(&world, &["a disk"]);
    add(&world, &["a disk"]);
    let ports = world.ports();
    ports.objects.delete(gone.bundle_key.as_deref().unwrap()).await.unwrap();
    world.objects.put(damaged.bundle_key.as_deref().unwrap(), &b"damaged"[..]);

    let answer = find(&world, "disk", &[], 5).await;

    assert_eq!((answer.hits.len(), answer.searched, answer.complete), (1, 1, false));
}

#[tokio::test]
async fn only_the_newest_fifty_are_searched() {
    let world = World::default();
    for _ in 0..=MATERIALS_MAX {
        add(&world, &["a disk"]);
    }
    let answer = find(&world, "disk", &[], 50).await;
    assert_eq!((answer.searched, answer.total), (50, 51));
    let oldest = world.catalog.rows(|rows| rows.materials[0].id.clone());
    assert!(answer.hits.iter().all(|hit| hit.material != oldest));
}

#[tokio::test]
async fn a_user_without_materials_finds_nothing() {
    let answer = find(&World::default(), "disk", &[], 5).await;
    assert_eq!((answer.hits.len(), answer.searched, answer.complete), (0, 0, true));
}

#[tokio::test]
async fn ten_searches_at_once_read_each_bundle_once() {
    let world = World::default();
    add(&world, &["a disk"]);
    let searches = (0..10).map(|_| find(&world, "disk", &[], 5));
    let answers = futures::future::join_all(searches).await;
    assert!(answers.iter().all(|answer| answer.hits.len() == 1));
    assert_eq!(world.objects.reads(), 1);
}

fn objects(keys: &[&str]) -> (FakeObjects, usize) {
    let objects = FakeObjects::default();
    let bundle = bundle(&["text"]);
    for key in keys {
        objects.put(key, bundle.encode().unwrap());
    }
    (objects, bundle.memory())
}

#[tokio::test]
async fn the_cache_drops_what_was_not_used_for_the_longest_time() {
    let (objects, size) = objects(&["a", "b", "c"]);
    let cache = BundleCache::with_bytes(size * 2);
    for key in ["a", "b", "a", "c", "a", "b"] {
        cache.open(&objects, key).await.unwrap();
    }
    // a, b and c once each, and b again after c had pushed it out.
    assert_eq!(objects.reads(), 4);
}

#[tokio::test]
async fn a_failed_read_is_tried_again_by_the_next_one() {
    let (objects, _) = objects(&[]);
    let cache = Arc::new(BundleCache::default());
    assert!(cache.open(&objects, "late").await.is_err());
    objects.put("late", bundle(&["text"]).encode().unwrap());
    assert!(cache.open(&objects, "late").await.is_ok());
}
