//! The way of the state from the journal to the tables, in small steps between the commits.
//!
//! A checkpoint is the state after one journal row. Its steps ride in the transactions of the
//! groups; until the last of them has been committed, the checkpoint before it counts and the
//! journal after that is kept. Then what is no longer needed is deleted, in steps as well.
//! Never changes the logical state.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use rusqlite::Connection;

use super::encoding::Encode as _;
use super::ended_jobs::{EndedKey, Graves};
use super::job_body::Record;
use super::machine::Machine;
use super::operation::QueueNumber;
use super::shared::locked;
use super::slots::NewPayload;
use super::tables::{self, FinishedRow};

/// How often and in how large steps checkpoints are made.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pace {
    /// The journal's size that starts a checkpoint, if the living jobs take less.
    pub(super) journal_bytes: u64,
    /// The time that the work in one transaction may take, but for the last bit of it.
    pub(super) step: Duration,
    /// How many rows are written between two looks at the time.
    pub(super) rows: usize,
    /// How many jobs make a part of a snapshot.
    pub(super) jobs: usize,
    /// The pause after a checkpoint that failed, for instance on a full disk.
    pub(super) retry_pause: Duration,
}

impl Pace {
    /// A step is of the order of a sync of the disk, so that it hardly shows in the answers.
    pub(super) const STEADY: Self = Self {
        journal_bytes: 8 * 1024 * 1024,
        step: Duration::from_micros(1000),
        rows: 32,
        jobs: 256,
        retry_pause: Duration::from_secs(1),
    };
}

#[derive(Debug)]
pub(super) struct Checkpoint {
    pace: Pace,
    phase: Phase,
    /// The journal's size since the last checkpoint.
    journal_bytes: u64,
    /// The size of the last snapshot.
    snapshot_bytes: u64,
    /// The journal row of the last checkpoint.
    number: u64,
    not_before: Option<Instant>,
}

#[derive(Debug)]
enum Phase {
    Idle,
    Writing(Writing),
    Cleaning(Cleaning),
}

#[derive(Debug)]
struct Writing {
    number: u64,
    /// The checkpoint that counts until then; parts of snapshots of any other are garbage.
    previous: Option<u64>,
    head: Vec<u8>,
    records: std::vec::IntoIter<(QueueNumber, Arc<Record>)>,
    graves: Vec<Graves>,
    /// Inputs taken from the machine and not yet written.
    payloads: Vec<(QueueNumber, NewPayload)>,
    /// Inputs written in the transaction that is open.
    written: Vec<(QueueNumber, NewPayload)>,
    snapshot_bytes: u64,
    /// Whether the open transaction makes the checkpoint count.
    complete: bool,
    pace: Pace,
}

#[derive(Debug)]
struct Cleaning {
    number: u64,
    graves: Graves,
    /// Graves whose rows the open transaction deletes.
    emptied: Graves,
    /// Whether the open transaction found nothing more to delete.
    complete: bool,
}

impl Checkpoint {
    /// Goes on after the checkpoint at the journal row `number`.
    pub(super) fn after(number: u64, journal_bytes: u64, snapshot_bytes: u64, pace: Pace) -> Self {
        let (phase, not_before) = (Phase::Idle, None);
        Self { pace, phase, journal_bytes, snapshot_bytes, number, not_before }
    }

    /// Counts a journal row.
    pub(super) fn grew(&mut self, bytes: usize) {
        self.journal_bytes += bytes as u64;
    }

    /// Tells whether a step would do something.
    pub(super) fn has_work(&self) -> bool {
        let due = self.journal_bytes >= self.pace.journal_bytes.max(self.snapshot_bytes);
        (due || !matches!(self.phase, Phase::Idle)) && !self.rests()
    }

    /// Tells whether nothing has been written since the last checkpoint, and all is tidy.
    pub(super) fn is_current(&self) -> bool {
        self.journal_bytes == 0 && matches!(self.phase, Phase::Idle)
    }

    /// Freezes the state after the journal row `number`, if no checkpoint is under way.
    pub(super) fn begin(&mut self, machine: &Mutex<Machine>, number: u64) {
        if !matches!(self.phase, Phase::Idle) {
            return;
        }
        let mut machine = locked(machine);
        let mut head = Vec::new();
        machine.encode_head(&mut head);
        let (mut records, mut graves) = (Vec::new(), Vec::new());
        for (queue_number, queue) in machine.queues_mut() {
            queue.live.begin_capture();
            let (ended, rows) = queue.ended.freeze();
            records.extend(ended.into_iter().map(|record| (queue_number, record)));
            graves.push(rows);
        }
        self.journal_bytes = 0;
        self.phase = Phase::Writing(Writing {
            number,
            previous: Some(self.number),
            head,
            records: records.into_iter(),
            graves,
            payloads: Vec::new(),
            written: Vec::new(),
            snapshot_bytes: 0,
            complete: false,
            pace: self.pace,
        });
    }

    /// Does a small part of the work in the transaction that is open.
    pub(super) fn step(
        &mut self,
        transaction: &Connection,
        machine: &Mutex<Machine>,
    ) -> rusqlite::Result<()> {
        let until = Instant::now() + self.pace.step;
        match &mut self.phase {
            Phase::Idle => Ok(()),
            Phase::Writing(writing) => writing.step(transaction, machine, until),
            Phase::Cleaning(cleaning) => cleaning.step(transaction, until),
        }
    }

    /// Tells whether the last step failed a moment ago.
    pub(super) fn rests(&self) -> bool {
        self.not_before.is_some_and(|at| Instant::now() < at)
    }

    /// Takes note that the transaction of the last step was committed; tells whether that made
    /// the checkpoint count.
    pub(super) fn committed(&mut self, machine: &Mutex<Machine>) -> bool {
        match &mut self.phase {
            Phase::Idle => {}
            Phase::Writing(writing) => {
                let written = std::mem::take(&mut writing.written);
                let complete = writing.complete;
                let mut state = locked(machine);
                for (number, payload) in &written {
                    if let Some(queue) = state.queue_mut(*number) {
                        queue.live.payload_written(payload);
                    }
                }
                drop(state);
                if complete {
                    self.finish_writing(machine);
                }
                return complete;
            }
            Phase::Cleaning(cleaning) if cleaning.complete => self.phase = Phase::Idle,
            Phase::Cleaning(cleaning) => cleaning.emptied = Graves::default(),
        }
        false
    }

    /// Takes note that the transaction of the last step was rolled back.
    pub(super) fn rolled_back(&mut self, machine: &Mutex<Machine>) {
        match &mut self.phase {
            Phase::Idle => return,
            Phase::Writing(_) => self.abandon(machine),
            Phase::Cleaning(cleaning) => {
                let emptied = std::mem::take(&mut cleaning.emptied);
                cleaning.graves.append(emptied);
                cleaning.complete = false;
            }
        }
        self.not_before = Some(Instant::now() + self.pace.retry_pause);
    }

    fn finish_writing(&mut self, machine: &Mutex<Machine>) {
        let Phase::Writing(writing) = std::mem::replace(&mut self.phase, Phase::Idle) else {
            return;
        };
        locked(machine).queues_mut().for_each(|(_, queue)| queue.ended.thaw());
        self.snapshot_bytes = writing.snapshot_bytes;
        self.number = writing.number;
        let mut graves = Graves::default();
        writing.graves.into_iter().for_each(|rows| graves.append(rows));
        self.phase = Phase::Cleaning(Cleaning {
            number: writing.number,
            graves,
            emptied: Graves::default(),
            complete: false,
        });
    }

    /// Gives everything back to the machine that has not become part of a checkpoint.
    fn abandon(&mut self, machine: &Mutex<Machine>) {
        let Phase::Writing(writing) = std::mem::replace(&mut self.phase, Phase::Idle) else {
            return;
        };
        let mut machine = locked(machine);
        let mut payloads = writing.payloads;
        payloads.extend(writing.written);
        for (number, payload) in payloads {
            if let Some(queue) = machine.queue_mut(number) {
                queue.live.return_payloads(vec![payload]);
            }
        }
        for ((_, queue), graves) in machine.queues_mut().zip(writing.graves) {
            queue.live.abandon_capture();
            queue.ended.unfreeze(graves);
        }
        // The next try is due as soon as the pause is over.
        self.journal_bytes += self.pace.journal_bytes.max(self.snapshot_bytes);
    }
}

impl Writing {
    fn step(
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

impl Cleaning {
    fn step(&mut self, transaction: &Connection, until: Instant) -> rusqlite::Result<()> {
        while self.delete_rows(transaction)?
            || tables::trim_journal(transaction, self.number, 4)?
            || tables::trim_snapshots(transaction, self.number, 4)?
        {
            if Instant::now() >= until {
                return Ok(());
            }
        }
        self.complete = true;
        Ok(())
    }

    fn delete_rows(&mut self, transaction: &Connection) -> rusqlite::Result<bool> {
        if let Some(serial) = self.graves.jobs.pop() {
            self.emptied.jobs.push(serial);
            return tables::delete_job(transaction, serial).map(|()| true);
        }
        if let Some(log) = self.graves.logs.pop() {
            self.emptied.logs.push(log);
            return super::log_rows::delete(transaction, log).map(|()| true);
        }
        Ok(false)
    }
}
