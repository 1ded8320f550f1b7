//! From the files to the state: the last checkpoint, then the journal after it.
//!
//! Never takes a request; the first of them comes after the jobs of the process before were
//! handed back.

use std::collections::HashSet;

use rusqlite::Connection;

use crate::error::{QueueError, Result};

use super::checkpoint::{Checkpoint, Leftovers, Pace};
use super::encoding::{Decode as _, Input};
use super::machine::Machine;
use super::operation::Stamped;
use super::queue_state::Standing;
use super::tables::{self, corrupt, store_error};

/// What was found in the file.
pub(super) struct Opened {
    pub(super) machine: Machine,
    pub(super) checkpoint: Checkpoint,
    /// The last journal row.
    pub(super) number: u64,
}

/// Reads the state from the tables.
///
/// Writes nothing, so that a store on a full disk can be opened.
pub(super) fn load(connection: &Connection, pace: Pace) -> Result<Opened> {
    let error = |error: rusqlite::Error| store_error("open", &error);
    let base: Option<i64> = tables::meta(connection, "checkpoint").map_err(error)?;
    let base = base.unwrap_or_default().cast_unsigned();
    let (mut machine, snapshot_bytes) = load_checkpoint(connection, base)?;
    let ended = load_ended(connection, &mut machine, base).map_err(error)?;
    let leftovers = Leftovers { ended, last_serial: machine.last_serial() };
    let mut checkpoint = Checkpoint::after(base, leftovers, pace);
    checkpoint.set_snapshot_bytes(snapshot_bytes);
    let mut number = base;
    tables::read_journal(connection, base, |row, operations| {
        number += 1;
        if row != number {
            return Err(QueueError::Corrupt(format!("the journal lacks row {number}")));
        }
        checkpoint.grew(operations.len());
        replay(&mut machine, row, operations)
    })?;
    Ok(Opened { machine, checkpoint, number })
}

/// Repeats the operations of a journal row.
pub(super) fn replay(machine: &mut Machine, number: u64, operations: &[u8]) -> Result<()> {
    let input = &mut Input::new(operations);
    while !input.is_empty() {
        let stamped =
            Stamped::decode(input).map_err(|_| corrupt("journal", number.cast_signed()))?;
        machine.apply(number, stamped);
    }
    Ok(())
}

fn load_checkpoint(connection: &Connection, base: u64) -> Result<(Machine, u64)> {
    if base == 0 {
        return Ok((Machine::default(), 0));
    }
    let damaged = || corrupt("snapshot", base.cast_signed());
    let head = tables::read_snapshot_head(connection, base)
        .map_err(|error| store_error("open", &error))?
        .ok_or_else(damaged)?;
    let mut machine = Machine::decode_head(&head).map_err(|_| damaged())?;
    let mut bytes = 0;
    tables::read_snapshot(connection, base, |queue, part| {
        bytes += part.len() as u64;
        machine.decode_jobs(queue, part).map_err(|_| damaged())
    })?;
    Ok((machine, bytes))
}

/// Puts the ended jobs of the checkpoint in their order; returns the serials of rows that an
/// unfinished checkpoint left behind.
fn load_ended(
    connection: &Connection,
    machine: &mut Machine,
    base: u64,
) -> rusqlite::Result<Vec<u64>> {
    let graves: HashSet<u64> =
        machine.queues().flat_map(|(_, queue)| queue.ended.graves.jobs.iter().copied()).collect();
    let mut garbage = Vec::new();
    tables::read_finished(connection, |row| {
        if row.number > base {
            garbage.push(row.key.serial);
        } else if !graves.contains(&row.key.serial)
            && let Some(queue) = machine.queue_mut(row.queue)
        {
            let id = crate::job::JobId::from_store(row.id);
            queue.ended.restore(row.key, id.clone());
            queue.index.insert(id, Standing::Ended(row.key));
        }
    })?;
    Ok(garbage)
}
