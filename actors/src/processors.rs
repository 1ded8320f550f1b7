//! The work of the product's two kinds of jobs: job data to use case, use case to outcome.
//!
//! It decides nothing about attempts or restarts: it says what happened in the engine's words.

mod material;
mod observer;
mod plan;

use std::sync::Arc;

use oxherd_queue::outcome::{Failure, JobError};
use oxherd_study::error::ErrorClass;
use oxherd_study::ports::{Effects, Ports};
use oxherd_study::{StudyError, UserId};
use serde::Deserialize;

pub use material::MaterialProcessor;
pub use plan::PlanProcessor;

/// Hears what a run did to other entities.
pub trait EffectsObserver: Send + Sync + 'static {
    /// Plans were woken or failed by a change of a material.
    fn happened(&self, effects: &Effects);
}

impl EffectsObserver for () {
    fn happened(&self, _: &Effects) {}
}

/// What both processors need.
#[derive(Clone)]
pub struct ProcessorParts {
    /// What the use cases need.
    pub ports: Ports,
    /// Hears of other entities.
    pub effects: Arc<dyn EffectsObserver>,
}

/// Whose job it is, as untrusted data says.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct OwnerData {
    user_id: String,
    #[serde(default)]
    generation: Option<u64>,
}

/// The code of a job whose entity its user does not have.
const ENTITY_NOT_FOUND: &str = "ENTITY_NOT_FOUND";

fn owner(data: &oxherd_queue::Payload) -> Result<(UserId, Option<u64>), JobError> {
    let data: OwnerData = data.decode().map_err(|error| {
        let message = format!("the job's data has no userId that can be read: {error}");
        JobError::Unrecoverable(Failure::new("INVALID_JOB_DATA", message))
    })?;
    Ok((UserId::new(&data.user_id), data.generation))
}

fn no_entity(id: &str) -> JobError {
    let message = format!("the user of this job has no entity {id}");
    JobError::Unrecoverable(Failure::new(ENTITY_NOT_FOUND, message))
}

/// Says in the engine's words what becomes of a job whose use case failed.
fn outcome(error: StudyError, now_ms: u64) -> JobError {
    let failure = Failure::new(error.code.as_str(), error.message);
    match error.class {
        ErrorClass::Permanent => JobError::Unrecoverable(failure),
        ErrorClass::Transient => JobError::Retry(failure),
        ErrorClass::NotReady { retry_after_ms } => {
            JobError::DelayUntil { until_ms: now_ms.saturating_add(retry_after_ms), failure }
        }
        ErrorClass::Superseded => JobError::Superseded,
        ErrorClass::Cancelled => JobError::Cancelled,
    }
}
