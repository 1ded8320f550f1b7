//! The inside of a parser child: into the sandbox, read one document, say what is in it.
//!
//! It never opens a file, makes a connection or writes text of a document to its standard error.

use std::io::{self, Read, Write};
use std::panic::{self, AssertUnwindSafe};

use oxherd_study::document::ParsedDocument;

use super::protocol::{self, Answer, Order};
use super::read::{self, ReadError};
use super::sandbox::{self, Limits};

/// The word after the program's name that makes it a parser child.
pub const SUBCOMMAND: &str = "parse-child";

/// Reads the document on standard input and returns the exit status.
///
/// The program calls it before it starts anything else, threads above all, and ends with the
/// status. It is of use to [`ChildParser`](super::ChildParser) alone.
#[must_use]
pub fn main() -> i32 {
    panic::set_hook(Box::new(|panic| {
        // The place alone: the message may quote the document.
        if let Some(place) = panic.location() {
            let _ = writeln!(io::stderr(), "reader panicked at {place}");
        }
    }));
    match serve(&mut io::stdin().lock(), &mut io::stdout().lock()) {
        Ok(()) => 0,
        Err(error) => {
            let _ = writeln!(io::stderr(), "pipe to the parent broke: {error}");
            1
        }
    }
}

fn serve(input: &mut impl Read, output: &mut impl Write) -> io::Result<()> {
    let order = protocol::read_order(input)?;
    let layers = sandbox::enter(Limits { memory: order.memory, cpu_seconds: order.cpu_seconds });
    protocol::write(output, &Answer::Ready { layers })?;
    let mut source = Vec::new();
    input.take(order.source_max + 1).read_to_end(&mut source)?;
    if source.len() as u64 > order.source_max {
        return protocol::write(output, &Answer::Failed(ReadError::TooComplex));
    }
    match read_guarded(order, source, output) {
        Ok(document) => send(document, output),
        Err(error) => protocol::write(output, &Answer::Failed(error)),
    }
}

/// Reads, and makes a panic of a reader one of its errors.
fn read_guarded(
    order: Order,
    source: Vec<u8>,
    output: &mut impl Write,
) -> Result<ParsedDocument, ReadError> {
    let mut tell = |done, of| {
        // A parent that went away is noticed when the blocks are sent.
        let _ = protocol::write(output, &Answer::Progress { done, of });
    };
    let read = || read::read(order.kind, source, order.text_max, &mut tell);
    panic::catch_unwind(AssertUnwindSafe(read)).unwrap_or(Err(ReadError::Panicked))
}

fn send(document: ParsedDocument, output: &mut impl Write) -> io::Result<()> {
    for batch in protocol::batches(document.blocks) {
        output.write_all(&protocol::frame(&Answer::Blocks(batch))?)?;
    }
    let end = Answer::End { title: document.title, page_count: document.page_count };
    protocol::write(output, &end)
}
