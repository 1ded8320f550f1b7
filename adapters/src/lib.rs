//! Outside systems behind the ports of the use cases, one file or folder each.
//!
//! # Layout, in reading order
//! * [`parser`]: documents to text, each in a child process.

pub mod parser;
