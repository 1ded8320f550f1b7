//! The catalog's database: how it is opened and migrated, and what its failures mean.
//!
//! It knows no table but its own list of migrations.

use std::path::Path;
use std::time::Duration;

use oxherd_study::StudyError;
use oxherd_study::error::ErrorCode;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};
use sqlx::{ConnectOptions as _, Connection as _, Row as _};

/// The kind of database; the one place that would change for another.
pub(super) type Database = sqlx::Sqlite;
/// A connection, inside or outside a transaction.
pub(super) type Connection = sqlx::SqliteConnection;
/// A row of an answer.
pub(super) type Row = sqlx::sqlite::SqliteRow;

const MIGRATIONS: &[&str] = &[include_str!("migrations/0001_catalog.sql")];

/// Why a statement, or the work that it belongs to, did not succeed.
#[derive(Debug)]
pub(super) enum Failure {
    /// This work was refused before it wrote anything.
    Refused(StudyError),
    /// This work failed half-way: what it wrote must be undone; other work can be done.
    Botched(StudyError),
    /// The database is away, full or damaged: nothing in this transaction counts.
    Broken(StudyError),
}

/// The result of work inside a transaction.
pub(super) type Outcome<T> = Result<T, Failure>;

impl From<Failure> for StudyError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Refused(error) | Failure::Botched(error) | Failure::Broken(error) => error,
        }
    }
}

impl From<StudyError> for Failure {
    fn from(error: StudyError) -> Self {
        Self::Refused(error)
    }
}

impl From<serde_json::Error> for Failure {
    fn from(error: serde_json::Error) -> Self {
        Self::Botched(internal(&error))
    }
}

impl From<sqlx::Error> for Failure {
    fn from(error: sqlx::Error) -> Self {
        let of_the_work = match &error {
            sqlx::Error::Database(database) => {
                database.is_unique_violation()
                    || database.is_foreign_key_violation()
                    || database.is_check_violation()
            }
            sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_) => true,
            _ => false,
        };
        if of_the_work {
            return Self::Botched(internal(&error));
        }
        tracing::warn!(%error, "the catalog's database failed");
        Self::Broken(StudyError::storage("the catalog does not answer: try again in a moment"))
    }
}

fn internal(error: &dyn std::error::Error) -> StudyError {
    tracing::error!(%error, "the catalog holds or was given what it cannot be given");
    StudyError::permanent(ErrorCode::InternalError, "the catalog could not carry this out")
}

/// How the database file in `dir` is opened.
pub(super) fn options(dir: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(dir.join("catalog.sqlite"))
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        .busy_timeout(Duration::from_secs(2))
        .pragma("journal_size_limit", "16777216")
        .disable_statement_logging()
}

/// Brings the schema up to date, each migration in one transaction.
pub(super) async fn migrate(connection: &mut Connection) -> Outcome<()> {
    let made = "CREATE TABLE IF NOT EXISTS schema_version (version BIGINT NOT NULL PRIMARY KEY)";
    sqlx::query(made).execute(&mut *connection).await?;
    loop {
        let mut tx = connection.begin_with("BEGIN IMMEDIATE").await?;
        let found = "SELECT COALESCE(MAX(version), 0) FROM schema_version";
        let version: i64 = sqlx::query(found).fetch_one(&mut *tx).await?.try_get(0)?;
        let next = usize::try_from(version).unwrap_or(usize::MAX);
        if next > MIGRATIONS.len() {
            let message = format!(
                "the catalog has schema {version}, this program knows {}: start a newer version of \
                 the program, or give it another data folder",
                MIGRATIONS.len()
            );
            return Err(StudyError::permanent(ErrorCode::InternalError, message).into());
        }
        let Some(&migration) = MIGRATIONS.get(next) else { return Ok(tx.commit().await?) };
        sqlx::raw_sql(migration).execute(&mut *tx).await?;
        let done = "INSERT INTO schema_version (version) VALUES ($1)";
        sqlx::query(done).bind(version + 1).execute(&mut *tx).await?;
        tx.commit().await?;
    }
}

/// A time as the database holds it.
pub(super) fn number(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}
