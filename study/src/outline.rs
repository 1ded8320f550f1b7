//! The outline of a material: its headings as a tree over its chunks.

use serde::{Deserialize, Serialize};

/// Inclusive, 0-based chunk indexes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChunkRange {
    /// The first chunk.
    pub start: u32,
    /// The last chunk.
    pub end: u32,
}

impl ChunkRange {
    /// Returns the number of chunks.
    #[must_use]
    pub fn count(self) -> u32 {
        (self.end + 1).saturating_sub(self.start)
    }
}

/// A heading and what stands under it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OutlineNode {
    /// The heading as the document writes it.
    pub title: String,
    /// 1 is the highest.
    pub level: u8,
    /// The 1-based page of the heading, for documents with pages.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub page: Option<u32>,
    /// The chunks under it, its children's included.
    pub chunk_range: ChunkRange,
    /// The words that tell this part from the others, most telling first, at most 8.
    pub keywords: Vec<String>,
    /// The headings under it.
    pub children: Vec<OutlineNode>,
}
