//! What a parser child and its parent say to each other: frames of JSON, each behind its length.
//!
//! The parent sends one [`Order`] and then the bytes of the document until the end of the pipe; the
//! child answers with [`Answer`]s, the last of which is `End` or `Failed`. Either side may be
//! wrong about everything else, so that no length is believed beyond a bound.

use std::io::{self, Read, Write};

use oxherd_study::document::{Block, DocumentKind};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::read::ReadError;

/// The bytes of text in one frame of blocks, unless a single block is longer.
const BATCH: usize = 256 * 1024;

/// An order is small.
const ORDER_MAX: usize = 4 * 1024;

/// What the child is asked to do, and with how much.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(super) struct Order {
    /// The kind of the document that follows.
    pub kind: DocumentKind,
    /// The bytes of address space.
    pub memory: u64,
    /// The seconds of processor time.
    pub cpu_seconds: u64,
    /// The bytes that a document may have.
    pub source_max: u64,
    /// The bytes that its text may have.
    pub text_max: usize,
}

/// What the child says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Answer {
    /// It is inside the sandbox, which has these layers.
    Ready { layers: Vec<String> },
    /// So many pages or parts are read.
    Progress { done: u32, of: Option<u32> },
    /// The next blocks.
    Blocks(Vec<Block>),
    /// All blocks were sent.
    End { title: Option<String>, page_count: Option<u32> },
    /// The document cannot be read.
    Failed(ReadError),
}

/// Turns a message into a frame.
pub(super) fn frame(message: &impl Serialize) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; 4];
    serde_json::to_writer(&mut bytes, message)?;
    let length = u32::try_from(bytes.len() - 4).map_err(io::Error::other)?;
    bytes[..4].copy_from_slice(&length.to_be_bytes());
    Ok(bytes)
}

/// Writes a message and pushes it out.
pub(super) fn write(output: &mut impl Write, message: &impl Serialize) -> io::Result<()> {
    output.write_all(&frame(message)?)?;
    output.flush()
}

/// Reads the order.
pub(super) fn read_order(input: &mut impl Read) -> io::Result<Order> {
    let mut length = [0; 4];
    input.read_exact(&mut length)?;
    let length = u32::from_be_bytes(length) as usize;
    if length > ORDER_MAX {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "the order is too long"));
    }
    let mut bytes = vec![0; length];
    input.read_exact(&mut bytes)?;
    decode(&bytes)
}

/// Reads a message out of the bytes behind its length.
pub(super) fn decode<T: DeserializeOwned>(bytes: &[u8]) -> io::Result<T> {
    Ok(serde_json::from_slice(bytes)?)
}

/// Cuts blocks into batches that fit a frame.
pub(super) fn batches(blocks: Vec<Block>) -> impl Iterator<Item = Vec<Block>> {
    let mut blocks = blocks.into_iter().peekable();
    std::iter::from_fn(move || {
        let mut batch = vec![blocks.next()?];
        let mut size = batch[0].text.len();
        while let Some(next) = blocks.next_if(|next| size + next.text.len() <= BATCH) {
            size += next.text.len() + 64;
            batch.push(next);
        }
        Some(batch)
    })
}

#[cfg(test)]
mod tests {
    use oxherd_study::document::BlockKind;

    use super::*;

    fn block(length: usize) -> Block {
        Block {
            kind: BlockKind::Paragraph,
            text: "x".repeat(length),
            page: None,
            page_turns: Vec::new(),
        }
    }

    #[test]
    fn batches_hold_every_block_once_in_order() {
        let blocks: Vec<_> =
            [10, BATCH, 1, 2 * BATCH, 5, BATCH / 2, BATCH / 2].map(block).into_iter().collect();

        let cut: Vec<_> = batches(blocks.clone()).collect();

        assert_eq!(cut.iter().flatten().cloned().collect::<Vec<_>>(), blocks);
        assert!(cut.iter().all(|batch| {
            batch.len() == 1 || batch.iter().map(|block| block.text.len()).sum::<usize>() <= BATCH
        }));
    }

    #[test]
    fn an_order_with_a_lying_length_is_refused_before_it_is_read() {
        let input = [0xff, 0xff, 0xff, 0xff, b'{'];

        let read = read_order(&mut input.as_slice());

        assert_eq!(read.unwrap_err().kind(), io::ErrorKind::InvalidData);
    }
}
