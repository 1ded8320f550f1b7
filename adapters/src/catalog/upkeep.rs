//! Sweeps over what is unfinished, expired or unreferenced, and the ledger of runs that ended.

use std::collections::HashSet;

use async_trait::async_trait;
use oxherd_study::Result;
use oxherd_study::accept::jobs;
use oxherd_study::ports::{Entity, Unsettled, Upkeep};
use oxherd_study::upload::Upload;
use sqlx::QueryBuilder;

use super::SqlCatalog;
use super::database::{Connection, Database, Outcome, number};
use super::rows::{Columns, material_id, plan_id, upload_id};
use super::{materials, outbox, plans};

/// How long the ledger is kept: a week.
const LEDGER_KEPT_MS: u64 = 7 * 24 * 60 * 60 * 1000;

/// Notes that a run ended.
pub(super) async fn note(
    tx: &mut Connection,
    entity: &str,
    generation: u64,
    status: &str,
    now_ms: u64,
) -> Outcome<()> {
    let note = "INSERT INTO ledger (entity, generation, status, at_ms) VALUES ($1, $2, $3, $4)";
    sqlx::query(note)
        .bind(entity)
        .bind(number(generation))
        .bind(status)
        .bind(number(now_ms))
        .execute(tx)
        .await?;
    Ok(())
}

#[async_trait]
impl Upkeep for SqlCatalog {
    async fn unsettled(
        &self,
        before_ms: u64,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<Unsettled>> {
        let after = after.unwrap_or_default().to_owned();
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        self.read(move |c| Box::pin(async move { unsettled(c, before_ms, &after, limit).await }))
            .await
    }

    async fn expire_uploads(&self, before_ms: u64, limit: usize) -> Result<Vec<String>> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let forget = "DELETE FROM uploads WHERE id IN (
                          SELECT id FROM uploads WHERE material_id IS NULL AND expires_ms < $1
                          ORDER BY expires_ms LIMIT $2)
                      RETURNING id";
        self.write(move |tx| {
            Box::pin(async move {
                let forgotten =
                    sqlx::query(forget).bind(number(before_ms)).bind(limit).fetch_all(tx).await?;
                let key = |row| Ok(Upload::object_key(&Columns(row).parsed("id", upload_id)?));
                forgotten.iter().map(key).collect()
            })
        })
        .await
    }

    async fn purge_idempotency(&self, now_ms: u64) -> Result<u64> {
        self.write(move |tx| Box::pin(purge(tx, now_ms))).await
    }

    async fn unreferenced(&self, keys: &[String]) -> Result<Vec<String>> {
        let keys = keys.to_vec();
        self.read_together(move |c| Box::pin(async move { unreferenced(c, keys).await })).await
    }

    async fn entity_of(&self, job: &str) -> Result<Option<Entity>> {
        let (material, plan) = (material_id(job), plan_id(job));
        self.read_together(move |c| {
            Box::pin(async move {
                if let Some(id) = material {
                    let found = materials::of_any_user(c, &id).await?;
                    return Ok(found.map(|found| Entity::Material(Box::new(found))));
                }
                let Some(id) = plan else { return Ok(None) };
                let found = plans::of_any_user(c, &id).await?;
                Ok(found.map(|found| Entity::Plan(Box::new(found))))
            })
        })
        .await
    }
}

async fn unsettled(
    connection: &mut Connection,
    before_ms: u64,
    after: &str,
    limit: i64,
) -> Outcome<Vec<Unsettled>> {
    let select = "SELECT e.*, COALESCE(o.number, 0) AS number,
                         COALESCE(NOT o.relayed, false) AS in_outbox
                  FROM (SELECT id AS job, user_id, generation, job_data AS data, created_ms,
                               CAST($4 AS TEXT) AS queue, CAST($5 AS TEXT) AS name
                        FROM materials
                        WHERE status IN ('PENDING', 'PROCESSING') AND deleted_ms IS NULL
                          AND updated_ms < $1 AND id > $2
                        UNION ALL
                        SELECT id, user_id, generation, job_data, created_ms, CAST($6 AS TEXT),
                               CAST($7 AS TEXT)
                        FROM plans
                        WHERE generation_status IN ('PENDING', 'GENERATING')
                          AND updated_ms < $1 AND id > $2) e
                  LEFT JOIN outbox o ON o.job = e.job
                  ORDER BY e.job LIMIT $3";
    let rows = sqlx::query(select)
        .bind(number(before_ms))
        .bind(after)
        .bind(limit)
        .bind(jobs::MATERIAL_QUEUE)
        .bind(jobs::MATERIAL_JOB)
        .bind(jobs::PLAN_QUEUE)
        .bind(jobs::PLAN_JOB)
        .fetch_all(connection)
        .await?;
    rows.iter()
        .map(|row| {
            let columns = Columns(row);
            let in_outbox = columns.flag("in_outbox")?;
            Ok(Unsettled { queue: columns.text("queue")?, row: outbox::row(row)?, in_outbox })
        })
        .collect()
}

async fn purge(tx: &mut Connection, now_ms: u64) -> Outcome<u64> {
    let keys = "DELETE FROM idempotency WHERE until_ms <= $1";
    let purged = sqlx::query(keys).bind(number(now_ms)).execute(&mut *tx).await?;
    let old = number(now_ms.saturating_sub(LEDGER_KEPT_MS));
    sqlx::query("DELETE FROM ledger WHERE at_ms < $1").bind(old).execute(&mut *tx).await?;
    let turns = "DELETE FROM outbox_turns WHERE freed_ms < $1
                 AND NOT EXISTS (SELECT 1 FROM outbox o WHERE o.user_id = outbox_turns.user_id)";
    sqlx::query(turns).bind(old).execute(tx).await?;
    Ok(purged.rows_affected())
}

/// A key is referred to by a material, or by an upload that may still become one.
async fn unreferenced(connection: &mut Connection, keys: Vec<String>) -> Outcome<Vec<String>> {
    let mut free = Vec::new();
    for some in keys.chunks(500) {
        let uploads: Vec<String> = some.iter().filter_map(|key| upload_of(key)).collect();
        let mut referred = HashSet::new();
        for (select, wanted) in [
            ("SELECT source_key AS key FROM materials WHERE source_key IN (", some),
            ("SELECT bundle_key AS key FROM materials WHERE bundle_key IN (", some),
        ] {
            referred.extend(named(&mut *connection, select, wanted).await?);
        }
        let select = "SELECT id AS key FROM uploads WHERE id IN (";
        let open: HashSet<String> =
            named(&mut *connection, select, &uploads).await?.into_iter().collect();
        let is_free = |key: &&String| {
            !referred.contains(*key) && !upload_of(key).is_some_and(|id| open.contains(&id))
        };
        free.extend(some.iter().filter(is_free).cloned());
    }
    Ok(free)
}

/// Returns the upload whose bytes are under a key.
fn upload_of(key: &str) -> Option<String> {
    let id = upload_id(key.rsplit('/').next()?)?;
    (Upload::object_key(&id) == key).then(|| id.to_string())
}

async fn named(
    connection: &mut Connection,
    select: &str,
    wanted: &[String],
) -> Outcome<Vec<String>> {
    if wanted.is_empty() {
        return Ok(Vec::new());
    }
    let mut select: QueryBuilder<Database> = QueryBuilder::new(select);
    let mut list = select.separated(", ");
    for key in wanted {
        list.push_bind(key.clone());
    }
    list.push_unseparated(")");
    let rows = select.build().fetch_all(connection).await?;
    rows.iter().map(|row| Columns(row).text("key")).collect()
}
