//! From rows to entities.
//!
//! It writes nothing and asks nothing; a value that no entity can have is a decoding error.

use oxherd_study::document::DocumentKind;
use oxherd_study::material::{EntityError, Material, MaterialStatus, MaterialStep};
use oxherd_study::plan::{Completion, GenerationStatus, Plan, PlanRequest, PlanStatus, PlanStep};
use oxherd_study::upload::{StoredFile, Upload};
use oxherd_study::{MaterialId, PlanId, UploadId, UserId};
use serde::de::DeserializeOwned;
use sqlx::Row as _;

use super::database::{Outcome, Row};

/// The columns of a row by name.
pub(super) struct Columns<'r>(pub(super) &'r Row);

impl Columns<'_> {
    pub(super) fn text(&self, name: &str) -> Outcome<String> {
        Ok(self.0.try_get(name)?)
    }

    pub(super) fn text_if_any(&self, name: &str) -> Outcome<Option<String>> {
        Ok(self.0.try_get(name)?)
    }

    pub(super) fn flag(&self, name: &str) -> Outcome<bool> {
        Ok(self.0.try_get(name)?)
    }

    pub(super) fn number<T: TryFrom<i64>>(&self, name: &str) -> Outcome<T> {
        let value: i64 = self.0.try_get(name)?;
        T::try_from(value).map_err(|_| undecodable(name))
    }

    pub(super) fn number_if_any<T: TryFrom<i64>>(&self, name: &str) -> Outcome<Option<T>> {
        let value: Option<i64> = self.0.try_get(name)?;
        value.map(|value| T::try_from(value).map_err(|_| undecodable(name))).transpose()
    }

    /// Reads a word of a closed list, or an id.
    pub(super) fn parsed<T>(&self, name: &str, parse: fn(&str) -> Option<T>) -> Outcome<T> {
        parse(self.0.try_get(name)?).ok_or_else(|| undecodable(name))
    }

    pub(super) fn json<T: DeserializeOwned>(&self, name: &str) -> Outcome<T> {
        Ok(serde_json::from_str(self.0.try_get(name)?)?)
    }

    pub(super) fn user(&self) -> Outcome<UserId> {
        Ok(UserId::new(self.0.try_get("user_id")?))
    }

    fn error(&self) -> Outcome<Option<EntityError>> {
        let code = self.text_if_any("error_code")?;
        let message = self.text_if_any("error_message")?;
        Ok(code.map(|code| EntityError { code, message: message.unwrap_or_default() }))
    }
}

fn undecodable(column: &str) -> super::database::Failure {
    let source = format!("column {column} holds a value that it cannot hold").into();
    sqlx::Error::ColumnDecode { index: column.to_owned(), source }.into()
}

pub(super) fn material_id(text: &str) -> Option<MaterialId> {
    MaterialId::parse(text).ok()
}

pub(super) fn plan_id(text: &str) -> Option<PlanId> {
    PlanId::parse(text).ok()
}

pub(super) fn upload_id(text: &str) -> Option<UploadId> {
    UploadId::parse(text).ok()
}

pub(super) fn upload(row: &Row) -> Outcome<Upload> {
    let columns = Columns(row);
    let material = columns.text_if_any("material_id")?;
    let stored = match columns.text_if_any("stored_sha256")? {
        None => None,
        Some(sha256) => Some(StoredFile {
            size_bytes: columns.number("stored_size_bytes")?,
            sha256,
            sniffed: columns.text_if_any("stored_kind")?.as_deref().and_then(kind),
        }),
    };
    Ok(Upload {
        id: columns.parsed("id", upload_id)?,
        user: columns.user()?,
        filename: columns.text("filename")?,
        kind: columns.parsed("kind", kind)?,
        size_bytes: columns.number("size_bytes")?,
        sha256: columns.text_if_any("sha256")?,
        stored,
        material: material.as_deref().and_then(material_id),
        created_ms: columns.number("created_ms")?,
        expires_ms: columns.number("expires_ms")?,
    })
}

fn kind(word: &str) -> Option<DocumentKind> {
    DocumentKind::from_text(word)
}

pub(super) fn material(row: &Row) -> Outcome<Material> {
    let columns = Columns(row);
    let progress = columns.number("progress")?;
    Ok(Material {
        id: columns.parsed("id", material_id)?,
        user: columns.user()?,
        upload: columns.parsed("upload_id", upload_id)?,
        title: columns.text("title")?,
        original_filename: columns.text("original_filename")?,
        kind: columns.parsed("kind", kind)?,
        size_bytes: columns.number("size_bytes")?,
        sha256: columns.text("sha256")?,
        source_key: columns.text("source_key")?,
        bundle_key: columns.text_if_any("bundle_key")?,
        status: columns.parsed("status", MaterialStatus::from_text)?,
        progress,
        step: MaterialStep::at(progress),
        error: columns.error()?,
        summary: columns.text_if_any("summary")?,
        page_count: columns.number_if_any("page_count")?,
        chunk_count: columns.number_if_any("chunk_count")?,
        language: columns.text_if_any("language")?,
        generation: columns.number("generation")?,
        run_epoch: columns.number("run_epoch")?,
        created_ms: columns.number("created_ms")?,
        updated_ms: columns.number("updated_ms")?,
        processed_ms: columns.number_if_any("processed_ms")?,
        deleted_ms: columns.number_if_any("deleted_ms")?,
    })
}

/// Reads a plan without its materials and modules; the row counts its sessions as `total` and
/// `completed`.
pub(super) fn plan(row: &Row) -> Outcome<Plan> {
    let columns = Columns(row);
    let progress = columns.number("progress")?;
    let request = PlanRequest {
        icon: columns.text_if_any("icon")?,
        color: columns.text_if_any("color")?,
        ..columns.json("request")?
    };
    let generator = columns.text_if_any("generator")?;
    Ok(Plan {
        id: columns.parsed("id", plan_id)?,
        user: columns.user()?,
        request,
        title: columns.text("title")?,
        summary: columns.text_if_any("summary")?,
        status: columns.parsed("status", PlanStatus::from_text)?,
        generation_status: columns.parsed("generation_status", GenerationStatus::from_text)?,
        progress,
        step: PlanStep::at(progress),
        error: columns.error()?,
        materials: Vec::new(),
        modules: Vec::new(),
        completion: Completion {
            completed: columns.number("completed")?,
            total: columns.number("total")?,
        },
        warnings: columns.json("warnings")?,
        generator: generator.map(|json| serde_json::from_str(&json)).transpose()?,
        generation: columns.number("generation")?,
        run_epoch: columns.number("run_epoch")?,
        created_ms: columns.number("created_ms")?,
        updated_ms: columns.number("updated_ms")?,
    })
}
