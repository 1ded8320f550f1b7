//! The outside of one parser child: start, feed, listen, and end it, within deadlines.
//!
//! Whatever the child does, this returns within the wall deadline and a few seconds, holds at most
//! the bounded answer in memory and leaves no process behind; dropping it kills the child.

mod activity;

use std::convert::Infallible;
use std::ffi::OsString;
use std::io;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use futures::StreamExt;
use oxherd_study::StudyError;
use oxherd_study::document::ParsedDocument;
use oxherd_study::ports::ByteStream;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command};
use tokio::time::{sleep, timeout};

use activity::Activity;

use super::ParserOptions;
use super::protocol::{self, Answer, Order};
use super::read::ReadError;

/// An answer has field names and escapes around its text; more than so many bytes for each of the
/// text's are not listened to.
const ANSWER_PER_TEXT: usize = 4;

/// What is kept of the child's standard error.
const STDERR_MAX: usize = 4 * 1024;

/// How long a dying child may take to be gone.
const REAP_MAX: Duration = Duration::from_secs(5);

/// Why a child gave no document.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    /// It could not be started.
    #[error("parser child could not be started: {0}")]
    Start(#[source] io::Error),
    /// The bytes of the document did not come.
    #[error(transparent)]
    Source(StudyError),
    /// It said what is wrong with the document.
    #[error(transparent)]
    Read(ReadError),
    /// It ran out of time, or was silent for too long.
    #[error("parser child was killed after {0:?}")]
    Late(Duration),
    /// It used up its processor time.
    #[error("parser child used up its processor time")]
    Cpu,
    /// It used up its memory.
    #[error("parser child used up its memory")]
    Memory,
    /// It died otherwise, or broke the protocol.
    #[error("parser child broke off: {0}")]
    Broken(String),
}

/// What a child said.
#[derive(Debug, Default)]
pub(super) struct Heard {
    /// The document.
    pub document: ParsedDocument,
    /// The layers of its sandbox.
    pub layers: Vec<String>,
}

/// Hears how many pages are done.
pub(super) type PagesDone<'a> = &'a (dyn Fn(u32, Option<u32>) + Send + Sync);

/// Runs one child over one document.
pub(super) async fn run(
    options: &ParserOptions,
    order: Order,
    source: ByteStream,
    pages_done: PagesDone<'_>,
) -> Result<Heard, Failure> {
    let (mut child, pipes) = start(&options.command).map_err(Failure::Start)?;
    let Pipes { stdin, stdout, mut stderr } = pipes;
    let activity = Activity::begin();
    let listened = async {
        let feeding = feed(stdin, order, source, &activity);
        let listening = listen(stdout, order.text_max, pages_done, &activity);
        tokio::pin!(feeding, listening);
        // Both at once: a child that answers before it has read everything blocks nothing.
        tokio::select! {
            biased;
            heard = &mut listening => return heard,
            fed = &mut feeding => fed?,
        }
        listening.await
    };
    let mut said = Vec::new();
    let heard = tokio::select! {
        heard = listened => heard,
        never = listen_to_errors(&mut stderr, &mut said) => match never {},
        () = activity.silent_for(options.silence_max) => Err(Failure::Late(options.silence_max)),
        () = sleep(options.wall_max) => Err(Failure::Late(options.wall_max)),
    };
    let died_itself = matches!(heard, Err(Failure::Broken(_)));
    let status = end(&mut child, died_itself).await;
    let _ = timeout(REAP_MAX, drain(&mut stderr, &mut said)).await;
    let said = String::from_utf8_lossy(&said);
    if !said.is_empty() {
        tracing::debug!(kind = order.kind.as_str(), said = %said.escape_debug(), "parser child complained");
    }
    match heard {
        Err(Failure::Broken(what)) => Err(cause_of_death(what, status, &said)),
        heard => heard,
    }
}

struct Pipes {
    stdin: ChildStdin,
    stdout: ChildStdout,
    stderr: ChildStderr,
}

fn start(command: &[OsString]) -> io::Result<(Child, Pipes)> {
    let missing = || io::Error::new(io::ErrorKind::InvalidInput, "the command is empty");
    let (program, arguments) = command.split_first().ok_or_else(missing)?;
    let mut command = Command::new(program);
    command
        .args(arguments)
        .env_clear()
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    #[cfg(unix)]
    command.process_group(0);
    let mut child = command.spawn()?;
    let pipe = || io::Error::other("a pipe is missing");
    let stdin = child.stdin.take().ok_or_else(pipe)?;
    let stdout = child.stdout.take().ok_or_else(pipe)?;
    let stderr = child.stderr.take().ok_or_else(pipe)?;
    Ok((child, Pipes { stdin, stdout, stderr }))
}

/// Sends the order and the document. A child that stops reading is no error here: it says why.
async fn feed(
    mut stdin: ChildStdin,
    order: Order,
    mut source: ByteStream,
    activity: &Activity,
) -> Result<(), Failure> {
    let order = protocol::frame(&order).map_err(Failure::Start)?;
    if stdin.write_all(&order).await.is_err() {
        return Ok(());
    }
    while let Some(piece) = source.next().await {
        let piece = piece.map_err(Failure::Source)?;
        if stdin.write_all(&piece).await.is_err() {
            return Ok(());
        }
        activity.note();
    }
    Ok(())
}

/// Listens until the child has said its last word.
async fn listen(
    mut stdout: ChildStdout,
    text_max: usize,
    pages_done: PagesDone<'_>,
    activity: &Activity,
) -> Result<Heard, Failure> {
    let mut heard = Heard::default();
    let mut left = text_max.saturating_mul(ANSWER_PER_TEXT);
    loop {
        let answer = next_answer(&mut stdout, &mut left)
            .await
            .map_err(|error| Failure::Broken(error.to_string()))?;
        activity.note();
        match answer {
            Answer::Ready { layers } => heard.layers = layers,
            Answer::Progress { done, of } => pages_done(done, of),
            Answer::Blocks(blocks) => heard.document.blocks.extend(blocks),
            Answer::Failed(error) => return Err(Failure::Read(error)),
            Answer::End { title, page_count } => {
                heard.document.title = title;
                heard.document.page_count = page_count;
                return Ok(heard);
            }
        }
    }
}

async fn next_answer(stdout: &mut ChildStdout, left: &mut usize) -> io::Result<Answer> {
    let length = stdout.read_u32().await? as usize;
    let too_much = || io::Error::new(io::ErrorKind::InvalidData, "it says more than it may");
    *left = left.checked_sub(length + 4).ok_or_else(too_much)?;
    let mut frame = Vec::new();
    // Grows as bytes come: a length that lies reserves nothing.
    let read = stdout.take(length as u64).read_to_end(&mut frame).await?;
    if read < length {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    protocol::decode(&frame)
}

async fn listen_to_errors(pipe: &mut ChildStderr, kept: &mut Vec<u8>) -> Infallible {
    drain(pipe, kept).await;
    std::future::pending().await
}

/// Reads a pipe to its end, so that its writer never waits, and keeps the beginning.
async fn drain(pipe: &mut ChildStderr, kept: &mut Vec<u8>) {
    let mut buffer = [0; 1024];
    while let Ok(read @ 1..) = pipe.read(&mut buffer).await {
        let room = STDERR_MAX.saturating_sub(kept.len());
        kept.extend_from_slice(&buffer[..read.min(room)]);
    }
}

/// Sees the child gone, killed with its whole group unless it is dying already.
async fn end(child: &mut Child, died_itself: bool) -> Option<ExitStatus> {
    if died_itself && let Ok(status) = timeout(Duration::from_secs(1), child.wait()).await {
        return status.ok();
    }
    #[cfg(unix)]
    if let Some(group) = child.id().and_then(|id| rustix::process::Pid::from_raw(id.cast_signed()))
    {
        // It may be gone already, which is what is wanted.
        let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
    }
    let _ = child.start_kill();
    timeout(REAP_MAX, child.wait()).await.ok()?.ok()
}

/// Tells from its exit status and its last words why a child died.
fn cause_of_death(what: String, status: Option<ExitStatus>, said: &str) -> Failure {
    if said.contains("memory allocation of") {
        return Failure::Memory;
    }
    #[cfg(unix)]
    if let Some(signal) = status.and_then(|s| std::os::unix::process::ExitStatusExt::signal(&s)) {
        return match rustix::process::Signal::from_named_raw(signal) {
            Some(rustix::process::Signal::XCPU) => Failure::Cpu,
            _ => Failure::Broken(format!("ended by signal {signal}")),
        };
    }
    match status {
        Some(status) => Failure::Broken(format!("{what}, {status}")),
        None => Failure::Broken(what),
    }
}
