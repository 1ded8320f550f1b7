//! Outside systems behind the ports of the use cases, one file or folder each.
//!
//! # Layout, in reading order
//! * [`admin`]: a running service, as the command line sees it.
//! * [`catalog`]: rows, in SQL.
//! * [`objects`]: files, in a folder.
//! * [`parser`]: documents to text, each in a child process.
//! * [`embedder`], [`index`]: texts to vectors and to full-text indexes.

pub mod admin;
pub mod catalog;
pub mod embedder;
pub mod index;
pub mod objects;
pub mod parser;
mod terms;

#[cfg(test)]
mod small_disk;
