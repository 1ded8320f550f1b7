//! The knowledge bundle: everything that is kept of a material's text, in one immutable object.
//!
//! Its key names the material and a hash of what it was made from (source, pipeline version,
//! embedding model), so that the same input is stored once and another never overwrites it.

mod container;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::chunk::Chunk;
use crate::id::MaterialId;
use crate::language::Language;
use crate::outline::OutlineNode;
use crate::vector::Vectors;

/// The version of everything between the parsed document and the bundle. Raise it when chunks,
/// outline, tokens of the index or vectors come out another way: materials that are processed
/// again then get a bundle of their own.
pub const PIPELINE_VERSION: u32 = 1;

/// What is kept of a material's text.
#[derive(Debug, Clone, PartialEq)]
pub struct Bundle {
    /// Its chunks, in order; never empty.
    pub chunks: Vec<Chunk>,
    /// Its headings; the roots cover every chunk.
    pub outline: Vec<OutlineNode>,
    /// Its language.
    pub language: Language,
    /// The title that the document gives itself.
    pub document_title: Option<String>,
    /// What it is about, in a few of its own sentences.
    pub summary: String,
    /// Its pages, for kinds that have pages.
    pub page_count: Option<u32>,
    /// The name of the model that made the vectors.
    pub embedding_model: String,
    /// One vector per chunk.
    pub vectors: Vectors,
    /// The full-text index over the chunks, as the index port made it.
    pub index: Bytes,
}

/// Bytes that are not a whole bundle.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DamagedBundle {
    /// They do not begin like a bundle.
    #[error("the bytes are not a knowledge bundle")]
    NotABundle,
    /// They were written by a newer program.
    #[error("the bundle has format {0}, which this program does not know")]
    UnknownFormat(u32),
    /// They end too early.
    #[error("the bundle is cut off")]
    CutOff,
    /// They were changed after they were written.
    #[error("the bundle's checksum is wrong")]
    WrongChecksum,
    /// A section is missing or cannot be read.
    #[error("the section {section} of the bundle cannot be read: {reason}")]
    Unreadable {
        /// The section.
        section: &'static str,
        /// Why.
        reason: String,
    },
}

/// The small facts, beside the large sections.
#[derive(Serialize, Deserialize)]
struct Facts {
    language: Language,
    document_title: Option<String>,
    summary: String,
    page_count: Option<u32>,
    embedding_model: String,
    dimensions: usize,
}

impl Bundle {
    /// Writes the bundle as one object.
    ///
    /// # Errors
    /// When a text cannot be written as JSON, which does not happen.
    pub fn encode(&self) -> Result<Bytes, DamagedBundle> {
        let facts = Facts {
            language: self.language,
            document_title: self.document_title.clone(),
            summary: self.summary.clone(),
            page_count: self.page_count,
            embedding_model: self.embedding_model.clone(),
            dimensions: self.vectors.dimensions(),
        };
        let mut writer = container::Writer::default();
        writer.section(FACTS, &to_json(FACTS, &facts)?);
        writer.section(CHUNKS, &to_json(CHUNKS, &self.chunks)?);
        writer.section(OUTLINE, &to_json(OUTLINE, &self.outline)?);
        let scales: Vec<u8> =
            self.vectors.scales().iter().flat_map(|scale| scale.to_le_bytes()).collect();
        writer.section(SCALES, &scales);
        let steps: Vec<u8> = self.vectors.steps().iter().map(|step| step.cast_unsigned()).collect();
        writer.section(VECTORS, &steps);
        writer.section(INDEX, &self.index);
        Ok(writer.finish().into())
    }

    /// Reads a bundle and checks it whole.
    ///
    /// # Errors
    /// When a single byte is not as it was written.
    pub fn decode(bytes: &[u8]) -> Result<Self, DamagedBundle> {
        let sections = container::Sections::open(bytes)?;
        let facts: Facts = from_json(FACTS, &sections)?;
        let chunks: Vec<Chunk> = from_json(CHUNKS, &sections)?;
        let scales = sections.get(SCALES)?.as_chunks().0;
        let vectors = Vectors::from_parts(
            facts.dimensions,
            scales.iter().map(|four| f32::from_le_bytes(*four)).collect(),
            sections.get(VECTORS)?.iter().map(|byte| byte.cast_signed()).collect(),
        )
        .map_err(|error| unreadable(VECTORS, &error))?;
        if chunks.is_empty() || vectors.len() != chunks.len() {
            return Err(unreadable(CHUNKS, &"chunks and vectors are not of one number"));
        }
        Ok(Self {
            chunks,
            outline: from_json(OUTLINE, &sections)?,
            language: facts.language,
            document_title: facts.document_title,
            summary: facts.summary,
            page_count: facts.page_count,
            embedding_model: facts.embedding_model,
            vectors,
            index: Bytes::copy_from_slice(sections.get(INDEX)?),
        })
    }

    /// Returns about how many bytes the bundle takes in memory.
    #[must_use]
    pub fn memory(&self) -> usize {
        let texts: usize = self
            .chunks
            .iter()
            .map(|chunk| {
                let path: usize = chunk.heading_path.iter().map(|title| title.len() + 24).sum();
                size_of::<Chunk>() + chunk.text.len() + path
            })
            .sum();
        let vectors = self.vectors.steps().len() + self.vectors.len() * 4;
        texts + vectors + self.index.len() + self.outline.iter().map(outline_memory).sum::<usize>()
    }
}

fn outline_memory(node: &OutlineNode) -> usize {
    let words: usize = node.keywords.iter().map(|word| word.len() + 24).sum();
    let children: usize = node.children.iter().map(outline_memory).sum();
    size_of::<OutlineNode>() + node.title.len() + words + children
}

/// Returns the key of a material's bundle in the object store.
#[must_use]
pub fn bundle_key(material: &MaterialId, source_sha256: &str, embedding_model: &str) -> String {
    let made_of = format!("{source_sha256}\n{PIPELINE_VERSION}\n{embedding_model}");
    let hash: String =
        Sha256::digest(made_of)[..16].iter().map(|byte| format!("{byte:02x}")).collect();
    format!("bundles/{material}/{hash}")
}

const FACTS: &str = "facts";
const CHUNKS: &str = "chunks";
const OUTLINE: &str = "outline";
const SCALES: &str = "scales";
const VECTORS: &str = "vectors";
const INDEX: &str = "index";

fn to_json<T: Serialize>(section: &'static str, value: &T) -> Result<Vec<u8>, DamagedBundle> {
    serde_json::to_vec(value).map_err(|error| unreadable(section, &error))
}

fn from_json<'a, T: Deserialize<'a>>(
    section: &'static str,
    sections: &container::Sections<'a>,
) -> Result<T, DamagedBundle> {
    serde_json::from_slice(sections.get(section)?).map_err(|error| unreadable(section, &error))
}

fn unreadable(section: &'static str, reason: &dyn std::fmt::Display) -> DamagedBundle {
    DamagedBundle::Unreadable { section, reason: reason.to_string() }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::outline::ChunkRange;

    fn bundle() -> Bundle {
        Bundle {
            chunks: vec![Chunk {
                index: 0,
                text: "첫 번째 text".to_owned(),
                heading_path: vec!["들어가며".to_owned()],
                page: Some(1),
                page_end: None,
            }],
            outline: vec![OutlineNode {
                title: "들어가며".to_owned(),
                level: 1,
                page: Some(1),
                chunk_range: ChunkRange { start: 0, end: 0 },
                keywords: vec!["text".to_owned()],
                children: Vec::new(),
            }],
            language: Language::Korean,
            document_title: None,
            summary: "첫 번째.".to_owned(),
            page_count: Some(1),
            embedding_model: "model".to_owned(),
            vectors: Vectors::quantize(&[vec![0.6, -0.8]]).unwrap(),
            index: Bytes::from_static(b"index bytes"),
        }
    }

    #[test]
    fn a_bundle_reads_back_as_it_was_written() {
        let bundle = bundle();
        assert_eq!(Bundle::decode(&bundle.encode().unwrap()), Ok(bundle));
    }

    #[test]
    fn bytes_of_something_else_or_of_a_newer_format_are_told_apart() {
        assert_eq!(Bundle::decode(b"%PDF-1.7"), Err(DamagedBundle::NotABundle));
        assert_eq!(Bundle::decode(b""), Err(DamagedBundle::NotABundle));
        let mut newer = bundle().encode().unwrap().to_vec();
        newer[8] = 9;
        assert_eq!(Bundle::decode(&newer), Err(DamagedBundle::UnknownFormat(9)));
    }

    #[test]
    fn the_key_changes_with_everything_the_bundle_is_made_of() {
        let (one, other) = (MaterialId::random(), MaterialId::random());
        let key = bundle_key(&one, "aa", "model");
        assert_eq!(key, bundle_key(&one, "aa", "model"));
        assert!(key.starts_with(&format!("bundles/{one}/")));
        assert_ne!(key, bundle_key(&other, "aa", "model"));
        assert_ne!(key, bundle_key(&one, "ab", "model"));
        assert_ne!(key, bundle_key(&one, "aa", "better model"));
    }

    proptest! {
        #[test]
        fn any_cut_and_any_changed_byte_is_refused(at in 0_usize..10_000, change in 1_u8..=255) {
            let mut bytes = bundle().encode().unwrap().to_vec();
            let at = at % bytes.len();
            prop_assert!(Bundle::decode(&bytes[..at]).is_err());
            bytes[at] ^= change;
            prop_assert!(Bundle::decode(&bytes).is_err());
        }

        #[test]
        fn arbitrary_bytes_never_decode(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            prop_assert!(Bundle::decode(&bytes).is_err());
        }
    }
}
