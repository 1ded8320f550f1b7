//! The work of `process-material`.

use async_trait::async_trait;
use oxherd_queue::Payload;
use oxherd_queue::job::ClaimedJob;
use oxherd_queue::outcome::{Failure, JobError};
use oxherd_queue::worker::{JobContext, Processor};
use oxherd_study::MaterialId;
use oxherd_study::material::EntityError;
use oxherd_study::process_material::process_material;
use serde_json::json;

use super::observer::JobObserver;
use super::{ProcessorParts, entity, outcome};

/// Processes materials.
pub struct MaterialProcessor {
    parts: ProcessorParts,
}

impl MaterialProcessor {
    /// Makes a processor over the ports.
    #[must_use]
    pub fn new(parts: ProcessorParts) -> Self {
        Self { parts }
    }
}

#[async_trait]
impl Processor for MaterialProcessor {
    async fn run(&self, job: &ClaimedJob, context: &JobContext) -> Result<Payload, JobError> {
        let ports = &self.parts.ports;
        let (user, id, generation) = entity(job, MaterialId::parse)?;
        let observer = JobObserver { context };
        let effects = process_material(ports, &user, &id, generation, &observer)
            .await
            .map_err(|error| outcome(error, ports.calendar.now_ms()))?;
        self.parts.effects.happened(&effects);
        Payload::encode(&json!({ "materialId": id }))
            .map_err(|error| JobError::Retry(Failure::new("INTERNAL_ERROR", error.to_string())))
    }

    async fn failed_for_good(&self, job: &ClaimedJob, failure: &Failure) -> Result<(), JobError> {
        // Without an entity there is no row to write.
        let Ok((user, id, generation)) = entity(job, MaterialId::parse) else { return Ok(()) };
        let error = EntityError { code: failure.code.clone(), message: failure.message.clone() };
        let ports = &self.parts.ports;
        let now = ports.calendar.now_ms();
        let effects = ports.catalog.fail_material(&user, &id, generation, &error, now).await;
        self.parts.effects.happened(&effects.map_err(|error| outcome(error, now))?);
        Ok(())
    }
}
