//! Measurements: printed, never asserted.

pub(crate) mod engine;
