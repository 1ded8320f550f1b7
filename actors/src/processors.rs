//! The work of the product's two kinds of jobs: job data to use case, use case to outcome.
//!
//! It decides nothing about attempts or restarts: it says what happened in the engine's words.

mod material;
mod observer;
mod plan;

use std::sync::Arc;

use oxherd_queue::job::ClaimedJob;
use oxherd_queue::outcome::{Failure, JobError};
use oxherd_study::error::{ErrorClass, ErrorCode};
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

/// Reads whose entity it is and which run; a producer that names no run means the current one,
/// which the catalog calls generation 0.
fn entity<Id, E>(
    job: &ClaimedJob,
    parse: impl Fn(&str) -> Result<Id, E>,
) -> Result<(UserId, Id, u64), JobError> {
    let data: OwnerData = job.job.data.decode().map_err(|error| {
        let message = format!("the job's data has no userId that can be read: {error}");
        JobError::Unrecoverable(Failure::new("INVALID_JOB_DATA", message))
    })?;
    let id = parse(job.job.id.as_str()).map_err(|_| {
        let message = format!("the user of this job has no entity {}", job.job.id);
        JobError::Unrecoverable(Failure::new(ErrorCode::EntityNotFound.as_str(), message))
    })?;
    Ok((UserId::new(&data.user_id), id, data.generation.unwrap_or(0)))
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
