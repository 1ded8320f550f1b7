//! Whole-program tests: the real binary, real sockets, a real Redis, a real browser.
//!
//! Each folder of `tests/program/` is one subject; `support` starts and stops the parts. What is
//! not installed is skipped with one line that says so.

mod support;

mod contract;
mod crash;
mod journey;
