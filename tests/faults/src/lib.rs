//! Faults for the tests of every crate: a Redis that can be killed, frozen and started again, alone, in
//! a cluster or under sentinels, and a network that can fall silent, stall and break.
//!
//! Never part of the product, and names nothing of it.

#![expect(
    clippy::unwrap_used,
    reason = "all of it is for tests: what cannot go on fails where it stands"
)]

mod fault_proxy;
mod held;
mod redis_cluster;
mod redis_process;
mod redis_sentinels;

pub use fault_proxy::FaultProxy;
pub use redis_cluster::RedisCluster;
pub use redis_process::{RedisProcess, free_port};
pub use redis_sentinels::RedisSentinels;
