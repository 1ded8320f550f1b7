//! An upload: the 15 minutes between the wish to send a file and the material it becomes; and the
//! check that a file is what it says.

mod kind;
mod receive;
mod sniff;

pub use kind::{check_content, declared_kind};
pub use receive::receive;
pub use sniff::sniff;

use crate::document::DocumentKind;
use crate::id::{MaterialId, UploadId, UserId};

/// A file that is being sent.
#[derive(Debug, Clone, PartialEq)]
pub struct Upload {
    /// Its id.
    pub id: UploadId,
    /// Who sends it.
    pub user: UserId,
    /// The name of the file.
    pub filename: String,
    /// The kind that name and declared type agree on.
    pub kind: DocumentKind,
    /// The size that was declared.
    pub size_bytes: u64,
    /// The hash that was declared, 64 lower-case hexadecimal digits.
    pub sha256: Option<String>,
    /// What was stored, once it was.
    pub stored: Option<StoredFile>,
    /// The material it became.
    pub material: Option<MaterialId>,
    /// Milliseconds since the epoch.
    pub created_ms: u64,
    /// Until when it can be sent and completed, milliseconds since the epoch.
    pub expires_ms: u64,
}

/// A file that arrived whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredFile {
    /// Its size.
    pub size_bytes: u64,
    /// The SHA-256 of its bytes, 64 lower-case hexadecimal digits.
    pub sha256: String,
    /// What its bytes are, told from the bytes; `None` when they are none of the kinds.
    pub sniffed: Option<DocumentKind>,
}

/// How long an upload is valid: 15 minutes.
pub const VALID_MS: u64 = 15 * 60 * 1000;

impl Upload {
    /// Returns the key of its bytes in the object store; made of server ids only.
    #[must_use]
    pub fn object_key(id: &UploadId) -> String {
        format!("uploads/{id}")
    }
}
