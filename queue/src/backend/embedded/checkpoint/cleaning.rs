//! The part of a checkpoint that deletes what it made superfluous.
//!
//! Never starts before the checkpoint counts.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use rusqlite::Connection;

use super::super::ended_jobs::Graves;
use super::super::job_body::Record;
use super::super::{log_rows, tables};

/// How many records are dropped from memory between two looks at the time.
const DROPPED: usize = 64;

#[derive(Debug)]
pub(super) struct Cleaning {
    pub(super) number: u64,
    /// How many rows of the journal are deleted at once.
    pub(super) journal_rows: u64,
    /// Records that have rows now.
    pub(super) thawed: Vec<BTreeMap<u64, Arc<Record>>>,
    pub(super) graves: Graves,
    /// Graves whose rows the open transaction deletes.
    pub(super) emptied: Graves,
    /// Whether the open transaction found nothing more to delete.
    pub(super) complete: bool,
}

impl Cleaning {
    pub(super) fn step(
        &mut self,
        transaction: &Connection,
        until: Instant,
    ) -> rusqlite::Result<()> {
        while self.drop_records()
            || self.delete_rows(transaction)?
            || tables::trim_journal(transaction, self.number, self.journal_rows)?
            || tables::trim_snapshots(transaction, self.number, 4)?
        {
            if Instant::now() >= until {
                return Ok(());
            }
        }
        self.complete = true;
        Ok(())
    }

    /// Drops some records from memory: all at once would take long.
    fn drop_records(&mut self) -> bool {
        while let Some(records) = self.thawed.last_mut() {
            for _ in 0..DROPPED {
                records.pop_first();
            }
            if !records.is_empty() {
                return true;
            }
            self.thawed.pop();
        }
        false
    }

    fn delete_rows(&mut self, transaction: &Connection) -> rusqlite::Result<bool> {
        if let Some(serial) = self.graves.jobs.pop() {
            self.emptied.jobs.push(serial);
            return tables::delete_job(transaction, serial).map(|()| true);
        }
        if let Some(log) = self.graves.logs.pop() {
            self.emptied.logs.push(log);
            return log_rows::delete(transaction, log).map(|()| true);
        }
        Ok(false)
    }
}
