//! What can be told of a server that keeps the queues.

use std::time::Duration;

/// A server, as operators look at it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ServerInfo {
    /// Its version, e.g. `7.2.4`.
    pub version: String,
    /// `standalone`, `sentinel` or `cluster`.
    pub mode: String,
    /// The port it listens on.
    pub port: u64,
    /// The system it runs on.
    pub os: String,
    /// How long it has been running.
    pub uptime: Duration,
    /// The most memory that it may take, or that its machine has, in bytes.
    pub memory_total: u64,
    /// The memory that it takes now, in bytes.
    pub memory_used: u64,
    /// The most memory that it ever took, in bytes.
    pub memory_peak: u64,
    /// The memory of its process over what it uses of it.
    pub fragmentation: f64,
    /// How many clients are connected.
    pub clients: u64,
    /// How many of them wait in a blocking command.
    pub clients_blocked: u64,
}
