//! The catalog on SQL: materials, uploads and plans, the outbox and the idempotency keys.
//!
//! One connection writes, in transactions that follow each other and share a sync where they
//! arrive together; a few others read. Constraints keep what must hold, whoever writes.
//!
//! # Layout, in reading order
//! * `database`, `writer`: the file, its schema, its failures, its transactions.
//! * `rows`, `cursor`: from rows to entities, and places in lists.
//! * `acceptance`, `idempotency`, `uploads`, `requests`: what users ask for.
//! * `outbox`: how it reaches the queue, and how fairly.
//! * `material_runs`, `plan_runs`, `plan_parts`: what runs write, under their fence.
//! * `library`, `materials`, `plans`: what users read, change and delete.
//! * `upkeep`: sweeps.

mod acceptance;
mod cursor;
mod database;
mod idempotency;
mod library;
mod material_runs;
mod materials;
mod outbox;
mod plan_parts;
mod plan_runs;
mod plans;
mod requests;
mod rows;
#[cfg(test)]
mod tests;
mod upkeep;
mod uploads;
mod writer;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use oxherd_study::ports::{Calendar as _, SystemCalendar};
use oxherd_study::{Result, StudyError};
use sqlx::sqlite::{SqlitePool, SqlitePoolOptions};
use sqlx::{ConnectOptions as _, Row as _};
use tokio::time::timeout;

use database::{Connection, Failure, Outcome};
use writer::Writer;

/// The longest wait for a read: the contract promises an answer within 3 s.
const READ_MAX: Duration = Duration::from_millis(2500);
/// Connections that read; each has a thread and at most 2 MB of pages.
const READERS: u32 = 3;

/// The catalog in a file of the data folder.
pub struct SqlCatalog {
    writer: Writer,
    readers: SqlitePool,
    installation: String,
}

impl SqlCatalog {
    /// Opens the catalog in `dir`, made if absent, and brings its schema up to date.
    ///
    /// # Errors
    /// When the folder or the file cannot be used, or a newer version of the program wrote it.
    pub async fn open(dir: &Path) -> Result<Arc<Self>> {
        let folder = format!("cannot use {} as the data folder", dir.display());
        tokio::fs::create_dir_all(dir)
            .await
            .map_err(|error| StudyError::storage(format!("{folder}: {error}")))?;
        let options = database::options(dir);
        let mut connection = options
            .connect()
            .await
            .map_err(|error| StudyError::storage(format!("{folder}: {error}")))?;
        database::migrate(&mut connection).await?;
        let installation = install(&mut connection).await?;
        let readers = SqlitePoolOptions::new()
            .max_connections(READERS)
            .acquire_timeout(READ_MAX)
            .test_before_acquire(false)
            .connect_lazy_with(options.clone().pragma("query_only", "ON"));
        let writer = Writer::start(connection, options);
        Ok(Arc::new(Self { writer, readers, installation }))
    }

    /// Does a work in a transaction of its own fate; see [`Writer::write`].
    async fn write<T, F>(&self, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: for<'c> FnOnce(&'c mut Connection) -> BoxFuture<'c, Outcome<T>> + Send + 'static,
    {
        self.writer.write(work).await
    }

    /// Reads with one statement.
    async fn read<T, F>(&self, work: F) -> Result<T>
    where
        F: for<'c> FnOnce(&'c mut Connection) -> BoxFuture<'c, Outcome<T>> + Send,
    {
        in_time(async {
            let mut connection = self.readers.acquire().await?;
            work(&mut connection).await
        })
        .await
    }

    /// Reads with several statements that see the same moment.
    async fn read_together<T, F>(&self, work: F) -> Result<T>
    where
        F: for<'c> FnOnce(&'c mut Connection) -> BoxFuture<'c, Outcome<T>> + Send,
    {
        in_time(async {
            let mut tx = self.readers.begin().await?;
            let read = work(&mut tx).await?;
            tx.rollback().await?;
            Ok(read)
        })
        .await
    }
}

async fn in_time<T>(read: impl Future<Output = Outcome<T>>) -> Result<T> {
    match timeout(READ_MAX, read).await {
        Ok(read) => read.map_err(Failure::into),
        Err(_) => Err(StudyError::storage("the catalog does not answer: try again in a moment")),
    }
}

/// Returns the installation's id, made at the first start.
async fn install(connection: &mut Connection) -> Outcome<String> {
    let made = "INSERT INTO installation (id, created_ms)
                SELECT $1, $2 WHERE NOT EXISTS (SELECT 1 FROM installation)";
    sqlx::query(made)
        .bind(uuid::Uuid::new_v4().simple().to_string())
        .bind(database::number(SystemCalendar.now_ms()))
        .execute(&mut *connection)
        .await?;
    Ok(sqlx::query("SELECT id FROM installation").fetch_one(connection).await?.try_get(0)?)
}
