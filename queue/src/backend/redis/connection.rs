//! The connection that carries commands, and comes back by itself.
//!
//! One connection for all callers, kept by a task that dials again for ever. Every call has a
//! deadline on this side of the network; a connection whose reply was given up is closed and never
//! used again. Blocking reads go elsewhere: [`super::dedicated`].
//!
//! Knows nothing of queues.
//!
//! ```text
//!             dialled                      broken, closed by the server, deadline missed
//!   Down ──────────────────> Up ──────────────────────────────────────────> Down ...
//!    └─ pause (50 ms to 2 s, jittered), dial again        close() ──> Closed
//! ```

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use rand::RngExt as _;
use redis::aio::MultiplexedConnection;
use redis::{Cmd, Pipeline, Value};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep, timeout};

use super::dial::{Dialer, Line, OPERATION};
use super::fault;
use super::scripts;
use super::time::RedisTime;
use crate::clock::SharedClock;
use crate::error::{QueueError, Result};

/// How long a call waits for a connection.
const CONNECT_WAIT: Duration = Duration::from_secs(2);
/// How long the reply of a command may take.
const REPLY_WAIT: Duration = Duration::from_secs(3);
/// How long dialling, signing in and loading the scripts may take.
pub(super) const DIAL_WAIT: Duration = Duration::from_secs(3);
/// An answer no older than this proves that a connection works.
const JUST_NOW: Duration = Duration::from_secs(1);
/// The longest pause between two attempts to dial.
const PAUSE_MAX_MS: u64 = 2000;
/// How often the clock of Redis is compared with ours.
const CLOCK_INTERVAL: Duration = Duration::from_secs(60);

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
    /// The number of the last connection that failed a call: no other call is to find that out.
    failed: AtomicU64,
    opened: Instant,
    /// When a call was last answered, in milliseconds since the link was opened.
    heard_ms: AtomicU64,
    time: Arc<RedisTime>,
}

impl Link {
    /// Starts the task that keeps the connection.
    pub(super) fn open(dialer: Dialer, clock: SharedClock) -> Self {
        let (publish, state) = watch::channel(State::Down(fault::unconnected("not connected yet")));
        let (notices, heard) = mpsc::channel(16);
        let time = Arc::new(RedisTime::new(clock));
        tokio::spawn(keep(dialer, publish, heard, Arc::clone(&time)));
        let (failed, heard_ms) = (AtomicU64::new(0), AtomicU64::new(0));
        Self { state, notices, failed, opened: Instant::now(), heard_ms, time }
    }

    /// Returns the time by the clock of Redis, in milliseconds since the epoch.
    pub(super) fn now_ms(&self) -> u64 {
        self.time.now_ms()
    }

    /// Sends a command and returns its reply.
    pub(super) async fn command(&self, operation: &'static str, command: &Cmd) -> Result<Value> {
        match self.send(operation, command).await {
            // The keys went to another node, which is found by now: nothing was done yet.
            Err(error) if fault::says(&error, "MOVED") => self.send(operation, command).await,
            told => told,
        }
    }

    async fn send(&self, operation: &'static str, command: &Cmd) -> Result<Value> {
        let (number, mut connection) = self.connection(operation).await?;
        let reply = timeout(REPLY_WAIT, connection.send_packed_command(command)).await;
        let reply = self.judge(operation, number, reply)?;
        self.accepted(operation, number, reply)
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
        values.into_iter().map(|value| self.accepted(operation, number, value)).collect()
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
        let last = values.pop().unwrap_or(Value::Nil);
        match self.accepted(operation, number, last)? {
            Value::Array(replies) => Ok(replies),
            _ => Err(QueueError::Corrupt("a transaction without replies".to_owned())),
        }
    }

    /// Runs a script that [`scripts::call`] began; loads the scripts again if the server forgot them.
    pub(super) async fn script(&self, operation: &'static str, call: &Cmd) -> Result<Value> {
        match self.command(operation, call).await {
            Err(error) if fault::is_script_missing(&error) => {
                self.pipeline(operation, &scripts::loading()).await?;
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
        let is_settled = |state: &State| match state {
            State::Up(number, _) => *number > self.failed.load(Ordering::Acquire),
            State::Down(_) => false,
            State::Closed => true,
        };
        let settled = timeout(wait, state.wait_for(is_settled)).await.is_ok();
        match &*self.state.borrow() {
            State::Up(..) if settled => Ok(()),
            State::Up(..) => Err(QueueError::Unavailable { operation, cause: LOST.to_owned() }),
            State::Down(QueueError::Unavailable { cause, .. }) => {
                Err(QueueError::Unavailable { operation, cause: cause.clone() })
            }
            State::Down(error) => Err(error.clone()),
            State::Closed => Err(fault::closed(operation)),
        }
    }

    async fn connection(&self, operation: &'static str) -> Result<(u64, MultiplexedConnection)> {
        let usable = |state: &State| match state {
            State::Up(number, connection) if *number > self.failed.load(Ordering::Acquire) => {
                Some((*number, connection.clone()))
            }
            _ => None,
        };
        if let Some(found) = usable(&self.state.borrow()) {
            return Ok(found);
        }
        self.ready(operation, CONNECT_WAIT).await?;
        usable(&self.state.borrow())
            .ok_or_else(|| QueueError::Unavailable { operation, cause: LOST.to_owned() })
    }

    /// Turns what became of a call into its result, and reports a dead connection.
    fn judge<T>(
        &self,
        operation: &'static str,
        number: u64,
        reply: std::result::Result<redis::RedisResult<T>, tokio::time::error::Elapsed>,
    ) -> Result<T> {
        match reply {
            Ok(Ok(value)) => {
                let heard = self.opened.elapsed().as_millis();
                self.heard_ms.store(u64::try_from(heard).unwrap_or(0), Ordering::Relaxed);
                Ok(value)
            }
            Ok(Err(error)) => {
                if error.is_io_error() || error.is_connection_dropped() {
                    self.give_up(number);
                }
                Err(fault::from_redis(operation, &error))
            }
            Err(_) => {
                self.give_up(number);
                let cause = format!("no reply within {} s", REPLY_WAIT.as_secs());
                Err(QueueError::Unavailable { operation, cause })
            }
        }
    }

    /// Returns a reply, or the error in its place; one that says that the keys are elsewhere has the
    /// connection replaced.
    fn accepted(&self, operation: &'static str, number: u64, reply: Value) -> Result<Value> {
        fault::accepted(operation, reply).inspect_err(|error| {
            if fault::is_elsewhere(error) {
                self.give_up(number);
            }
        })
    }

    /// Completes when a connection that works now, or the next one that does, is lost.
    ///
    /// What broke it may have broken others to the same server, which would notice much later.
    pub(super) async fn lost(&self) {
        let mut state = self.state.clone();
        let up = |state: &State| match state {
            State::Up(number, _) => Some(*number),
            _ => None,
        };
        let Ok(number) = state.wait_for(|state| up(state).is_some()).await.map(|state| up(&state))
        else {
            return;
        };
        let _ = state.wait_for(|state| up(state) != number).await;
    }

    /// Takes note that another connection to the server was told that the keys are elsewhere.
    pub(super) fn replace(&self) {
        if let State::Up(number, _) = &*self.state.borrow() {
            self.give_up(*number);
        }
    }

    /// Takes note that another connection to the server turned out to be dead: this one is given up
    /// too, unless it has been answered just now.
    pub(super) fn suspect(&self) {
        let heard = Duration::from_millis(self.heard_ms.load(Ordering::Relaxed));
        if self.opened.elapsed().saturating_sub(heard) > JUST_NOW {
            self.replace();
        }
    }

    /// Uses a connection no more and has it replaced.
    fn give_up(&self, number: u64) {
        self.failed.fetch_max(number, Ordering::AcqRel);
        let _ = self.notices.try_send(Notice::Broken(number));
    }
}

/// Why calls find no connection after one was lost.
const LOST: &str = "connection lost";

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
                number += 1;
                let up = Instant::now();
                tracing::debug!(redis = %line.place, "connected to Redis");
                publish.send_replace(State::Up(number, line.connection.clone()));
                if !watch_over(number, &mut line, &mut notices, &time).await {
                    break;
                }
                publish.send_replace(State::Down(fault::unconnected(LOST)));
                tracing::warn!(redis = %line.place, "lost the connection to Redis");
                // One that broke at once is no reason to hurry.
                failures = if up.elapsed() > JUST_NOW { 0 } else { failures + 1 };
                if failures == 0 { Duration::ZERO } else { backoff(failures) }
            }
            failed => {
                failures += 1;
                let silent = format!("no answer within {} s", DIAL_WAIT.as_secs());
                let error = match failed {
                    // What worked once may work again without anyone restarting this program.
                    Ok(Err(error)) if number > 0 => fault::unconnected(&error.to_string()),
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

/// Dials and makes the connection ready: clocks compared, scripts loaded.
async fn prepare(dialer: &Dialer, time: &RedisTime) -> Result<Line> {
    let mut line = dialer.find().await?;
    // First a small question: a server that wants a password hangs up on a large one.
    time.measure(&mut line.connection).await?;
    let loads = scripts::loading();
    let count = loads.cmd_iter().count();
    let replies = line.connection.send_packed_commands(&loads, 0, count).await;
    for reply in replies.map_err(|error| fault::from_redis(OPERATION, &error))? {
        fault::accepted(OPERATION, reply)?;
    }
    Ok(line)
}

/// Returns when the connection is lost (`true`) or the store is closed (`false`).
async fn watch_over(
    number: u64,
    line: &mut Line,
    notices: &mut mpsc::Receiver<Notice>,
    time: &RedisTime,
) -> bool {
    let Line { connection, driver, .. } = line;
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
    let until = Instant::now() + pause;
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
