//! Materials as users read, rename and delete them.

use oxherd_study::error::ErrorCode;
use oxherd_study::material::{Material, MaterialStatus};
use oxherd_study::ports::{Deleted, Effects, MaterialFilter, Page, PageRequest, Searchable, Sort};
use oxherd_study::{MaterialId, PlanId, StudyError, UserId};
use serde_json::json;
use sqlx::QueryBuilder;
use unicode_normalization::UnicodeNormalization as _;

use super::database::{Connection, Database, Outcome, number};
use super::rows::{self, Columns, material_id};
use super::{cursor, material_runs, outbox, upkeep};

/// A title as it is compared: composed, in lower case.
pub(super) fn folded(title: &str) -> String {
    title.nfc().flat_map(char::to_lowercase).collect()
}

pub(super) fn not_found(id: &MaterialId) -> StudyError {
    StudyError::permanent(ErrorCode::MaterialNotFound, "there is no such material")
        .with_details(json!({ "materialId": id }))
}

pub(super) async fn find(
    connection: &mut Connection,
    user: &UserId,
    id: &MaterialId,
    with_deleted: bool,
) -> Outcome<Option<Material>> {
    let found = "SELECT * FROM materials
                 WHERE id = $1 AND user_id = $2 AND ($3 OR deleted_ms IS NULL)";
    let row = sqlx::query(found)
        .bind(id.as_str())
        .bind(user.as_str())
        .bind(with_deleted)
        .fetch_optional(connection)
        .await?;
    row.as_ref().map(rows::material).transpose()
}

/// Returns a material, also a deleted one; never shown without a check of its user.
pub(super) async fn of_any_user(
    connection: &mut Connection,
    id: &MaterialId,
) -> Outcome<Option<Material>> {
    let found = sqlx::query("SELECT * FROM materials WHERE id = $1")
        .bind(id.as_str())
        .fetch_optional(connection)
        .await?;
    found.as_ref().map(rows::material).transpose()
}

/// Returns the materials of a plan in its order, deleted ones too.
pub(super) async fn of_plan(connection: &mut Connection, id: &PlanId) -> Outcome<Vec<Material>> {
    let found = "SELECT m.* FROM plan_materials pm JOIN materials m ON m.id = pm.material_id
                 WHERE pm.plan_id = $1 ORDER BY pm.place";
    let found = sqlx::query(found).bind(id.as_str()).fetch_all(connection).await?;
    found.iter().map(rows::material).collect()
}

pub(super) async fn list(
    connection: &mut Connection,
    user: &UserId,
    filter: &MaterialFilter,
    page: &PageRequest,
) -> Outcome<Page<Material>> {
    let by_title = matches!(filter.sort, Sort::Title | Sort::TitleBackwards);
    let backwards = matches!(filter.sort, Sort::Newest | Sort::TitleBackwards);
    let list = format!("materials {:?}", filter.sort);
    let (column, direction, beyond) = match (by_title, backwards) {
        (true, false) => ("title_folded", "ASC", ">"),
        (true, true) => ("title_folded", "DESC", "<"),
        (false, false) => ("created_ms", "ASC", ">"),
        (false, true) => ("created_ms", "DESC", "<"),
    };
    let mut select: QueryBuilder<Database> =
        QueryBuilder::new("SELECT * FROM materials WHERE deleted_ms IS NULL AND user_id = ");
    select.push_bind(user.as_str().to_owned());
    if let Some(status) = filter.status {
        select.push(" AND status = ").push_bind(status.as_str());
    }
    if let Some(part) = &filter.title_part {
        select.push(" AND title_folded LIKE ").push_bind(pattern(part)).push(" ESCAPE '\\'");
    }
    if by_title {
        if let Some((key, id)) = cursor::read::<String>(&list, page.cursor.as_deref())? {
            select.push(format!(" AND ({column}, id) {beyond} (")).push_bind(key);
            select.push(", ").push_bind(id).push(")");
        }
    } else if let Some((key, id)) = cursor::read::<i64>(&list, page.cursor.as_deref())? {
        select.push(format!(" AND ({column}, id) {beyond} (")).push_bind(key);
        select.push(", ").push_bind(id).push(")");
    }
    select.push(format!(" ORDER BY {column} {direction}, id {direction} LIMIT "));
    select.push_bind(i64::from(page.limit) + 1);
    let found = select.build().fetch_all(connection).await?;
    let mut rows = found.iter().map(rows::material).collect::<Outcome<Vec<_>>>()?;
    let next_cursor = cursor::cut(&mut rows, page.limit).and_then(|last| {
        let id = last.id.as_str();
        if by_title {
            cursor::write(&list, folded(&last.title), id)
        } else {
            cursor::write(&list, number(last.created_ms), id)
        }
    });
    Ok(Page { rows, next_cursor })
}

/// What a title that holds a text is like.
fn pattern(part: &str) -> String {
    let mut pattern = String::from("%");
    for letter in folded(part).chars() {
        if matches!(letter, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.push(letter);
    }
    pattern.push('%');
    pattern
}

pub(super) async fn rename(
    tx: &mut Connection,
    (user, id): (&UserId, &MaterialId),
    title: &str,
    now_ms: u64,
) -> Outcome<Option<Material>> {
    let rename = "UPDATE materials
                  SET title = $3, title_folded = $4, title_given = true, updated_ms = $5
                  WHERE id = $1 AND user_id = $2 AND deleted_ms IS NULL RETURNING *";
    let row = sqlx::query(rename)
        .bind(id.as_str())
        .bind(user.as_str())
        .bind(title)
        .bind(folded(title))
        .bind(number(now_ms))
        .fetch_optional(tx)
        .await?;
    row.as_ref().map(rows::material).transpose()
}

pub(super) async fn delete(
    tx: &mut Connection,
    user: &UserId,
    id: &MaterialId,
    now_ms: u64,
) -> Outcome<Option<Deleted>> {
    let Some(material) = find(&mut *tx, user, id, false).await? else { return Ok(None) };
    let unsettled = matches!(material.status, MaterialStatus::Pending | MaterialStatus::Processing);
    outbox::settle(&mut *tx, id.as_str(), now_ms).await?;
    if !has_plans(&mut *tx, id).await? {
        let objects = erase(tx, &material).await?;
        return Ok(Some(Deleted { objects, unsettled, ..Deleted::default() }));
    }
    let failed = if material.status == MaterialStatus::Ready {
        Vec::new()
    } else {
        material_runs::fail_waiting_plans(&mut *tx, id, now_ms).await?
    };
    hide(tx, &material, unsettled, now_ms).await?;
    let effects = Effects { woken: Vec::new(), failed };
    Ok(Some(Deleted { soft: true, objects: Vec::new(), unsettled, effects }))
}

/// Tells whether a plan refers to a material.
pub(super) async fn has_plans(tx: &mut Connection, id: &MaterialId) -> Outcome<bool> {
    let referring = "SELECT COUNT(*) AS plans FROM plan_materials WHERE material_id = $1";
    let row = sqlx::query(referring).bind(id.as_str()).fetch_one(tx).await?;
    Ok(Columns(&row).number::<u64>("plans")? > 0)
}

/// Keeps the row for its plans; a run that had not ended is cancelled.
async fn hide(
    tx: &mut Connection,
    material: &Material,
    unsettled: bool,
    now_ms: u64,
) -> Outcome<()> {
    let hide = "UPDATE materials SET deleted_ms = $2, updated_ms = $2 WHERE id = $1";
    let id = material.id.as_str();
    sqlx::query(hide).bind(id).bind(number(now_ms)).execute(&mut *tx).await?;
    if unsettled {
        let cancel = "UPDATE materials SET status = 'FAILED', error_code = $2, error_message = $3
                      WHERE id = $1";
        sqlx::query(cancel)
            .bind(id)
            .bind(ErrorCode::Cancelled.as_str())
            .bind("the material was deleted")
            .execute(&mut *tx)
            .await?;
        upkeep::note(tx, id, material.generation, "FAILED", now_ms).await?;
    }
    Ok(())
}

/// Deletes the row and its upload; returns the keys of its objects.
pub(super) async fn erase(tx: &mut Connection, material: &Material) -> Outcome<Vec<String>> {
    let (id, upload) = (material.id.as_str(), material.upload.as_str());
    sqlx::query("DELETE FROM materials WHERE id = $1").bind(id).execute(&mut *tx).await?;
    sqlx::query("DELETE FROM uploads WHERE id = $1").bind(upload).execute(tx).await?;
    let mut objects = vec![material.source_key.clone()];
    objects.extend(material.bundle_key.clone());
    Ok(objects)
}

pub(super) async fn searchable(
    connection: &mut Connection,
    user: &UserId,
    only: &[MaterialId],
    limit: usize,
) -> Outcome<Option<(Vec<Searchable>, u64)>> {
    let mut wanted: Vec<&MaterialId> = only.iter().collect();
    wanted.sort_unstable();
    wanted.dedup();
    let from = |select: &str, ready: &str| {
        let mut query: QueryBuilder<Database> = QueryBuilder::new(select);
        query.push(" FROM materials WHERE deleted_ms IS NULL AND user_id = ");
        query.push_bind(user.as_str().to_owned()).push(ready);
        if !wanted.is_empty() {
            query.push(" AND id IN (");
            let mut list = query.separated(", ");
            for id in &wanted {
                list.push_bind(id.as_str().to_owned());
            }
            list.push_unseparated(")");
        }
        query
    };
    let mut counted = from("SELECT COUNT(*) AS found, COUNT(bundle_key) AS ready", "");
    let counted = counted.build().fetch_one(&mut *connection).await?;
    let columns = Columns(&counted);
    let found: u64 = columns.number("found")?;
    if !wanted.is_empty() && found < wanted.len() as u64 {
        return Ok(None);
    }
    let mut select = from("SELECT id, title, bundle_key", " AND status = 'READY'");
    select.push(" ORDER BY created_ms DESC, id DESC LIMIT ");
    select.push_bind(i64::try_from(limit).unwrap_or(i64::MAX));
    let rows = select.build().fetch_all(connection).await?;
    let searchable = rows
        .iter()
        .map(|row| {
            let columns = Columns(row);
            Ok(Searchable {
                id: columns.parsed("id", material_id)?,
                title: columns.text("title")?,
                bundle_key: columns.text("bundle_key")?,
            })
        })
        .collect::<Outcome<Vec<_>>>()?;
    Ok(Some((searchable, columns.number("ready")?)))
}
