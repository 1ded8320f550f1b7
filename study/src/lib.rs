//! Materials and plans: the rules of the product and its use cases, over ports.
//!
//! # Layout, in reading order
//! * [`id`], [`error`], [`language`], [`keyword`]: the values that everything uses.
//! * [`material`], [`upload`], [`plan`]: the entities, their states and what they may do.
//! * [`document`], [`outline`], [`chunk`], [`summary`], [`vector`], [`bundle`]: from parsed text
//!   to what is kept of it.
//! * [`author`], [`requirements`], [`schedule`], [`retrieve`]: from chunks to a plan with dates.
//! * [`ports`]: what the outside world must offer.
//! * [`accept`], [`process_material`], [`generate_plan`]: the use cases.
//!
//! It names no vendor, no transport and no queue: it is told to run and says how it went.

pub mod accept;
pub mod author;
pub mod bundle;
pub mod chunk;
pub mod document;
pub mod error;
pub mod generate_plan;
pub mod id;
pub mod keyword;
pub mod language;
pub mod material;
pub mod outline;
pub mod plan;
pub mod ports;
pub mod process_material;
pub mod requirements;
pub mod retrieve;
pub mod schedule;
pub mod summary;
#[cfg(test)]
pub(crate) mod testing;
pub mod upload;
pub mod vector;

pub use error::{Result, StudyError};
pub use id::{MaterialId, PlanId, SessionId, UploadId, UserId};
