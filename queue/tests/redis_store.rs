//! The Redis store against a real server: what exactly it writes, what it makes of what others
//! wrote, and how it outlives faults. What both stores mean is in the conformance suite.

#![expect(
    clippy::unwrap_used,
    reason = "all of it is tests; the lint's own exception is by function"
)]

#[path = "redis_store/server.rs"]
mod server;

#[path = "redis_store/chaos.rs"]
mod chaos;
#[path = "redis_store/faults.rs"]
mod faults;
#[path = "redis_store/flow_keys.rs"]
mod flow_keys;
#[path = "redis_store/foreign.rs"]
mod foreign;
#[path = "redis_store/keyspace.rs"]
mod keyspace;
#[path = "redis_store/many.rs"]
mod many;
#[path = "redis_store/scheduler_keys.rs"]
mod scheduler_keys;
#[path = "redis_store/workers.rs"]
mod workers;
