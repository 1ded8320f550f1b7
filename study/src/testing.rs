//! The outside world in memory, for the tests of the use cases.
//!
//! A [`World`] holds one of everything; a test changes what it needs and asks afterwards what was
//! written. Calls that no use case makes end the test.

mod catalog;
mod outside;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;

pub(crate) use catalog::FakeCatalog;
pub(crate) use outside::{FakeEmbedder, FakeIndex, FakeObjects, FakeParser};

use crate::author::Author;
use crate::author::local::LocalAuthor;
use crate::document::{DocumentKind, ParsedDocument};
use crate::id::{MaterialId, UploadId, UserId};
use crate::material::{Material, MaterialStatus, MaterialStep};
use crate::ports::{Calendar, Ports, RunObserver};
use crate::retrieve::BundleCache;

/// One of everything.
pub(crate) struct World {
    pub catalog: Arc<FakeCatalog>,
    pub objects: Arc<FakeObjects>,
    pub parser: Arc<FakeParser>,
    pub embedder: Arc<FakeEmbedder>,
    pub index: Arc<FakeIndex>,
    pub author: Arc<dyn Author>,
    pub calendar: Arc<FixedCalendar>,
    pub bundles: Arc<BundleCache>,
}

impl Default for World {
    fn default() -> Self {
        Self {
            catalog: Arc::default(),
            objects: Arc::default(),
            parser: Arc::default(),
            embedder: Arc::default(),
            index: Arc::default(),
            author: Arc::new(LocalAuthor),
            calendar: Arc::default(),
            bundles: Arc::default(),
        }
    }
}

impl World {
    /// A world whose parser reads every file as this document.
    pub(crate) fn with_document(document: ParsedDocument) -> Self {
        Self { parser: Arc::new(FakeParser::reading(document)), ..Self::default() }
    }

    /// What the use cases get.
    pub(crate) fn ports(&self) -> Ports {
        Ports {
            catalog: Arc::clone(&self.catalog) as _,
            objects: Arc::clone(&self.objects) as _,
            parser: Arc::clone(&self.parser) as _,
            embedder: Arc::clone(&self.embedder) as _,
            index: Arc::clone(&self.index) as _,
            author: Arc::clone(&self.author),
            calendar: Arc::clone(&self.calendar) as _,
            bundles: Arc::clone(&self.bundles),
        }
    }
}

/// A clock that stands: Monday, 2 March 2026, 09:00 in Seoul.
pub(crate) struct FixedCalendar(u64);

impl Default for FixedCalendar {
    fn default() -> Self {
        Self(1_772_409_600_000)
    }
}

impl Calendar for FixedCalendar {
    fn now_ms(&self) -> u64 {
        self.0
    }
}

/// Remembers what it heard, and asks a run to stop when it is told to.
#[derive(Default)]
pub(crate) struct FakeObserver {
    heard: Mutex<Vec<u8>>,
    stop_at: Option<u8>,
    stopped: AtomicBool,
}

impl FakeObserver {
    /// Asks the run to stop once it is so far.
    pub(crate) fn stopping_at(progress: u8) -> Self {
        Self { stop_at: Some(progress), ..Self::default() }
    }

    /// All progress so far, in order.
    pub(crate) fn heard(&self) -> Vec<u8> {
        self.heard.lock().unwrap().clone()
    }
}

#[async_trait]
impl RunObserver for FakeObserver {
    async fn progressed(&self, progress: u8, _note: Option<String>) {
        self.heard.lock().unwrap().push(progress);
        if self.stop_at.is_some_and(|at| progress >= at) {
            self.stopped.store(true, Ordering::SeqCst);
        }
    }

    fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::SeqCst)
    }
}

/// A material of the user `local` that was accepted and not processed yet.
pub(crate) fn pending_material(title: &str) -> Material {
    Material {
        id: MaterialId::random(),
        user: UserId::local(),
        upload: UploadId::random(),
        title: title.to_owned(),
        original_filename: "book.txt".to_owned(),
        kind: DocumentKind::Text,
        size_bytes: 9,
        sha256: "0".repeat(64),
        source_key: format!("sources/{title}"),
        bundle_key: None,
        status: MaterialStatus::Pending,
        progress: 0,
        step: MaterialStep::Validating,
        error: None,
        summary: None,
        page_count: None,
        chunk_count: None,
        language: None,
        generation: 1,
        run_epoch: 0,
        created_ms: 0,
        updated_ms: 0,
        processed_ms: None,
        deleted_ms: None,
    }
}
