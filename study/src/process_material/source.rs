//! The bytes of an upload, checked against what was declared while they are read once.

use std::sync::{Arc, Mutex, PoisonError};

use futures::StreamExt as _;
use sha2::{Digest as _, Sha256};

use crate::error::{ErrorCode, Result, StudyError};
use crate::material::Material;
use crate::ports::{ByteStream, Objects};

/// Checks that the file is there and of the size that was stored.
pub(super) async fn check_size(objects: &dyn Objects, material: &Material) -> Result<()> {
    match objects.size(&material.source_key).await? {
        Some(size) if size == material.size_bytes => Ok(()),
        Some(_) => Err(mismatch()),
        None => Err(missing()),
    }
}

/// Opens the file; the stream ends with an error instead of its end when the bytes are not those
/// that were uploaded.
pub(super) async fn open_verified(
    objects: &dyn Objects,
    material: &Material,
) -> Result<(ByteStream, Verdict)> {
    let stream = objects.read(&material.source_key).await?.ok_or_else(missing)?;
    let verdict = Verdict::default();
    let state = Reading {
        stream,
        digest: Sha256::new(),
        size: 0,
        expected: (material.size_bytes, material.sha256.clone()),
        verdict: verdict.clone(),
    };
    let verified = futures::stream::unfold(Some(state), |state| async move { state?.next().await });
    Ok((verified.boxed(), verdict))
}

/// What came out of reading the file, also when the parser said something else.
#[derive(Clone, Default)]
pub(super) struct Verdict(Arc<Mutex<Option<StudyError>>>);

impl Verdict {
    /// Fails with what broke the stream, if something did.
    pub(super) fn check(&self) -> Result<()> {
        let error = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        error.map_or(Ok(()), Err)
    }

    fn set(&self, error: &StudyError) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(error.clone());
    }
}

struct Reading {
    stream: ByteStream,
    digest: Sha256,
    size: u64,
    expected: (u64, String),
    verdict: Verdict,
}

type Item = Result<bytes::Bytes>;

impl Reading {
    async fn next(mut self) -> Option<(Item, Option<Self>)> {
        match self.stream.next().await {
            Some(Ok(bytes)) => {
                self.digest.update(&bytes);
                self.size += bytes.len() as u64;
                if self.size > self.expected.0 {
                    return self.fail(mismatch());
                }
                Some((Ok(bytes), Some(self)))
            }
            Some(Err(error)) => self.fail(error),
            None if self.is_as_declared() => None,
            None => self.fail(mismatch()),
        }
    }

    fn fail(self, error: StudyError) -> Option<(Item, Option<Self>)> {
        self.verdict.set(&error);
        Some((Err(error), None))
    }

    fn is_as_declared(&self) -> bool {
        let hash: String =
            self.digest.clone().finalize().iter().map(|byte| format!("{byte:02x}")).collect();
        (self.size, hash.as_str()) == (self.expected.0, self.expected.1.as_str())
    }
}

fn mismatch() -> StudyError {
    let message = "the stored file is not the one that was uploaded; upload it again";
    StudyError::permanent(ErrorCode::UploadContentMismatch, message)
}

fn missing() -> StudyError {
    let message = "the uploaded file is gone from the object store; upload it again";
    StudyError::permanent(ErrorCode::UploadObjectNotFound, message)
}
