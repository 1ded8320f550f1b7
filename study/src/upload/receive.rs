//! Receiving the bytes of an upload: hashed and counted while they are stored.

use bytes::Bytes;
use futures::TryStreamExt as _;
use sha2::{Digest as _, Sha256};

use super::sniff::{HEAD_MAX, TAIL_MAX, needs_tail, sniff};
use super::{StoredFile, Upload};
use crate::accept::NewUpload;
use crate::error::{ErrorCode, Result, StudyError};
use crate::material::SIZE_MAX;
use crate::ports::{ByteStream, Objects};

/// Receives the bytes of an upload: hashed and counted while they are stored, then told by their
/// content. Memory is bounded by a piece of the stream and what is looked at to tell the content.
///
/// A declared size of 0 is one that is not known beforehand: at most [`SIZE_MAX`].
///
/// # Errors
/// `MATERIAL_FILE_TOO_LARGE` past the declared size, `UPLOAD_CONTENT_MISMATCH` when short or of
/// another hash than declared, `UPLOAD_ALREADY_STORED` when other bytes are stored already; the
/// same bytes again are fine. A broken transfer leaves nothing behind.
pub async fn receive(
    objects: &dyn Objects,
    upload: &NewUpload,
    mut bytes: ByteStream,
) -> Result<StoredFile> {
    let key = Upload::object_key(&upload.id);
    let size_max = if upload.size_bytes == 0 { SIZE_MAX } else { upload.size_bytes.min(SIZE_MAX) };
    let mut writer = objects.writer(&key).await?;
    let mut sample = Sample::default();
    while let Some(piece) = bytes.try_next().await? {
        sample.take(&piece);
        if sample.size_bytes > size_max {
            return Err(too_large(size_max));
        }
        writer.write(piece).await?;
    }
    let (size_bytes, head, sha256) = sample.finish();
    check_declared(upload, size_bytes, &sha256)?;
    if !writer.finish_if_absent().await? && hash_of(objects, &key).await? != sha256 {
        let message = "this upload was stored with other bytes: begin a new upload";
        return Err(StudyError::permanent(ErrorCode::UploadAlreadyStored, message));
    }
    let tail = tail(objects, &key, size_bytes, &head).await?;
    Ok(StoredFile { size_bytes, sha256, sniffed: sniff(&head, &tail) })
}

/// What is remembered of bytes that pass.
#[derive(Default)]
struct Sample {
    size_bytes: u64,
    head: Vec<u8>,
    hash: Sha256,
}

impl Sample {
    fn take(&mut self, piece: &[u8]) {
        self.size_bytes += piece.len() as u64;
        let missing = HEAD_MAX.saturating_sub(self.head.len()).min(piece.len());
        // Exactly: a thousand uploads at once each keep this until their end.
        self.head.reserve_exact(missing);
        self.head.extend_from_slice(&piece[..missing]);
        self.hash.update(piece);
    }

    fn finish(self) -> (u64, Vec<u8>, String) {
        (self.size_bytes, self.head, hex(&self.hash.finalize()))
    }
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

fn check_declared(upload: &NewUpload, size_bytes: u64, sha256: &str) -> Result<()> {
    let mismatch = |message| Err(StudyError::permanent(ErrorCode::UploadContentMismatch, message));
    if size_bytes == 0 {
        return mismatch("the file is empty: send a file with content".to_owned());
    }
    if upload.size_bytes != 0 && size_bytes != upload.size_bytes {
        return mismatch(format!(
            "{size_bytes} bytes arrived of {} that were declared: send the whole file again",
            upload.size_bytes
        ));
    }
    if upload.sha256.as_deref().is_some_and(|declared| !declared.eq_ignore_ascii_case(sha256)) {
        return mismatch(
            "the SHA-256 of the bytes is not the declared one: send the file again".to_owned(),
        );
    }
    Ok(())
}

fn too_large(size_max: u64) -> StudyError {
    let message = format!("the file is larger than {size_max} bytes");
    StudyError::permanent(ErrorCode::MaterialFileTooLarge, message)
}

async fn hash_of(objects: &dyn Objects, key: &str) -> Result<String> {
    let mut hash = Sha256::new();
    let gone = || StudyError::storage("the stored file is gone: send it again");
    let mut stored = objects.read(key).await?.ok_or_else(gone)?;
    while let Some(piece) = stored.try_next().await? {
        hash.update(&piece);
    }
    Ok(hex(&hash.finalize()))
}

/// Returns the end of the file where the head does not tell what it is.
async fn tail(objects: &dyn Objects, key: &str, size_bytes: u64, head: &[u8]) -> Result<Bytes> {
    if !needs_tail(head) {
        return Ok(Bytes::new());
    }
    let range = size_bytes.saturating_sub(TAIL_MAX)..size_bytes;
    Ok(objects.read_range(key, range).await?.unwrap_or_default())
}
