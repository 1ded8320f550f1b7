//! The job engine: BullMQ-compatible queues on an embedded store or on Redis.
//!
//! # Layout, in reading order
//! * [`job`], [`options`], [`outcome`], [`event`], [`error`], [`clock`]: the values.
//! * [`backend`]: the four roles of a store (produce, consume, inspect, maintain) and its two
//!   implementations, [`backend::embedded`] and [`backend::redis`].
//! * [`status`]: the last known state of a job, kept longer than the job itself.
//! * [`queue`]: the typed door for library users.
//! * [`worker`]: the steps of a worker, and the plain driver over them.
//!
//! It never knows what a job is about, and names no other crate of the workspace.

pub mod backend;
pub mod clock;
pub mod error;
pub mod event;
pub mod job;
pub mod options;
pub mod outcome;
pub mod queue;
pub mod status;
pub mod worker;

pub use backend::{Backend, Store};
pub use error::QueueError;
pub use event::{Event, EventKind, Position};
pub use job::{Job, JobId, JobState, NewJob, Payload};
pub use options::{Backoff, JobOptions, Retention};
pub use outcome::{Failure, JobError};
pub use queue::Queue;
