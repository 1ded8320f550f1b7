//! The Redis store, wire-compatible with BullMQ.
