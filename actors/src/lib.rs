//! The supervision tree; the only crate that names ractor.
//!
//! # Layout, in reading order
//! * [`handles`], [`parts`]: what the rest of the program holds of the tree, and puts into it.
//! * `restart`, `supervisor`, [`tree`]: decisions about restarts, who acts on them, and the health
//!   document.
//! * [`records`], [`processors`], `commit`, `relay`, `reconcile`, `sweep`, `control`: what the actors
//!   do, without actors.
//! * [`root`]: the wiring, the start and the way down.

mod commit;
mod control;
mod effects;
pub mod handles;
pub mod parts;
pub mod processors;
mod reconcile;
pub mod records;
mod relay;
pub mod root;
mod sweep;
pub mod tree;

pub use parts::{
    EdgeFactory, EdgeSpec, Exit, Handles, Listener, QueueSpec, Serve, StartError, TreeOptions,
    TreeParts,
};
pub use root::{Tree, start};
