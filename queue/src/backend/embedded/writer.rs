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

use crate::error::{QueueError, Result};
use crate::job::Payload;

use super::checkpoint::Checkpoint;
use super::encoding::Encode as _;
use super::lock_file::LockFile;
use super::log_rows;
use super::operation::{Outcome, Stamped, Taken};
use super::preparing::{Change, answer, prepare};
use super::request::{Reply, Request, TableWrite};
use super::shared::{Shared, locked};
use super::tables::{self, store_error};

/// The size of a journal row beyond which no more operations are added to it.
const GROUP_BYTES: usize = 1024 * 1024;

/// The size of the inputs that are read for a group before its callers read the rest themselves.
const INPUTS_MAX: usize = 256 * 1024;

/// The requests of one commit.
#[derive(Default)]
struct Group {
    operations: Vec<Change>,
    writes: Vec<Box<dyn TableWrite>>,
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
        let mut written = self.write(&mut group);
        if written.is_err() && self.checkpoint.is_under_way() {
            self.checkpoint.rolled_back(&self.shared.machine);
            // There may be room for the group alone.
            written = self.write(&mut group);
        }
        if let Err(error) = written {
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
                (now_ms, machine.queue(queue).and_then(|queue| queue.next_chance_ms(now_ms)))
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
            .filter_map(|(number, (now_ms, before))| {
                let queue = machine.queue(number)?;
                let work = queue.is_claimable(now_ms) || queue.next_chance_ms(now_ms) != before;
                Some((number, work))
            })
            .collect();
        let others = machine.take_touched().into_iter().map(|number| (number, true));
        let wake_ups: Vec<_> = wake_ups.into_iter().chain(others).collect();
        drop(machine);
        for (number, work) in wake_ups {
            let signals = self.shared.signals(number);
            signals.events.notify_waiters();
            if work {
                signals.work.notify_waiters();
            }
        }
        group.writes.into_iter().for_each(|write| write.answer(Ok(())));
        let mut bytes = 0;
        for (mut outcome, reply) in answers {
            if let Outcome::Turn(_, taken) = &mut outcome {
                self.read_inputs(taken, &mut bytes);
            }
            answer(reply, outcome);
        }
    }

    /// Reads the inputs of claimed jobs as far as that is quicker than to send the caller for them.
    fn read_inputs(&self, taken: &mut Taken, bytes: &mut usize) {
        let connection = locked(&self.connection);
        let Some(connection) = connection.as_ref() else { return };
        for taken in &mut taken.jobs {
            let Some(serial) = taken.data_at else { continue };
            if *bytes > INPUTS_MAX {
                return;
            }
            if let Ok(Some(data)) = tables::read_payload(connection, serial) {
                *bytes += data.len();
                taken.job.data = Payload::from_store(data);
                taken.data_at = None;
            }
        }
    }

    /// Brings everything into the tables and closes the file.
    fn finish(&mut self) {
        while !self.checkpoint.is_current() && !self.checkpoint.rests() {
            self.checkpoint.begin(&self.shared.machine, self.number);
            self.commit(Group::default());
        }
        // Before the answer: whoever got it may open the files again.
        locked(&self.connection).take();
        self.lock_file = None;
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

pub(super) fn closed(operation: &'static str) -> QueueError {
    QueueError::Unavailable { operation, cause: "the store is closed".to_owned() }
}
