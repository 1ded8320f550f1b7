//! Documents that were made to harm their reader: each gives text or a typed error within the
//! deadline, the parent stays as it was, and no process is left.

#[cfg(test)]
mod html;
#[cfg(test)]
mod package;
#[cfg(test)]
mod pdf;
#[cfg(test)]
mod text;

use std::time::{Duration, Instant};

use bytes::Bytes;
use futures::StreamExt;
use oxherd_adapters::parser::{ChildParser, ParserOptions};
use oxherd_study::document::DocumentKind;
use oxherd_study::error::{ErrorClass, ErrorCode};
use oxherd_study::ports::Parser;

/// What may come of a hostile document.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Expect {
    /// Exactly this error.
    Error(ErrorCode),
    /// Text, or any typed error.
    Survival,
}

/// A hostile document.
struct Hostile {
    name: &'static str,
    kind: DocumentKind,
    bytes: Vec<u8>,
    expect: Expect,
}

impl Hostile {
    fn new(name: &'static str, kind: DocumentKind, bytes: impl Into<Vec<u8>>) -> Self {
        Self { name, kind, bytes: bytes.into(), expect: Expect::Survival }
    }

    fn expecting(self, code: ErrorCode) -> Self {
        Self { expect: Expect::Error(code), ..self }
    }
}

fn options() -> ParserOptions {
    ParserOptions::with_command(vec![env!("CARGO_BIN_EXE_parse-child").into()])
}

/// Parses each of them and holds it to the promise.
async fn survive(documents: impl IntoIterator<Item = Hostile>) {
    for Hostile { name, kind, bytes, expect } in documents {
        let parser = ChildParser::new(options());
        let length = bytes.len();
        let source = futures::stream::iter([Ok(Bytes::from(bytes))]).boxed();
        let begun = Instant::now();

        let parsed = parser.parse(kind, source, &|_, _| {}).await;

        let passed = begun.elapsed();
        let outcome = match &parsed {
            Ok(document) => format!("{} blocks", document.blocks.len()),
            Err(error) => error.to_string(),
        };
        println!("{name} ({kind:?}, {length} bytes): {outcome}, {passed:?}");
        assert!(passed < Duration::from_secs(33), "{name} took {passed:?}");
        match (parsed, expect) {
            (Err(error), Expect::Error(code)) => {
                assert_eq!((error.code, error.class), (code, ErrorClass::Permanent), "{name}");
            }
            (Ok(_), Expect::Error(code)) => panic!("{name} should have ended with {code}"),
            (_, Expect::Survival) => {}
        }
        assert_eq!(children(), 0, "{name} left a process behind");
    }
}

/// Counts the processes that this one started and that are still there.
fn children() -> usize {
    let Ok(tasks) = std::fs::read_dir("/proc/self/task") else { return 0 };
    let of_task = |task: std::fs::DirEntry| {
        let children = std::fs::read_to_string(task.path().join("children")).unwrap_or_default();
        children.split_whitespace().count()
    };
    tasks.flatten().map(of_task).sum()
}

/// One test: the processes that are left behind are counted, and memory is measured.
#[tokio::test]
async fn hostile_documents_end_as_text_or_as_typed_errors() {
    survive(pdf::all()).await;
    let before = resident();

    survive(package::all()).await;
    survive(html::all()).await;
    survive(text::all()).await;

    let grown = resident().saturating_sub(before);
    println!("resident memory grew by {} MiB", grown >> 20);
    assert!(grown < 120 << 20, "resident memory grew by {grown} bytes");
}

/// The bytes of memory that this process holds; 0 where the system does not say.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kibibytes = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
    kibibytes.unwrap_or(0) * 1024
}
