//! The supervision tree; the only crate that names ractor.
//!
//! # Layout, in reading order
//! * [`handles`], [`parts`]: what the rest of the program holds of the tree, and puts into it.
//! * `restart`, `mailbox`, `supervisor`, [`tree`]: decisions about restarts, who acts on them, and
//!   the health document.
//! * `queue_supervisor` and what stands below it: `lock_keeper`, `queue_consumer`, `worker_pool`,
//!   `slot`, `stalled_sweeper`, `scheduler`; [`engine`] runs that part alone.
//! * [`records`], [`processors`], `commit`, `relay`, `reconcile`, `sweep`, `control`: what the other
//!   actors do, without actors.
//! * `intake`, `status_cache`, `edge`, `reconciler`, `janitor`: those actors.
//! * `health`, `drain`, [`root`]: the wiring, the start and the way down.

pub mod faults;
pub mod handles;
pub mod parts;

mod mailbox;
mod restart;
mod supervisor;
mod task;
pub mod tree;

mod pulse;
mod queue_supervisor;

mod lock_keeper;
mod queue_consumer;
mod scheduler;
mod slot;
mod stalled_sweeper;
mod worker_pool;

mod commit;
mod control;
mod effects;
pub mod processors;
mod reconcile;
pub mod records;
mod relay;
mod reports;
mod sweep;

mod edge;
mod intake;
mod janitor;
mod reconciler;
mod status_cache;

mod drain;
pub mod engine;
mod health;
pub mod root;

pub use parts::{
    EdgeFactory, EdgeSpec, Exit, Handles, Listener, QueueSpec, Serve, StartError, TreeOptions,
    TreeParts,
};
pub use root::{Tree, start};
