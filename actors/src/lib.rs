//! The supervision tree; the only crate that names ractor.
//!
//! # Layout, in reading order
//! * [`handles`]: what the rest of the program holds of the tree.
//! * `restart`, `supervisor`, [`tree`]: decisions about restarts, who acts on them, and the health
//!   document.

pub mod handles;
pub mod tree;
