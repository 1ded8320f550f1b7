//! From a file to an accepted material: the three-step upload, and the one-step form.

mod form;
mod transfer;

use axum::body::Body;
use axum::extract::{Path, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use oxherd_study::accept::{Accepted, AcceptedWhat, Action, NewUpload};
use oxherd_study::error::ErrorClass;
use oxherd_study::material::{SIZE_MAX, TITLE_MAX};
use oxherd_study::upload::{Upload, declared_kind};
use oxherd_study::{UploadId, UserId};
use serde_json::json;

use crate::error::{ApiError, ApiResult};
use crate::extract::{Carried, JsonBody, QueryPairs};
use crate::fields::Fields;
use crate::identity::{Caller, Visitor};
use crate::reply;
use crate::settings::Api;
use crate::signing::{BadToken, Grant, Scope};

use self::transfer::Pace;
pub(super) use self::transfer::receive;

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
    let known = api.parts.ports.catalog.upload(&grant.user, &id).await?;
    // An upload that is gone before its time became a material that was deleted.
    let Some(known) = known.filter(|upload| upload.material.is_none()) else {
        let message = "the upload was completed; its bytes do not change any more";
        return Err(ApiError::new(409, "UPLOAD_ALREADY_STORED", message));
    };
    let new = announced(&known);
    let pace = Pace::default();
    let bytes = pace.hold(Box::pin(body.into_data_stream()));
    let file = pace.blame(receive(&api, &new, bytes).await)?;
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
    let form = form::read(api, user, carried, request).await?;
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
