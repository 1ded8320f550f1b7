//! A material: a document of a user, from upload to knowledge.

use serde::{Deserialize, Serialize};

use crate::document::DocumentKind;
use crate::error::ErrorCode;
use crate::id::{MaterialId, UploadId, UserId};

/// A document of a user.
#[derive(Debug, Clone, PartialEq)]
pub struct Material {
    /// Its id; also the id of its job.
    pub id: MaterialId,
    /// Whose it is.
    pub user: UserId,
    /// The upload that it came from.
    pub upload: UploadId,
    /// Its title: the user's, else the document's, else the file name.
    pub title: String,
    /// The name of the file as it was uploaded.
    pub original_filename: String,
    /// What it is.
    pub kind: DocumentKind,
    /// Its size in bytes.
    pub size_bytes: u64,
    /// The SHA-256 of its bytes, 64 lower-case hexadecimal digits.
    pub sha256: String,
    /// Where its bytes are in the object store.
    pub source_key: String,
    /// Where its knowledge bundle is, once READY.
    pub bundle_key: Option<String>,
    /// Where it stands.
    pub status: MaterialStatus,
    /// 0 to 100; never falls within a generation.
    pub progress: u8,
    /// The step that it is in.
    pub step: MaterialStep,
    /// Why it is FAILED.
    pub error: Option<EntityError>,
    /// What it is about, in a few of its own sentences.
    pub summary: Option<String>,
    /// The number of pages, for kinds that have pages.
    pub page_count: Option<u32>,
    /// The number of chunks, once READY.
    pub chunk_count: Option<u32>,
    /// The ISO 639-1 code of its language, once known.
    pub language: Option<String>,
    /// The run that was asked for; a retry raises it.
    pub generation: u64,
    /// The run that owns it; each start of a run raises it (the fence).
    pub run_epoch: u64,
    /// Milliseconds since the epoch.
    pub created_ms: u64,
    /// Milliseconds since the epoch.
    pub updated_ms: u64,
    /// When it became READY.
    pub processed_ms: Option<u64>,
    /// When it was deleted while a plan refers to it.
    pub deleted_ms: Option<u64>,
}

/// A failure of an entity as clients see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EntityError {
    /// The word that programs match on.
    pub code: String,
    /// One sentence for a person.
    pub message: String,
}

impl EntityError {
    /// Describes a failure.
    #[must_use]
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self { code: code.as_str().to_owned(), message: message.into() }
    }
}

macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident $text:literal,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
        pub enum $name { $($(#[$vdoc])* #[serde(rename = $text)] $variant,)* }

        impl $name {
            /// All values, in order.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// Returns the word of the contract.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text,)* }
            }

            /// Reads the word of the contract.
            #[must_use]
            pub fn from_text(text: &str) -> Option<Self> {
                match text { $($text => Some(Self::$variant),)* _ => None }
            }
        }
    };
}
pub(crate) use words;

words! {
    /// Where a material stands.
    MaterialStatus {
        /// Accepted; no run has started.
        Pending "PENDING",
        /// A run has started; also between attempts.
        Processing "PROCESSING",
        /// Its knowledge can be searched and planned with.
        Ready "READY",
        /// No attempt is left.
        Failed "FAILED",
    }
}

words! {
    /// The steps of processing, in order.
    MaterialStep {
        /// The bytes are checked against what was declared.
        Validating "VALIDATING",
        /// The text is read out of the document.
        Parsing "PARSING",
        /// The text is cut along its structure.
        Chunking "CHUNKING",
        /// Each chunk gets its vector.
        Embedding "EMBEDDING",
        /// The full-text index is built.
        Indexing "INDEXING",
        /// The bundle is stored and published.
        Finalizing "FINALIZING",
        /// Done.
        Completed "COMPLETED",
    }
}

impl MaterialStep {
    /// Returns the step that a progress number lies in: VALIDATING up to 9, PARSING 10-49,
    /// CHUNKING 50-54, EMBEDDING 55-84, INDEXING 85-94, FINALIZING 95-99, COMPLETED 100.
    #[must_use]
    pub fn at(progress: u8) -> Self {
        match progress {
            0..10 => Self::Validating,
            10..50 => Self::Parsing,
            50..55 => Self::Chunking,
            55..85 => Self::Embedding,
            85..95 => Self::Indexing,
            95..100 => Self::Finalizing,
            _ => Self::Completed,
        }
    }
}

/// The largest file: 50 MiB.
pub const SIZE_MAX: u64 = 50 * 1024 * 1024;
/// The most pages of a document.
pub const PAGES_MAX: u32 = 1000;
/// The longest title in characters.
pub const TITLE_MAX: usize = 200;
