//! From the wish to send a file to the material it becomes.

use oxherd_study::accept::{AcceptedWhat, Intent, NewUpload};
use oxherd_study::document::DocumentKind;
use oxherd_study::error::ErrorCode;
use oxherd_study::material::TITLE_MAX;
use oxherd_study::upload::{StoredFile, Upload, VALID_MS, check_content};
use oxherd_study::{MaterialId, StudyError, UploadId, UserId};
use serde_json::json;
use sqlx::Row as _;

use super::acceptance::Done;
use super::database::{Connection, Outcome, number};
use super::outbox::{self, Entity};
use super::{requests, rows};

/// Returns an upload of the user.
pub(super) async fn find(
    connection: &mut Connection,
    user: &UserId,
    id: &UploadId,
) -> Outcome<Option<Upload>> {
    let row = sqlx::query("SELECT * FROM uploads WHERE id = $1 AND user_id = $2")
        .bind(id.as_str())
        .bind(user.as_str())
        .fetch_optional(connection)
        .await?;
    row.as_ref().map(rows::upload).transpose()
}

pub(super) async fn init(tx: &mut Connection, intent: &Intent, new: &NewUpload) -> Outcome<Done> {
    let upload = begun(intent, new);
    insert(tx, &upload).await?;
    let (id, expires_ms) = (upload.id, upload.expires_ms);
    let mime_type = new.kind.mime_type().to_owned();
    Ok(Done::now(AcceptedWhat::Upload { id, mime_type, expires_ms }))
}

fn begun(intent: &Intent, new: &NewUpload) -> Upload {
    Upload {
        id: new.id.clone(),
        user: intent.user.clone(),
        filename: new.filename.clone(),
        kind: new.kind,
        size_bytes: new.size_bytes,
        sha256: new.sha256.clone(),
        stored: None,
        material: None,
        created_ms: intent.now_ms,
        expires_ms: intent.now_ms.saturating_add(VALID_MS),
    }
}

async fn insert(tx: &mut Connection, upload: &Upload) -> Outcome<()> {
    let insert = "INSERT INTO uploads
                      (id, user_id, filename, kind, size_bytes, sha256, created_ms, expires_ms,
                       stored_size_bytes, stored_sha256, stored_kind, material_id)
                  VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)";
    let stored = upload.stored.as_ref();
    sqlx::query(insert)
        .bind(upload.id.as_str())
        .bind(upload.user.as_str())
        .bind(&upload.filename)
        .bind(upload.kind.as_str())
        .bind(number(upload.size_bytes))
        .bind(upload.sha256.as_deref())
        .bind(number(upload.created_ms))
        .bind(number(upload.expires_ms))
        .bind(stored.map(|file| number(file.size_bytes)))
        .bind(stored.map(|file| file.sha256.as_str()))
        .bind(stored.and_then(|file| file.sniffed).map(DocumentKind::as_str))
        .bind(upload.material.as_ref().map(MaterialId::as_str))
        .execute(tx)
        .await?;
    Ok(())
}

pub(super) async fn store(
    tx: &mut Connection,
    intent: &Intent,
    id: &UploadId,
    file: &StoredFile,
) -> Outcome<Done> {
    let upload = find(&mut *tx, &intent.user, id).await?.ok_or_else(not_found)?;
    let stored_before = upload.stored.as_ref().map(|stored| stored.sha256 == file.sha256);
    if upload.material.is_some() || stored_before == Some(false) {
        let message = "this upload was stored with other bytes or completed: begin a new upload";
        return Err(StudyError::permanent(ErrorCode::UploadAlreadyStored, message).into());
    }
    if upload.expires_ms <= intent.now_ms {
        return Err(expired().into());
    }
    let what = AcceptedWhat::Stored {
        id: id.clone(),
        size_bytes: file.size_bytes,
        sha256: file.sha256.clone(),
    };
    if stored_before == Some(true) {
        return Ok(Done::before(what));
    }
    let update = "UPDATE uploads
                  SET stored_size_bytes = $2, stored_sha256 = $3, stored_kind = $4 WHERE id = $1";
    sqlx::query(update)
        .bind(id.as_str())
        .bind(number(file.size_bytes))
        .bind(&file.sha256)
        .bind(file.sniffed.map(DocumentKind::as_str))
        .execute(tx)
        .await?;
    Ok(Done::now(what))
}

pub(super) async fn complete(
    tx: &mut Connection,
    intent: &Intent,
    id: &UploadId,
    title: Option<&str>,
) -> Outcome<Done> {
    let upload = find(&mut *tx, &intent.user, id).await?.ok_or_else(not_found)?;
    if let Some(material) = &upload.material {
        let living = "SELECT generation FROM materials WHERE id = $1 AND deleted_ms IS NULL";
        let row = sqlx::query(living).bind(material.as_str()).fetch_optional(tx).await?;
        let row = row.ok_or_else(not_found)?;
        let generation = rows::Columns(&row).number("generation")?;
        return Ok(Done::before(AcceptedWhat::Material { id: material.clone(), generation }));
    }
    if upload.expires_ms <= intent.now_ms {
        return Err(expired().into());
    }
    let Some(file) = &upload.stored else {
        let message = "the file of this upload has not arrived: PUT it to the upload's URL first";
        return Err(StudyError::permanent(ErrorCode::UploadObjectNotFound, message).into());
    };
    let id = make_material(&mut *tx, intent, &upload, file, title).await?;
    sqlx::query("UPDATE uploads SET material_id = $2 WHERE id = $1")
        .bind(upload.id.as_str())
        .bind(id.as_str())
        .execute(tx)
        .await?;
    Ok(Done::now(AcceptedWhat::Material { id, generation: 1 }))
}

pub(super) async fn create(
    tx: &mut Connection,
    intent: &Intent,
    new: &NewUpload,
    file: &StoredFile,
    title: Option<&str>,
) -> Outcome<Done> {
    let upload = begun(intent, new);
    let id = make_material(&mut *tx, intent, &upload, file, title).await?;
    let (stored, material) = (Some(file.clone()), Some(id.clone()));
    insert(tx, &Upload { stored, material, ..upload }).await?;
    Ok(Done::now(AcceptedWhat::Material { id, generation: 1 }))
}

/// Makes a material of a file and asks for its first run.
async fn make_material(
    tx: &mut Connection,
    intent: &Intent,
    upload: &Upload,
    file: &StoredFile,
    title: Option<&str>,
) -> Outcome<MaterialId> {
    check_content(upload.kind, file.sniffed)?;
    let id = MaterialId::random();
    let shown = match title {
        Some(title) => title.to_owned(),
        None => upload.filename.chars().take(TITLE_MAX).collect(),
    };
    let insert = "INSERT INTO materials (id, user_id, upload_id, title, title_folded, title_given,
                                original_filename, kind, size_bytes, sha256, source_key, job_data,
                                created_ms, updated_ms, status, progress, generation, run_epoch)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $13, 'PENDING', 0, 1, 0)
         ON CONFLICT (user_id, sha256) WHERE status <> 'FAILED' AND deleted_ms IS NULL DO NOTHING
         RETURNING id";
    let inserted = sqlx::query(insert)
        .bind(id.as_str())
        .bind(intent.user.as_str())
        .bind(upload.id.as_str())
        .bind(&shown)
        .bind(super::materials::folded(&shown))
        .bind(title.is_some())
        .bind(&upload.filename)
        .bind(upload.kind.as_str())
        .bind(number(file.size_bytes))
        .bind(&file.sha256)
        .bind(Upload::object_key(&upload.id))
        .bind(requests::material_data(intent, &id, &upload.id, 1))
        .bind(number(intent.now_ms))
        .fetch_optional(&mut *tx)
        .await?;
    if inserted.is_none() {
        return Err(duplicate(tx, &intent.user, &file.sha256).await?.into());
    }
    outbox::enqueue(tx, Entity::Material, id.as_str(), intent.now_ms).await?;
    Ok(id)
}

/// Describes the living material of a user that has the same bytes.
pub(super) async fn duplicate(
    tx: &mut Connection,
    user: &UserId,
    sha256: &str,
) -> Outcome<StudyError> {
    let living = "SELECT id FROM materials WHERE user_id = $1 AND sha256 = $2
                  AND status <> 'FAILED' AND deleted_ms IS NULL";
    let row = sqlx::query(living).bind(user.as_str()).bind(sha256).fetch_one(tx).await?;
    let id: String = row.try_get("id")?;
    let message = format!("you have these bytes already, as material {id}");
    Ok(StudyError::permanent(ErrorCode::MaterialDuplicate, message)
        .with_details(json!({ "materialId": id })))
}

fn not_found() -> StudyError {
    StudyError::permanent(ErrorCode::UploadNotFound, "there is no such upload: begin a new one")
}

fn expired() -> StudyError {
    let message = "this upload has expired: begin a new one and send the file within 15 minutes";
    StudyError::permanent(ErrorCode::UploadExpired, message)
}
