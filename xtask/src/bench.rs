//! Measurements: printed, never asserted.

mod cpu;
pub(crate) mod engine;
pub(crate) mod peers;
mod redis_server;
