//! The work of `generate-plan`.

use async_trait::async_trait;
use oxherd_queue::Payload;
use oxherd_queue::job::ClaimedJob;
use oxherd_queue::outcome::{Failure, JobError};
use oxherd_queue::worker::{JobContext, Processor};
use oxherd_study::PlanId;
use oxherd_study::generate_plan::generate_plan;
use oxherd_study::material::EntityError;
use serde_json::json;

use super::observer::JobObserver;
use super::{ProcessorParts, entity, outcome};

/// Makes plans.
pub struct PlanProcessor {
    parts: ProcessorParts,
}

impl PlanProcessor {
    /// Makes a processor over the ports.
    #[must_use]
    pub fn new(parts: ProcessorParts) -> Self {
        Self { parts }
    }
}

#[async_trait]
impl Processor for PlanProcessor {
    async fn run(&self, job: &ClaimedJob, context: &JobContext) -> Result<Payload, JobError> {
        let ports = &self.parts.ports;
        let (user, id, generation) = entity(job, PlanId::parse)?;
        let observer = JobObserver { context };
        generate_plan(ports, &user, &id, generation, &observer)
            .await
            .map_err(|error| outcome(error, ports.calendar.now_ms()))?;
        Payload::encode(&json!({ "planId": id }))
            .map_err(|error| JobError::Retry(Failure::new("INTERNAL_ERROR", error.to_string())))
    }

    async fn failed_for_good(&self, job: &ClaimedJob, failure: &Failure) -> Result<(), JobError> {
        // Without an entity there is no row to write.
        let Ok((user, id, generation)) = entity(job, PlanId::parse) else { return Ok(()) };
        let error = EntityError { code: failure.code.clone(), message: failure.message.clone() };
        let ports = &self.parts.ports;
        let now = ports.calendar.now_ms();
        let failed = ports.catalog.fail_plan(&user, &id, generation, &error, now).await;
        failed.map_err(|error| outcome(error, now))
    }
}
