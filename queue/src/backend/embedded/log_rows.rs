//! The rows that handlers write to the log of a job.
//!
//! They are facts that nothing else depends on, so they go to their table at once and not through
//! the journal. Never knows the state of a job.

use rusqlite::{Connection, params};

/// Appends a row to a job's log and keeps the newest `keep` rows.
pub(super) fn append(
    connection: &Connection,
    job: u64,
    text: &str,
    keep: Option<u64>,
) -> rusqlite::Result<()> {
    let job = job.cast_signed();
    connection
        .prepare_cached(
            "INSERT INTO log (job, row, text)
             VALUES (?1, (SELECT coalesce(max(row), 0) + 1 FROM log WHERE job = ?1), ?2)",
        )?
        .execute(params![job, text])?;
    if let Some(keep) = keep {
        connection
            .prepare_cached(
                "DELETE FROM log WHERE job = ?1
                 AND row <= (SELECT max(row) FROM log WHERE job = ?1) - ?2",
            )?
            .execute(params![job, keep.cast_signed()])?;
    }
    Ok(())
}

/// Returns rows, oldest first, and how many there are.
pub(super) fn read(
    connection: &Connection,
    job: u64,
    skip: u64,
    limit: u64,
) -> rusqlite::Result<(Vec<String>, u64)> {
    let job = job.cast_signed();
    let mut rows = connection
        .prepare_cached("SELECT text FROM log WHERE job = ?1 ORDER BY row LIMIT ?2 OFFSET ?3")?;
    let bound = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
    let rows = rows
        .query_map(params![job, bound(limit), bound(skip)], |row| row.get(0))?
        .collect::<rusqlite::Result<_>>()?;
    let count: i64 = connection
        .prepare_cached("SELECT count(*) FROM log WHERE job = ?1")?
        .query_row([job], |row| row.get(0))?;
    Ok((rows, count.cast_unsigned()))
}

/// Deletes the log of a job that is gone.
pub(super) fn delete(connection: &Connection, job: u64) -> rusqlite::Result<()> {
    connection.prepare_cached("DELETE FROM log WHERE job = ?1")?.execute([job.cast_signed()])?;
    Ok(())
}
