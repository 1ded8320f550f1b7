//! Whole-program tests: the real binary, real sockets, a real Redis, a real browser.
//!
//! Each folder of `tests/program/` is one subject; `support` starts and stops the parts. What is
//! not installed is skipped with one line that says so.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails where it stands")]

mod support;

mod board;
mod clients;
mod contract;
mod crash;
mod documents;
mod idle;
mod journey;
mod node;
mod outage;
mod reads;
mod second_reader;
mod streams;
mod supervision;
mod uploads;
