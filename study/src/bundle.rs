//! The knowledge bundle: everything that is kept of a material's text, in one immutable object.
//!
//! Its key names the material and a hash of what it was made from (source, pipeline version,
//! embedding model), so that the same input is stored once and another never overwrites it.

use bytes::Bytes;

use crate::chunk::Chunk;
use crate::language::Language;
use crate::outline::OutlineNode;

/// What is kept of a material's text.
#[derive(Debug, Clone, PartialEq)]
pub struct Bundle {
    /// Its chunks, in order; never empty.
    pub chunks: Vec<Chunk>,
    /// Its headings; the roots cover every chunk.
    pub outline: Vec<OutlineNode>,
    /// Its language.
    pub language: Language,
    /// The name of the model that made the vectors.
    pub embedding_model: String,
    /// One vector per chunk, all of the same length.
    pub vectors: Vec<Vec<f32>>,
    /// The full-text index over the chunks, as the index port made it.
    pub index: Bytes,
}
