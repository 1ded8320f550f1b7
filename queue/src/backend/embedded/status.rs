//! The table of job records, written in the commits of the writer.
//!
//! Compare-and-set: each record is compared with the stored one in the transaction that stores it.
//! Never interprets a record beyond [`StatusRecord::supersedes`].

use rusqlite::{Connection, OptionalExtension as _, params};

use crate::job::JobId;
use crate::status::{KEPT_AFTER_END, StatusRecord};

use super::operation::millis;

/// The most records that one step of a purge deletes.
const PURGED_MAX: u32 = 500;

/// Stores each record that supersedes the stored one; returns the stored one for the others.
pub(super) fn put(
    connection: &Connection,
    records: &[StatusRecord],
) -> rusqlite::Result<Vec<Option<StatusRecord>>> {
    records.iter().map(|record| put_one(connection, record)).collect()
}

fn put_one(
    connection: &Connection,
    record: &StatusRecord,
) -> rusqlite::Result<Option<StatusRecord>> {
    if let Some(stored) = get(connection, &record.job)?
        && !record.supersedes(&stored)
    {
        return Ok(Some(stored));
    }
    let text = serde_json::to_string(record)
        .map_err(|error| rusqlite::Error::ToSqlConversionFailure(Box::new(error)))?;
    let finished_ms = record.finished_ms.map(u64::cast_signed);
    connection
        .prepare_cached(
            "INSERT OR REPLACE INTO status (job, finished_ms, record) VALUES (?1, ?2, ?3)",
        )?
        .execute(params![record.job.as_str(), finished_ms, text])?;
    Ok(None)
}

/// Returns the record of a job.
///
/// One that cannot be read counts as unknown: the next change of the job writes it anew.
pub(super) fn get(connection: &Connection, job: &JobId) -> rusqlite::Result<Option<StatusRecord>> {
    let text: Option<String> = connection
        .prepare_cached("SELECT record FROM status WHERE job = ?1")?
        .query_row([job.as_str()], |row| row.get(0))
        .optional()?;
    Ok(text.and_then(|text| serde_json::from_str(&text).ok()))
}

/// Deletes some records of jobs that ended too long ago; returns how many, and whether more are
/// left.
pub(super) fn purge(connection: &Connection, now_ms: u64) -> rusqlite::Result<(u64, bool)> {
    let limit = now_ms.saturating_sub(millis(KEPT_AFTER_END)).cast_signed();
    let deleted = connection
        .prepare_cached(
            "DELETE FROM status WHERE job IN
             (SELECT job FROM status WHERE finished_ms < ?1 LIMIT ?2)",
        )?
        .execute(params![limit, PURGED_MAX])?;
    Ok((deleted as u64, deleted == PURGED_MAX as usize))
}
