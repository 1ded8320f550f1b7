//! An upload: the 15 minutes between the wish to send a file and the material it becomes; and the
//! check that a file is what it says.

use crate::accept::NewUpload;
use crate::document::DocumentKind;
use crate::error::{ErrorCode, Result, StudyError};
use crate::id::{MaterialId, UploadId, UserId};
use crate::ports::{ByteStream, Objects};

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

/// Tells the kind of a document from its name and its declared media type.
///
/// # Errors
/// `MATERIAL_UNSUPPORTED_TYPE` when it is none of the kinds, or the two contradict each other.
pub fn declared_kind(filename: &str, mime_type: Option<&str>) -> Result<DocumentKind> {
    let _ = (filename, mime_type);
    Err(StudyError::permanent(ErrorCode::InternalError, "not written yet"))
}

/// Receives the bytes of an upload: hashed and counted while they are stored, then told by their
/// content. Memory is bounded by a piece of the stream.
///
/// # Errors
/// `MATERIAL_FILE_TOO_LARGE` past the declared size, `UPLOAD_CONTENT_MISMATCH` when short or of
/// another hash than declared, `UPLOAD_ALREADY_STORED` when other bytes are stored already; the
/// same bytes again are fine. A broken transfer leaves nothing behind.
pub async fn receive(
    objects: &dyn Objects,
    upload: &NewUpload,
    bytes: ByteStream,
) -> Result<StoredFile> {
    let _ = (objects, upload, bytes);
    Err(StudyError::permanent(ErrorCode::InternalError, "not written yet"))
}
