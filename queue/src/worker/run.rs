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

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use async_trait::async_trait;
    use tokio::time::{Instant, timeout};

    use super::*;
    use crate::backend::Store as _;
    use crate::backend::embedded::EmbeddedStore;
    use crate::clock::SystemClock;
    use crate::outcome::Failure;
    use crate::worker::tests::claimed;

    const NEVER: Duration = Duration::from_secs(3600);

    /// What the handler does, and what it does when it is told to stop.
    enum Handler {
        Panics,
        Returns,
        Fails,
        Hangs,
        ReturnsWhenStopped,
        FailsWhenStopped,
        GivesUpWhenStopped,
    }

    #[async_trait]
    impl Processor for Handler {
        async fn run(&self, _: &ClaimedJob, context: &JobContext) -> Result<Payload, JobError> {
            let failure = || JobError::Retry(Failure::new("BROKEN", "it broke"));
            match self {
                Self::Panics => panic!("number {}", 7),
                Self::Returns => Ok(Payload::null()),
                Self::Fails => Err(failure()),
                Self::Hangs => std::future::pending().await,
                Self::ReturnsWhenStopped => {
                    context.stopped().await;
                    Ok(Payload::null())
                }
                Self::FailsWhenStopped => {
                    context.stopped().await;
                    Err(failure())
                }
                Self::GivesUpWhenStopped => {
                    context.stopped().await;
                    Err(JobError::Superseded)
                }
            }
        }
    }

    /// Runs a handler; `stop` comes before it begins to wait.
    async fn run(handler: Handler, stop: Option<Stop>, deadline: Duration) -> RunEnd {
        let store = EmbeddedStore::in_memory(Arc::new(SystemClock)).unwrap();
        let backend = store.queue("run").await.unwrap();
        let observer: Arc<dyn ProgressObserver> = Arc::new(());
        let job = claimed("a");
        let (context, sender) = run_control(&job, &backend, &observer);
        if let Some(reason) = stop {
            assert!(sender.stop(reason));
            assert!(!sender.stop(Stop::Shutdown), "the first reason stays");
        }
        let run = run_job(&handler, &job, &context, deadline);
        timeout(Duration::from_secs(10), run).await.unwrap()
    }

    #[tokio::test]
    async fn a_run_ends_as_its_handler_does() {
        assert!(matches!(run(Handler::Returns, None, NEVER).await, RunEnd::Returned(_)));
        let failed = run(Handler::Fails, None, NEVER).await;
        assert!(matches!(failed, RunEnd::Errored(JobError::Retry(_))));
    }

    #[tokio::test]
    async fn a_panic_is_caught_with_its_message() {
        let end = run(Handler::Panics, None, NEVER).await;
        assert!(matches!(end, RunEnd::Panicked(message) if message == "number 7"));
    }

    #[tokio::test]
    async fn a_run_over_its_deadline_is_told_and_then_dropped() {
        let deadline = Duration::from_millis(30);
        let told = run(Handler::FailsWhenStopped, None, deadline).await;
        assert!(matches!(told, RunEnd::Stopped(Stop::Deadline)));

        let start = Instant::now();
        let dropped = run(Handler::Hangs, None, deadline).await;
        assert!(matches!(dropped, RunEnd::Stopped(Stop::Deadline)));
        assert!(start.elapsed() >= STOP_GRACE);
    }

    #[tokio::test]
    async fn a_result_after_a_stop_counts_and_an_error_is_the_stop() {
        let stop = Some(Stop::Cancelled);
        let result = run(Handler::ReturnsWhenStopped, stop, NEVER).await;
        assert!(matches!(result, RunEnd::Returned(_)));
        let error = run(Handler::FailsWhenStopped, stop, NEVER).await;
        assert!(matches!(error, RunEnd::Stopped(Stop::Cancelled)));
        let superseded = run(Handler::GivesUpWhenStopped, stop, NEVER).await;
        assert!(matches!(superseded, RunEnd::Errored(JobError::Superseded)));
    }
}
