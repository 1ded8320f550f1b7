//! The one-step form: its parts are read one after the other, its file is stored as it comes.
//!
//! Never holds more of a file than the pieces in flight, however fast it is sent.

use std::sync::Arc;
use std::task::Poll;

use axum::body::Body;
use axum::extract::multipart::{Field, Multipart};
use axum::extract::{DefaultBodyLimit, FromRequest as _, Request};
use axum::http::header;
use futures::StreamExt as _;
use oxherd_study::accept::NewUpload;
use oxherd_study::material::TITLE_MAX;
use oxherd_study::upload::{StoredFile, Upload, declared_kind};
use oxherd_study::{UploadId, UserId};
use serde_json::json;
use sha2::{Digest as _, Sha256};
use tokio::sync::Notify;

use super::transfer::{Pace, Sent, receive};
use crate::error::{ApiError, ApiResult};
use crate::extract::{Carried, hex};
use crate::settings::Api;

/// A form that arrived whole; its file is stored.
pub(super) struct Form {
    pub(super) upload: NewUpload,
    pub(super) file: StoredFile,
    pub(super) title: Option<String>,
    /// Equal for equal forms.
    pub(super) fingerprint: String,
}

/// Reads a form to its end and stores its file on the way.
pub(super) async fn read(
    api: &Api,
    user: &UserId,
    carried: &Carried,
    request: Request,
) -> ApiResult<Form> {
    let declared = request.headers().get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok());
    if !declared.is_some_and(|kind| kind.trim_start().starts_with("multipart/form-data")) {
        let message = "send the file as multipart/form-data";
        return Err(ApiError::new(415, "UNSUPPORTED_MEDIA_TYPE", message));
    }
    let _held = carried.hold(api, user)?;
    let pace = Pace::default();
    let sent = |body: Body| Box::pin(body.into_data_stream());
    let mut request = request.map(|body| piece_by_piece(pace.hold(sent(body))));
    // The file has its own bound, which is far above that of other bodies.
    DefaultBodyLimit::disable().apply(&mut request);
    let parts = Multipart::from_request(request, api).await;
    let parts = parts.map_err(|_| broken("the multipart body cannot be read"))?;
    pace.blame(read_parts(api, parts).await)
}

fn broken(message: &str) -> ApiError {
    ApiError::new(400, "INVALID_MULTIPART", message)
}

async fn read_parts(api: &Api, mut parts: Multipart) -> ApiResult<Form> {
    let unreadable = |_| broken("the multipart body cannot be read");
    let (mut stored, mut title) = (None, None);
    while let Some(part) = parts.next_field().await.map_err(unreadable)? {
        match part.name() {
            Some("file") if stored.is_none() => stored = Some(store_part(api, part).await?),
            Some("file") => return Err(second_file(api, stored).await),
            Some("title") => title = Some(read_title(part).await?),
            _ => drop(part),
        }
    }
    let Some((upload, file)) = stored else {
        return Err(ApiError::field("file", "REQUIRED", "is missing"));
    };
    let fingerprint = form_fingerprint(&upload, &file, title.as_deref());
    let title = title.filter(|title| !title.is_empty());
    if title.as_ref().is_some_and(|title| title.chars().count() > TITLE_MAX) {
        let _ = api.parts.ports.objects.delete(&Upload::object_key(&upload.id)).await;
        return Err(ApiError::field("title", "TOO_LONG", "must have 1 to 200 characters"));
    }
    Ok(Form { upload, file, title, fingerprint })
}

/// Refuses a form with two files, and takes the first back.
async fn second_file(api: &Api, stored: Option<(NewUpload, StoredFile)>) -> ApiError {
    if let Some((upload, _)) = stored {
        let _ = api.parts.ports.objects.delete(&Upload::object_key(&upload.id)).await;
    }
    ApiError::field("file", "TOO_MANY", "send one file a form")
}

async fn store_part(api: &Api, part: Field<'_>) -> ApiResult<(NewUpload, StoredFile)> {
    let filename = part.file_name().unwrap_or_default().trim().to_owned();
    let length = filename.chars().count();
    if length == 0 {
        return Err(ApiError::field("file", "REQUIRED", "must have a file name"));
    }
    if length > 255 {
        return Err(ApiError::field(
            "file",
            "TOO_LONG",
            "must have a name of at most 255 characters",
        ));
    }
    let kind = declared_kind(&filename, part.content_type())?;
    let id = UploadId::random();
    let new = NewUpload { id, filename, kind, size_bytes: 0, sha256: None };
    let (bytes, ended) = piped(part);
    let received = receive(api, &new, bytes);
    let (file, pumped) = tokio::join!(received, ended);
    pumped?;
    let file = file?;
    Ok((NewUpload { size_bytes: file.size_bytes, ..new }, file))
}

/// Gives out at most one piece each time it is asked.
///
/// The reader of forms takes whatever is there into a buffer without a bound before it looks at
/// any of it: left alone it would hold whole files while the disk catches up.
fn piece_by_piece(mut pieces: Sent) -> Body {
    let mut is_due = true;
    Body::from_stream(futures::stream::poll_fn(move |cx| {
        if !std::mem::replace(&mut is_due, true) {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        let piece = pieces.poll_next_unpin(cx);
        is_due = !matches!(piece, Poll::Ready(Some(_)));
        piece
    }))
}

/// Lends a part's bytes to a stream that lives on its own; a piece is read when it is asked for.
fn piped(mut part: Field<'_>) -> (Sent, impl Future<Output = ApiResult<()>>) {
    let (sender, receiver) = tokio::sync::mpsc::channel(1);
    let wanted = Arc::new(Notify::new());
    let asking = (receiver, Arc::clone(&wanted));
    let bytes = futures::stream::unfold(asking, async |(mut receiver, wanted)| {
        wanted.notify_one();
        let piece = receiver.recv().await?;
        Some((piece, (receiver, wanted)))
    });
    let pump = async move {
        loop {
            tokio::select! {
                () = wanted.notified() => {}
                () = sender.closed() => return Ok(()),
            }
            match part.chunk().await {
                // Nobody may be left to take it; that has its own error.
                Ok(Some(bytes)) => drop(sender.send(Ok(bytes)).await),
                Ok(None) => return Ok(()),
                Err(error) => {
                    let _ = sender.send(Err(axum::Error::new(error))).await;
                    return Err(broken("the multipart body broke off before its end"));
                }
            }
        }
    };
    (Box::pin(bytes), pump)
}

async fn read_title(mut part: Field<'_>) -> ApiResult<String> {
    let unreadable = |_| broken("the multipart body cannot be read");
    let mut bytes = Vec::new();
    while let Some(piece) = part.chunk().await.map_err(unreadable)? {
        bytes.extend_from_slice(&piece);
        if bytes.len() > TITLE_MAX * 4 {
            return Err(ApiError::field("title", "TOO_LONG", "must have 1 to 200 characters"));
        }
    }
    Ok(String::from_utf8_lossy(&bytes).trim().to_owned())
}

fn form_fingerprint(upload: &NewUpload, file: &StoredFile, title: Option<&str>) -> String {
    let parts = json!([upload.filename, upload.kind.as_str(), file.sha256, title]);
    hex(&Sha256::digest(parts.to_string()))
}
