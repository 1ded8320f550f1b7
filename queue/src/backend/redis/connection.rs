//! Connections to Redis that come back by themselves.
//!
//! [`Link`] carries the commands: one connection for all callers, kept by a task that dials again
//! for ever. [`Dedicated`] carries blocking reads, one call at a time. Every call has a deadline on
//! this side of the network; a connection whose reply was given up, or whose call was dropped, is
//! closed and never used again.
//!
//! Knows nothing of queues.
//!
//! ```text
//!             dialled                      broken, closed by the server, deadline missed
//!   Down ──────────────────> Up ──────────────────────────────────────────> Down ...
//!    └─ pause (50 ms to 2 s, jittered), dial again        close() ──> Closed
//! ```

use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

use rand::RngExt as _;
use redis::aio::MultiplexedConnection;
use redis::{Cmd, Pipeline, Value};
use std::sync::Arc;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

use super::dial::{Dialer, OPERATION};
use super::fault;
use super::scripts;
use super::wire;
use crate::clock::SharedClock;
use crate::error::{QueueError, Result};

/// How long a call waits for a connection.
const CONNECT_WAIT: Duration = Duration::from_secs(2);
/// How long the reply of a command may take.
const REPLY_WAIT: Duration = Duration::from_secs(3);
/// How long dialling, signing in and loading the scripts may take.
const DIAL_WAIT: Duration = Duration::from_secs(3);
/// How much longer than the server's block a blocking reply may take.
const BLOCK_GRACE: Duration = Duration::from_secs(1);
/// The longest pause between two attempts to dial.
const PAUSE_MAX_MS: u64 = 2000;
/// How often the clock of Redis is compared with ours.
const CLOCK_INTERVAL: Duration = Duration::from_secs(60);

/// An open connection, closed when dropped.
pub(super) struct Line {
    pub(super) connection: MultiplexedConnection,
    pub(super) driver: JoinHandle<()>,
}

impl Drop for Line {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

/// Whether commands can be sent.
#[derive(Clone)]
enum State {
    /// They can; the number tells this connection from earlier ones.
    Up(u64, MultiplexedConnection),
    /// Not now, for this reason.
    Down(QueueError),
    /// Never again.
    Closed,
}

/// What a call tells the task that keeps the connection.
enum Notice {
    /// The connection of this number does not answer.
    Broken(u64),
    /// The store is closed.
    Close,
}

/// The connection that carries commands.
pub(super) struct Link {
    state: watch::Receiver<State>,
    notices: mpsc::Sender<Notice>,
    time: Arc<RedisTime>,
}

impl Link {
    /// Starts the task that keeps the connection.
    pub(super) fn open(dialer: Dialer, clock: SharedClock) -> Self {
        let (publish, state) = watch::channel(State::Down(fault::unconnected("not connected yet")));
        let (notices, heard) = mpsc::channel(16);
        let time = Arc::new(RedisTime { clock, offset_ms: AtomicI64::new(0) });
        tokio::spawn(keep(dialer, publish, heard, Arc::clone(&time)));
        Self { state, notices, time }
    }

    /// Returns the time by the clock of Redis, in milliseconds since the epoch.
    pub(super) fn now_ms(&self) -> u64 {
        self.time.now_ms()
    }

    /// Sends a command and returns its reply.
    pub(super) async fn command(&self, operation: &'static str, command: &Cmd) -> Result<Value> {
        let (number, mut connection) = self.connection(operation).await?;
        let reply = timeout(REPLY_WAIT, connection.send_packed_command(command)).await;
        self.judge(operation, number, reply)
    }

    /// Sends several commands at once and returns their replies; a refused one fails the call.
    pub(super) async fn pipeline(
        &self,
        operation: &'static str,
        pipeline: &Pipeline,
    ) -> Result<Vec<Value>> {
        let count = pipeline.cmd_iter().count();
        let (number, mut connection) = self.connection(operation).await?;
        let reply = timeout(REPLY_WAIT, connection.send_packed_commands(pipeline, 0, count)).await;
        let values = self.judge(operation, number, reply)?;
        for value in &values {
            if let Value::ServerError(error) = value {
                return Err(fault::refused(operation, error));
            }
        }
        Ok(values)
    }

    /// Sends commands that take effect together, and returns their replies.
    pub(super) async fn transaction(
        &self,
        operation: &'static str,
        pipeline: &Pipeline,
    ) -> Result<Vec<Value>> {
        // Before the reply of EXEC come those of MULTI and of the queued commands.
        let skipped = pipeline.cmd_iter().count() + 1;
        let (number, mut connection) = self.connection(operation).await?;
        let reply =
            timeout(REPLY_WAIT, connection.send_packed_commands(pipeline, skipped, 1)).await;
        let mut values = self.judge(operation, number, reply)?;
        match values.pop() {
            Some(Value::Array(replies)) => Ok(replies),
            _ => Err(QueueError::Corrupt("a transaction without replies".to_owned())),
        }
    }

    /// Runs a script that [`scripts::call`] began; loads the scripts again if the server forgot them.
    pub(super) async fn script(&self, operation: &'static str, call: &Cmd) -> Result<Value> {
        match self.command(operation, call).await {
            Err(error) if fault::is_script_missing(&error) => {
                self.pipeline(operation, &load_scripts()).await?;
                self.command(operation, call).await
            }
            other => other,
        }
    }

    /// Ends the connection; later calls fail.
    pub(super) async fn close(&self) {
        let _ = self.notices.send(Notice::Close).await;
        let mut state = self.state.clone();
        let _ = timeout(REPLY_WAIT, state.wait_for(|state| matches!(state, State::Closed))).await;
    }

    /// Tells whether [`Link::close`] was called.
    pub(super) fn is_closed(&self) -> bool {
        matches!(*self.state.borrow(), State::Closed)
    }

    /// Completes when commands can be sent, at the latest after `wait`.
    ///
    /// # Errors
    /// The reason why they still cannot.
    pub(super) async fn ready(&self, operation: &'static str, wait: Duration) -> Result<()> {
        let mut state = self.state.clone();
        let settled = |state: &State| !matches!(state, State::Down(_));
        let _ = timeout(wait, state.wait_for(settled)).await;
        match &*self.state.borrow() {
            State::Up(..) => Ok(()),
            State::Down(QueueError::Unavailable { cause, .. }) => {
                Err(QueueError::Unavailable { operation, cause: cause.clone() })
            }
            State::Down(error) => Err(error.clone()),
            State::Closed => Err(fault::closed(operation)),
        }
    }

    async fn connection(&self, operation: &'static str) -> Result<(u64, MultiplexedConnection)> {
        if let State::Up(number, connection) = &*self.state.borrow() {
            return Ok((*number, connection.clone()));
        }
        self.ready(operation, CONNECT_WAIT).await?;
        match &*self.state.borrow() {
            State::Up(number, connection) => Ok((*number, connection.clone())),
            _ => Err(QueueError::Unavailable { operation, cause: "connection lost".to_owned() }),
        }
    }

    /// Turns what became of a call into its result, and reports a dead connection.
    fn judge<T>(
        &self,
        operation: &'static str,
        number: u64,
        reply: std::result::Result<redis::RedisResult<T>, tokio::time::error::Elapsed>,
    ) -> Result<T> {
        match reply {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(error)) => {
                if error.is_io_error() || error.is_connection_dropped() {
                    let _ = self.notices.try_send(Notice::Broken(number));
                }
                Err(fault::from_redis(operation, &error))
            }
            Err(_) => {
                let _ = self.notices.try_send(Notice::Broken(number));
                let cause = format!("no reply within {} s", REPLY_WAIT.as_secs());
                Err(QueueError::Unavailable { operation, cause })
            }
        }
    }
}

/// Dials, publishes the connection, and dials again whenever it ends.
async fn keep(
    dialer: Dialer,
    publish: watch::Sender<State>,
    mut notices: mpsc::Receiver<Notice>,
    time: Arc<RedisTime>,
) {
    let mut failures = 0;
    let mut number = 0;
    loop {
        let attempt = timeout(DIAL_WAIT, prepare(&dialer, &time)).await;
        let pause = match attempt {
            Ok(Ok(mut line)) => {
                failures = 0;
                number += 1;
                tracing::debug!(redis = %dialer.address(), "connected to Redis");
                publish.send_replace(State::Up(number, line.connection.clone()));
                if !watch_over(number, &mut line, &mut notices, &time).await {
                    break;
                }
                publish.send_replace(State::Down(fault::unconnected("connection lost")));
                tracing::warn!(redis = %dialer.address(), "lost the connection to Redis");
                Duration::ZERO
            }
            failed => {
                failures += 1;
                let silent = format!("no answer within {} s", DIAL_WAIT.as_secs());
                let error = match failed {
                    Ok(Err(error)) => error,
                    _ => fault::unconnected(&silent),
                };
                publish.send_replace(State::Down(error));
                backoff(failures)
            }
        };
        if !rest(pause, &mut notices).await {
            break;
        }
    }
    publish.send_replace(State::Closed);
}

/// Dials and makes the connection ready: scripts loaded, clocks compared.
async fn prepare(dialer: &Dialer, time: &RedisTime) -> Result<Line> {
    let mut line = dialer.dial(None).await?;
    let loads = load_scripts();
    let count = loads.cmd_iter().count();
    line.connection
        .send_packed_commands(&loads, 0, count)
        .await
        .and_then(|replies| {
            replies.into_iter().try_for_each(|reply| reply.extract_error().map(drop))
        })
        .map_err(|error| fault::from_redis(OPERATION, &error))?;
    time.measure(&mut line.connection)
        .await
        .map_err(|error| fault::from_redis(OPERATION, &error))?;
    Ok(line)
}

/// Returns when the connection is lost (`true`) or the store is closed (`false`).
async fn watch_over(
    number: u64,
    line: &mut Line,
    notices: &mut mpsc::Receiver<Notice>,
    time: &RedisTime,
) -> bool {
    let Line { connection, driver } = line;
    loop {
        tokio::select! {
            _ = &mut *driver => return true,
            notice = notices.recv() => match notice {
                Some(Notice::Broken(broken)) if broken == number => return true,
                Some(Notice::Broken(_)) => {}
                Some(Notice::Close) | None => return false,
            },
            () = sleep(CLOCK_INTERVAL) => {
                let measured = timeout(REPLY_WAIT, time.measure(connection)).await;
                if !matches!(measured, Ok(Ok(()))) {
                    return true;
                }
            }
        }
    }
}

/// Pauses before the next dial; `false` when the store is closed meanwhile.
async fn rest(pause: Duration, notices: &mut mpsc::Receiver<Notice>) -> bool {
    let until = tokio::time::Instant::now() + pause;
    loop {
        tokio::select! {
            () = tokio::time::sleep_until(until) => return true,
            notice = notices.recv() => match notice {
                Some(Notice::Broken(_)) => {}
                Some(Notice::Close) | None => return false,
            },
        }
    }
}

/// Returns the pause after so many failures: 50 ms, doubled up to 2 s, half of it random.
pub(super) fn backoff(failures: u32) -> Duration {
    let full = 50_u64.saturating_mul(1 << failures.saturating_sub(1).min(10)).min(PAUSE_MAX_MS);
    Duration::from_millis(full / 2 + rand::rng().random_range(0..=full / 2))
}

fn load_scripts() -> Pipeline {
    let mut pipeline = redis::pipe();
    for (_, source) in scripts::all() {
        pipeline.cmd("SCRIPT").arg("LOAD").arg(source);
    }
    pipeline
}

/// The clock of Redis: ours plus the measured difference.
struct RedisTime {
    clock: SharedClock,
    offset_ms: AtomicI64,
}

impl RedisTime {
    fn now_ms(&self) -> u64 {
        self.clock.now_ms().saturating_add_signed(self.offset_ms.load(Ordering::Relaxed))
    }

    /// Compares the clocks; a difference within the round trip is none.
    async fn measure(&self, connection: &mut MultiplexedConnection) -> redis::RedisResult<()> {
        let asked = Instant::now();
        let before = self.clock.now_ms();
        let reply = connection.send_packed_command(&redis::cmd("TIME")).await?;
        let trip = i64::try_from(asked.elapsed().as_millis()).unwrap_or(i64::MAX);
        let Some(there) = wire::time_ms(&reply) else { return Ok(()) };
        let here = i64::try_from(before).unwrap_or(i64::MAX).saturating_add(trip / 2);
        let difference = i64::try_from(there).unwrap_or(i64::MAX).saturating_sub(here);
        let offset = if difference.abs() <= trip + 2 { 0 } else { difference };
        if offset.abs() > 30_000 {
            tracing::warn!(offset_ms = offset, "the clock of this machine differs from Redis");
        }
        self.offset_ms.store(offset, Ordering::Relaxed);
        Ok(())
    }
}

/// Connections for blocking reads; each call has one to itself.
pub(super) struct Dedicated {
    dialer: Dialer,
    name: String,
    idle: Mutex<Vec<Line>>,
}

/// The most connections kept open between two blocking reads.
const IDLE_MAX: usize = 4;

impl Dedicated {
    /// Prepares connections that carry `name` in the server's client list.
    pub(super) fn new(dialer: Dialer, name: String) -> Self {
        Self { dialer, name, idle: Mutex::new(Vec::new()) }
    }

    /// Sends a command that blocks up to `block` on the server.
    ///
    /// Dropping the call closes its connection.
    pub(super) async fn blocking(
        &self,
        operation: &'static str,
        command: &Cmd,
        block: Duration,
    ) -> Result<Value> {
        let unavailable = |cause: String| QueueError::Unavailable { operation, cause };
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let mut line =
            match idle {
                Some(line) => line,
                None => timeout(DIAL_WAIT, self.dialer.dial(Some(&self.name))).await.map_err(
                    |_| unavailable(format!("no answer within {} s", DIAL_WAIT.as_secs())),
                )??,
            };
        let reply = timeout(block + BLOCK_GRACE, line.connection.send_packed_command(command))
            .await
            .map_err(|_| unavailable("no reply to a blocking read".to_owned()))?
            .map_err(|error| fault::from_redis(operation, &error))?;
        let mut kept = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() < IDLE_MAX {
            kept.push(line);
        }
        Ok(reply)
    }

    /// Closes the connections that no call uses.
    pub(super) fn close(&self) {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pause_before_the_next_dial_grows_to_two_seconds() {
        for failures in 1..40 {
            let pause = backoff(failures);
            assert!(pause >= Duration::from_millis(25), "{failures}: {pause:?}");
            assert!(pause <= Duration::from_millis(PAUSE_MAX_MS), "{failures}: {pause:?}");
        }
        assert!(backoff(30) >= Duration::from_millis(PAUSE_MAX_MS / 2));
    }
}
