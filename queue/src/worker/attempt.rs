//! One attempt at one job, from its claim to the decision about it: the steps in their order.
//!
//! Never talks to the store; the driver does.

use std::sync::Arc;

use crate::backend::Backend;
use crate::clock::SharedClock;
use crate::job::ClaimedJob;
use crate::worker::admit::unknown_name;
use crate::worker::{
    Admission, Decision, Handlers, HeldLocks, JobContext, Processor, ProgressObserver, RunEnd,
    Stop, WorkerOptions, admit, classify, fail_for_good, finish_for_good, run_control, run_job,
};

/// What all attempts of a worker share.
pub(crate) struct Shared {
    pub(crate) backend: Arc<dyn Backend>,
    pub(crate) handlers: Handlers,
    pub(crate) options: WorkerOptions,
    pub(crate) clock: SharedClock,
    pub(crate) observer: Arc<dyn ProgressObserver>,
    pub(crate) locks: HeldLocks,
}

/// An attempt that ended, kept until the store has confirmed it.
pub(crate) struct Ended {
    pub(crate) job: ClaimedJob,
    pub(crate) processor: Option<Arc<dyn Processor>>,
    pub(crate) decision: Decision,
}

impl Shared {
    /// Enters the lock of a claimed job, so that it is renewed, and makes the context of its run.
    pub(crate) fn hold(&self, job: &ClaimedJob) -> JobContext {
        let (context, stop) = run_control(job, &self.backend, &self.observer);
        self.locks.insert(job, stop);
        context
    }

    /// Makes an attempt at a claimed job.
    pub(crate) async fn attempt(self: Arc<Self>, job: ClaimedJob, context: JobContext) -> Ended {
        let Some(processor) = self.handlers.get(&job.job.name).cloned() else {
            let decision = fail_for_good(&job, unknown_name(&job.job.name), &self.options);
            return Ended { job, processor: None, decision };
        };
        let decision = match admit(&job, &self.options, self.clock.now_ms()) {
            Admission::FailFor(failure) => fail_for_good(&job, failure, &self.options),
            Admission::Run => {
                let end =
                    run_job(&*processor, &job, &context, self.options.deadline_of(&job.job)).await;
                classify(&job, end, &self.options, self.clock.now_ms())
            }
        };
        let decision = finish_for_good(&*processor, &job, decision, self.clock.now_ms()).await;
        Ended { job, processor: Some(processor), decision }
    }

    /// Ends an attempt that was never made: the job goes back unused.
    pub(crate) fn hand_back(&self, job: ClaimedJob) -> Ended {
        let end = RunEnd::Stopped(Stop::Shutdown);
        let decision = classify(&job, end, &self.options, self.clock.now_ms());
        Ended { job, processor: None, decision }
    }
}
