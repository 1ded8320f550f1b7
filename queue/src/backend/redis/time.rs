//! The time by the clock of Redis.
//!
//! Every timestamp that is sent is of this clock, so that processes on machines whose clocks differ
//! agree on what is due. Never asks the server by itself: whoever holds a connection measures.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Instant;

use redis::aio::MultiplexedConnection;

use super::dial::OPERATION;
use super::{fault, wire};
use crate::clock::SharedClock;
use crate::error::Result;

/// The clock of Redis: ours plus the measured difference.
pub(super) struct RedisTime {
    clock: SharedClock,
    offset_ms: AtomicI64,
}

impl RedisTime {
    pub(super) fn new(clock: SharedClock) -> Self {
        Self { clock, offset_ms: AtomicI64::new(0) }
    }

    pub(super) fn now_ms(&self) -> u64 {
        self.clock.now_ms().saturating_add_signed(self.offset_ms.load(Ordering::Relaxed))
    }

    /// Compares the clocks; a difference within the round trip is none.
    pub(super) async fn measure(&self, connection: &mut MultiplexedConnection) -> Result<()> {
        let asked = Instant::now();
        let before = self.clock.now_ms();
        let reply = connection
            .send_packed_command(&redis::cmd("TIME"))
            .await
            .map_err(|error| fault::from_redis(OPERATION, &error))?;
        let reply = fault::accepted(OPERATION, reply)?;
        let trip = i64::try_from(asked.elapsed().as_millis()).unwrap_or(i64::MAX);
        let Some(there) = wire::time_ms(&reply) else { return Ok(()) };
        let here = i64::try_from(before).unwrap_or(i64::MAX).saturating_add(trip / 2);
        let difference = i64::try_from(there).unwrap_or(i64::MAX).saturating_sub(here);
        let offset = if difference.abs() <= trip + 2 { 0 } else { difference };
        if offset.abs() > 30_000 {
            tracing::warn!(offset_ms = offset, "the clock of this machine differs from Redis");
        }
        self.offset_ms.store(offset, Ordering::Relaxed);
        Ok(())
    }
}
