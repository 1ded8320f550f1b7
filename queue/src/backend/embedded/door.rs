//! The way of a call to the writer: over a bounded channel to its thread, or directly for a store
//! in memory.
//!
//! Never interprets an operation.

use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};

use crate::clock::SharedClock;
use crate::error::{QueueError, Result};

use super::operation::{Operation, Outcome, QueueNumber, Stamped};
use super::reader::Reader;
use super::request::{LogRow, Request, Write};
use super::shared::{Shared, locked};
use super::writer::{Writer, closed};

/// The most requests that wait for the writer; more callers wait for room.
const REQUESTS_MAX: usize = 4096;

/// How long a call may take; a disk that is slower than that is as good as away.
const DEADLINE: Duration = Duration::from_secs(5);

/// How long the last checkpoint may take; without it the next opening takes longer.
const CLOSING: Duration = Duration::from_secs(15);

/// How long a step of a checkpoint waits for requests that it could go along with.
const STEP_REST: Duration = Duration::from_millis(1);

/// The longest rest of the thread.
const REST_MAX: Duration = Duration::from_secs(60);

/// An open store: what all handles share.
pub(super) struct Door {
    way: Way,
    pub(super) shared: Arc<Shared>,
    pub(super) reader: Reader,
    pub(super) clock: SharedClock,
}

enum Way {
    Thread(WriterThread),
    /// In the caller's own thread, so that tests may stop the clock.
    Direct(Box<Mutex<Writer>>),
}

impl Door {
    /// Starts the thread of a writer.
    pub(super) fn to_thread(writer: Writer, reader: Reader, clock: SharedClock) -> Result<Self> {
        let shared = Arc::clone(writer.shared());
        let way = Way::Thread(WriterThread::start(writer, clock.clone())?);
        Ok(Self { way, shared, reader, clock })
    }

    pub(super) fn direct(writer: Writer, reader: Reader, clock: SharedClock) -> Self {
        let shared = Arc::clone(writer.shared());
        Self { way: Way::Direct(Box::new(Mutex::new(writer))), shared, reader, clock }
    }

    /// Has an operation carried out.
    pub(super) async fn operate(
        &self,
        name: &'static str,
        queue: QueueNumber,
        operation: Operation,
    ) -> Result<Outcome> {
        self.operate_with(name, queue, operation, None).await
    }

    /// Has an operation carried out, and a row written to the log of its job.
    pub(super) async fn operate_with(
        &self,
        name: &'static str,
        queue: QueueNumber,
        operation: Operation,
        log_row: Option<LogRow>,
    ) -> Result<Outcome> {
        let stamped = Stamped { now_ms: self.clock.now_ms(), queue, operation };
        self.ask(name, |reply| Request::Operate { stamped, log_row, reply: Some(reply) }).await
    }

    /// Has a table changed.
    pub(super) async fn write<T, F>(&self, name: &'static str, write: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnMut(&rusqlite::Connection) -> rusqlite::Result<T> + Send + 'static,
    {
        self.ask(name, |reply| Request::Write(Box::new(Write { write, written: None, reply })))
            .await
    }

    /// Writes out what is buffered and closes the files.
    pub(super) async fn close(&self) {
        if matches!(self.way, Way::Thread(_)) {
            // Before the writer, which then takes the write-ahead log into the file.
            self.reader.close();
        }
        // Whatever goes wrong here goes wrong for the next opening too, and is told there.
        let _ = self.ask_within(CLOSING, "close", Request::Close).await;
        self.reader.close();
    }

    async fn ask<T>(
        &self,
        name: &'static str,
        request: impl FnOnce(oneshot::Sender<Result<T>>) -> Request,
    ) -> Result<T> {
        self.ask_within(DEADLINE, name, request).await
    }

    async fn ask_within<T>(
        &self,
        deadline: Duration,
        name: &'static str,
        request: impl FnOnce(oneshot::Sender<Result<T>>) -> Request,
    ) -> Result<T> {
        let (reply, answer) = oneshot::channel();
        let request = request(reply);
        match &self.way {
            Way::Direct(writer) => {
                run_directly(&mut locked(writer), request);
                answer.await.map_err(|_| closed(name))?
            }
            Way::Thread(thread) => {
                let asked = async {
                    thread.send(request).await.map_err(|()| closed(name))?;
                    answer.await.map_err(|_| closed(name))?
                };
                let cause = || format!("no answer within {} s", deadline.as_secs());
                tokio::time::timeout(deadline, asked).await.unwrap_or_else(|_| {
                    Err(QueueError::Unavailable { operation: name, cause: cause() })
                })
            }
        }
    }
}

fn run_directly(writer: &mut Writer, request: Request) {
    writer.push(request);
    // A checkpoint goes on with the next request.
    while !writer.run_group() && writer.has_requests() {}
}

struct WriterThread {
    sender: Option<mpsc::Sender<Request>>,
    thread: Option<JoinHandle<()>>,
}

impl WriterThread {
    fn start(writer: Writer, clock: SharedClock) -> Result<Self> {
        let unusable = |error: std::io::Error| QueueError::Unusable {
            problem: format!("cannot start the thread of the queue's store: {error}"),
            fix: "raise the limit of threads and open files".to_owned(),
        };
        let timer = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .map_err(unusable)?;
        let (sender, receiver) = mpsc::channel(REQUESTS_MAX);
        let thread = std::thread::Builder::new()
            .name("queue-writer".to_owned())
            .spawn(move || timer.block_on(run(writer, receiver, clock)))
            .map_err(unusable)?;
        Ok(Self { sender: Some(sender), thread: Some(thread) })
    }

    async fn send(&self, request: Request) -> std::result::Result<(), ()> {
        let Some(sender) = &self.sender else { return Err(()) };
        sender.send(request).await.map_err(drop)
    }
}

impl Drop for WriterThread {
    /// Waits for the commit that is under way, so that the files are free afterwards.
    fn drop(&mut self) {
        self.sender = None;
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the writer of the queue's store panicked");
        }
    }
}

/// Serves requests until the store is closed or nobody can ask any more.
async fn run(mut writer: Writer, mut receiver: mpsc::Receiver<Request>, clock: SharedClock) {
    let mut requests = Vec::new();
    loop {
        if !writer.has_requests() {
            let rest = if writer.is_busy() { STEP_REST } else { rest(&writer, clock.now_ms()) };
            let received = receiver.recv_many(&mut requests, REQUESTS_MAX);
            match tokio::time::timeout(rest, received).await {
                Ok(0) => return,
                Ok(_) => {}
                Err(_) => promote_due(&mut writer, clock.now_ms()),
            }
        }
        while requests.len() < REQUESTS_MAX
            && let Ok(request) = receiver.try_recv()
        {
            requests.push(request);
        }
        requests.drain(..).for_each(|request| writer.push(request));
        if writer.run_group() {
            return;
        }
    }
}

/// Returns how long nothing is due by itself.
fn rest(writer: &Writer, now_ms: u64) -> Duration {
    let machine = locked(&writer.shared().machine);
    let due = machine.queues().filter_map(|(_, queue)| queue.next_due_ms()).min();
    due.map_or(REST_MAX, |due| Duration::from_millis(due.saturating_sub(now_ms)).min(REST_MAX))
}

fn promote_due(writer: &mut Writer, now_ms: u64) {
    let numbers: Vec<_> =
        locked(&writer.shared().machine).queues().map(|(number, _)| number).collect();
    for queue in numbers {
        let stamped = Stamped { now_ms, queue, operation: Operation::PromoteDue {} };
        writer.push(Request::Operate { stamped, log_row: None, reply: None });
    }
}
