//! The one that changes things: takes requests in groups, commits each group with one sync,
//! applies it to the state and answers.
//!
//! ```text
//! prepare (answer what changes nothing) -> commit (journal row + table writes) -> apply -> answer
//! ```
//!
//! There is no timer: a group is whatever came while the one before was being committed. Nothing
//! is applied that is not committed, so what callers see has survived.

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use rusqlite::{Connection, TransactionBehavior};
use tokio::sync::oneshot;

use crate::error::{QueueError, Result};
use crate::job::{JobId, Payload, generation_of};

use super::checkpoint::Checkpoint;
use super::encoding::Encode as _;
use super::job_body::Record;
use super::lock_file::LockFile;
use super::machine::Machine;
use super::operation::{Ended, EndedRun, Operation, Outcome, QueueNumber, Stamped};
use super::queue_state::{QueueState, Standing};
use super::shared::{Shared, locked};
use super::tables::{self, store_error};
use super::{log_rows, reader};

/// The size of a journal row beyond which no more operations are added to it.
const GROUP_BYTES: usize = 1024 * 1024;

/// What callers ask of the writer.
pub(super) enum Request {
    /// A change of the state, and a row for the log of its job if it is about one.
    Operate { stamped: Stamped, log_row: Option<LogRow>, reply: Option<Reply<Outcome>> },
    /// A change of a table that the state does not depend on.
    Write(Box<dyn TableWrite>),
    /// Write everything out and stop.
    Close(Reply<()>),
}

pub(super) type Reply<T> = oneshot::Sender<Result<T>>;

/// A row that a handler writes.
pub(super) struct LogRow {
    pub(super) text: String,
    pub(super) keep: Option<u64>,
}

/// A change of a table in the transaction of a group.
pub(super) trait TableWrite: Send {
    fn write(&mut self, transaction: &Connection) -> rusqlite::Result<()>;
    fn answer(self: Box<Self>, committed: Result<()>);
}

/// A function as a [`TableWrite`].
pub(super) struct Write<T, F> {
    pub(super) write: F,
    pub(super) written: Option<T>,
    pub(super) reply: Reply<T>,
}

impl<T, F> TableWrite for Write<T, F>
where
    T: Send,
    F: FnMut(&Connection) -> rusqlite::Result<T> + Send,
{
    fn write(&mut self, transaction: &Connection) -> rusqlite::Result<()> {
        self.written = Some((self.write)(transaction)?);
        Ok(())
    }

    fn answer(self: Box<Self>, committed: Result<()>) {
        let Self { written, reply, .. } = *self;
        if let Some(written) = committed.map(|()| written).transpose() {
            // A caller that has gone away needs no answer.
            let _ = reply.send(written);
        }
    }
}

/// The requests of one commit.
#[derive(Default)]
struct Group {
    operations: Vec<Change>,
    writes: Vec<Box<dyn TableWrite>>,
}

struct Change {
    stamped: Stamped,
    /// The log row with its key.
    log_row: Option<(u64, LogRow)>,
    reply: Option<Reply<Outcome>>,
}

pub(super) type SharedConnection = Arc<Mutex<Option<Connection>>>;

pub(super) struct Writer {
    pub(super) connection: SharedConnection,
    shared: Arc<Shared>,
    lock_file: Option<LockFile>,
    checkpoint: Checkpoint,
    /// The last journal row.
    number: u64,
    /// Requests for the next groups.
    queue: VecDeque<Request>,
    buffer: Vec<u8>,
}

impl Writer {
    pub(super) fn new(
        connection: SharedConnection,
        shared: Arc<Shared>,
        lock_file: Option<LockFile>,
        checkpoint: Checkpoint,
        number: u64,
    ) -> Self {
        let (queue, buffer) = (VecDeque::new(), Vec::new());
        Self { connection, shared, lock_file, checkpoint, number, queue, buffer }
    }

    pub(super) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    /// Tells that the journal ends before the last commit of the process before.
    ///
    /// Rows after a damaged one cannot be read; those before it are whole.
    pub(super) fn report_lost(&mut self, rows: u64) {
        self.shared.counters.lost_rows.store(rows, Ordering::Relaxed);
        tracing::error!(rows, "the queue's file has lost its newest {rows} commits; see the disk");
    }

    /// Puts a request in the line for the next group.
    pub(super) fn push(&mut self, request: Request) {
        self.queue.push_back(request);
    }

    pub(super) fn has_requests(&self) -> bool {
        !self.queue.is_empty()
    }

    /// Tells whether the writer has something to do without another request.
    pub(super) fn is_busy(&self) -> bool {
        self.has_requests() || self.checkpoint.has_work()
    }

    /// Commits and answers the waiting requests as one group; tells whether the store was closed.
    pub(super) fn run_group(&mut self) -> bool {
        let (group, close) = self.prepare();
        let checkpoint_due = self.checkpoint.has_work();
        if checkpoint_due {
            self.checkpoint.begin(&self.shared.machine, self.number);
        }
        if checkpoint_due || !group.operations.is_empty() || !group.writes.is_empty() {
            self.commit(group);
        }
        let Some(reply) = close else { return false };
        self.finish();
        let _ = reply.send(Ok(()));
        true
    }

    /// Takes waiting requests for a group, and answers those that change nothing.
    ///
    /// What they are told was true before the group, and they are concurrent with all of it.
    fn prepare(&mut self) -> (Group, Option<Reply<()>>) {
        let mut group = Group::default();
        self.buffer.clear();
        let machine = locked(&self.shared.machine);
        let connection = locked(&self.connection);
        while self.buffer.len() < GROUP_BYTES
            && let Some(request) = self.queue.pop_front()
        {
            match request {
                Request::Close(reply) => return (group, Some(reply)),
                Request::Write(write) => group.writes.push(write),
                Request::Operate { stamped, log_row, reply } => {
                    let prepared = prepare(&machine, connection.as_ref(), stamped, log_row, reply);
                    if let Some(change) = prepared {
                        change.stamped.encode(&mut self.buffer);
                        group.operations.push(change);
                    }
                }
            }
        }
        (group, None)
    }

    fn commit(&mut self, mut group: Group) {
        let started = Instant::now();
        if let Err(error) = self.write(&mut group) {
            self.shared.counters.refused.fetch_add(1, Ordering::Relaxed);
            self.checkpoint.rolled_back(&self.shared.machine);
            tracing::warn!(%error, "the queue's file refused a commit");
            group.refuse(&error);
            return;
        }
        if !group.operations.is_empty() {
            self.number += 1;
            self.checkpoint.grew(self.buffer.len());
            if let Some(lock_file) = &self.lock_file {
                lock_file.note(self.number);
            }
        }
        self.shared.counters.committed(group.operations.len(), started.elapsed());
        if self.checkpoint.committed(&self.shared.machine) {
            self.shared.counters.checkpoints.fetch_add(1, Ordering::Relaxed);
        }
        self.apply(group);
    }

    /// Writes a group and a step of the checkpoint in one transaction.
    fn write(&mut self, group: &mut Group) -> Result<()> {
        let mut connection = locked(&self.connection);
        let Some(connection) = connection.as_mut() else { return Err(closed("commit")) };
        let operations = (!group.operations.is_empty()).then_some(&*self.buffer);
        let mut write = || {
            let transaction =
                connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            if let Some(operations) = operations {
                tables::append_journal(&transaction, self.number + 1, operations)?;
            }
            for (log, row) in group.operations.iter().filter_map(|one| one.log_row.as_ref()) {
                log_rows::append(&transaction, *log, &row.text, row.keep)?;
            }
            for write in &mut group.writes {
                write.write(&transaction)?;
            }
            self.checkpoint.step(&transaction, &self.shared.machine)?;
            transaction.commit()
        };
        write().map_err(|error| store_error("commit", &error))
    }

    /// Changes the state as committed, wakes those who wait, and answers.
    fn apply(&mut self, group: Group) {
        let mut touched = BTreeMap::new();
        let mut answers = Vec::with_capacity(group.operations.len());
        let mut machine = locked(&self.shared.machine);
        for Change { stamped, reply, log_row: _ } in group.operations {
            let Stamped { now_ms, queue, .. } = stamped;
            touched.entry(queue).or_insert_with(|| {
                (now_ms, machine.queue(queue).and_then(QueueState::next_due_ms))
            });
            match machine.apply(self.number, stamped) {
                Outcome::Again(operation) => self.queue.push_back(Request::Operate {
                    stamped: Stamped { now_ms, queue, operation: *operation },
                    log_row: None,
                    reply,
                }),
                outcome => answers.push((outcome, reply)),
            }
        }
        let wake_ups: Vec<_> = touched
            .into_iter()
            .filter_map(|(number, (now_ms, due_before))| {
                let queue = machine.queue(number)?;
                let work = queue.is_claimable(now_ms) || queue.next_due_ms() != due_before;
                Some((number, work))
            })
            .collect();
        drop(machine);
        for (number, work) in wake_ups {
            let signals = self.shared.signals(number);
            signals.events.notify_waiters();
            if work {
                signals.work.notify_waiters();
            }
        }
        answers.into_iter().for_each(|(outcome, reply)| answer(reply, outcome));
        group.writes.into_iter().for_each(|write| write.answer(Ok(())));
    }

    /// Brings everything into the tables and closes the file.
    fn finish(&mut self) {
        while !self.checkpoint.is_current() && !self.checkpoint.rests() {
            self.checkpoint.begin(&self.shared.machine, self.number);
            self.commit(Group::default());
        }
        locked(&self.connection).take();
    }
}

impl Group {
    fn refuse(self, error: &QueueError) {
        for reply in self.operations.into_iter().filter_map(|change| change.reply) {
            let _ = reply.send(Err(error.clone()));
        }
        self.writes.into_iter().for_each(|write| write.answer(Err(error.clone())));
    }
}

/// Answers a caller; one that has gone away needs none.
fn answer(reply: Option<Reply<Outcome>>, outcome: Outcome) {
    let Some(reply) = reply else { return };
    let _ = reply.send(match outcome {
        Outcome::Denied(error) => Err(error),
        outcome => Ok(outcome),
    });
}

/// Reads what an operation depends on, or answers it if it changes nothing.
fn prepare(
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
    let queue = stamped.queue;
    let read = |id: &JobId| ended_job(machine, connection, queue, id);
    let mut log_key = None;
    match &mut stamped.operation {
        Operation::Submit { jobs, runs } => {
            let ended = jobs.iter().filter_map(|job| read(job.id.as_ref()?));
            let run = |ended: Ended| EndedRun {
                serial: ended.record.body.serial,
                generation: generation_of(&ended.data),
            };
            *runs = ended.map(run).collect();
        }
        Operation::Retry { id, ended, .. } | Operation::Progress { id, ended, .. } => {
            *ended = read(id).into_iter().collect()
        }
        Operation::Logged { id } => match machine.standing(queue, id) {
            Some(Standing::Ended(key)) => log_key = Some(key.log),
            Some(Standing::Live(slot)) => {
                log_key = machine.queue(queue).map(|queue| queue.live[slot].body.log);
            }
            None => {
                answer(reply, Outcome::Denied(QueueError::NoSuchJob(id.clone())));
                return None;
            }
        },
        _ => {}
    }
    Some(Change { stamped, log_row: log_key.zip(log_row), reply })
}

/// Returns an ended job with its input, from memory or from the tables.
fn ended_job(
    machine: &Machine,
    connection: Option<&Connection>,
    queue: QueueNumber,
    id: &JobId,
) -> Option<Ended> {
    let Some(Standing::Ended(key)) = machine.standing(queue, id) else { return None };
    let in_memory = machine.queue(queue)?.ended.record(key.serial).cloned();
    if let Some(record) = &in_memory
        && let Some(data) = &record.body.data
    {
        return Some(Ended { data: data.clone(), record: Record::clone(record) });
    }
    let read = match in_memory {
        Some(record) => tables::read_payload(connection?, key.serial)
            .map(|data| Some((Record::clone(&record), Payload::from_store(data?)))),
        None => reader::ended_job(connection?, key.serial),
    };
    match read {
        Ok(found) => found.map(|(record, data)| Ended { record, data }),
        Err(error) => {
            tracing::warn!(%error, job.id = %id, "cannot read the ended job {id}");
            None
        }
    }
}

pub(super) fn closed(operation: &'static str) -> QueueError {
    QueueError::Unavailable { operation, cause: "the store is closed".to_owned() }
}
