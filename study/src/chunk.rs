//! Chunks: pieces of a document that fit one thought, cut along its structure.

use serde::{Deserialize, Serialize};

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
