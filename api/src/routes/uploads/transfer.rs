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

use crate::error::{ApiError, ApiResult};
use crate::settings::Api;

/// The least an upload must move in [`WINDOW`]: 4 KiB/s.
const WINDOW_BYTES: usize = 40 * 1024;
/// The time over which the speed of an upload is averaged.
const WINDOW: Duration = Duration::from_secs(10);

/// Stores bytes as they come, with a least speed.
pub(in crate::routes) async fn receive(
    api: &Api,
    new: &NewUpload,
    bytes: BoxStream<'static, Result<Bytes, axum::Error>>,
) -> ApiResult<StoredFile> {
    let slow = Arc::new(AtomicBool::new(false));
    let stream = paced(bytes, Arc::clone(&slow));
    let objects = api.parts.ports.objects.as_ref();
    match upload::receive(objects, new, stream).await {
        Ok(file) => Ok(file),
        Err(_) if slow.load(Ordering::Relaxed) => {
            let message = "the upload was slower than 4 KiB/s for 10 s";
            Err(ApiError::new(408, "REQUEST_TIMEOUT", message))
        }
        Err(error) => Err(error.into()),
    }
}

fn paced(
    bytes: BoxStream<'static, Result<Bytes, axum::Error>>,
    slow: Arc<AtomicBool>,
) -> oxherd_study::ports::ByteStream {
    let window = (tokio::time::Instant::now(), 0_usize);
    let state = (bytes, window, slow);
    Box::pin(futures::stream::unfold(state, async |(mut bytes, mut window, slow)| {
        let (since, moved) = window;
        let piece = tokio::time::timeout_at(since + WINDOW, bytes.next()).await;
        let item = match piece {
            Ok(None) => return None,
            Ok(Some(Ok(piece))) => {
                window = (since, moved + piece.len());
                if window.1 >= WINDOW_BYTES {
                    window = (tokio::time::Instant::now(), 0);
                }
                Ok(piece)
            }
            Ok(Some(Err(_))) => Err(StudyError::storage("the transfer broke off before its end")),
            Err(_) => {
                slow.store(true, Ordering::Relaxed);
                Err(StudyError::storage("the transfer was too slow"))
            }
        };
        Some((item, (bytes, window, slow)))
    }))
}
