//! The readers: bytes of a known kind in, typed blocks in reading order out.
//!
//! They run inside the parser child and nowhere else: any of them may panic, run out of memory or
//! never end, and the process around them is what bounds that.

mod conventions;
mod docx;
pub(super) mod draft;
mod encoding;
mod html;
mod markdown;
mod pdf;
mod text;
mod words;

use oxherd_study::document::{DocumentKind, ParsedDocument};
use serde::{Deserialize, Serialize};

use draft::Draft;

/// Why a document gives no text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "lowercase")]
pub(super) enum ReadError {
    /// It does not follow its format.
    #[error("the file is damaged or is not what its name says")]
    Damaged,
    /// It needs a password.
    #[error("the file is protected by a password; upload it without one")]
    Encrypted,
    /// It has more pages than are read.
    #[error("the file has {pages} pages; at most {max} are read", max = MAX_PAGES)]
    PageLimit {
        /// How many it has.
        pages: u32,
    },
    /// There are no words in it.
    #[error("no text was found in the file; if it is a scan, run text recognition on it first")]
    NoText,
    /// There is more text than is kept.
    #[error("the file holds more text than fits; split it into several files")]
    TooMuchText,
    /// It unpacks to more than it should.
    #[error("the file is built in a way that takes too much to read")]
    TooComplex,
    /// The reader has a fault.
    #[error("the file could not be read because of a fault in its reader")]
    Panicked,
}

/// The pages that a document may have.
pub(super) const MAX_PAGES: u32 = 1_000;

/// Hears how many pages or parts are read, and of how many.
pub(super) type Progress<'a> = &'a mut dyn FnMut(u32, Option<u32>);

/// Reads a document of at most `text_max` bytes of text.
pub(super) fn read(
    kind: DocumentKind,
    bytes: Vec<u8>,
    text_max: usize,
    progress: Progress<'_>,
) -> Result<ParsedDocument, ReadError> {
    let mut draft = Draft::new(text_max);
    match kind {
        DocumentKind::Pdf => pdf::read(bytes, &mut draft, progress)?,
        DocumentKind::Docx => docx::read(bytes, &mut draft, progress)?,
        DocumentKind::Html => html::read(&bytes, &mut draft, progress)?,
        DocumentKind::Markdown => markdown::read(&bytes, &mut draft)?,
        DocumentKind::Text => text::read(&bytes, &mut draft)?,
    }
    progress(1, Some(1));
    draft.finish()
}
