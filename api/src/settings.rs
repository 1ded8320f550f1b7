//! What the program tells the edge: its handles, ports and settings.

use std::ops::Deref;
use std::sync::Arc;

use oxherd_actors::faults::Faults;
use oxherd_actors::handles::{Cancel, Drain, Intake, StatusView, TreeView};
use oxherd_queue::Store;
use oxherd_study::ports::Ports;
use tokio::sync::Semaphore;

use crate::extract::InFlight;
use crate::signing::Signer;

/// The edge's state, shared by all requests.
#[derive(Clone)]
pub struct Api(Arc<ApiState>);

/// What every handler may use.
pub struct ApiState {
    /// The parts that the program gave.
    pub parts: ApiParts,
    /// Long-polls that wait.
    pub(crate) waiters: Semaphore,
    /// Idempotency keys of requests that are being read.
    pub(crate) in_flight: InFlight,
    /// When the edge was put together, milliseconds since the epoch.
    pub(crate) started_ms: u64,
}

/// The parts that the program gives.
pub struct ApiParts {
    /// Hands requests to the committer.
    pub intake: Intake,
    /// Shows what is known about jobs.
    pub status: StatusView,
    /// Cancels jobs.
    pub cancel: Cancel,
    /// Shows the health of the tree.
    pub tree: TreeView,
    /// Tells when the process goes down.
    pub drain: Drain,
    /// Crashes parts, where the settings allow it.
    pub faults: Faults,
    /// What the use cases need.
    pub ports: Ports,
    /// The queues.
    pub store: Arc<dyn Store>,
    /// Signs upload links and stream tokens.
    pub signer: Signer,
    /// Renders the metrics.
    pub metrics: Arc<dyn Fn() -> String + Send + Sync>,
    /// The settings.
    pub settings: ApiSettings,
}

/// The settings of the edge.
#[derive(Debug, Clone)]
pub struct ApiSettings {
    /// Origins that browsers may call from, beside those of the listener itself.
    pub cors_origins: Vec<String>,
    /// Whether everyone is the user `local` (`auth.mode = "none"`).
    pub tokenless: bool,
    /// The largest JSON body in bytes.
    pub body_max: usize,
    /// The most long-polls that wait at once.
    pub waiters_max: usize,
    /// A sample document that the page offers to try: file name and bytes.
    pub samples: Vec<(&'static str, &'static [u8])>,
}

impl Default for ApiSettings {
    fn default() -> Self {
        Self {
            cors_origins: Vec::new(),
            tokenless: true,
            body_max: 256 * 1024,
            waiters_max: 1000,
            samples: Vec::new(),
        }
    }
}

impl Api {
    /// Puts the parts together.
    #[must_use]
    pub fn new(parts: ApiParts) -> Self {
        let waiters = Semaphore::new(parts.settings.waiters_max);
        let started_ms = parts.ports.calendar.now_ms();
        Self(Arc::new(ApiState { parts, waiters, in_flight: InFlight::default(), started_ms }))
    }

    /// Returns the time, milliseconds since the epoch.
    #[must_use]
    pub fn now_ms(&self) -> u64 {
        self.parts.ports.calendar.now_ms()
    }
}

impl Deref for Api {
    type Target = ApiState;

    fn deref(&self) -> &ApiState {
        &self.0
    }
}
