//! The port `Parser`: every document is read in a process of its own, which dies with its faults.
//!
//! # Layout, in reading order
//! * `process`: the outside of a child: start, feed, listen, kill.
//! * `protocol`: what the two say to each other.
//! * [`child`]: the inside: sandbox, read, answer.
//! * `sandbox`: what a child takes away from itself.
//! * `read`: the readers, one per kind of document.
//!
//! It keeps no document, and never retries: the job does.

pub mod child;
mod process;
mod protocol;
mod read;
mod sandbox;
mod timeouts;

use std::ffi::OsString;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures::StreamExt;
use oxherd_study::document::{DocumentKind, ParsedDocument};
use oxherd_study::error::{ErrorCode, Result, StudyError};
use oxherd_study::ports::{ByteStream, Parser};

use process::Failure;
use protocol::Order;
use read::ReadError;
use timeouts::{Fingerprint, Timeouts};

/// How a parser starts its children and what it lets them use.
#[derive(Debug, Clone)]
pub struct ParserOptions {
    /// The program that calls [`child::main`], and its arguments.
    pub command: Vec<OsString>,
    /// How long a document may take: 30 s.
    pub wall_max: Duration,
    /// How long a child may do nothing that is seen: 10 s.
    pub silence_max: Duration,
    /// The bytes of address space of a child: 512 MiB.
    pub memory: u64,
    /// The seconds of processor time of a child: 20.
    pub cpu_seconds: u64,
    /// The bytes of a document: 50 MiB.
    pub source_max: u64,
    /// The bytes of text that are kept of a document: 16 MiB.
    pub text_max: usize,
}

impl ParserOptions {
    /// The usual limits for children started by this command.
    #[must_use]
    pub fn with_command(command: Vec<OsString>) -> Self {
        Self {
            command,
            wall_max: Duration::from_secs(30),
            silence_max: Duration::from_secs(10),
            memory: 512 << 20,
            cpu_seconds: 20,
            source_max: 50 << 20,
            text_max: 16 << 20,
        }
    }

    /// The usual limits for children that are this program again, with [`child::SUBCOMMAND`].
    ///
    /// # Errors
    /// When the system does not tell where this program is.
    pub fn this_program() -> std::io::Result<Self> {
        let program = std::env::current_exe()?.into_os_string();
        Ok(Self::with_command(vec![program, child::SUBCOMMAND.into()]))
    }
}

/// Parses each document in a child process with hard limits.
///
/// A child lives as long as the thread that started it, at most: call it from threads that stay,
/// such as those of a runtime.
#[derive(Debug)]
pub struct ChildParser {
    options: ParserOptions,
    timeouts: Timeouts,
}

impl ChildParser {
    /// Makes a parser; nothing is started.
    #[must_use]
    pub fn new(options: ParserOptions) -> Self {
        Self { options, timeouts: Timeouts::default() }
    }

    /// Starts a child over one word and tells how it was confined, in one line for people.
    ///
    /// # Errors
    /// Transient, when children cannot be started here.
    pub async fn sandbox_state(&self) -> Result<String> {
        let word = futures::stream::iter([Ok(Bytes::from_static(b"word"))]).boxed();
        let order = self.order(DocumentKind::Text);
        let heard = process::run(&self.options, order, word, &|_, _| {})
            .await
            .map_err(|failure| self.judge(failure, None))?;
        let is_missing = |layer: &&&str| !heard.layers.iter().any(|given| given == **layer);
        let missing: Vec<&str> = sandbox::expected().iter().filter(is_missing).copied().collect();
        let given = heard.layers.join(", ");
        Ok(match (given.as_str(), missing.as_slice()) {
            ("", _) => "documents are read in child processes with deadlines only".to_owned(),
            (given, []) => format!("documents are read in child processes confined by {given}"),
            (given, missing) => format!(
                "documents are read in child processes confined by {given}; not available here: {}",
                missing.join(", ")
            ),
        })
    }

    fn order(&self, kind: DocumentKind) -> Order {
        let ParserOptions { memory, cpu_seconds, source_max, text_max, .. } = self.options;
        Order { kind, memory, cpu_seconds, source_max, text_max }
    }

    /// Says what a failure means for the job. Running out of time may be the machine's fault the
    /// first time; everything else that a document did to its child it does again.
    fn judge(&self, failure: Failure, document: Option<Fingerprint>) -> StudyError {
        let failed = |message: &str| {
            StudyError::permanent(ErrorCode::MaterialParseFailed, message.to_owned())
        };
        match failure {
            Failure::Read(error) => StudyError::permanent(code(error), error.to_string()),
            Failure::Source(error) => error,
            Failure::Start(error) => {
                tracing::warn!(%error, "a parser child could not be started");
                StudyError::transient(
                    ErrorCode::MaterialParseFailed,
                    "the process that reads documents could not be started",
                )
            }
            Failure::Late(_)
                if document.is_some_and(|document| self.timeouts.is_first(document)) =>
            {
                StudyError::transient(
                    ErrorCode::MaterialParseFailed,
                    "reading the file took too long; it is tried once more",
                )
            }
            Failure::Late(_) | Failure::Cpu => failed("reading the file takes too long"),
            Failure::Memory => failed("reading the file takes too much memory"),
            Failure::Broken(_) => failed("the file made its reader break off"),
        }
    }
}

#[async_trait]
impl Parser for ChildParser {
    async fn parse(
        &self,
        kind: DocumentKind,
        source: ByteStream,
        pages_done: &(dyn Fn(u32, Option<u32>) + Send + Sync),
    ) -> Result<ParsedDocument> {
        let (source, fingerprint) = timeouts::fingerprinted(source);
        let heard = process::run(&self.options, self.order(kind), source, pages_done).await;
        heard.map(|heard| heard.document).map_err(|failure| {
            if !matches!(failure, Failure::Read(_)) {
                tracing::warn!(kind = kind.as_str(), %failure, "a document could not be read");
            }
            self.judge(failure, fingerprint.take())
        })
    }
}

fn code(error: ReadError) -> ErrorCode {
    match error {
        ReadError::Encrypted => ErrorCode::MaterialEncrypted,
        ReadError::PageLimit { .. } => ErrorCode::MaterialPageLimit,
        ReadError::NoText => ErrorCode::MaterialNoText,
        ReadError::Damaged
        | ReadError::TooMuchText
        | ReadError::TooComplex
        | ReadError::Panicked => ErrorCode::MaterialParseFailed,
    }
}
