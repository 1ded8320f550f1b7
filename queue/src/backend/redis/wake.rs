//! Sleeping until there may be work: the markers of BullMQ.
//!
//! A task per queue blocks on the marker key while somebody waits, and only then: a marker taken
//! without need would be missing to another worker. Calls that wait only listen to the task, so
//! dropping one loses nothing.
//!
//! Never claims; every wake-up may be in vain.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use redis::Value;
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};

use super::connection::{Link, backoff};
use super::dedicated::Dedicated;
use super::dial::Dialer;
use super::keys::QueueKeys;
use super::wire;
use crate::backend::Waited;
use crate::error::Result;
use crate::job::JobState;

/// The longest block on the server. A connection that died in silence is noticed one second later.
const BLOCK_MAX: Duration = Duration::from_millis(7500);
/// The shortest block on the server.
const BLOCK_MIN: Duration = Duration::from_millis(2);
/// After so many blocks without a marker the queue is looked at: a writer may have died between a
/// job and its marker.
const LOOK_EVERY: u32 = 8;
/// How late a server may end a block: it looks at its clock ten times a second.
const SERVER_LATE: Duration = Duration::from_millis(200);
/// No delayed job is known.
const NEVER: u64 = u64::MAX;

/// Wakes the waiting calls of one queue.
pub(super) struct Wake {
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

struct Shared {
    link: Arc<Link>,
    marker: String,
    /// The keys that exist while there is something to claim, now or later.
    claimable: [String; 3],
    /// How many calls wait now.
    waiting: AtomicUsize,
    /// Tells the task that the first call waits.
    wanted: Notify,
    /// Tells one waiting call that there may be work.
    work: Notify,
    /// Tells every waiting call that the server answered and has nothing.
    quiet: Notify,
    /// A call was woken and nobody has claimed since: the news must not be lost with that call.
    owed: AtomicBool,
    /// When the earliest delayed job is due, as far as known here.
    due_ms: AtomicU64,
}

impl Wake {
    pub(super) fn start(keys: &QueueKeys, dialer: Dialer, link: Arc<Link>) -> Self {
        let shared = Arc::new(Shared {
            link,
            marker: keys.marker.clone(),
            claimable: [JobState::Waiting, JobState::Prioritized, JobState::Delayed]
                .map(|state| keys.state(state)),
            waiting: AtomicUsize::new(0),
            wanted: Notify::new(),
            work: Notify::new(),
            quiet: Notify::new(),
            owed: AtomicBool::new(false),
            due_ms: AtomicU64::new(NEVER),
        });
        let line = Dedicated::new(dialer, Arc::clone(&shared.link), keys.marker_client_name());
        let task = tokio::spawn(watch(Arc::clone(&shared), line));
        Self { shared, task }
    }

    /// Returns when there may be work, at the latest after `longest`.
    pub(super) async fn wait(&self, longest: Duration) -> Waited {
        let shared = &*self.shared;
        // Hears of every block that ends from here on.
        let quiet = shared.quiet.notified();
        let _present = Present::new(shared);
        if shared.owed.load(Ordering::Acquire) {
            return Waited::News;
        }
        let longest = longest.min(shared.until_due());
        tokio::select! {
            biased;
            () = shared.work.notified() => {
                shared.owed.store(true, Ordering::Release);
                Waited::News
            }
            () = quiet => Waited::Quiet,
            // The time that runs out may be that of a delayed job: the claim will tell.
            () = sleep(longest) => Waited::News,
        }
    }

    /// Takes note that a claim is on its way, which will see whatever was told before.
    pub(super) fn claiming(&self) {
        self.shared.owed.store(false, Ordering::Release);
    }

    /// Wakes a waiting call for what this process knows without a marker.
    pub(super) fn nudge(&self) {
        self.shared.due_ms.store(NEVER, Ordering::Relaxed);
        self.shared.work.notify_one();
    }

    /// Takes note of when the earliest delayed job is due, as a claim has seen it.
    pub(super) fn set_due(&self, due_ms: Option<u64>) {
        self.shared.due_ms.store(due_ms.unwrap_or(NEVER), Ordering::Relaxed);
    }

    /// Ends the task and wakes whoever waits.
    pub(super) fn stop(&self) {
        self.task.abort();
        self.shared.work.notify_waiters();
    }
}

impl Drop for Wake {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Counts a waiting call for as long as it waits.
struct Present<'a>(&'a Shared);

impl<'a> Present<'a> {
    fn new(shared: &'a Shared) -> Self {
        shared.waiting.fetch_add(1, Ordering::AcqRel);
        shared.wanted.notify_one();
        Self(shared)
    }
}

impl Drop for Present<'_> {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Ordering::AcqRel);
    }
}

impl Shared {
    /// Returns how long it is until the earliest delayed job is due.
    fn until_due(&self) -> Duration {
        match self.due_ms.load(Ordering::Relaxed) {
            NEVER => Duration::MAX,
            due_ms => Duration::from_millis(due_ms.saturating_sub(self.link.now_ms())),
        }
    }

    fn is_waited_for(&self) -> bool {
        self.waiting.load(Ordering::Acquire) > 0
    }

    /// Acts on a block that ended without a marker; looks whether one is missing, if asked.
    async fn nothing_came(&self, look: bool) -> Result<()> {
        if look {
            let mut exists = redis::cmd("EXISTS");
            exists.arg(&self.claimable);
            let reply = self.link.command("wait", &exists).await?;
            if wire::number(reply)?.unwrap_or(0) > 0 {
                self.work.notify_one();
                return Ok(());
            }
        }
        self.quiet.notify_waiters();
        Ok(())
    }

    /// Acts on a marker that was taken: wakes a call, or puts it back if nobody waits any more.
    async fn taken(&self, member: &str, score: f64) -> Result<()> {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a time")]
        let due_ms = score.max(0.0) as u64;
        if !self.is_waited_for() {
            let mut back = redis::cmd("ZADD");
            back.arg(&self.marker).arg("NX").arg(score).arg(member);
            return self.link.command("wait", &back).await.map(drop);
        }
        if due_ms > self.link.now_ms() {
            self.due_ms.fetch_min(due_ms, Ordering::Relaxed);
        } else {
            self.work.notify_one();
        }
        Ok(())
    }
}

/// Blocks on the marker while calls wait.
async fn watch(shared: Arc<Shared>, line: Dedicated) {
    let (mut failures, mut in_vain) = (0, 0);
    // Until then the server may give markers to a block that was given up here.
    let mut astray: Option<Instant> = None;
    loop {
        if shared.link.is_closed() {
            return;
        }
        if !shared.is_waited_for() {
            shared.wanted.notified().await;
            continue;
        }
        let now = Instant::now();
        let rest = astray.map_or(BLOCK_MAX, |until| until.saturating_duration_since(now));
        let block = BLOCK_MAX.min(rest).min(shared.until_due()).max(BLOCK_MIN);
        let mut command = redis::cmd("BZPOPMIN");
        command.arg(&shared.marker).arg(block.as_secs_f64());
        let outcome = match line.blocking("wait", &command, block).await {
            Ok((Value::Nil, _)) => {
                in_vain += 1;
                let over = astray.take_if(|until| *until <= Instant::now()).is_some();
                shared.nothing_came(over || in_vain % LOOK_EVERY == 0).await
            }
            Ok((reply, _)) => {
                in_vain = 0;
                heed(&shared, reply).await
            }
            Err(error) => Err(error),
        };
        match outcome {
            Ok(()) => failures = 0,
            Err(error) => {
                failures += 1;
                tracing::debug!(%error, "waiting for work failed");
                astray = astray.max(Some(now + block + SERVER_LATE));
                sleep(backoff(failures)).await;
                // A marker may have gone with the connection: every caller looks for itself.
                shared.work.notify_one();
            }
        }
        if shared.until_due().is_zero() {
            shared.due_ms.store(NEVER, Ordering::Relaxed);
            shared.work.notify_one();
        }
    }
}

async fn heed(shared: &Shared, reply: Value) -> Result<()> {
    let [_, member, score] = wire::tuple(reply)?;
    let member = wire::text(member)?.unwrap_or_default();
    let score = wire::text(score)?.unwrap_or_default().parse().unwrap_or(0.0);
    shared.taken(&member, score).await
}
