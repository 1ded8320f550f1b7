//! What happens to a request before it is committed: it is answered at once if it changes nothing,
//! and given what its effect depends on if that is in the tables.
//!
//! Never changes the state.

use rusqlite::Connection;

use crate::error::{QueueError, Result};
use crate::job::{JobId, Payload, generation_of};

use super::clearing::REQUEUED_MAX;
use super::job_body::Record;
use super::machine::Machine;
use super::operation::{Ended, EndedRun, Operation, Outcome, QueueNumber, Stamped};
use super::queue_state::Standing;
use super::reader;
use super::request::{LogRow, Reply};
use super::tables::{self, corrupt, store_error};
use super::writer::closed;

/// An operation that is about to be committed.
pub(super) struct Change {
    pub(super) stamped: Stamped,
    /// The log row with its key.
    pub(super) log_row: Option<(u64, LogRow)>,
    pub(super) reply: Option<Reply<Outcome>>,
}

/// Answers a caller; one that has gone away needs none.
pub(super) fn answer(reply: Option<Reply<Outcome>>, outcome: Outcome) {
    let Some(reply) = reply else { return };
    let _ = reply.send(match outcome {
        Outcome::Denied(error) => Err(error),
        outcome => Ok(outcome),
    });
}

/// Reads what an operation depends on, or answers it if it changes nothing.
pub(super) fn prepare(
    machine: &Machine,
    connection: Option<&Connection>,
    mut stamped: Stamped,
    log_row: Option<LogRow>,
    reply: Option<Reply<Outcome>>,
) -> Option<Change> {
    if let Some(outcome) = machine.answer_unchanged(&stamped) {
        answer(reply, outcome);
        return None;
    }
    match complete(machine, connection, &mut stamped) {
        Ok(log) => {
            let log_row = log.zip(log_row).map(|((log, own), row)| {
                // Without a word of the caller it is as the job's options say.
                (log, LogRow { keep: row.keep.or(own), ..row })
            });
            Some(Change { stamped, log_row, reply })
        }
        Err(error) => {
            answer(reply, Outcome::Denied(error));
            None
        }
    }
}

/// Adds to an operation what it needs of ended jobs; returns the key of the log that it writes to,
/// and how many rows of it the job's options keep.
fn complete(
    machine: &Machine,
    connection: Option<&Connection>,
    stamped: &mut Stamped,
) -> Result<Option<(u64, Option<u64>)>> {
    let queue = stamped.queue;
    let read = |id: &JobId| ended_job(machine, connection, queue, id);
    match &mut stamped.operation {
        Operation::Submit { jobs, runs } => {
            for id in jobs.iter().filter_map(|job| job.id.as_ref()) {
                runs.extend(read(id)?.map(|ended| EndedRun {
                    serial: ended.record.body.serial,
                    generation: generation_of(&ended.data),
                }));
            }
        }
        Operation::Retry { id, ended, .. }
        | Operation::Progress { id, ended, .. }
        | Operation::ChangePriority { id, ended, .. }
        | Operation::ChangeData { id, ended, .. } => {
            ended.extend(read(id)?);
        }
        Operation::AddFlow { jobs, ended } => {
            for job in jobs {
                ended.extend(ended_job(machine, connection, job.at.queue, &job.at.id)?);
            }
        }
        Operation::RetryAll { state, until_ms, ended } => {
            let Some(queue) = machine.queue(queue) else { return Ok(None) };
            for id in queue.ended.until(*state, *until_ms).take(REQUEUED_MAX) {
                ended.extend(read(id)?);
            }
        }
        Operation::Logged { id } => {
            let found = machine.queue(queue).and_then(|queue| {
                let own = match queue.index.get(id)? {
                    Standing::Live(slot) => queue.live[*slot].body.options.unpack().keep_logs,
                    Standing::Ended(_) => None,
                };
                Some((queue.log_of(id)?, own))
            });
            let (log, own) = found.ok_or_else(|| QueueError::NoSuchJob(id.clone()))?;
            let ended = read(id)?;
            let own = own.or(ended.and_then(|ended| ended.record.body.options.unpack().keep_logs));
            return Ok(Some((log, own)));
        }
        _ => {}
    }
    Ok(None)
}

/// Returns a job with its input if it has ended, from memory or from the tables.
fn ended_job(
    machine: &Machine,
    connection: Option<&Connection>,
    queue: QueueNumber,
    id: &JobId,
) -> Result<Option<Ended>> {
    let Some(queue) = machine.queue(queue) else { return Ok(None) };
    let Some(Standing::Ended(key)) = queue.index.get(id) else { return Ok(None) };
    let in_memory = queue.ended.record(key.serial).map(|record| Record::clone(record));
    if let Some(record) = &in_memory
        && let Some(data) = &record.body.data
    {
        return Ok(Some(Ended { data: data.clone(), record: record.clone() }));
    }
    let connection = connection.ok_or_else(|| closed("read"))?;
    let read = match in_memory {
        Some(record) => tables::read_payload(connection, key.serial)
            .map(|data| Some((record, Payload::from_store(data?)))),
        None => reader::ended_job(connection, key.serial),
    };
    let found = read.map_err(|error| store_error("read", &error))?;
    let (record, data) = found.ok_or_else(|| corrupt("record", key.serial.cast_signed()))?;
    Ok(Some(Ended { record, data }))
}
