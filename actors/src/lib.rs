//! The supervision tree; the only crate that names ractor.
//!
//! # Layout, in reading order
//! * [`handles`], [`parts`]: what the rest of the program holds of the tree, and puts into it.
//! * `restart`, `supervisor`, [`tree`]: decisions about restarts, who acts on them, and the health
//!   document.
//! * [`root`]: the wiring, the start and the way down.

pub mod handles;
pub mod parts;
pub mod root;
pub mod tree;

pub use parts::{
    EdgeFactory, EdgeSpec, Exit, Handles, Listener, QueueSpec, Serve, StartError, TreeOptions,
    TreeParts,
};
pub use root::{Tree, start};
