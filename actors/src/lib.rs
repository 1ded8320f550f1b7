//! The supervision tree; the only crate that names ractor.
//!
//! # Layout, in reading order
//! * [`handles`], [`parts`]: what the rest of the program holds of the tree, and puts into it.
//! * `restart`, `supervisor`, [`tree`]: decisions about restarts, who acts on them, and the health
//!   document.
//! * [`root`]: the wiring, the start and the way down.

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

mod drain;
pub mod engine;
pub mod root;

pub use parts::{
    EdgeFactory, EdgeSpec, Exit, Handles, Listener, QueueSpec, Serve, StartError, TreeOptions,
    TreeParts,
};
pub use root::{Tree, start};
