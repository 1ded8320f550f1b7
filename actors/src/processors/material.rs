//! The work of `process-material`.

use async_trait::async_trait;
use oxherd_queue::Payload;
use oxherd_queue::job::ClaimedJob;
use oxherd_queue::outcome::{Failure, JobError};
use oxherd_queue::worker::{JobContext, Processor};
use oxherd_study::material::EntityError;
use oxherd_study::process_material::process_material;
use oxherd_study::{MaterialId, UserId};
use serde_json::json;

use super::observer::JobObserver;
use super::{ProcessorParts, no_entity, outcome, owner};

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

    /// Reads whose material it is and which run; a producer that names no run means the newest.
    async fn entity(&self, job: &ClaimedJob) -> Result<(UserId, MaterialId, u64), JobError> {
        let (user, generation) = owner(&job.job.data)?;
        let id =
            MaterialId::parse(job.job.id.as_str()).map_err(|_| no_entity(job.job.id.as_str()))?;
        if let Some(generation) = generation {
            return Ok((user, id, generation));
        }
        let ports = &self.parts.ports;
        let found = ports.catalog.material(&user, &id, false).await;
        let found = found.map_err(|error| outcome(error, ports.calendar.now_ms()))?;
        let generation = found.ok_or_else(|| no_entity(id.as_str()))?.generation;
        Ok((user, id, generation))
    }
}

#[async_trait]
impl Processor for MaterialProcessor {
    async fn run(&self, job: &ClaimedJob, context: &JobContext) -> Result<Payload, JobError> {
        let ports = &self.parts.ports;
        let (user, id, generation) = self.entity(job).await?;
        let observer = JobObserver { context };
        let effects = process_material(ports, &user, &id, generation, &observer)
            .await
            .map_err(|error| outcome(error, ports.calendar.now_ms()))?;
        self.parts.effects.happened(&effects);
        Payload::encode(&json!({ "materialId": id }))
            .map_err(|error| JobError::Retry(Failure::new("INTERNAL_ERROR", error.to_string())))
    }

    async fn failed_for_good(&self, job: &ClaimedJob, failure: &Failure) -> Result<(), JobError> {
        let (user, id, generation) = match self.entity(job).await {
            Ok(entity) => entity,
            Err(JobError::Unrecoverable(_)) => return Ok(()),
            Err(error) => return Err(error),
        };
        let error = EntityError { code: failure.code.clone(), message: failure.message.clone() };
        let ports = &self.parts.ports;
        let now = ports.calendar.now_ms();
        let effects = ports.catalog.fail_material(&user, &id, generation, &error, now).await;
        self.parts.effects.happened(&effects.map_err(|error| outcome(error, now))?);
        Ok(())
    }
}
