//! The health document: the tree as one JSON value.

pub(crate) mod live;

use serde::{Deserialize, Serialize};

/// An actor and its children, as `/health/supervisor` shows them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TreeNode {
    /// Its name, unique among its siblings, e.g. `plan-generation` or `slot 3`.
    pub name: String,
    /// Its kind, e.g. `QueueConsumer`.
    pub kind: String,
    /// How it is.
    pub state: NodeState,
    /// Since when it is so, RFC 3339.
    pub since: String,
    /// How often it was restarted since the process started.
    pub restarts: u64,
    /// How often within the window that its supervisor watches.
    pub restarts_in_window: u32,
    /// How often it may be within that window; one more and the supervisor gives up.
    pub restarts_allowed: u32,
    /// Its last failure.
    pub last_failure: Option<LastFailure>,
    /// Messages that wait for it.
    pub mailbox: u64,
    /// More about it, where there is more to say (the job of a slot, the age of the last fetch).
    #[serde(default, skip_serializing_if = "serde_json::Map::is_empty")]
    pub details: serde_json::Map<String, serde_json::Value>,
    /// Its children, in start order; slots beyond 16 are one line.
    pub children: Vec<TreeNode>,
}

impl TreeNode {
    /// The root before it is there.
    pub(crate) fn unborn() -> Self {
        Self {
            name: "Root".to_owned(),
            kind: "Root".to_owned(),
            state: NodeState::Starting,
            since: live::rfc3339(0),
            restarts: 0,
            restarts_in_window: 0,
            restarts_allowed: 0,
            last_failure: None,
            mailbox: 0,
            details: serde_json::Map::new(),
            children: Vec::new(),
        }
    }
}

/// How an actor is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum NodeState {
    /// Being started.
    Starting,
    /// Working, or ready to.
    Running,
    /// Waiting for its restart.
    Restarting,
    /// Finishing what it has.
    Draining,
    /// Ended on purpose.
    Stopped,
}

/// Why and when an actor failed last.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastFailure {
    /// RFC 3339.
    pub at: String,
    /// What it said.
    pub reason: String,
}
