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
    finish_within(FAILED_FOR_GOOD_DEADLINE, processor, job, decision, now_ms).await
}

async fn finish_within(
    deadline: Duration,
    processor: &dyn Processor,
    job: &ClaimedJob,
    decision: Decision,
    now_ms: u64,
) -> Decision {
    let Some(failure) = &decision.terminal_failure else { return decision };
    let Err(cause) = tell(processor, job, failure, deadline).await else { return decision };
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
    deadline: Duration,
) -> Result<(), String> {
    let call = AssertUnwindSafe(processor.failed_for_good(job, failure)).catch_unwind();
    match tokio::time::timeout(deadline, call).await {
        Ok(Ok(Ok(()))) => Ok(()),
        Ok(Ok(Err(error))) => Err(error.to_string()),
        Ok(Err(_)) => Err("the handler panicked".to_owned()),
        Err(_) => Err(format!("no answer within {deadline:?}")),
    }
}

#[cfg(test)]
mod tests {
    use async_trait::async_trait;

    use super::*;
    use crate::job::Payload;
    use crate::outcome::JobError;
    use crate::worker::tests::claimed;
    use crate::worker::{JobContext, WorkerOptions, fail_for_good};

    const NOW_MS: u64 = 7_000;

    /// What the domain does when it is told.
    enum Domain {
        Listens,
        Refuses,
        Panics,
        Hangs,
    }

    #[async_trait]
    impl Processor for Domain {
        async fn run(&self, _: &ClaimedJob, _: &JobContext) -> Result<Payload, JobError> {
            Ok(Payload::null())
        }

        async fn failed_for_good(&self, _: &ClaimedJob, _: &Failure) -> Result<(), JobError> {
            match self {
                Self::Listens => Ok(()),
                Self::Refuses => Err(JobError::Retry(Failure::new("DB_DOWN", "no database"))),
                Self::Panics => panic!("on purpose"),
                Self::Hangs => std::future::pending().await,
            }
        }
    }

    async fn told(domain: Domain) -> Decision {
        let job = claimed("a");
        let failure = Failure::new("BROKEN", "it broke");
        let decision = fail_for_good(&job, failure, &WorkerOptions::default());
        finish_within(Duration::from_millis(50), &domain, &job, decision, NOW_MS).await
    }

    #[tokio::test]
    async fn a_failure_that_the_domain_knows_is_settled() {
        let decision = told(Domain::Listens).await;
        assert!(matches!(decision.settlement.unwrap().verdict, Verdict::Fail { .. }));
        assert!(decision.terminal_failure.is_some());
    }

    #[tokio::test]
    async fn a_failure_that_the_domain_does_not_know_is_tried_again_later() {
        for domain in [Domain::Refuses, Domain::Panics, Domain::Hangs] {
            let decision = told(domain).await;
            assert!(decision.terminal_failure.is_none());
            match decision.settlement.unwrap().verdict {
                Verdict::Delay { until_ms, reason } => {
                    assert_eq!(until_ms, NOW_MS + 5_000);
                    assert_eq!(reason.as_deref(), Some("BROKEN: it broke"));
                }
                other => panic!("{other:?}"),
            }
        }
    }
}
