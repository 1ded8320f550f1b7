//! The use case that turns an upload into knowledge.
//!
//! ```text
//! begin ─> validate ─> parse ─> chunk ─> embed ─> index ─> store the bundle ─> publish
//!   fence     5%       10-40      50     55-80      85            95            100
//! ```
//! The source is kept until the end, so that every attempt can start over. A bundle that an
//! earlier attempt stored is used as it is. It never marks a material FAILED: whether an error is
//! the last word is the queue's decision.

mod progress;
mod source;

use std::sync::Arc;

use crate::bundle::{Bundle, bundle_key};
use crate::chunk::{Chunked, chunk_document};
use crate::document::ParsedDocument;
use crate::error::{ErrorCode, Result, StudyError};
use crate::id::{MaterialId, UserId};
use crate::language::Language;
use crate::material::{Material, MaterialStatus, PAGES_MAX};
use crate::ports::{Begun, Effects, Ports, Published, Run, RunObserver};
use crate::summary::summarize;
use crate::vector::Vectors;

use progress::Progress;

/// How many chunks are embedded between two looks at the observer.
const EMBED_BATCH: usize = 64;

/// Processes a material: verify, parse, chunk, embed, index, store the bundle, publish.
///
/// Safe to run any number of times, also side by side: one run wins by the fence. A material that
/// is READY already is a success without effects.
///
/// # Errors
/// `ENTITY_NOT_FOUND` when the user has no such material; the parser's codes; transient ones.
pub async fn process_material(
    ports: &Ports,
    user: &UserId,
    id: &MaterialId,
    generation: u64,
    observer: &dyn RunObserver,
) -> Result<Effects> {
    let now_ms = ports.calendar.now_ms();
    match ports.catalog.begin_material(user, id, generation, now_ms).await? {
        Begun::Own(material, run) => {
            let progress = Progress::new(ports, run, observer);
            Processing { ports, material: *material, progress }.run().await
        }
        Begun::Final(material) => final_word(&material),
        Begun::Outdated => Err(StudyError::superseded()),
        Begun::Missing => {
            let message = format!("there is no material {id} of this user; it may be deleted");
            Err(StudyError::permanent(ErrorCode::EntityNotFound, message))
        }
    }
}

/// What an earlier run of the same generation has left to say.
fn final_word(material: &Material) -> Result<Effects> {
    match (&material.error, material.status) {
        (Some(error), MaterialStatus::Failed) => {
            let code = ErrorCode::from_text(&error.code).unwrap_or(ErrorCode::JobFailed);
            Err(StudyError::permanent(code, error.message.clone()))
        }
        _ => Ok(Effects::default()),
    }
}

/// A run that owns its material.
struct Processing<'a> {
    ports: &'a Ports,
    material: Material,
    progress: Progress<'a>,
}

impl Processing<'_> {
    async fn run(self) -> Result<Effects> {
        self.progress.reach(5, "checking the file").await?;
        source::check_size(self.ports.objects.as_ref(), &self.material).await?;
        let key = self.bundle_key();
        let bundle = match self.stored_bundle(&key).await? {
            Some(bundle) => bundle,
            None => self.make_bundle(&key).await?,
        };
        self.progress.reach(95, "publishing the bundle of an earlier attempt").await?;
        let effects = self.publish(key, &bundle).await?;
        self.progress.finish().await;
        Ok(effects)
    }

    fn bundle_key(&self) -> String {
        let model = self.ports.embedder.model();
        bundle_key(&self.material.id, &self.material.sha256, model)
    }

    /// The bundle of an earlier attempt that broke off before it published. A damaged one is
    /// removed, so that this attempt can store a whole one.
    async fn stored_bundle(&self, key: &str) -> Result<Option<Bundle>> {
        let Some(bytes) = self.ports.objects.get(key).await? else { return Ok(None) };
        match blocking(move || Bundle::decode(&bytes)).await? {
            Ok(bundle) => Ok(Some(bundle)),
            Err(damage) => {
                tracing::warn!(key, %damage, "a damaged bundle is made again");
                self.ports.objects.delete(key).await?;
                Ok(None)
            }
        }
    }

    async fn make_bundle(&self, key: &str) -> Result<Bundle> {
        let document = self.parse().await?;
        self.progress.reach(50, "cutting the text into chunks").await?;
        let (document, chunked, summary) = blocking(move || {
            let chunked = chunk_document(&document);
            let summary = summarize(&chunked.chunks);
            (document, chunked, summary)
        })
        .await?;
        let Chunked { chunks, outline } = chunked;
        if chunks.is_empty() {
            return Err(no_text());
        }
        let vectors = self.embed(chunks.iter().map(|chunk| chunk.text.clone()).collect()).await?;
        self.progress.reach(85, "building the full-text index").await?;
        let index = self.ports.index.build(&chunks).await?;
        let language = Language::of_all(chunks.iter().map(|chunk| chunk.text.as_str()));
        let bundle = Bundle {
            chunks,
            outline,
            language,
            document_title: document.own_title().map(str::to_owned),
            summary,
            page_count: document.page_count,
            embedding_model: self.ports.embedder.model().to_owned(),
            vectors,
            index,
        };
        self.store(key, bundle).await
    }

    async fn parse(&self) -> Result<ParsedDocument> {
        self.progress.reach(10, "reading the document").await?;
        let (verified, verdict) =
            source::open_verified(self.ports.objects.as_ref(), &self.material).await?;
        let pages_done = self.progress.pages();
        let parsing = self.ports.parser.parse(self.material.kind, verified, &pages_done);
        let parsed = self.progress.follow(parsing).await?;
        // A wrong file explains every error of the parser.
        verdict.check()?;
        let document = parsed?;
        if document.page_count.is_some_and(|pages| pages > PAGES_MAX) {
            let message = format!("the document has more than {PAGES_MAX} pages; split it");
            return Err(StudyError::permanent(ErrorCode::MaterialPageLimit, message));
        }
        if document.blocks.iter().all(|block| block.text.trim().is_empty()) {
            return Err(no_text());
        }
        Ok(document)
    }

    async fn embed(&self, texts: Vec<String>) -> Result<Vectors> {
        let mut vectors = Vec::with_capacity(texts.len());
        self.progress.reach(55, "making vectors").await?;
        for batch in texts.chunks(EMBED_BATCH) {
            vectors.extend(self.ports.embedder.embed(batch).await?);
            let share = 25 * vectors.len() / texts.len();
            self.progress.reach(55 + u8::try_from(share).unwrap_or(25), "making vectors").await?;
        }
        let uneven = |error: crate::vector::UnevenVectors| {
            StudyError::transient(ErrorCode::InternalError, format!("the embedder broke: {error}"))
        };
        let vectors = blocking(move || Vectors::quantize(&vectors)).await?.map_err(uneven)?;
        if vectors.len() != texts.len() {
            let message = format!("{} vectors came for {} texts", vectors.len(), texts.len());
            return Err(StudyError::transient(ErrorCode::InternalError, message));
        }
        Ok(vectors)
    }

    /// Stores the bundle if the key is free. If it is not, another run of the same input was
    /// faster, and its bundle is as good.
    async fn store(&self, key: &str, bundle: Bundle) -> Result<Bundle> {
        self.progress.reach(95, "storing the bundle").await?;
        let bundle = Arc::new(bundle);
        let encoded = Arc::clone(&bundle);
        let bytes = blocking(move || encoded.encode()).await?.map_err(|error| {
            StudyError::transient(ErrorCode::InternalError, format!("encoding failed: {error}"))
        })?;
        self.ports.objects.put_if_absent(key, bytes).await?;
        Ok(Arc::unwrap_or_clone(bundle))
    }

    async fn publish(&self, bundle_key: String, bundle: &Bundle) -> Result<Effects> {
        let published = Published {
            bundle_key,
            document_title: bundle.document_title.clone(),
            summary: bundle.summary.clone(),
            page_count: bundle.page_count,
            chunk_count: u32::try_from(bundle.chunks.len()).unwrap_or(u32::MAX),
            language: bundle.language.code().to_owned(),
        };
        let run: &Run<MaterialId> = self.progress.owner();
        let now_ms = self.ports.calendar.now_ms();
        self.ports.catalog.publish_material(run, published, now_ms).await
    }
}

fn no_text() -> StudyError {
    let message = "the document holds no text; if it is a scan, run text recognition over it first";
    StudyError::permanent(ErrorCode::MaterialNoText, message)
}

/// Runs work of the processor outside of the event loop.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(|error| {
        tracing::error!(%error, "processing a material broke off");
        StudyError::transient(ErrorCode::InternalError, "processing broke off unexpectedly")
    })
}

#[cfg(test)]
mod tests;
