//! The use case that turns an upload into knowledge.

use crate::error::{ErrorCode, Result, StudyError};
use crate::id::{MaterialId, UserId};
use crate::ports::{Effects, Ports, RunObserver};

/// Processes a material: verify, parse, chunk, embed, index, store the bundle, publish.
///
/// Safe to run any number of times, also side by side: one run wins by the fence. A material that
/// is READY already is a success without effects.
///
/// # Errors
/// `ENTITY_NOT_FOUND` when the user has no such material; the parser's codes; transient ones.
pub async fn process_material(
    ports: &Ports,
    user: &UserId,
    id: &MaterialId,
    generation: u64,
    observer: &dyn RunObserver,
) -> Result<Effects> {
    let _ = (ports, user, id, generation, observer);
    Err(StudyError::permanent(ErrorCode::InternalError, "not written yet"))
}
