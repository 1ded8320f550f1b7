//! The rule that the domain hears of a failure for good before the store does.

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures::FutureExt as _;

use crate::job::ClaimedJob;
use crate::outcome::{Failure, Settlement, Verdict};
use crate::worker::{Decision, Processor};

/// How long a [`Processor::failed_for_good`] may take.
pub const FAILED_FOR_GOOD_DEADLINE: Duration = Duration::from_secs(10);
/// When a job whose domain could not be told is tried again.
pub const TOLD_AGAIN_AFTER: Duration = Duration::from_secs(5);

/// Tells the domain that a job fails for good, if the decision says so.
///
/// When the domain cannot be told (error, panic, deadline), the job is not failed: the decision
/// becomes a delay, which uses no attempt, and all is tried again.
pub async fn finish_for_good(
    processor: &dyn Processor,
    job: &ClaimedJob,
    decision: Decision,
    now_ms: u64,
) -> Decision {
    let Some(failure) = &decision.terminal_failure else { return decision };
    let Err(cause) = tell(processor, job, failure).await else { return decision };
    tracing::warn!(job.id = %job.job.id, %failure, "failure of job {} not told: {cause}", job.job.id);
    let again = u64::try_from(TOLD_AGAIN_AFTER.as_millis()).unwrap_or(u64::MAX);
    let verdict = Verdict::Delay {
        until_ms: now_ms.saturating_add(again),
        reason: Some(failure.to_string()),
    };
    Decision {
        settlement: decision.settlement.map(|told| Settlement { verdict, ..told }),
        terminal_failure: None,
        panicked: decision.panicked,
    }
}

/// Tells the domain once; an error says why it does not know.
pub(crate) async fn tell(
    processor: &dyn Processor,
    job: &ClaimedJob,
    failure: &Failure,
) -> Result<(), String> {
    let call = AssertUnwindSafe(processor.failed_for_good(job, failure)).catch_unwind();
    match tokio::time::timeout(FAILED_FOR_GOOD_DEADLINE, call).await {
        Ok(Ok(Ok(()))) => Ok(()),
        Ok(Ok(Err(error))) => Err(error.to_string()),
        Ok(Err(_)) => Err("the handler panicked".to_owned()),
        Err(_) => Err(format!("no answer within {FAILED_FOR_GOOD_DEADLINE:?}")),
    }
}
