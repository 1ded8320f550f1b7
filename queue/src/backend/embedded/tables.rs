//! The tables of the store and the statements on them.
//!
//! ```text
//! meta      installation id, format, number of the last checkpoint
//! journal   one row of operations per commit, since the last checkpoint
//! snapshot  living jobs as of the last checkpoint, in parts
//! payload   inputs of jobs that lived at a checkpoint
//! finished  ended jobs: what the memory needs of them; record: the rest
//! log       rows that handlers wrote
//! status    job records (see [`super::status`])
//! ```
//!
//! Never interprets what it stores.

use std::path::Path;

use rusqlite::{Connection, ErrorCode, OptionalExtension as _, Row, params};

use crate::error::{QueueError, Result};
use crate::job::JobState;

use super::ended_jobs::EndedKey;
use super::operation::QueueNumber;

/// The form of the tables and of the bytes in them.
const FORMAT: i64 = 2;

const SCHEMA: &str = "
    CREATE TABLE IF NOT EXISTS meta (
        key TEXT PRIMARY KEY, value
    ) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS journal (
        number INTEGER PRIMARY KEY, operations BLOB NOT NULL
    );
    CREATE TABLE IF NOT EXISTS snapshot (
        part INTEGER PRIMARY KEY, number INTEGER NOT NULL, queue INTEGER, body BLOB NOT NULL
    );
    CREATE TABLE IF NOT EXISTS payload (
        serial INTEGER PRIMARY KEY, data TEXT NOT NULL
    );
    CREATE TABLE IF NOT EXISTS finished (
        serial INTEGER PRIMARY KEY, queue INTEGER NOT NULL, id TEXT NOT NULL,
        failed INTEGER NOT NULL, finished_ms INTEGER NOT NULL, log INTEGER NOT NULL,
        number INTEGER NOT NULL
    );
    CREATE TABLE IF NOT EXISTS record (
        serial INTEGER PRIMARY KEY, body BLOB NOT NULL
    );
    CREATE TABLE IF NOT EXISTS log (
        job INTEGER, row INTEGER, text TEXT NOT NULL, PRIMARY KEY (job, row)
    ) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS status (
        job TEXT PRIMARY KEY, finished_ms INTEGER, record TEXT NOT NULL
    ) WITHOUT ROWID;
    CREATE INDEX IF NOT EXISTS status_by_end ON status (finished_ms)
        WHERE finished_ms IS NOT NULL;
";

/// Opens the connection of the writer, and the tables if there are none.
pub(super) fn open_writer(path: &Path) -> Result<Connection> {
    let connection = Connection::open(path).map_err(|error| unusable(path, &error))?;
    prepare(&connection).map_err(|error| unusable(path, &error))?;
    check_format(&connection)?;
    Ok(connection)
}

/// Opens tables that live in memory.
pub(super) fn open_in_memory() -> Result<Connection> {
    let open = || {
        let connection = Connection::open_in_memory()?;
        prepare(&connection)?;
        Ok(connection)
    };
    let connection = open().map_err(|error| store_error("open", &error))?;
    check_format(&connection)?;
    Ok(connection)
}

/// Opens a connection that only reads.
pub(super) fn open_reader(path: &Path) -> Result<Connection> {
    let connection = Connection::open(path).map_err(|error| unusable(path, &error))?;
    connection
        .execute_batch(
            "PRAGMA query_only = ON; PRAGMA cache_size = -2048; PRAGMA busy_timeout = 2000;",
        )
        .map_err(|error| unusable(path, &error))?;
    connection.set_prepared_statement_cache_capacity(32);
    Ok(connection)
}

fn prepare(connection: &Connection) -> rusqlite::Result<()> {
    connection.execute_batch(
        "-- Half the calls of pages of 4 KiB, as most commits write more than that.
         PRAGMA page_size = 8192;
         PRAGMA journal_mode = WAL;
         PRAGMA synchronous = FULL;
         -- Small, because a write-ahead log cannot be emptied into a full disk.
         PRAGMA wal_autocheckpoint = 500;
         PRAGMA journal_size_limit = 16777216;
         PRAGMA cache_size = -4096;
         PRAGMA temp_store = MEMORY;
         PRAGMA busy_timeout = 2000;",
    )?;
    connection.set_prepared_statement_cache_capacity(64);
    connection.execute_batch(SCHEMA)
}

fn check_format(connection: &Connection) -> Result<()> {
    let found: Option<i64> =
        meta(connection, "format").map_err(|error| store_error("open", &error))?;
    match found {
        Some(FORMAT) => Ok(()),
        None => set_meta(connection, "format", FORMAT).map_err(|error| store_error("open", &error)),
        Some(other) => Err(QueueError::Unusable {
            problem: format!("the queue's file has format {other}, this program knows {FORMAT}"),
            fix: "run the version of the program that wrote it".to_owned(),
        }),
    }
}

pub(super) fn meta<T: rusqlite::types::FromSql>(
    connection: &Connection,
    key: &str,
) -> rusqlite::Result<Option<T>> {
    connection
        .prepare_cached("SELECT value FROM meta WHERE key = ?1")?
        .query_row([key], |row| row.get(0))
        .optional()
}

pub(super) fn set_meta(
    connection: &Connection,
    key: &str,
    value: impl rusqlite::ToSql,
) -> rusqlite::Result<()> {
    connection
        .prepare_cached("INSERT OR REPLACE INTO meta (key, value) VALUES (?1, ?2)")?
        .execute(params![key, value])
        .map(drop)
}

pub(super) fn append_journal(
    connection: &Connection,
    number: u64,
    operations: &[u8],
) -> rusqlite::Result<()> {
    connection
        .prepare_cached("INSERT INTO journal (number, operations) VALUES (?1, ?2)")?
        .execute(params![number.cast_signed(), operations])
        .map(drop)
}

/// Calls `each` with the journal rows after a number, in order.
pub(super) fn read_journal(
    connection: &Connection,
    after: u64,
    mut each: impl FnMut(u64, &[u8]) -> Result<()>,
) -> Result<()> {
    let sql = "SELECT number, operations FROM journal WHERE number > ?1 ORDER BY number";
    let error = |error: rusqlite::Error| store_error("open", &error);
    let mut statement = connection.prepare(sql).map_err(error)?;
    let mut rows = statement.query([after.cast_signed()]).map_err(error)?;
    while let Some(row) = rows.next().map_err(error)? {
        let number: i64 = row.get(0).map_err(error)?;
        let operations = row.get_ref(1).map_err(error)?;
        let operations = operations.as_blob().map_err(|_| corrupt("journal", number))?;
        each(number.cast_unsigned(), operations)?;
    }
    Ok(())
}

/// Deletes journal rows, the oldest `rows` of them and none after `until`; tells whether any went.
pub(super) fn trim_journal(
    connection: &Connection,
    until: u64,
    rows: u64,
) -> rusqlite::Result<bool> {
    let first: Option<i64> = connection
        .prepare_cached("SELECT min(number) FROM journal")?
        .query_row([], |row| row.get(0))?;
    let Some(first) = first else { return Ok(false) };
    let last = until.cast_signed().min(first.saturating_add(rows.cast_signed() - 1));
    connection
        .prepare_cached("DELETE FROM journal WHERE number <= ?1")?
        .execute([last])
        .map(|deleted| deleted > 0)
}

/// Adds a part of a snapshot; the part without a queue is its head.
pub(super) fn put_snapshot(
    connection: &Connection,
    number: u64,
    queue: Option<QueueNumber>,
    body: &[u8],
) -> rusqlite::Result<()> {
    connection
        .prepare_cached("INSERT INTO snapshot (number, queue, body) VALUES (?1, ?2, ?3)")?
        .execute(params![number.cast_signed(), queue, body])
        .map(drop)
}

pub(super) fn read_snapshot_head(
    connection: &Connection,
    number: u64,
) -> rusqlite::Result<Option<Vec<u8>>> {
    connection
        .prepare("SELECT body FROM snapshot WHERE number = ?1 AND queue IS NULL")?
        .query_row([number.cast_signed()], |row| row.get(0))
        .optional()
}

/// Calls `each` with the queue and the bytes of each part of a snapshot but its head.
pub(super) fn read_snapshot(
    connection: &Connection,
    number: u64,
    mut each: impl FnMut(QueueNumber, &[u8]) -> Result<()>,
) -> Result<()> {
    let sql = "SELECT queue, body FROM snapshot WHERE number = ?1 AND queue IS NOT NULL";
    let error = |error: rusqlite::Error| store_error("open", &error);
    let mut statement = connection.prepare(sql).map_err(error)?;
    let mut rows = statement.query([number.cast_signed()]).map_err(error)?;
    while let Some(row) = rows.next().map_err(error)? {
        let body = row.get_ref(1).map_err(error)?;
        let body = body.as_blob().map_err(|_| corrupt("snapshot", number.cast_signed()))?;
        each(row.get(0).map_err(error)?, body)?;
    }
    Ok(())
}

/// Deletes up to `parts` parts of snapshots other than `number`; tells whether any went.
pub(super) fn trim_snapshots(
    connection: &Connection,
    number: u64,
    parts: u32,
) -> rusqlite::Result<bool> {
    let mut find =
        connection.prepare_cached("SELECT part FROM snapshot WHERE number <> ?1 LIMIT ?2")?;
    let found = find.query_map(params![number.cast_signed(), parts], |row| row.get::<_, i64>(0))?;
    let found = found.collect::<rusqlite::Result<Vec<_>>>()?;
    for part in &found {
        connection.prepare_cached("DELETE FROM snapshot WHERE part = ?1")?.execute([part])?;
    }
    Ok(!found.is_empty())
}

pub(super) fn put_payload(
    connection: &Connection,
    serial: u64,
    data: &str,
) -> rusqlite::Result<()> {
    connection
        .prepare_cached("INSERT OR REPLACE INTO payload (serial, data) VALUES (?1, ?2)")?
        .execute(params![serial.cast_signed(), data])
        .map(drop)
}

pub(super) fn read_payload(
    connection: &Connection,
    serial: u64,
) -> rusqlite::Result<Option<String>> {
    connection
        .prepare_cached("SELECT data FROM payload WHERE serial = ?1")?
        .query_row([serial.cast_signed()], |row| row.get(0))
        .optional()
}

/// A row of `finished`: an ended job without its record.
#[derive(Debug, Clone)]
pub(super) struct FinishedRow<'a> {
    pub(super) key: EndedKey,
    pub(super) queue: QueueNumber,
    pub(super) id: &'a str,
    pub(super) number: u64,
}

pub(super) fn put_finished(
    connection: &Connection,
    row: &FinishedRow<'_>,
    body: &[u8],
) -> rusqlite::Result<()> {
    let FinishedRow { key, queue, id, number } = row;
    let serial = key.serial.cast_signed();
    let failed = key.state == JobState::Failed;
    let (finished_ms, log) = (key.finished_ms.cast_signed(), key.log.cast_signed());
    connection
        .prepare_cached("INSERT OR REPLACE INTO finished VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)")?
        .execute(params![serial, queue, id, failed, finished_ms, log, number.cast_signed()])?;
    connection
        .prepare_cached("INSERT OR REPLACE INTO record VALUES (?1, ?2)")?
        .execute(params![serial, body])
        .map(drop)
}

pub(super) fn read_record(
    connection: &Connection,
    serial: u64,
) -> rusqlite::Result<Option<Vec<u8>>> {
    connection
        .prepare_cached("SELECT body FROM record WHERE serial = ?1")?
        .query_row([serial.cast_signed()], |row| row.get(0))
        .optional()
}

/// Calls `each` with every ended job.
pub(super) fn read_finished(
    connection: &Connection,
    mut each: impl FnMut(&FinishedRow<'_>),
) -> rusqlite::Result<()> {
    let sql = "SELECT serial, queue, id, failed, finished_ms, log, number FROM finished";
    let mut statement = connection.prepare(sql)?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let failed: bool = row.get(3)?;
        let key = EndedKey {
            state: if failed { JobState::Failed } else { JobState::Completed },
            finished_ms: unsigned(row, 4)?,
            serial: unsigned(row, 0)?,
            log: unsigned(row, 5)?,
            has_log: true,
        };
        let id = row.get_ref(2)?.as_str()?;
        each(&FinishedRow { key, queue: row.get(1)?, id, number: unsigned(row, 6)? });
    }
    Ok(())
}

/// Deletes the rows of a job that is gone.
pub(super) fn delete_job(connection: &Connection, serial: u64) -> rusqlite::Result<()> {
    delete_finished(connection, serial)?;
    connection
        .prepare_cached("DELETE FROM payload WHERE serial = ?1")?
        .execute([serial.cast_signed()])
        .map(drop)
}

/// Deletes what an ended job has, but for its input: it may live in the last checkpoint.
pub(super) fn delete_finished(connection: &Connection, serial: u64) -> rusqlite::Result<()> {
    let serial = serial.cast_signed();
    connection.prepare_cached("DELETE FROM finished WHERE serial = ?1")?.execute([serial])?;
    connection.prepare_cached("DELETE FROM record WHERE serial = ?1")?.execute([serial])?;
    Ok(())
}

/// Deletes up to `rows` inputs of jobs after a serial; tells whether any went.
pub(super) fn trim_payloads(
    connection: &Connection,
    last_serial: u64,
    rows: usize,
) -> rusqlite::Result<bool> {
    connection
        .prepare_cached(
            "DELETE FROM payload WHERE serial IN
             (SELECT serial FROM payload WHERE serial > ?1 LIMIT ?2)",
        )?
        .execute(params![last_serial.cast_signed(), i64::try_from(rows).unwrap_or(i64::MAX)])
        .map(|deleted| deleted > 0)
}

fn unsigned(row: &Row<'_>, column: usize) -> rusqlite::Result<u64> {
    row.get::<_, i64>(column).map(i64::cast_unsigned)
}

fn unusable(path: &Path, error: &rusqlite::Error) -> QueueError {
    QueueError::Unusable {
        problem: format!("cannot open the queue's file {}: {error}", path.display()),
        fix: "check that the folder may be written and the file is not damaged".to_owned(),
    }
}

pub(super) fn corrupt(table: &str, row: i64) -> QueueError {
    QueueError::Corrupt(format!("row {row} of the table {table} in the queue's file"))
}

/// Tells what an error of SQLite means for the caller.
pub(super) fn store_error(operation: &'static str, error: &rusqlite::Error) -> QueueError {
    let cause = error.to_string();
    let Some(code) = error.sqlite_error() else { return QueueError::Corrupt(cause) };
    match code.code {
        ErrorCode::DiskFull | ErrorCode::ReadOnly | ErrorCode::OutOfMemory | ErrorCode::TooBig => {
            QueueError::Refused { operation, cause }
        }
        ErrorCode::SystemIoFailure if code.extended_code == rusqlite::ffi::SQLITE_IOERR_WRITE => {
            QueueError::Refused { operation, cause }
        }
        ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase => QueueError::Corrupt(cause),
        _ => QueueError::Unavailable { operation, cause },
    }
}
