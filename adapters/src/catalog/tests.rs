//! The conformance suite of catalogs: what every implementation of the port promises.
//!
//! The tests speak to the port alone; `Bench::open` is the one place that knows which catalog it
//! is, so that another one runs the same suite.

mod bench;
mod deletion;
mod durability;
mod fairness;
mod idempotency;
mod lists;
mod plans;
mod runs;
mod upkeep;
mod uploads;
