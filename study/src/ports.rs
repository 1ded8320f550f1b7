//! What the outside world must offer, one trait per role.
//!
//! Every call has a deadline of its own inside the adapter and answers with a [`StudyError`] of the
//! class `Transient` or `NotReady` when the world does not.

mod catalog;

use std::ops::Range;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::BoxStream;

pub use catalog::{
    Acceptance, Begun, Catalog, Deleted, Effects, Entity, Library, MaterialFilter, MaterialRuns,
    Outbox, OutboxPressure, OutboxRow, Page, PageRequest, PlanChange, PlanFilter, PlanRuns,
    Published, Run, SavedPlan, Searchable, Sort, Unsettled, Upkeep,
};

use crate::author::Author;
use crate::bundle::Bundle;
use crate::chunk::Chunk;
use crate::document::{DocumentKind, ParsedDocument};
use crate::error::Result;
use crate::retrieve::BundleCache;

/// Everything that the use cases need; cheap to clone.
#[derive(Clone)]
pub struct Ports {
    /// Rows.
    pub catalog: Arc<dyn Catalog>,
    /// Files.
    pub objects: Arc<dyn Objects>,
    /// Documents to text.
    pub parser: Arc<dyn Parser>,
    /// Texts to vectors.
    pub embedder: Arc<dyn Embedder>,
    /// Full text.
    pub index: Arc<dyn TextIndex>,
    /// Plans.
    pub author: Arc<dyn Author>,
    /// Time.
    pub calendar: Arc<dyn Calendar>,
    /// Open bundles, shared by searches and plans.
    pub bundles: Arc<BundleCache>,
}

/// Bytes as they arrive, in pieces of at most a few hundred KiB.
pub type ByteStream = BoxStream<'static, Result<Bytes>>;

/// Keeps files under keys that the server made. A key that exists is never overwritten.
#[async_trait]
pub trait Objects: Send + Sync + 'static {
    /// Begins to write an object; nothing is seen under the key before it is finished.
    async fn writer(&self, key: &str) -> Result<Box<dyn ObjectWriter>>;

    /// Stores a small object if the key is free; `false` when it was not.
    async fn put_if_absent(&self, key: &str, bytes: Bytes) -> Result<bool>;

    /// Reads an object in pieces; `None` when there is none.
    async fn read(&self, key: &str) -> Result<Option<ByteStream>>;

    /// Reads a part of an object, cut at its end; `None` when there is none.
    async fn read_range(&self, key: &str, range: Range<u64>) -> Result<Option<Bytes>>;

    /// Reads a whole object; `None` when there is none.
    async fn get(&self, key: &str) -> Result<Option<Bytes>>;

    /// Returns the size of an object; `None` when there is none.
    async fn size(&self, key: &str) -> Result<Option<u64>>;

    /// Removes an object, if there is one.
    async fn delete(&self, key: &str) -> Result<()>;

    /// Lists objects whose key begins with `prefix`, in key order after `after`, at most `limit`.
    async fn list(
        &self,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<StoredObject>>;
}

/// An object in a listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredObject {
    /// Its key.
    pub key: String,
    /// When it was stored, milliseconds since the epoch.
    pub stored_ms: u64,
}

/// An object that is being written; dropping it leaves nothing behind.
#[async_trait]
pub trait ObjectWriter: Send {
    /// Appends bytes.
    async fn write(&mut self, bytes: Bytes) -> Result<()>;

    /// Makes the object visible and durable if the key is free; `false` when it was not.
    async fn finish_if_absent(self: Box<Self>) -> Result<bool>;
}

/// Reads the text out of documents, isolated from this process.
#[async_trait]
pub trait Parser: Send + Sync + 'static {
    /// Parses a document of at most 50 MiB within 30 s.
    ///
    /// `pages_done` hears how far it is: pages (or parts) done, and of how many if known.
    ///
    /// # Errors
    /// `MATERIAL_PARSE_FAILED`, `MATERIAL_ENCRYPTED`, `MATERIAL_PAGE_LIMIT`, `MATERIAL_NO_TEXT`
    /// (all permanent); a transient one when the child could not be started or ran out of time
    /// for the first time.
    async fn parse(
        &self,
        kind: DocumentKind,
        source: ByteStream,
        pages_done: &(dyn Fn(u32, Option<u32>) + Send + Sync),
    ) -> Result<ParsedDocument>;
}

/// Turns texts into vectors.
#[async_trait]
pub trait Embedder: Send + Sync + 'static {
    /// Names the model; part of the bundle's key.
    fn model(&self) -> &str;

    /// Tells whether its vectors are good enough to be fused with the full-text ranks; weak ones
    /// are used only when full text finds too little.
    fn is_semantic(&self) -> bool;

    /// Returns one vector of unit length per text.
    async fn embed(&self, texts: &[String]) -> Result<Vec<Vec<f32>>>;
}

/// Full-text indexes over chunks, as bytes that go into a bundle.
#[async_trait]
pub trait TextIndex: Send + Sync + 'static {
    /// Builds the index of one material.
    async fn build(&self, chunks: &[Chunk]) -> Result<Bytes>;

    /// Ranks the chunks of several materials together: one BM25 list with pooled term statistics.
    async fn search(&self, bundles: &[OpenBundle], query: &str, limit: usize) -> Result<Vec<Hit>>;
}

/// A bundle that is ready to be searched.
#[derive(Clone)]
pub struct OpenBundle {
    /// Its key in the object store, unique for its content; adapters may cache by it.
    pub key: String,
    /// The bundle.
    pub bundle: std::sync::Arc<Bundle>,
}

/// A found chunk.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Hit {
    /// The bundle, as an index into the list that was searched.
    pub bundle: usize,
    /// The chunk.
    pub chunk: u32,
    /// Higher is better; comparable within one answer only.
    pub score: f32,
}

/// The time, and today's date anywhere.
pub trait Calendar: Send + Sync + 'static {
    /// Returns the milliseconds since the Unix epoch.
    fn now_ms(&self) -> u64;

    /// Returns the date in a time zone (IANA); unknown zones give the date in UTC.
    fn today(&self, timezone: &str) -> jiff::civil::Date {
        let zone = jiff::tz::TimeZone::get(timezone).unwrap_or(jiff::tz::TimeZone::UTC);
        let now = i64::try_from(self.now_ms()).unwrap_or(i64::MAX);
        let now = jiff::Timestamp::from_millisecond(now).unwrap_or(jiff::Timestamp::MAX);
        now.to_zoned_datetime(zone).date()
    }
}

/// The clock of the machine.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemCalendar;

impl Calendar for SystemCalendar {
    fn now_ms(&self) -> u64 {
        u64::try_from(jiff::Timestamp::now().as_millisecond()).unwrap_or(0)
    }
}

/// Hears how a run goes and tells it when to stop.
#[async_trait]
pub trait RunObserver: Send + Sync {
    /// Progress was made: 0 to 100, never falling; `note` says more for the job's log.
    async fn progressed(&self, progress: u8, note: Option<String>);

    /// Tells whether the run should stop now.
    fn is_stopped(&self) -> bool;
}
