//! Files, parser, embedder and index in memory.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use futures::StreamExt as _;

use crate::chunk::Chunk;
use crate::document::{DocumentKind, ParsedDocument};
use crate::error::{Result, StudyError};
use crate::ports::{
    ByteStream, Embedder, Hit, ObjectWriter, Objects, OpenBundle, Parser, StoredObject, TextIndex,
};

type Files = Arc<Mutex<BTreeMap<String, Bytes>>>;

/// Files in a map; counts how often whole ones are read.
#[derive(Default)]
pub(crate) struct FakeObjects {
    files: Files,
    reads: AtomicUsize,
}

impl FakeObjects {
    pub(crate) fn put(&self, key: &str, bytes: impl Into<Bytes>) {
        self.files.lock().unwrap().insert(key.to_owned(), bytes.into());
    }

    pub(crate) fn keys(&self) -> Vec<String> {
        self.files.lock().unwrap().keys().cloned().collect()
    }

    pub(crate) fn reads(&self) -> usize {
        self.reads.load(Ordering::SeqCst)
    }

    fn find(&self, key: &str) -> Option<Bytes> {
        self.files.lock().unwrap().get(key).cloned()
    }
}

struct FakeWriter {
    files: Files,
    key: String,
    bytes: BytesMut,
}

#[async_trait]
impl ObjectWriter for FakeWriter {
    async fn write(&mut self, bytes: Bytes) -> Result<()> {
        self.bytes.extend_from_slice(&bytes);
        Ok(())
    }

    async fn finish_if_absent(self: Box<Self>) -> Result<bool> {
        Ok(put_if_absent(&self.files, &self.key, self.bytes.freeze()))
    }
}

fn put_if_absent(files: &Files, key: &str, bytes: Bytes) -> bool {
    let mut files = files.lock().unwrap();
    let is_free = !files.contains_key(key);
    files.entry(key.to_owned()).or_insert(bytes);
    is_free
}

#[async_trait]
impl Objects for FakeObjects {
    async fn writer(&self, key: &str) -> Result<Box<dyn ObjectWriter>> {
        let files = Arc::clone(&self.files);
        Ok(Box::new(FakeWriter { files, key: key.to_owned(), bytes: BytesMut::new() }))
    }

    async fn put_if_absent(&self, key: &str, bytes: Bytes) -> Result<bool> {
        Ok(put_if_absent(&self.files, key, bytes))
    }

    async fn read(&self, key: &str) -> Result<Option<ByteStream>> {
        let found = self.find(key);
        Ok(found.map(|bytes| futures::stream::iter([Ok(bytes)]).boxed()))
    }

    async fn read_range(&self, key: &str, range: Range<u64>) -> Result<Option<Bytes>> {
        let cut = |bytes: Bytes| {
            let end = (range.end as usize).min(bytes.len());
            bytes.slice((range.start as usize).min(end)..end)
        };
        Ok(self.find(key).map(cut))
    }

    async fn get(&self, key: &str) -> Result<Option<Bytes>> {
        self.reads.fetch_add(1, Ordering::SeqCst);
        Ok(self.find(key))
    }

    async fn size(&self, key: &str) -> Result<Option<u64>> {
        Ok(self.find(key).map(|bytes| bytes.len() as u64))
    }

    async fn delete(&self, key: &str) -> Result<()> {
        self.files.lock().unwrap().remove(key);
        Ok(())
    }

    async fn list(
        &self,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<StoredObject>> {
        let files = self.files.lock().unwrap();
        let wanted = files.keys().filter(|key| {
            key.starts_with(prefix) && after.is_none_or(|after| key.as_str() > after)
        });
        Ok(wanted.take(limit).map(|key| StoredObject { key: key.clone(), stored_ms: 0 }).collect())
    }
}

/// Reads every file as the same document, or fails the same way.
pub(crate) struct FakeParser(Result<ParsedDocument>);

impl Default for FakeParser {
    fn default() -> Self {
        Self::reading(ParsedDocument::default())
    }
}

impl FakeParser {
    pub(crate) fn reading(document: ParsedDocument) -> Self {
        Self(Ok(document))
    }

    pub(crate) fn failing(error: StudyError) -> Self {
        Self(Err(error))
    }
}

#[async_trait]
impl Parser for FakeParser {
    async fn parse(
        &self,
        _kind: DocumentKind,
        mut source: ByteStream,
        pages_done: &(dyn Fn(u32, Option<u32>) + Send + Sync),
    ) -> Result<ParsedDocument> {
        while let Some(bytes) = source.next().await {
            bytes?;
        }
        pages_done(1, Some(2));
        pages_done(2, Some(2));
        self.0.clone()
    }
}

/// Gives every text a vector of its length and its number of spaces.
#[derive(Default)]
pub(crate) struct FakeEmbedder;

#[async_trait]
impl Embedder for FakeEmbedder {
    fn model(&self) -> &str {
        "fake"
    }

    fn is_semantic(&self) -> bool {
        false
    }

    async fn embed(&self, texts: &[String]) -> Result<Vec<Vec<f32>>> {
        let vector = |text: &String| {
            let (length, spaces) = (text.len() as f32, text.matches(' ').count() as f32);
            let norm = length.hypot(spaces).max(1.0);
            vec![length / norm, spaces / norm]
        };
        Ok(texts.iter().map(vector).collect())
    }
}

/// Finds the chunks that hold the query as it is written.
#[derive(Default)]
pub(crate) struct FakeIndex;

#[async_trait]
impl TextIndex for FakeIndex {
    async fn build(&self, chunks: &[Chunk]) -> Result<Bytes> {
        Ok(Bytes::from(format!("index of {} chunks", chunks.len())))
    }

    async fn search(&self, bundles: &[OpenBundle], query: &str, limit: usize) -> Result<Vec<Hit>> {
        let hits = bundles.iter().enumerate().flat_map(|(bundle, open)| {
            open.bundle.chunks.iter().filter_map(move |chunk| {
                let score = chunk.text.matches(query).count() as f32;
                (score > 0.0).then_some(Hit { bundle, chunk: chunk.index, score })
            })
        });
        let mut hits: Vec<Hit> = hits.collect();
        hits.sort_by(|a, b| b.score.total_cmp(&a.score));
        hits.truncate(limit);
        Ok(hits)
    }
}
