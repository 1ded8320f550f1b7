//! The typed door to a queue, for library users.

use std::marker::PhantomData;
use std::sync::Arc;

use serde::Serialize;

use crate::backend::{Added, Backend};
use crate::error::Result;
use crate::job::{NewJob, Payload};
use crate::options::JobOptions;

/// A queue whose jobs carry data of type `D`.
#[derive(Clone)]
pub struct Queue<D> {
    backend: Arc<dyn Backend>,
    data: PhantomData<fn(D)>,
}

impl<D: Serialize + Send> Queue<D> {
    /// Wraps an open queue.
    #[must_use]
    pub fn new(backend: Arc<dyn Backend>) -> Self {
        Self { backend, data: PhantomData }
    }

    /// Adds one job with the default options.
    ///
    /// # Errors
    /// As [`crate::backend::Produce::add`].
    pub async fn add(&self, name: &str, data: &D) -> Result<Added> {
        self.add_with(name, data, JobOptions::default()).await
    }

    /// Adds one job.
    ///
    /// # Errors
    /// As [`crate::backend::Produce::add`].
    pub async fn add_with(&self, name: &str, data: &D, options: JobOptions) -> Result<Added> {
        let job = NewJob::new(name, Payload::encode(data)?).with_options(options);
        let mut added = self.backend.add(vec![job]).await?;
        Ok(added.swap_remove(0))
    }

    /// Returns the queue itself, for everything else.
    #[must_use]
    pub fn backend(&self) -> &Arc<dyn Backend> {
        &self.backend
    }
}
