//! Full-text indexes of materials: built in memory, kept as bytes in the bundle, searched together.
//!
//! Each material has an index of its own; a search over several pools the statistics of its terms,
//! so that the scores are those of one index over all of them. It keeps no text and reads no
//! query language.

mod archive;
mod cache;
mod pooled;

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use oxherd_study::chunk::Chunk;
use oxherd_study::error::{ErrorCode, Result, StudyError};
use oxherd_study::ports::{Hit, OpenBundle, TextIndex};
use tantivy::schema::{Field, IndexRecordOption, Schema, TextFieldIndexing, TextOptions};
use tantivy::tokenizer::{PreTokenizedString, Token};
use tantivy::{Index, TantivyDocument, directory::RamDirectory};

use crate::terms::Terms;

/// The bytes that the writer sizes its tables for; it takes them as it needs them.
const WRITER_BYTES: usize = 50_000_000;

/// Builds and searches full-text indexes.
pub struct TantivyIndex {
    terms: Arc<Terms>,
    opened: Arc<cache::OpenedIndexes>,
}

impl Default for TantivyIndex {
    fn default() -> Self {
        Self { terms: Arc::default(), opened: Arc::new(cache::OpenedIndexes::new(64 << 20)) }
    }
}

#[async_trait]
impl TextIndex for TantivyIndex {
    async fn build(&self, chunks: &[Chunk]) -> Result<Bytes> {
        let (terms, chunks) = (Arc::clone(&self.terms), chunks.to_vec());
        blocking("build the full-text index", move || build(&terms, &chunks)).await
    }

    async fn search(&self, bundles: &[OpenBundle], query: &str, limit: usize) -> Result<Vec<Hit>> {
        let (terms, opened) = (Arc::clone(&self.terms), Arc::clone(&self.opened));
        let (bundles, query) = (bundles.to_vec(), query.to_owned());
        blocking("search", move || {
            let indexes = bundles
                .iter()
                .map(|open| opened.open(&open.key, &open.bundle.index))
                .collect::<tantivy::Result<Vec<_>>>()?;
            pooled::search(&indexes, &terms, &query, limit)
        })
        .await
    }
}

/// Runs work of the processor outside of the event loop.
async fn blocking<T: Send + 'static>(
    what: &'static str,
    work: impl FnOnce() -> tantivy::Result<T> + Send + 'static,
) -> Result<T> {
    let failed = |error: &dyn std::fmt::Display| {
        tracing::warn!(%error, "could not {what}");
        StudyError::transient(ErrorCode::InternalError, format!("could not {what}; try again"))
    };
    match tokio::task::spawn_blocking(work).await {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(error)) => Err(failed(&error)),
        Err(error) => Err(failed(&error)),
    }
}

/// The fields of every index.
struct Fields {
    schema: Schema,
    text: Field,
    headings: Field,
}

impl Fields {
    fn new() -> Self {
        let indexing = TextFieldIndexing::default().set_index_option(IndexRecordOption::WithFreqs);
        let options = TextOptions::default().set_indexing_options(indexing);
        let mut builder = Schema::builder();
        let text = builder.add_text_field("text", options.clone());
        let headings = builder.add_text_field("headings", options);
        Self { schema: builder.build(), text, headings }
    }
}

/// Builds the index of one material; the number of a document is the chunk's.
fn build(terms: &Terms, chunks: &[Chunk]) -> tantivy::Result<Bytes> {
    let fields = Fields::new();
    let directory = RamDirectory::create();
    let mut writer = Index::builder()
        .schema(fields.schema.clone())
        .single_segment_index_writer(directory.clone(), WRITER_BYTES)?;
    for chunk in chunks {
        let mut document = TantivyDocument::new();
        document.add_pre_tokenized_text(fields.text, tokens(terms, &chunk.text));
        let headings = chunk.heading_path.join("\n");
        document.add_pre_tokenized_text(fields.headings, tokens(terms, &headings));
        writer.add_document(document)?;
    }
    let index = writer.finalize()?;
    archive::write(&index, &directory)
}

fn tokens(terms: &Terms, text: &str) -> PreTokenizedString {
    let mut tokens = Vec::with_capacity(text.len() / 4);
    terms.each(text, |term| {
        tokens.push(Token { text: term.to_owned(), position: tokens.len(), ..Token::default() });
    });
    PreTokenizedString { text: String::new(), tokens }
}

#[cfg(test)]
mod tests;
