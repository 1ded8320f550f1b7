//! Time that goes by only when a step says so, on our side and in Redis.
//!
//! Redis ends keys by the clock of the machine. Whatever is to end by itself lasts whole hours, a
//! sequence goes by in minutes, and all jumps of time are whole hours: so each key's time left is
//! known in hours, and a jump takes them away.

use std::sync::atomic::{AtomicU64, Ordering};

use oxherd_queue::clock::{Clock, SystemClock};
use redis::aio::MultiplexedConnection;

use super::step::HOUR_MS;

/// A clock that is set; until then that of the machine, with which a connection begins.
#[derive(Debug, Default)]
pub(super) struct SetClock(AtomicU64);

impl SetClock {
    pub(super) fn set(&self, now_ms: u64) {
        self.0.store(now_ms, Ordering::SeqCst);
    }
}

impl Clock for SetClock {
    fn now_ms(&self) -> u64 {
        match self.0.load(Ordering::SeqCst) {
            0 => SystemClock.now_ms(),
            set => set,
        }
    }
}

/// Lets hours go by for the keys of a database.
pub(super) async fn pass(hours: u64, redis: &mut MultiplexedConnection) {
    let script = redis::Script::new(
        "for _, key in ipairs(redis.call('KEYS', '*')) do
           local left = redis.call('PTTL', key)
           if left >= 0 then
             local hours = math.ceil(left / ARGV[1]) - ARGV[2]
             if hours <= 0 then redis.call('DEL', key)
             else redis.call('PEXPIRE', key, hours * ARGV[1]) end
           end
         end",
    );
    let () = script.arg(HOUR_MS).arg(hours).invoke_async(redis).await.unwrap();
}
