//! Carries what the consumers of this process learn into the records of jobs, and wakes the relay
//! when an ended job makes room for its user's next one.

use std::sync::Arc;

use oxherd_queue::outcome::{Settled, Verdict};
use oxherd_queue::worker::ProgressObserver;
use oxherd_queue::{Failure, JobId, Payload, Position};
use tokio::sync::Notify;

use crate::queue_supervisor::context::JobReports;
use crate::queue_supervisor::slots::{Assignment, Outcome};
use crate::records::{Ended, Records};

/// The bridge from consumers to records.
pub(crate) struct Reports {
    pub(crate) records: Records,
    pub(crate) outbox: Arc<Notify>,
}

impl ProgressObserver for Reports {
    fn progressed(&self, job: &JobId, progress: &Payload, version: Position) {
        self.records.progressed(job, progress, version);
    }
}

impl JobReports for Reports {
    fn claimed(&self, queue: &str, jobs: &[Arc<Assignment>]) {
        for assignment in jobs {
            self.records.claimed(queue, &assignment.job);
        }
    }

    fn settled(&self, _: &str, outcomes: Vec<(Arc<Outcome>, Settled)>) {
        let mut makes_room = false;
        for (outcome, settled) in outcomes {
            let told_at = match &settled {
                Settled::Done { state, version, .. } => {
                    makes_room |= state.is_final();
                    version.ms
                }
                Settled::Lost { .. } => 0,
            };
            let job = &outcome.assignment.job.job.id;
            self.records.settled(job, &settled, &ended(&outcome, told_at));
        }
        if makes_room {
            self.outbox.notify_one();
        }
    }
}

/// Reads what an outcome says beside its new state; `told_ms` is when the store heard it.
fn ended(outcome: &Outcome, told_ms: u64) -> Ended {
    let Some(settlement) = &outcome.decision.settlement else { return Ended::default() };
    let failed = |reason: &str| Some(Failure::from_reason(reason));
    match &settlement.verdict {
        Verdict::Complete { result } => Ended { result: Some(result.clone()), ..Ended::default() },
        Verdict::Fail { reason, .. } => Ended { failure: failed(reason), ..Ended::default() },
        Verdict::Retry { reason, pause, .. } => {
            let pause_ms = u64::try_from(pause.as_millis()).unwrap_or(u64::MAX);
            let due_ms = Some(told_ms.saturating_add(pause_ms));
            Ended { failure: failed(reason), due_ms, ..Ended::default() }
        }
        Verdict::Delay { until_ms, reason } => Ended {
            failure: reason.as_deref().and_then(failed),
            due_ms: Some(*until_ms),
            ..Ended::default()
        },
        Verdict::HandBack | Verdict::RateLimited | Verdict::WaitForChildren => Ended::default(),
    }
}
