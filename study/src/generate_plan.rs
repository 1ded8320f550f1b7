//! The use case that turns materials into a plan.

use crate::error::{ErrorCode, Result, StudyError};
use crate::id::{PlanId, UserId};
use crate::ports::{Ports, RunObserver};

/// Makes a plan: retrieve, structure, modules, validate, schedule, save.
///
/// Safe to run any number of times, also side by side: one run wins by the fence. A plan that is
/// READY already is a success without effects.
///
/// # Errors
/// `ENTITY_NOT_FOUND` when the user has no such plan; `PLAN_MATERIAL_FAILED`; transient ones.
pub async fn generate_plan(
    ports: &Ports,
    user: &UserId,
    id: &PlanId,
    generation: u64,
    observer: &dyn RunObserver,
) -> Result<()> {
    let _ = (ports, user, id, generation, observer);
    Err(StudyError::permanent(ErrorCode::InternalError, "not written yet"))
}
