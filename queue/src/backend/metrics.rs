//! How many jobs ended, minute by minute.
//!
//! Never counts them: the stores do, at the end of each.

/// How many jobs of a queue ended in one way.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Metrics {
    /// All that were counted.
    pub count: u64,
    /// When the newest point was made, in milliseconds since the epoch.
    pub noted_ms: Option<u64>,
    /// How many were counted until then.
    pub noted_count: u64,
    /// Jobs in a minute, the newest minute first. The minute under way is not among them.
    pub points: Vec<u64>,
    /// How many points are kept.
    pub length: u64,
}

impl Metrics {
    /// The most points in an answer.
    pub const POINTS_MAX: u64 = 100_000;
}
