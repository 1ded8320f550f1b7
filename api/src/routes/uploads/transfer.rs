//! The bytes of an upload on their way to the object store, with a least speed.
//!
//! Never holds more than the piece that passes.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use futures::StreamExt as _;
use futures::stream::BoxStream;
use oxherd_study::StudyError;
use oxherd_study::accept::NewUpload;
use oxherd_study::upload::{self, StoredFile};
use tokio::time::Instant;

use crate::error::{ApiError, ApiResult};
use crate::settings::Api;

/// The least an upload must move in [`WINDOW`]: 4 KiB/s.
const WINDOW_BYTES: usize = 40 * 1024;
/// The time over which the speed of an upload is averaged.
const WINDOW: Duration = Duration::from_secs(10);

/// Bytes that a client sends.
pub(in crate::routes) type Sent = BoxStream<'static, Result<Bytes, axum::Error>>;

/// Stores bytes as they come.
pub(in crate::routes) async fn receive(
    api: &Api,
    new: &NewUpload,
    bytes: Sent,
) -> ApiResult<StoredFile> {
    let broke_off = |_| StudyError::storage("the transfer broke off before its end");
    let bytes = Box::pin(bytes.map(move |piece| piece.map_err(broke_off)));
    Ok(upload::receive(api.parts.ports.objects.as_ref(), new, bytes).await?)
}

/// Holds a client to the least speed, and remembers when it was slower.
#[derive(Clone, Default)]
pub(in crate::routes) struct Pace {
    too_slow: Arc<AtomicBool>,
}

/// What a client has sent since the window began, and how long we waited for it.
#[derive(Default)]
struct Window {
    waited: Duration,
    moved: usize,
}

impl Pace {
    /// Passes bytes on; ends with an error when they come too slowly. Only the time counts in which
    /// the client is waited for, not that of a disk which is behind.
    pub(in crate::routes) fn hold(&self, bytes: Sent) -> Sent {
        let state = (bytes, Window::default(), Arc::clone(&self.too_slow));
        Box::pin(futures::stream::unfold(state, async |(mut bytes, mut window, too_slow)| {
            let since = Instant::now();
            let piece = tokio::time::timeout(WINDOW.saturating_sub(window.waited), bytes.next());
            let Ok(piece) = piece.await else {
                too_slow.store(true, Ordering::Relaxed);
                let error = axum::Error::new("the client sends too slowly");
                return Some((Err(error), (bytes, Window::default(), too_slow)));
            };
            let piece = piece?;
            window.waited += since.elapsed();
            window.moved += piece.as_ref().map_or(0, Bytes::len);
            if window.moved >= WINDOW_BYTES {
                window = Window::default();
            }
            Some((piece, (bytes, window, too_slow)))
        }))
    }

    /// Says that the client was too slow, if that is why something failed.
    pub(in crate::routes) fn blame<T>(&self, outcome: ApiResult<T>) -> ApiResult<T> {
        if outcome.is_err() && self.too_slow.load(Ordering::Relaxed) {
            let message = "the upload was slower than 4 KiB/s for 10 s";
            return Err(ApiError::new(408, "REQUEST_TIMEOUT", message));
        }
        outcome
    }
}
