//! From a file to an accepted material: the three-step upload, and the one-step form.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::body::Body;
use axum::extract::multipart::{Field, Multipart};
use axum::extract::{FromRequest as _, Path, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use bytes::Bytes;
use futures::StreamExt as _;
use futures::stream::BoxStream;
use oxherd_study::accept::{Accepted, AcceptedWhat, Action, NewUpload};
use oxherd_study::error::ErrorClass;
use oxherd_study::material::{SIZE_MAX, TITLE_MAX};
use oxherd_study::upload::{self, StoredFile, Upload, declared_kind};
use oxherd_study::{StudyError, UploadId, UserId};
use serde_json::json;
use sha2::{Digest as _, Sha256};

use crate::error::{ApiError, ApiResult};
use crate::extract::{Carried, JsonBody, QueryPairs, hex};
use crate::fields::Fields;
use crate::identity::{Caller, Visitor};
use crate::reply;
use crate::settings::Api;
use crate::signing::{BadToken, Grant, Scope};

/// Announces a file: `{filename, mimeType, sizeBytes, sha256?}`.
#[utoipa::path(post, path = "/api/materials/init-upload", tag = "Materials",
    request_body(content = serde_json::Value, example = json!({
        "filename": "algebra.pdf", "mimeType": "application/pdf", "sizeBytes": 48_213 })),
    responses(
        (status = 201, description = "Where and how to send the bytes, valid for 15 minutes"),
        (status = 413, description = "MATERIAL_FILE_TOO_LARGE: over 50 MiB"),
        (status = 415, description = "MATERIAL_UNSUPPORTED_TYPE"),
        (status = 422, description = "VALIDATION_ERROR")))]
pub(crate) async fn init_upload(
    State(api): State<Api>,
    Caller(user): Caller,
    carried: Carried,
    headers: HeaderMap,
    body: JsonBody,
) -> ApiResult {
    let new = read_upload(&body)?;
    let intent = carried.intent(&api, &user, &body.fingerprint, Action::InitUpload(new));
    let accepted = api.parts.intake.accept(intent).await?;
    let AcceptedWhat::Upload { id, mime_type, expires_ms } = &accepted.what else {
        return Err(ApiError::internal());
    };
    let grant = Grant { user, subject: id.to_string() };
    let token = api.parts.signer.issue(Scope::Upload, &grant, *expires_ms);
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or("localhost");
    let answer = json!({
        "uploadId": id,
        "uploadUrl": format!("http://{host}/api/uploads/{id}?token={token}"),
        "method": "PUT",
        "headers": { "content-type": mime_type },
        "expiresAt": reply::time(*expires_ms),
    });
    let mut response = reply::data_with(StatusCode::CREATED, &answer);
    reply::mark_replay(response.headers_mut(), &accepted);
    Ok(response)
}

fn read_upload(body: &JsonBody) -> ApiResult<NewUpload> {
    let mut fields = Fields::of(&body.value);
    let filename = fields.required_text("filename", 1..=255);
    let mime_type = fields.required_text("mimeType", 1..=255);
    if fields.get("sizeBytes").is_none() {
        fields.fail("sizeBytes", "REQUIRED", "is missing".to_owned());
    }
    let size_bytes = fields.number("sizeBytes", 1..=u64::MAX).unwrap_or_default();
    let sha256 = fields.text("sha256", 64..=64).map(|hash| hash.to_ascii_lowercase());
    if sha256.as_ref().is_some_and(|hash| !hash.bytes().all(|b| b.is_ascii_hexdigit())) {
        fields.fail("sha256", "INVALID_VALUE", "must be 64 hexadecimal digits".to_owned());
    }
    fields.finish()?;
    if size_bytes > SIZE_MAX {
        return Err(too_large());
    }
    let kind = declared_kind(&filename, Some(&mime_type))?;
    Ok(NewUpload { id: UploadId::random(), filename, kind, size_bytes, sha256 })
}

fn too_large() -> ApiError {
    ApiError::new(413, "MATERIAL_FILE_TOO_LARGE", "a file has at most 50 MiB")
}

/// Receives the bytes of an upload at its signed address.
#[utoipa::path(put, path = "/api/uploads/{uploadId}", tag = "Materials",
    params(("uploadId" = String, Path), ("token" = String, Query)),
    responses(
        (status = 200, description = "Stored: `{uploadId, sizeBytes, sha256}`"),
        (status = 403, description = "UPLOAD_URL_INVALID"),
        (status = 409, description = "UPLOAD_ALREADY_STORED"),
        (status = 410, description = "UPLOAD_EXPIRED"),
        (status = 413, description = "MATERIAL_FILE_TOO_LARGE: more bytes than declared"),
        (status = 422, description = "UPLOAD_CONTENT_MISMATCH: fewer bytes, or another hash")))]
pub(crate) async fn put_upload(
    State(api): State<Api>,
    _: Visitor,
    Path(id): Path<String>,
    query: QueryPairs,
    carried: Carried,
    body: Body,
) -> ApiResult {
    let invalid = || ApiError::new(403, "UPLOAD_URL_INVALID", "this is not a valid upload address");
    let token = query.get("token").ok_or_else(invalid)?;
    let grant = match api.parts.signer.verify(Scope::Upload, token, api.now_ms()) {
        Ok(grant) if grant.subject == id => grant,
        Err(BadToken::Expired) => return Err(expired()),
        _ => return Err(invalid()),
    };
    let id = UploadId::parse(&id).map_err(|_| invalid())?;
    let Some(known) = api.parts.ports.catalog.upload(&grant.user, &id).await? else {
        return Err(expired());
    };
    if known.material.is_some() {
        let message = "the upload was completed; its bytes do not change any more";
        return Err(ApiError::new(409, "UPLOAD_ALREADY_STORED", message));
    }
    let new = announced(&known);
    let file = receive(&api, &new, Box::pin(body.into_data_stream())).await?;
    let action = Action::StoreUpload { upload: id.clone(), file: file.clone() };
    api.parts.intake.accept(carried.intent(&api, &grant.user, "", action)).await?;
    Ok(reply::data(&json!({
        "uploadId": id, "sizeBytes": file.size_bytes, "sha256": file.sha256,
    })))
}

fn announced(upload: &Upload) -> NewUpload {
    NewUpload {
        id: upload.id.clone(),
        filename: upload.filename.clone(),
        kind: upload.kind,
        size_bytes: upload.size_bytes,
        sha256: upload.sha256.clone(),
    }
}

fn expired() -> ApiError {
    ApiError::new(410, "UPLOAD_EXPIRED", "the upload has expired; announce the file again")
}

/// Makes a material of a stored upload: `{uploadId, title?}`.
#[utoipa::path(post, path = "/api/materials/complete-upload", tag = "Materials",
    request_body(content = serde_json::Value, example = json!({ "uploadId": "upl_…" })),
    responses(
        (status = 202, description = "`{materialId, jobId, status, links}`"),
        (status = 404, description = "UPLOAD_NOT_FOUND"),
        (status = 409, description = "UPLOAD_OBJECT_NOT_FOUND, MATERIAL_DUPLICATE"),
        (status = 410, description = "UPLOAD_EXPIRED"),
        (status = 415, description = "MATERIAL_UNSUPPORTED_TYPE: the bytes are something else")))]
pub(crate) async fn complete_upload(
    State(api): State<Api>,
    Caller(user): Caller,
    carried: Carried,
    body: JsonBody,
) -> ApiResult {
    let mut fields = Fields::of(&body.value);
    let upload = fields.required_text("uploadId", 1..=255);
    let title = fields.text("title", 1..=TITLE_MAX);
    fields.finish()?;
    let upload = UploadId::parse(&upload)
        .map_err(|_| ApiError::new(404, "UPLOAD_NOT_FOUND", "there is no such upload"))?;
    let action = Action::CompleteUpload { upload, title };
    let intent = carried.intent(&api, &user, &body.fingerprint, action);
    let accepted = api.parts.intake.accept(intent).await?;
    Ok(reply::accepted(&api, &user, &accepted))
}

/// Sends a file and makes a material of it in one step.
#[utoipa::path(post, path = "/api/materials", tag = "Materials",
    request_body(content_type = "multipart/form-data", content = serde_json::Value,
        description = "`file`, and `title` if wanted"),
    responses(
        (status = 202, description = "`{materialId, jobId, status, links}`"),
        (status = 400, description = "INVALID_MULTIPART"),
        (status = 409, description = "MATERIAL_DUPLICATE"),
        (status = 413, description = "MATERIAL_FILE_TOO_LARGE"),
        (status = 415, description = "MATERIAL_UNSUPPORTED_TYPE, UNSUPPORTED_MEDIA_TYPE")))]
pub(crate) async fn create_material(
    State(api): State<Api>,
    Caller(user): Caller,
    carried: Carried,
    request: Request,
) -> ApiResult {
    let accepted = create_from_form(&api, &user, &carried, request).await?;
    Ok(reply::accepted(&api, &user, &accepted))
}

/// Stores the file of a form and makes a material of it; a file that is not kept is removed.
pub(super) async fn create_from_form(
    api: &Api,
    user: &UserId,
    carried: &Carried,
    request: Request,
) -> ApiResult<Accepted> {
    let form = read_form(api, user, carried, request).await?;
    let key = Upload::object_key(&form.upload.id);
    let action = Action::CreateMaterial { upload: form.upload, file: form.file, title: form.title };
    let intent = carried.intent(api, user, &form.fingerprint, action);
    let accepted = api.parts.intake.accept(intent).await;
    // After an error that may pass the commit may have happened all the same: what is not needed
    // then is left to the janitor.
    let is_unused = match &accepted {
        Ok(accepted) => accepted.replayed || accepted.existed,
        Err(error) => error.class == ErrorClass::Permanent,
    };
    if is_unused {
        let _ = api.parts.ports.objects.delete(&key).await;
    }
    Ok(accepted?)
}

/// A form that arrived whole; its file is stored.
struct Form {
    upload: NewUpload,
    file: StoredFile,
    title: Option<String>,
    fingerprint: String,
}

async fn read_form(
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
    let broken = || ApiError::new(400, "INVALID_MULTIPART", "the multipart body cannot be read");
    let _held = carried.hold(api, user)?;
    let mut parts = Multipart::from_request(request, api).await.map_err(|_| broken())?;
    let (mut stored, mut title) = (None, None);
    while let Some(part) = parts.next_field().await.map_err(|_| broken())? {
        match part.name() {
            Some("file") if stored.is_none() => stored = Some(store_part(api, part).await?),
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

async fn store_part(api: &Api, part: Field<'_>) -> ApiResult<(NewUpload, StoredFile)> {
    let filename = part.file_name().unwrap_or_default().trim().to_owned();
    let length = filename.chars().count();
    if !(1..=255).contains(&length) {
        return Err(ApiError::field("file", "REQUIRED", "must have a file name"));
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

/// Lends a part's bytes to a stream that lives on its own; one piece in flight.
fn piped(
    mut part: Field<'_>,
) -> (BoxStream<'static, Result<Bytes, axum::Error>>, impl Future<Output = ApiResult<()>>) {
    let (sender, receiver) = tokio::sync::mpsc::channel(1);
    let pump = async move {
        loop {
            match part.chunk().await {
                Ok(Some(bytes)) => {
                    if sender.send(Ok(bytes)).await.is_err() {
                        return Ok(());
                    }
                }
                Ok(None) => return Ok(()),
                Err(error) => {
                    let _ = sender.send(Err(axum::Error::new(error))).await;
                    let message = "the multipart body broke off before its end";
                    return Err(ApiError::new(400, "INVALID_MULTIPART", message));
                }
            }
        }
    };
    (Box::pin(tokio_stream::wrappers::ReceiverStream::new(receiver)), pump)
}

async fn read_title(mut part: Field<'_>) -> ApiResult<String> {
    let broken = || ApiError::new(400, "INVALID_MULTIPART", "the multipart body cannot be read");
    let mut bytes = Vec::new();
    while let Some(piece) = part.chunk().await.map_err(|_| broken())? {
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

/// The least an upload must move in [`WINDOW`]: 4 KiB/s.
const WINDOW_BYTES: usize = 40 * 1024;
/// The time over which the speed of an upload is averaged.
const WINDOW: Duration = Duration::from_secs(10);

/// Stores bytes as they come, with a least speed.
pub(super) async fn receive(
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
