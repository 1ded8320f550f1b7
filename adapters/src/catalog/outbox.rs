//! Runs on their way to the queue, and how many of each user may be on it.
//!
//! A row stays until its run has ended: it waits, then it counts as one of its user's runs in the
//! queue. There is one row per job, so that a newer generation takes the place of an older one.

use async_trait::async_trait;
use oxherd_study::Result;
use oxherd_study::accept::jobs;
use oxherd_study::ports::{Outbox, OutboxPressure, OutboxRow};
use sqlx::QueryBuilder;

use super::SqlCatalog;
use super::database::{Connection, Database, Outcome, Row, number};
use super::rows::Columns;

/// An entity with runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Entity {
    Material,
    Plan,
}

impl Entity {
    pub(super) fn queue(self) -> &'static str {
        match self {
            Self::Material => jobs::MATERIAL_QUEUE,
            Self::Plan => jobs::PLAN_QUEUE,
        }
    }

    pub(super) fn job(self) -> &'static str {
        match self {
            Self::Material => jobs::MATERIAL_JOB,
            Self::Plan => jobs::PLAN_JOB,
        }
    }

    fn enqueue(self) -> &'static str {
        match self {
            Self::Material => {
                "INSERT INTO outbox
                     (queue, name, job, data, user_id, generation, created_ms, relayed)
                 SELECT $2, $3, id, job_data, user_id, generation, $4, false
                 FROM materials WHERE id = $1
                 ON CONFLICT (job) DO UPDATE SET
                     data = excluded.data, generation = excluded.generation,
                     created_ms = excluded.created_ms, relayed = false"
            }
            Self::Plan => {
                "INSERT INTO outbox
                     (queue, name, job, data, user_id, generation, created_ms, relayed)
                 SELECT $2, $3, id, job_data, user_id, generation, $4, false
                 FROM plans WHERE id = $1
                 ON CONFLICT (job) DO UPDATE SET
                     data = excluded.data, generation = excluded.generation,
                     created_ms = excluded.created_ms, relayed = false"
            }
        }
    }
}

/// Writes the row of an entity's current generation.
pub(super) async fn enqueue(
    tx: &mut Connection,
    entity: Entity,
    id: &str,
    now_ms: u64,
) -> Outcome<()> {
    sqlx::query(entity.enqueue())
        .bind(id)
        .bind(entity.queue())
        .bind(entity.job())
        .bind(number(now_ms))
        .execute(tx)
        .await?;
    Ok(())
}

/// Takes a run that ended, or will never begin, off its user's account.
pub(super) async fn settle(tx: &mut Connection, id: &str, now_ms: u64) -> Outcome<()> {
    let freed = sqlx::query("DELETE FROM outbox WHERE job = $1 RETURNING user_id")
        .bind(id)
        .fetch_optional(&mut *tx)
        .await?;
    let Some(row) = freed else { return Ok(()) };
    let turn = "INSERT INTO outbox_turns (user_id, freed_ms) VALUES ($1, $2)
                ON CONFLICT (user_id) DO UPDATE SET freed_ms = excluded.freed_ms";
    sqlx::query(turn).bind(Columns(&row).text("user_id")?).bind(number(now_ms)).execute(tx).await?;
    Ok(())
}

/// The rows that fairness lets pass when `$1` runs of a user may be in the queues. It steps from
/// user to user and looks at `$1` rows of each, however many wait.
macro_rules! passing {
    ($then:literal) => {
        concat!(
            "WITH RECURSIVE waiting (user_id) AS (
                 SELECT MIN(user_id) FROM outbox WHERE NOT relayed
                 UNION ALL
                 SELECT (SELECT MIN(o.user_id) FROM outbox o
                         WHERE NOT o.relayed AND o.user_id > waiting.user_id)
                 FROM waiting WHERE waiting.user_id IS NOT NULL
             ),
             turns AS (
                 SELECT w.user_id,
                        (SELECT COUNT(*) FROM outbox r
                         WHERE r.relayed AND r.user_id = w.user_id) AS running,
                        COALESCE((SELECT n.number FROM outbox n
                                  WHERE NOT n.relayed AND n.user_id = w.user_id
                                  ORDER BY n.number LIMIT 1 OFFSET $1),
                                 9223372036854775807) AS beyond
                 FROM waiting w WHERE w.user_id IS NOT NULL
             ),
             queue AS (
                 SELECT o.*, t.running
                        + ROW_NUMBER() OVER (PARTITION BY o.user_id ORDER BY o.number) AS turn
                 FROM turns t
                 JOIN outbox o ON NOT o.relayed AND o.user_id = t.user_id AND o.number < t.beyond
             ) ",
            $then
        )
    };
}

pub(super) const NEXT_ROWS: &str =
    passing!("SELECT * FROM queue WHERE turn <= $1 ORDER BY turn, number LIMIT $2");

#[async_trait]
impl Outbox for SqlCatalog {
    async fn next_rows(&self, limit: usize, in_queue_max: u32) -> Result<Vec<OutboxRow>> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        self.read(move |connection| {
            Box::pin(async move {
                let rows = sqlx::query(NEXT_ROWS)
                    .bind(i64::from(in_queue_max))
                    .bind(limit)
                    .fetch_all(connection)
                    .await?;
                rows.iter().map(row).collect()
            })
        })
        .await
    }

    async fn relayed(&self, numbers: &[i64]) -> Result<()> {
        if numbers.is_empty() {
            return Ok(());
        }
        let numbers = numbers.to_vec();
        self.write(move |tx| {
            Box::pin(async move {
                for some in numbers.chunks(1000) {
                    let mut update: QueryBuilder<Database> =
                        QueryBuilder::new("UPDATE outbox SET relayed = true WHERE number IN (");
                    let mut list = update.separated(", ");
                    for number in some {
                        list.push_bind(*number);
                    }
                    list.push_unseparated(")");
                    update.build().execute(&mut *tx).await?;
                }
                Ok(())
            })
        })
        .await
    }
}

/// Counts what fairness would let pass; a row whose user had no turn waits since its turn came.
pub(super) async fn pressure(
    connection: &mut Connection,
    in_queue_max: u32,
) -> Outcome<OutboxPressure> {
    let counted = passing!(
        "SELECT COUNT(*) AS rows_waiting,
                MIN(CASE WHEN t.freed_ms > q.created_ms THEN t.freed_ms ELSE q.created_ms END)
                    AS oldest_ms
         FROM queue q LEFT JOIN outbox_turns t ON t.user_id = q.user_id
         WHERE q.turn <= $1"
    );
    let row = sqlx::query(counted).bind(i64::from(in_queue_max)).fetch_one(connection).await?;
    let columns = Columns(&row);
    Ok(OutboxPressure {
        rows: columns.number("rows_waiting")?,
        oldest_ms: columns.number_if_any("oldest_ms")?,
    })
}

pub(super) fn row(row: &Row) -> Outcome<OutboxRow> {
    let columns = Columns(row);
    Ok(OutboxRow {
        number: columns.number("number")?,
        queue: columns.text("queue")?,
        name: columns.text("name")?,
        job: columns.text("job")?,
        data: columns.text("data")?,
        user: columns.user()?,
        generation: columns.number("generation")?,
        created_ms: columns.number("created_ms")?,
    })
}
