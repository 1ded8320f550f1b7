//! A job as the state machine holds it, alive or ended, and the binary forms of both.
//!
//! Never decides anything.

use std::sync::Arc;

use crate::job::{Job, JobId, JobState, Payload, Token};

use super::encoding::{Decode, Encode, Input, Malformed, encoded_enum, encoded_struct};
use super::packed_options::PackedOptions;

/// What a living and an ended job have in common.
#[derive(Debug, Clone)]
pub(super) struct JobBody {
    /// The key of its rows; a job that is put back to wait gets a new one.
    pub(super) serial: u64,
    pub(super) id: JobId,
    pub(super) name: Arc<str>,
    pub(super) options: PackedOptions,
    pub(super) timestamp_ms: u64,
    /// Whether the producer chose the timestamp.
    pub(super) timestamp_given: bool,
    pub(super) delay_ms: u64,
    /// The priority now; that of the options is the one that the producer asked for.
    pub(super) priority: u32,
    pub(super) attempts_started: u32,
    pub(super) attempts_made: u32,
    pub(super) stalled_count: u32,
    pub(super) processed_on_ms: Option<u64>,
    /// The key of its log rows: the serial of its first life.
    pub(super) log: u64,
    /// Whether it may have log rows.
    pub(super) has_log: bool,
    pub(super) history: Option<Box<History>>,
    /// The input, unless it has to be read from the payload table.
    pub(super) data: Option<Payload>,
    /// Whether the payload table has the input.
    pub(super) data_stored: bool,
}

/// What few waiting jobs have, kept apart to keep them small.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct History {
    pub(super) processed_by: Option<Arc<str>>,
    pub(super) progress: Option<Payload>,
    pub(super) failed_reason: Option<Arc<str>>,
    pub(super) stack_trace: Vec<String>,
    pub(super) deferred_failure: Option<Arc<str>>,
}

encoded_struct!(History { processed_by, progress, failed_reason, stack_trace, deferred_failure });

impl JobBody {
    pub(super) fn history_mut(&mut self) -> &mut History {
        self.history.get_or_insert_default()
    }

    /// Writes the job out for callers; `data` is the input from wherever it is.
    pub(super) fn to_job(&self, data: Payload) -> Job {
        let history = self.history.as_deref().cloned().unwrap_or_default();
        let mut options = self.options.unpack();
        options.timestamp_ms = self.timestamp_given.then_some(self.timestamp_ms);
        Job {
            id: self.id.clone(),
            name: (*self.name).to_owned(),
            data,
            options,
            timestamp_ms: self.timestamp_ms,
            delay_ms: self.delay_ms,
            priority: self.priority,
            attempts_started: self.attempts_started,
            attempts_made: self.attempts_made,
            stalled_count: self.stalled_count,
            processed_on_ms: self.processed_on_ms,
            processed_by: history.processed_by.map(|name| (*name).to_owned()),
            finished_on_ms: None,
            progress: history.progress,
            result: None,
            failed_reason: history.failed_reason.map(|reason| (*reason).to_owned()),
            stack_trace: history.stack_trace,
            deferred_failure: history.deferred_failure.map(|reason| (*reason).to_owned()),
        }
    }
}

/// The input is left out: it has a row of its own, or stands beside the body.
impl Encode for JobBody {
    fn encode(&self, out: &mut Vec<u8>) {
        self.serial.encode(out);
        self.id.encode(out);
        self.name.encode(out);
        self.options.encode(out);
        self.timestamp_ms.encode(out);
        self.timestamp_given.encode(out);
        self.delay_ms.encode(out);
        self.priority.encode(out);
        self.attempts_started.encode(out);
        self.attempts_made.encode(out);
        self.stalled_count.encode(out);
        self.processed_on_ms.encode(out);
        self.log.encode(out);
        self.has_log.encode(out);
        self.history.encode(out);
    }
}

impl Decode for JobBody {
    fn decode(input: &mut Input<'_>) -> Result<Self, Malformed> {
        Ok(Self {
            serial: Decode::decode(input)?,
            id: Decode::decode(input)?,
            name: Decode::decode(input)?,
            options: Decode::decode(input)?,
            timestamp_ms: Decode::decode(input)?,
            timestamp_given: Decode::decode(input)?,
            delay_ms: Decode::decode(input)?,
            priority: Decode::decode(input)?,
            attempts_started: Decode::decode(input)?,
            attempts_made: Decode::decode(input)?,
            stalled_count: Decode::decode(input)?,
            processed_on_ms: Decode::decode(input)?,
            log: Decode::decode(input)?,
            has_log: Decode::decode(input)?,
            history: Decode::decode(input)?,
            data: None,
            data_stored: true,
        })
    }
}

/// A job that has not ended.
#[derive(Debug, Clone)]
pub(super) struct LiveJob {
    pub(super) body: JobBody,
    pub(super) place: Place,
    /// When it came to this place.
    pub(super) since_ms: u64,
    /// The lock, while it is active.
    pub(super) hold: Option<Box<Hold>>,
    pub(super) cancel_requested: bool,
    /// The checkpoint that has the image of this job, see [`super::slots`].
    pub(super) epoch: u32,
}

/// The input has a row of its own, the epoch means something only in this process.
impl Encode for LiveJob {
    fn encode(&self, out: &mut Vec<u8>) {
        self.body.encode(out);
        self.place.encode(out);
        self.since_ms.encode(out);
        self.hold.encode(out);
        self.cancel_requested.encode(out);
    }
}

impl Decode for LiveJob {
    fn decode(input: &mut Input<'_>) -> Result<Self, Malformed> {
        Ok(Self {
            body: Decode::decode(input)?,
            place: Decode::decode(input)?,
            since_ms: Decode::decode(input)?,
            hold: Decode::decode(input)?,
            cancel_requested: Decode::decode(input)?,
            epoch: 0,
        })
    }
}

/// Where a living job stands, with its key there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    Waiting { order: i64 },
    Delayed { due_ms: u64, order: i64 },
    Active { order: i64 },
    Prioritized { priority: u32, turn: i64 },
    WaitingChildren { since_ms: u64 },
}

encoded_enum!(Place {
    0 => Waiting { order },
    1 => Delayed { due_ms, order },
    2 => Active { order },
    3 => Prioritized { priority, turn },
    4 => WaitingChildren { since_ms },
});

impl Place {
    pub(super) fn state(self) -> JobState {
        match self {
            Self::Waiting { .. } => JobState::Waiting,
            Self::Delayed { .. } => JobState::Delayed,
            Self::Active { .. } => JobState::Active,
            Self::Prioritized { .. } => JobState::Prioritized,
            Self::WaitingChildren { .. } => JobState::WaitingChildren,
        }
    }

    pub(super) fn due_ms(self) -> Option<u64> {
        match self {
            Self::Delayed { due_ms, .. } => Some(due_ms),
            _ => None,
        }
    }
}

/// The lock of an active job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Hold {
    pub(super) token: Token,
    pub(super) until_ms: u64,
    /// Seen by the last sweep, and not renewed since.
    pub(super) marked: bool,
}

encoded_struct!(Hold { token, until_ms, marked });

/// A job that has ended.
#[derive(Debug, Clone)]
pub(super) struct Record {
    pub(super) body: JobBody,
    pub(super) state: JobState,
    pub(super) finished_ms: u64,
    pub(super) result: Option<Payload>,
    /// The journal row in which it ended.
    pub(super) number: u64,
    /// Whether the tables may have an older form of it.
    pub(super) has_rows: bool,
}

impl Record {
    pub(super) fn to_job(&self, data: Payload) -> Job {
        let mut job = self.body.to_job(data);
        job.finished_on_ms = Some(self.finished_ms);
        job.result.clone_from(&self.result);
        job
    }
}

/// The input stands with the record, unless the payload table has it.
impl Encode for Record {
    fn encode(&self, out: &mut Vec<u8>) {
        self.body.encode(out);
        self.state.encode(out);
        self.finished_ms.encode(out);
        self.result.encode(out);
        self.number.encode(out);
        let inline = if self.body.data_stored { &None } else { &self.body.data };
        inline.encode(out);
    }
}

impl Decode for Record {
    fn decode(input: &mut Input<'_>) -> Result<Self, Malformed> {
        let mut body: JobBody = Decode::decode(input)?;
        let state = Decode::decode(input)?;
        let finished_ms = Decode::decode(input)?;
        let result = Decode::decode(input)?;
        let number = Decode::decode(input)?;
        body.data = Decode::decode(input)?;
        body.data_stored = body.data.is_none();
        Ok(Self { body, state, finished_ms, result, number, has_rows: true })
    }
}

impl Encode for JobState {
    fn encode(&self, out: &mut Vec<u8>) {
        let number = Self::ALL.iter().position(|state| state == self).unwrap_or_default();
        number.encode(out);
    }
}

impl Decode for JobState {
    fn decode(input: &mut Input<'_>) -> Result<Self, Malformed> {
        Self::ALL.get(usize::decode(input)?).copied().ok_or(Malformed("job state"))
    }
}
