//! The root of the tree: wiring, start, and the way down.

use crate::parts::{Exit, Handles, StartError, TreeParts};

/// A running tree.
pub struct Tree {
    /// What the rest of the program holds of it.
    pub handles: Handles,
}

impl Tree {
    /// Completes when the tree has ended: after [`crate::handles::Drain::begin`], or when its root
    /// gave up.
    pub async fn wait(self) -> Exit {
        self.handles.drain.begun().await;
        Exit::Drained
    }
}

/// Starts the tree.
///
/// # Errors
/// When a queue cannot be opened; everything else is the business of supervisors.
pub async fn start(parts: TreeParts) -> Result<Tree, StartError> {
    let _ = parts;
    Err(StartError::Spawn("not written yet".to_owned()))
}
