//! Which documents ran out of time before, so that each is tried a second time and no third.
//!
//! It is memory of this process alone: after a restart a document is tried once more.

use std::collections::VecDeque;
use std::hash::{DefaultHasher, Hasher};
use std::sync::{Arc, Mutex, PoisonError};

use futures::StreamExt;
use oxherd_study::ports::ByteStream;

/// How many documents are remembered.
const REMEMBERED: usize = 1_024;

/// Tells documents apart well enough to count their failures.
pub(super) type Fingerprint = u64;

/// The documents that ran out of time.
#[derive(Debug, Default)]
pub(super) struct Timeouts(Mutex<VecDeque<Fingerprint>>);

impl Timeouts {
    /// Notes that a document ran out of time; `false` when it had done so before.
    pub(super) fn is_first(&self, document: Fingerprint) -> bool {
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.contains(&document) {
            return false;
        }
        if seen.len() == REMEMBERED {
            seen.pop_front();
        }
        seen.push_back(document);
        true
    }
}

/// The fingerprint of a stream; there is none before its end.
#[derive(Clone, Default)]
pub(super) struct Pending(Arc<Mutex<Option<Fingerprint>>>);

impl Pending {
    /// Returns the fingerprint, if the stream has ended.
    pub(super) fn take(&self) -> Option<Fingerprint> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// Lets a stream pass and takes its fingerprint.
pub(super) fn fingerprinted(source: ByteStream) -> (ByteStream, Pending) {
    let pending = Pending::default();
    let result = pending.clone();
    let mut hasher = DefaultHasher::new();
    let passed = source.inspect(move |piece| {
        if let Ok(piece) = piece {
            hasher.write(piece);
            let mut result = result.0.lock().unwrap_or_else(PoisonError::into_inner);
            *result = Some(hasher.finish());
        }
    });
    (passed.boxed(), pending)
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    #[test]
    fn a_document_is_first_once() {
        let timeouts = Timeouts::default();

        let first: Vec<_> = [7, 8, 7].map(|document| timeouts.is_first(document)).into();

        assert_eq!(first, [true, true, false]);
    }

    #[tokio::test]
    async fn equal_documents_have_equal_fingerprints() {
        let fingerprint = async |text: &'static [u8]| {
            let source = futures::stream::iter([Ok(Bytes::from_static(text))]).boxed();
            let (passed, pending) = fingerprinted(source);
            passed.count().await;
            pending.take()
        };

        assert_eq!(fingerprint(b"one").await, fingerprint(b"one").await);
        assert_ne!(fingerprint(b"one").await, fingerprint(b"two").await);
    }
}
