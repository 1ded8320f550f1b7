//! Runs one job: a panic is caught, a deadline is kept, a stop is passed on.
//!
//! Never decides what happens to the job next; see [`crate::worker::classify()`].

use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt as _;
use tokio::sync::watch;

use crate::backend::Backend;
use crate::job::{ClaimedJob, Payload};
use crate::outcome::JobError;
use crate::worker::{JobContext, Processor, ProgressObserver, Stop};

/// How long a handler that was told to stop may go on before it is dropped.
pub const STOP_GRACE: Duration = Duration::from_secs(1);

/// How a run ended.
#[derive(Debug, Clone)]
pub enum RunEnd {
    /// The handler returned a result.
    Returned(Payload),
    /// The handler returned an error.
    Errored(JobError),
    /// The handler panicked with this message.
    Panicked(String),
    /// The run was stopped before it had a result.
    Stopped(Stop),
}

/// Tells a run to stop; the first reason stays.
#[derive(Debug, Clone)]
pub struct StopSender(watch::Sender<Option<Stop>>);

impl StopSender {
    pub(crate) fn new() -> Self {
        Self(watch::Sender::new(None))
    }

    /// Asks the run to stop; returns whether this was the first reason.
    pub fn stop(&self, reason: Stop) -> bool {
        self.0.send_if_modified(|stop| {
            let first = stop.is_none();
            stop.get_or_insert(reason);
            first
        })
    }

    pub(crate) fn reason(&self) -> Option<Stop> {
        *self.0.borrow()
    }

    pub(crate) async fn stopped(&self) -> Stop {
        match self.0.subscribe().wait_for(Option::is_some).await.map(|reason| *reason) {
            Ok(Some(reason)) => reason,
            // Not reachable while `self` lives; a run without its owner should end.
            Ok(None) | Err(_) => Stop::Shutdown,
        }
    }
}

/// Makes the context of a run, and the means to stop it.
#[must_use]
pub fn run_control(
    job: &ClaimedJob,
    backend: &Arc<dyn Backend>,
    observer: &Arc<dyn ProgressObserver>,
) -> (JobContext, StopSender) {
    let stop = StopSender::new();
    let context = JobContext {
        backend: Arc::clone(backend),
        id: job.job.id.clone(),
        token: job.token.clone(),
        keep_logs: job.job.options.keep_logs,
        stop: stop.clone(),
        observer: Arc::clone(observer),
    };
    (context, stop)
}

/// Runs a job to its end.
///
/// When the run is told to stop, or takes longer than `deadline`, the handler sees it in its
/// context and has [`STOP_GRACE`] to return; then its future is dropped. A result that it still
/// returns counts; an error that follows a stop is taken for the stop.
pub async fn run_job(
    processor: &dyn Processor,
    job: &ClaimedJob,
    context: &JobContext,
    deadline: Duration,
) -> RunEnd {
    let mut run = AssertUnwindSafe(processor.run(job, context)).catch_unwind();
    let stop = tokio::select! {
        biased;
        end = &mut run => return ended(end, context.stop_reason()),
        reason = context.stop.stopped() => reason,
        () = tokio::time::sleep(deadline) => {
            context.stop.stop(Stop::Deadline);
            context.stop_reason().unwrap_or(Stop::Deadline)
        }
    };
    match tokio::time::timeout(STOP_GRACE, run).await {
        Ok(end) => ended(end, Some(stop)),
        Err(_) => RunEnd::Stopped(stop),
    }
}

type Caught = std::thread::Result<Result<Payload, JobError>>;

fn ended(end: Caught, stop: Option<Stop>) -> RunEnd {
    match (end, stop) {
        (Ok(Ok(result)), _) => RunEnd::Returned(result),
        (Ok(Err(JobError::Superseded)), _) => RunEnd::Errored(JobError::Superseded),
        (Ok(Err(_)), Some(stop)) => RunEnd::Stopped(stop),
        (Ok(Err(error)), None) => RunEnd::Errored(error),
        (Err(panic), _) => RunEnd::Panicked(panic_message(&*panic)),
    }
}

fn panic_message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("a panic without a message")
        .to_owned()
}
