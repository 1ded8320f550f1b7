//! Redis away and networks that fail: a worker and a producer on servers of their own, many side by
//! side, each with its own fault. After it they must be taking jobs again within ten seconds, and no
//! acknowledged job may be lost or end twice.

#![expect(
    clippy::unwrap_used,
    reason = "all of it is tests; the lint's own exception is by function"
)]

#[path = "redis_outages/cell.rs"]
mod cell;

#[path = "redis_outages/clusters.rs"]
mod clusters;
#[path = "redis_outages/deaths.rs"]
mod deaths;
#[path = "redis_outages/deployments.rs"]
mod deployments;
#[path = "redis_outages/networks.rs"]
mod networks;
#[path = "redis_outages/sentinels.rs"]
mod sentinels;
