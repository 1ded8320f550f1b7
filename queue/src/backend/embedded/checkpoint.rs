//! The way of the state from the journal to the tables, in small steps between the commits.
//!
//! A checkpoint is the state after one journal row. Its steps ride in the transactions of the
//! groups; until the last of them has been committed, the checkpoint before it counts and the
//! journal after that is kept. Then what is no longer needed is deleted, in steps as well.
//! Never changes the logical state.

mod cleaning;
mod writing;

use std::sync::Mutex;
use std::time::{Duration, Instant};

use rusqlite::Connection;

use super::ended_jobs::Graves;
use super::machine::Machine;
use super::shared::locked;

use self::cleaning::Cleaning;
use self::writing::Writing;

/// How often and in how large steps checkpoints are made.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pace {
    /// The journal's size that starts a checkpoint, if the living jobs take less.
    pub(super) journal_bytes: u64,
    /// The time that the work in one transaction may take if there is no hurry.
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

/// What a checkpoint of the process before, which had no end, left in the tables.
#[derive(Debug, Clone)]
pub(super) struct Leftovers {
    /// The serials of rows of jobs that had not ended at the checkpoint that counts.
    pub(super) ended: Vec<u64>,
    /// The last serial at the checkpoint that counts; inputs of later ones are left over.
    pub(super) last_serial: u64,
}

/// How much of the journal is deleted between two looks at the time.
const TRIMMED_BYTES: u64 = 64 * 1024;

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
    leftovers: Option<Leftovers>,
    not_before: Option<Instant>,
}

#[derive(Debug)]
enum Phase {
    Idle,
    Writing(Writing),
    Cleaning(Cleaning),
}

impl Checkpoint {
    /// Goes on after the checkpoint at the journal row `number`.
    pub(super) fn after(number: u64, leftovers: Leftovers, pace: Pace) -> Self {
        Self {
            pace,
            phase: Phase::Idle,
            journal_bytes: 0,
            snapshot_bytes: 0,
            number,
            leftovers: Some(leftovers),
            not_before: None,
        }
    }

    /// Takes note of the size of the snapshot that was read.
    pub(super) fn set_snapshot_bytes(&mut self, bytes: u64) {
        self.snapshot_bytes = bytes;
    }

    /// Counts a journal row.
    pub(super) fn grew(&mut self, bytes: usize) {
        self.journal_bytes += bytes as u64;
    }

    /// Tells whether a step would do something.
    pub(super) fn has_work(&self) -> bool {
        let due = self.journal_bytes >= self.due_bytes();
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
            queue.trim_memory();
            queue.live.begin_capture();
            let (ended, rows) = queue.ended.freeze();
            records.extend(ended.into_iter().map(|record| (queue_number, record)));
            graves.push(rows);
        }
        let rows = number.saturating_sub(self.number).max(1);
        let journal_rows = (TRIMMED_BYTES * rows / self.journal_bytes.max(1)).clamp(1, 64);
        self.journal_bytes = 0;
        self.phase = Phase::Writing(Writing {
            number,
            previous: Some(self.number),
            leftovers: self.leftovers.clone(),
            head,
            records: records.into_iter(),
            graves,
            payloads: Vec::new(),
            written: Vec::new(),
            snapshot_bytes: 0,
            journal_rows,
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
        if self.rests() {
            return Ok(());
        }
        let until = Instant::now() + self.step_time();
        match &mut self.phase {
            Phase::Idle => Ok(()),
            Phase::Writing(writing) => writing.step(transaction, machine, until),
            Phase::Cleaning(cleaning) => cleaning.step(transaction, until),
        }
    }

    /// Returns how long a step may take: the longer, the nearer the next checkpoint is.
    ///
    /// So the work keeps up with the journal however fast that grows, and hardly shows as long as
    /// there is time.
    fn step_time(&self) -> Duration {
        let quarters = 4 * self.journal_bytes / self.due_bytes().max(1);
        let quarters = u32::try_from(quarters).unwrap_or(u32::MAX).min(64);
        self.pace.step * (1 + quarters * quarters / 4)
    }

    /// The size of the journal that starts a checkpoint.
    fn due_bytes(&self) -> u64 {
        self.pace.journal_bytes.max(self.snapshot_bytes)
    }

    /// Tells whether a transaction that is open has a step in it.
    pub(super) fn is_under_way(&self) -> bool {
        !matches!(self.phase, Phase::Idle) && !self.rests()
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
                if writing.previous.is_none() {
                    // From now on the rows in the tables are this process's own.
                    self.leftovers = None;
                }
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
        let thawed = locked(machine).queues_mut().map(|(_, queue)| queue.ended.thaw()).collect();
        self.snapshot_bytes = writing.snapshot_bytes;
        self.number = writing.number;
        let mut graves = Graves::default();
        writing.graves.into_iter().for_each(|rows| graves.append(rows));
        self.phase = Phase::Cleaning(Cleaning {
            number: writing.number,
            journal_rows: writing.journal_rows,
            thawed,
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
        self.journal_bytes += self.due_bytes();
    }
}
