//! The job engine: BullMQ-compatible queues on an embedded store or on Redis.
//!
//! Jobs are kept by a [`Store`] and acknowledged once it would survive a crash. A worker claims
//! them under a lock, runs the handler of their name, and tells the store how it ended; what fails
//! is tried again after a backoff, what a dead worker held is taken back. A run may happen more
//! than once: effects outside must be fenced or idempotent.
//!
//! ```no_run
//! # async fn run() -> Result<(), oxherd_queue::QueueError> {
//! use std::sync::Arc;
//! use oxherd_queue::{Queue, Store, backend::embedded::EmbeddedStore, clock::SystemClock};
//! use oxherd_queue::worker::{Handlers, Worker, WorkerOptions};
//!
//! let store = EmbeddedStore::open("data".as_ref(), Arc::new(SystemClock))?;
//! let backend = store.queue("greetings").await?;
//! Queue::new(backend.clone()).add("greet", &"Ada").await?;
//!
//! let handlers = Handlers::new()
//!     .with_fn("greet", |name: String, _| async move { Ok(format!("hello, {name}")) });
//! let worker = Worker::new(backend, WorkerOptions::default().with_concurrency(8))?;
//! worker.run(handlers, async { let _ = tokio::signal::ctrl_c().await; }).await
//! # }
//! ```
//!
//! A whole program is in `examples/hello.rs`. The same jobs can be added, run and watched by Node's
//! `bullmq` when the store is [`backend::redis::RedisStore`].
//!
//! # Which door
//! * Jobs of one type: [`Queue`]. All operations of a store: [`Backend`].
//! * Running jobs: [`worker::Worker`] with [`worker::Handlers`]. Its steps are public, for programs
//!   that drive them in their own way, as a supervision tree does.
//! * Errors of a handler say what happens next: [`JobError`]. Errors of the engine say whether the
//!   same call may succeed later: [`QueueError::is_transient`].
//!
//! # Layout, in reading order
//! * [`job`], [`options`], [`outcome`], [`event`], [`error`], [`clock`]: the values.
//! * [`backend`]: the roles of a store (produce, change, deduplicate, limit, consume, inspect,
//!   maintain, clear, attend) and its two
//!   implementations, [`backend::embedded`] and [`backend::redis`].
//! * [`flow`]: trees of jobs.
//! * [`scheduler`]: series of jobs by an interval or a cron pattern.
//! * [`status`]: the last known state of a job, kept longer than the job itself.
//! * [`queue`]: the typed door for library users.
//! * [`worker`]: the steps of a worker, and the plain driver over them.
//! * [`testing`]: a queue in memory and in virtual time, for the tests of a library user.
//!
//! It never knows what a job is about, and names no other crate of the workspace.

pub mod backend;
pub mod clock;
pub mod error;
pub mod event;
pub mod flow;
pub mod job;
pub mod options;
pub mod outcome;
pub mod queue;
pub mod scheduler;
pub mod status;
pub mod testing;
pub mod worker;

pub use backend::{Backend, Store};
pub use error::QueueError;
pub use event::{Event, EventKind, Position};
pub use job::{Job, JobId, JobState, NewJob, Payload};
pub use options::{Backoff, Deduplication, JobOptions, RateLimit, Retention, Telemetry};
pub use outcome::{Failure, JobError};
pub use queue::Queue;
