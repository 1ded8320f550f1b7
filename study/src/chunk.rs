//! Chunks: pieces of a document that fit one thought, cut along its structure.
//!
//! A chunk never reaches over a heading of the outline, keeps paragraphs whole where they fit, and
//! every text of the document is in exactly one chunk, but for tables of contents, which are in
//! none. Headings are not in the text of chunks but above them, in the heading path and the
//! outline. The same document always gives the same chunks.

mod contents;
mod pack;
mod section;
mod sentence;

use serde::{Deserialize, Serialize};

use crate::document::ParsedDocument;
use crate::outline::{self, OutlineNode};

pub use sentence::sentences;

/// A piece of a document.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Chunk {
    /// Its place in the document, 0-based, without gaps.
    pub index: u32,
    /// Its text; never empty.
    pub text: String,
    /// The headings above it, highest first.
    pub heading_path: Vec<String>,
    /// The 1-based page on which it begins.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub page: Option<u32>,
    /// The page on which it ends.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub page_end: Option<u32>,
}

/// The length that chunks aim for, in characters.
pub const LENGTH_AIM: usize = 1200;
/// The length that only a single word without an end exceeds.
pub const LENGTH_MAX: usize = 2000;
/// The length under which a chunk joins its neighbour in the same section, if that has room.
pub const LENGTH_MIN: usize = 200;

/// A document in chunks.
#[derive(Debug, Clone, PartialEq)]
pub struct Chunked {
    /// The chunks; empty only when the document has no text at all.
    pub chunks: Vec<Chunk>,
    /// The outline over them; its roots cover every chunk.
    pub outline: Vec<OutlineNode>,
}

/// Cuts a document along its structure.
#[must_use]
pub fn chunk_document(document: &ParsedDocument) -> Chunked {
    let mut chunks = Vec::new();
    let mut above: Vec<(u8, String)> = Vec::new();
    let mut headed = Vec::new();
    for section in section::sections(document) {
        if let Some(heading) = &section.heading {
            above.retain(|(level, _)| *level < heading.level);
            above.push((heading.level, heading.title.clone()));
        }
        let path: Vec<String> = above.iter().map(|(_, title)| title.clone()).collect();
        let start = chunks.len();
        for piece in pack::pack(&section.blocks) {
            chunks.push(Chunk {
                index: u32::try_from(chunks.len()).unwrap_or(u32::MAX),
                text: piece.text,
                heading_path: path.clone(),
                page: piece.page,
                page_end: piece.page_end,
            });
        }
        headed.extend(section.heading.map(|heading| Headed {
            title: heading.title,
            depth: above.len(),
            page: heading.page,
            start,
        }));
    }
    let outline = if headed.is_empty() {
        outline::flat(document.title.as_deref(), &chunks)
    } else {
        outline::tree(&headed, &chunks)
    };
    Chunked { chunks, outline }
}

/// A heading of the outline and the chunk that its text, or its first child's, begins with.
pub(crate) struct Headed {
    pub(crate) title: String,
    /// 1 is the highest, without gaps.
    pub(crate) depth: usize,
    pub(crate) page: Option<u32>,
    pub(crate) start: usize,
}

#[cfg(test)]
mod tests;
