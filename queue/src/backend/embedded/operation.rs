//! What may be asked of the state machine, and what it answers.
//!
//! An operation carries everything that its effect depends on (time, tokens, ended jobs read from
//! the tables), so that the journal can repeat it. Never holds a connection or a channel.

use std::sync::Arc;

use crate::backend::{Added, Cancelled, Claim, Held, Renewal, Submitted};
use crate::error::QueueError;
use crate::event::Position;
use crate::job::{Job, JobId, JobState, NewJob, Payload, Token, generation_of};
use crate::options::{Deduplication, RateLimit};
use crate::outcome::{Settled, Settlement, Verdict};
use crate::scheduler::{Armed, Plan};

use super::clearing::Erased;
use super::encoding::{Decode, Encode, Input, Malformed, encoded_enum, encoded_struct};
use super::flows::FlowJob;
use super::job_body::Record;
use super::packed_options::PackedOptions;
use super::scheduling::{Following, SchedulerBody};

/// The number of a queue, in the order in which queues were first opened.
pub(super) type QueueNumber = u32;

/// An operation with its queue and its time.
#[derive(Debug, Clone)]
pub(super) struct Stamped {
    pub(super) now_ms: u64,
    pub(super) queue: QueueNumber,
    pub(super) operation: Operation,
}

encoded_struct!(Stamped { now_ms, queue, operation });

/// A change of the state.
#[derive(Debug, Clone)]
pub(super) enum Operation {
    OpenQueue { name: Arc<str> },
    Add { jobs: Vec<AddedJob> },
    Submit { jobs: Vec<AddedJob>, runs: Vec<EndedRun> },
    Retry { id: JobId, reset: bool, ended: Vec<Ended> },
    Remove { id: JobId },
    Cancel { id: JobId },
    Promote { id: JobId },
    Pause {},
    Resume {},
    Turn { settlements: Vec<Settlement>, next: Option<Claim> },
    Renew { held: Vec<Held>, lock_ms: u64 },
    Progress { id: JobId, progress: Payload, ended: Vec<Ended> },
    Logged { id: JobId },
    Sweep { interval_ms: u64, stalled_max: u32 },
    PromoteDue {},
    Recover { stalled_max: u32 },
    Schedule { body: Box<SchedulerBody>, plan: Box<Plan> },
    ArmFollowing { followings: Vec<Following> },
    Unschedule { id: String },
    AddFlow { jobs: Vec<FlowJob>, ended: Vec<Ended> },
    Undepend { id: JobId },
    RemoveTree { id: JobId },
    RemoveAwaited { id: JobId },
    ChangeDelay { id: JobId, delay_ms: u64 },
    ChangePriority { id: JobId, priority: u32, front: bool, ended: Vec<Ended> },
    ChangeData { id: JobId, data: Payload, ended: Vec<Ended> },
    FreeDeduplication { id: Arc<str>, owner: Option<JobId> },
    SetRate { rate: Option<RateLimit> },
    SetConcurrency { concurrency: Option<u64> },
    RateLimit { duration_ms: u64 },
    Erase { state: JobState, skip: u64, most: u64, cutoff_ms: Option<u64> },
    Cleaned { count: u64 },
    Obliterate { force: bool },
    RetryAll { state: JobState, until_ms: u64, ended: Vec<Ended> },
    PromoteAll {},
}

encoded_enum!(Operation {
    0 => OpenQueue { name },
    1 => Add { jobs },
    2 => Submit { jobs, runs },
    3 => Retry { id, reset, ended },
    4 => Remove { id },
    5 => Cancel { id },
    6 => Promote { id },
    7 => Pause {},
    8 => Resume {},
    9 => Turn { settlements, next },
    10 => Renew { held, lock_ms },
    11 => Progress { id, progress, ended },
    12 => Logged { id },
    13 => Sweep { interval_ms, stalled_max },
    14 => PromoteDue {},
    15 => Recover { stalled_max },
    40 => Schedule { body, plan },
    41 => ArmFollowing { followings },
    42 => Unschedule { id },
    50 => AddFlow { jobs, ended },
    51 => Undepend { id },
    52 => RemoveTree { id },
    53 => RemoveAwaited { id },
    16 => ChangeDelay { id, delay_ms },
    17 => ChangePriority { id, priority, front, ended },
    18 => ChangeData { id, data, ended },
    19 => FreeDeduplication { id, owner },
    20 => SetRate { rate },
    21 => SetConcurrency { concurrency },
    22 => RateLimit { duration_ms },
    23 => Erase { state, skip, most, cutoff_ms },
    24 => Cleaned { count },
    25 => Obliterate { force },
    26 => RetryAll { state, until_ms, ended },
    27 => PromoteAll {},
});

/// A job to add.
#[derive(Debug, Clone)]
pub(super) struct AddedJob {
    pub(super) id: Option<JobId>,
    pub(super) name: Arc<str>,
    pub(super) data: Payload,
    pub(super) options: PackedOptions,
    pub(super) delay_ms: u64,
    pub(super) timestamp_ms: Option<u64>,
    pub(super) priority: u32,
    /// Whether it comes to wait in front of the line.
    pub(super) front: bool,
    pub(super) deduplication: Option<Box<Deduplication>>,
    /// The run that a submit asks for.
    pub(super) generation: u64,
}

encoded_struct!(AddedJob {
    id,
    name,
    data,
    options,
    delay_ms,
    timestamp_ms,
    priority,
    front,
    deduplication,
    generation,
});

impl AddedJob {
    pub(super) fn new(job: NewJob) -> Self {
        Self {
            options: PackedOptions::pack(&job.options),
            delay_ms: job.options.delay_ms,
            timestamp_ms: job.options.timestamp_ms,
            priority: job.options.priority,
            front: job.options.is_front(),
            deduplication: job.options.deduplication.map(Box::new),
            generation: 0,
            name: job.name.into(),
            data: job.data,
            id: job.id,
        }
    }

    pub(super) fn submitted(job: NewJob) -> Self {
        let generation = generation_of(&job.data);
        Self { generation, ..Self::new(job) }
    }
}

/// An ended job that an operation changes or puts back to wait, read from the tables beforehand.
#[derive(Debug, Clone)]
pub(super) struct Ended {
    pub(super) record: Record,
    pub(super) data: Payload,
}

impl Encode for Ended {
    fn encode(&self, out: &mut Vec<u8>) {
        self.record.encode(out);
        self.data.encode(out);
    }
}

impl Decode for Ended {
    fn decode(input: &mut Input<'_>) -> Result<Self, Malformed> {
        Ok(Self { record: Decode::decode(input)?, data: Decode::decode(input)? })
    }
}

/// The run that an ended job was, read from the tables beforehand.
#[derive(Debug, Clone, Copy)]
pub(super) struct EndedRun {
    pub(super) serial: u64,
    pub(super) generation: u64,
}

encoded_struct!(EndedRun { serial, generation });

/// What an operation did.
#[derive(Debug)]
pub(super) enum Outcome {
    Opened(QueueNumber),
    Added(Vec<Added>),
    Submitted(Vec<Submitted>),
    At(Position),
    Removed(bool),
    Cancelled(Cancelled),
    Turn(Vec<Settled>, Taken),
    Renewed(Renewal),
    Swept(Vec<JobId>),
    Promoted(u64, Option<u64>),
    Erased(Erased),
    /// So many jobs were moved.
    Count(u64),
    Scheduled(Armed),
    /// Jobs stand in the slots that a scheduler would take.
    SlotTaken,
    Done,
    /// It changed nothing, because it means nothing in this state.
    Denied(QueueError),
    /// It changed nothing, because a job ended meanwhile that has to be read first.
    Again(Box<Operation>),
}

/// The jobs that a claim took.
#[derive(Debug)]
pub(super) struct Taken {
    pub(super) jobs: Vec<TakenJob>,
    pub(super) next_due_ms: Option<u64>,
}

/// A claimed job, perhaps without its input.
#[derive(Debug)]
pub(super) struct TakenJob {
    pub(super) job: Job,
    pub(super) version: Position,
    pub(super) token: Token,
    /// The key of the input in the payload table, if it has to be read from there.
    pub(super) data_at: Option<u64>,
}

impl Encode for Claim {
    fn encode(&self, out: &mut Vec<u8>) {
        self.max.encode(out);
        self.token.encode(out);
        millis(self.lock).encode(out);
        self.worker.encode(out);
        self.rate.encode(out);
    }
}

impl Decode for Claim {
    fn decode(input: &mut Input<'_>) -> Result<Self, Malformed> {
        Ok(Self {
            max: Decode::decode(input)?,
            token: Decode::decode(input)?,
            lock: std::time::Duration::from_millis(Decode::decode(input)?),
            worker: Decode::decode(input)?,
            rate: Decode::decode(input)?,
        })
    }
}

encoded_struct!(Held { id, token });

impl Encode for Settlement {
    fn encode(&self, out: &mut Vec<u8>) {
        self.id.encode(out);
        self.token.encode(out);
        self.verdict.encode(out);
        self.keep.encode(out);
        // Both in one number: rows from before there were metrics read as they were meant.
        let metrics = u64::from(self.metrics.unwrap_or(0));
        (metrics << 32 | u64::from(self.attempts_max)).encode(out);
    }
}

impl Decode for Settlement {
    fn decode(input: &mut Input<'_>) -> Result<Self, Malformed> {
        let (id, token) = (Decode::decode(input)?, Decode::decode(input)?);
        let (verdict, keep) = (Decode::decode(input)?, Decode::decode(input)?);
        let both = u64::decode(input)?;
        let half = |bits: u64| u32::try_from(bits & u64::from(u32::MAX)).unwrap_or(u32::MAX);
        let metrics = Some(half(both >> 32)).filter(|metrics| *metrics > 0);
        Ok(Self { id, token, verdict, keep, attempts_max: half(both), metrics })
    }
}

impl Encode for Verdict {
    fn encode(&self, out: &mut Vec<u8>) {
        match self {
            Self::Complete { result } => {
                out.push(0);
                result.encode(out);
            }
            Self::Fail { reason, stack_trace } => {
                out.push(1);
                reason.encode(out);
                stack_trace.encode(out);
            }
            Self::Retry { reason, stack_trace, pause } => {
                out.push(2);
                reason.encode(out);
                stack_trace.encode(out);
                millis(*pause).encode(out);
            }
            Self::Delay { until_ms, reason } => {
                out.push(3);
                until_ms.encode(out);
                reason.encode(out);
            }
            Self::HandBack => out.push(4),
            Self::RateLimited => out.push(5),
            Self::WaitForChildren => out.push(6),
        }
    }
}

impl Decode for Verdict {
    fn decode(input: &mut Input<'_>) -> Result<Self, Malformed> {
        Ok(match input.byte()? {
            0 => Self::Complete { result: Decode::decode(input)? },
            1 => Self::Fail { reason: Decode::decode(input)?, stack_trace: Decode::decode(input)? },
            2 => Self::Retry {
                reason: Decode::decode(input)?,
                stack_trace: Decode::decode(input)?,
                pause: std::time::Duration::from_millis(Decode::decode(input)?),
            },
            3 => Self::Delay { until_ms: Decode::decode(input)?, reason: Decode::decode(input)? },
            4 => Self::HandBack,
            5 => Self::RateLimited,
            6 => Self::WaitForChildren,
            _ => return Err(Malformed("verdict")),
        })
    }
}

pub(super) fn millis(duration: std::time::Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
