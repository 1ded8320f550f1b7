//! Outside systems behind the ports of the use cases, one file or folder each.
//!
//! # Layout, in reading order
//! * [`catalog`]: rows, in SQL.
//! * [`objects`]: files.
//! * [`parser`]: documents to text, each in a child process.
//! * [`embedder`], [`index`]: texts to vectors and to full-text indexes.

pub mod catalog;
pub mod embedder;
pub mod index;
pub mod objects;
pub mod parser;
mod terms;
