//! The meaning of every operation of a queue, checked on both stores.
//!
//! Each case is written once, against the traits; its name appears once per store. Where the two
//! stores could differ, BullMQ's observable behaviour decides.

#![expect(
    clippy::unwrap_used,
    reason = "all of it is tests; the lint's own exception is by function"
)]

/// Makes each case a test of its own on each store.
macro_rules! on_both_stores {
    ($($case:ident),+ $(,)?) => {
        $(
            mod $case {
                #[test]
                fn embedded() {
                    crate::world::run(crate::world::Kind::Embedded, super::$case);
                }

                #[test]
                fn redis() {
                    crate::world::run(crate::world::Kind::Redis, super::$case);
                }
            }
        )+
    };
}

#[path = "conformance/flaky.rs"]
mod flaky;
#[path = "conformance/redis_server.rs"]
mod redis_server;
#[path = "conformance/running.rs"]
mod running;
#[path = "conformance/world.rs"]
mod world;

#[path = "conformance/add.rs"]
mod add;
#[path = "conformance/amend.rs"]
mod amend;
#[path = "conformance/attend.rs"]
mod attend;
#[path = "conformance/cancel.rs"]
mod cancel;
#[path = "conformance/change.rs"]
mod change;
#[path = "conformance/claim.rs"]
mod claim;
#[path = "conformance/clear.rs"]
mod clear;
#[path = "conformance/deduplication.rs"]
mod deduplication;
#[path = "conformance/delay.rs"]
mod delay;
#[path = "conformance/events.rs"]
mod events;
#[path = "conformance/flows.rs"]
mod flows;
#[path = "conformance/inspect.rs"]
mod inspect;
#[path = "conformance/limits.rs"]
mod limits;
#[path = "conformance/locks.rs"]
mod locks;
#[path = "conformance/metrics.rs"]
mod metrics;
#[path = "conformance/pause.rs"]
mod pause;
#[path = "conformance/priority.rs"]
mod priority;
#[path = "conformance/random.rs"]
mod random;
#[path = "conformance/retention.rs"]
mod retention;
#[path = "conformance/schedulers.rs"]
mod schedulers;
#[path = "conformance/settle.rs"]
mod settle;
#[path = "conformance/status.rs"]
mod status;
#[path = "conformance/store.rs"]
mod store;
#[path = "conformance/submit.rs"]
mod submit;
#[path = "conformance/trees.rs"]
mod trees;
#[path = "conformance/typed.rs"]
mod typed;
#[path = "conformance/wait.rs"]
mod wait;
#[path = "conformance/worker.rs"]
mod worker;
#[path = "conformance/worker_failures.rs"]
mod worker_failures;
#[path = "conformance/worker_outages.rs"]
mod worker_outages;
