//! Outside systems behind the ports of the use cases, one file or folder each.
//!
//! # Layout, in reading order
//! * [`admin`]: a running service, as the command line sees it.
//! * [`parser`]: documents to text, each in a child process.

pub mod admin;
pub mod parser;
