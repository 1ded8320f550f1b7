//! The part of a checkpoint that writes the frozen state to the tables.
//!
//! Never deletes anything but what a checkpoint that failed left behind.

use std::sync::{Arc, Mutex};
use std::time::Instant;

use rusqlite::Connection;

use super::super::encoding::Encode as _;
use super::super::ended_jobs::{EndedKey, Graves};
use super::super::job_body::Record;
use super::super::machine::Machine;
use super::super::operation::QueueNumber;
use super::super::shared::locked;
use super::super::slots::NewPayload;
use super::super::tables::{self, FinishedRow};
use super::{Leftovers, Pace};

#[derive(Debug)]
pub(super) struct Writing {
    pub(super) number: u64,
    /// The checkpoint that counts until then, as long as garbage of others may be there.
    pub(super) previous: Option<u64>,
    pub(super) leftovers: Option<Leftovers>,
    pub(super) head: Vec<u8>,
    pub(super) records: std::vec::IntoIter<(QueueNumber, Arc<Record>)>,
    pub(super) graves: Vec<Graves>,
    /// Inputs taken from the machine and not yet written.
    pub(super) payloads: Vec<(QueueNumber, NewPayload)>,
    /// Inputs written in the transaction that is open.
    pub(super) written: Vec<(QueueNumber, NewPayload)>,
    pub(super) snapshot_bytes: u64,
    /// How many rows of the journal take about [`TRIMMED_BYTES`].
    pub(super) journal_rows: u64,
    /// Whether the open transaction makes the checkpoint count.
    pub(super) complete: bool,
    pub(super) pace: Pace,
}

impl Writing {
    pub(super) fn step(
        &mut self,
        transaction: &Connection,
        machine: &Mutex<Machine>,
        until: Instant,
    ) -> rusqlite::Result<()> {
        while self.delete_garbage(transaction)?
            || self.write_records(transaction)?
            || self.write_payloads(transaction)?
            || self.write_jobs(transaction, machine)?
        {
            if Instant::now() >= until {
                return Ok(());
            }
        }
        tables::put_snapshot(transaction, self.number, None, &self.head)?;
        tables::set_meta(transaction, "checkpoint", self.number.cast_signed())?;
        self.complete = true;
        Ok(())
    }

    /// Deletes what a checkpoint that failed left behind, lest it be taken for a part of this.
    fn delete_garbage(&mut self, transaction: &Connection) -> rusqlite::Result<bool> {
        let Some(previous) = self.previous else { return Ok(false) };
        if let Some(leftovers) = &mut self.leftovers {
            if let Some(serial) = leftovers.ended.pop() {
                return tables::delete_finished(transaction, serial).map(|()| true);
            }
            if tables::trim_payloads(transaction, leftovers.last_serial, self.pace.rows)? {
                return Ok(true);
            }
        }
        let some = tables::trim_snapshots(transaction, previous, 4)?;
        if !some {
            self.previous = None;
        }
        Ok(some)
    }

    fn write_records(&mut self, transaction: &Connection) -> rusqlite::Result<bool> {
        let some = self.records.len() > 0;
        let mut body = Vec::new();
        for (queue, record) in self.records.by_ref().take(self.pace.rows) {
            body.clear();
            record.encode(&mut body);
            let key = EndedKey {
                state: record.state,
                finished_ms: record.finished_ms,
                serial: record.body.serial,
                log: record.body.log,
                has_log: true,
            };
            let id = record.body.id.as_str();
            let row = FinishedRow { key, queue, id, number: record.number };
            tables::put_finished(transaction, &row, &body)?;
        }
        Ok(some)
    }

    fn write_payloads(&mut self, transaction: &Connection) -> rusqlite::Result<bool> {
        let some = !self.payloads.is_empty();
        for _ in 0..self.pace.rows {
            // One that cannot be written stays, to be given back.
            let Some((_, payload)) = self.payloads.last() else { break };
            tables::put_payload(transaction, payload.serial, payload.data.as_str())?;
            self.written.extend(self.payloads.pop());
        }
        Ok(some)
    }

    fn write_jobs(
        &mut self,
        transaction: &Connection,
        machine: &Mutex<Machine>,
    ) -> rusqlite::Result<bool> {
        let mut machine = locked(machine);
        let part = machine.queues_mut().find_map(|(number, queue)| {
            let part = queue.live.capture_part(self.pace.jobs);
            let payloads = queue.live.take_payloads();
            self.payloads.extend(payloads.into_iter().map(|payload| (number, payload)));
            Some((number, part?))
        });
        drop(machine);
        if let Some((number, part)) = &part {
            self.snapshot_bytes += part.len() as u64;
            tables::put_snapshot(transaction, self.number, Some(*number), part)?;
        }
        Ok(part.is_some() || !self.payloads.is_empty())
    }
}
