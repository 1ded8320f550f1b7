//! What the program puts into the tree, and what it gets out of it.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use oxherd_queue::clock::SharedClock;
use oxherd_queue::worker::{Handlers, WorkerOptions};
use oxherd_queue::{QueueError, Store};
use oxherd_study::ports::Ports;

use crate::faults::{Faults, Panics};
use crate::handles::{Cancel, Drain, Intake, StatusView, TreeView};

/// Everything that the tree is made of.
pub struct TreeParts {
    /// The queues and the job records.
    pub store: Arc<dyn Store>,
    /// The outside world of materials and plans.
    pub ports: Ports,
    /// Sizes, deadlines and limits.
    pub options: TreeOptions,
    /// The time.
    pub clock: SharedClock,
    /// Makes the edge, once the handles exist.
    pub edge: EdgeFactory,
}

/// Makes the edge of the handles that it serves.
pub type EdgeFactory = Box<dyn FnOnce(&Handles) -> EdgeSpec + Send>;

/// Sizes, deadlines and limits of the tree.
#[derive(Debug, Clone, PartialEq)]
pub struct TreeOptions {
    /// How materials are processed; one slot per core by default.
    pub material_processing: WorkerOptions,
    /// How plans are made; 4 slots by default, since an author may wait for a model.
    pub plan_generation: WorkerOptions,
    /// How long the process may take to go down: 25 s, under the 30 s of most orchestrators.
    pub grace: Duration,
    /// The pause between two comparisons of rows and jobs: 15 s.
    pub reconcile_every: Duration,
    /// The pause between two sweeps of expired and orphaned things: 10 min.
    pub janitor_every: Duration,
    /// How many jobs of one user may be in the queues at a time: 16; the rest waits its turn.
    pub in_queue_max: u32,
    /// The most rows that may wait for the queue before new runs are refused: 10,000.
    pub outbox_rows_max: u64,
    /// The age of the oldest such row at which new runs are refused: 60 s.
    pub outbox_age_max: Duration,
    /// How many job records are kept in memory: 50,000.
    pub records_max: usize,
    /// Whether [`Faults`] may crash parts and make handlers panic; for tests only.
    pub faults: bool,
}

impl Default for TreeOptions {
    fn default() -> Self {
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        Self {
            material_processing: WorkerOptions::default().with_concurrency(cores),
            plan_generation: WorkerOptions::default().with_concurrency(4),
            grace: Duration::from_secs(25),
            reconcile_every: Duration::from_secs(15),
            janitor_every: Duration::from_secs(600),
            in_queue_max: 16,
            outbox_rows_max: 10_000,
            outbox_age_max: Duration::from_secs(60),
            records_max: 50_000,
            faults: false,
        }
    }
}

/// A queue whose jobs this process runs.
pub struct QueueSpec {
    /// Its name.
    pub name: String,
    /// What its slots are called, e.g. `PlanGeneration`.
    pub slot_kind: &'static str,
    /// How its jobs are treated.
    pub worker: WorkerOptions,
    /// Who runs them.
    pub handlers: Handlers,
}

impl QueueSpec {
    /// Lets a test make its handlers panic.
    pub(crate) fn with_panics(mut self, panics: &Panics) -> Self {
        self.handlers = self.handlers.map(|handler| panics.around(handler));
        self
    }
}

/// The listeners of the process and who serves them.
pub struct EdgeSpec {
    /// Bound sockets; they stay bound when the edge restarts.
    pub listeners: Vec<Listener>,
    /// Serves one of them until the drain begins and its requests are answered.
    pub serve: Serve,
}

/// A bound socket.
pub struct Listener {
    /// Its name, e.g. `public`.
    pub name: String,
    /// The socket.
    pub socket: std::net::TcpListener,
}

/// Serves a listener, by name; returns when the drain has begun and its requests are answered.
pub type Serve = Arc<
    dyn Fn(String, tokio::net::TcpListener, Drain) -> BoxFuture<'static, std::io::Result<()>>
        + Send
        + Sync,
>;

/// What the rest of the program holds of the tree.
#[derive(Clone)]
pub struct Handles {
    /// Takes requests.
    pub intake: Intake,
    /// Shows jobs.
    pub status: StatusView,
    /// Cancels jobs.
    pub cancel: Cancel,
    /// Shows health.
    pub tree: TreeView,
    /// Takes the process down.
    pub drain: Drain,
    /// Crashes parts, where the options allow it.
    pub faults: Faults,
}

/// Why the tree ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Exit {
    /// It was drained: every job ended or was handed back.
    Drained,
    /// Its root gave up after too many failures; jobs were handed back.
    GaveUp {
        /// The last failure.
        reason: String,
    },
}

impl Exit {
    /// Returns the exit code of the process: 0, or 70 so that an orchestrator starts a new one.
    #[must_use]
    pub fn code(&self) -> u8 {
        match self {
            Self::Drained => 0,
            Self::GaveUp { .. } => 70,
        }
    }
}

impl fmt::Display for Exit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Drained => f.write_str("drained"),
            Self::GaveUp { reason } => write!(f, "gave up after too many failures: {reason}"),
        }
    }
}

/// Why the tree could not be started.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A queue cannot be opened.
    #[error("queue {queue} cannot be opened: {cause}")]
    Queue {
        /// The queue.
        queue: String,
        /// What the store said.
        cause: QueueError,
    },
    /// An actor could not be started at all.
    #[error("the tree cannot be started: {0}")]
    Spawn(String),
}
