//! Which handler runs which job, and handlers made from functions.

use std::collections::HashMap;
use std::future::Future;
use std::marker::PhantomData;
use std::sync::Arc;

use async_trait::async_trait;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::job::{ClaimedJob, Payload};
use crate::outcome::{Failure, JobError};
use crate::worker::{JobContext, Processor};

/// The code of a job whose data its handler cannot read.
pub const DATA_INVALID: &str = "DATA_INVALID";
/// The code of a result that has no JSON form.
pub const RESULT_INVALID: &str = "RESULT_INVALID";

/// The handlers of a worker, by the name of the job.
#[derive(Clone, Default)]
pub struct Handlers {
    by_name: HashMap<String, Arc<dyn Processor>>,
    any: Option<Arc<dyn Processor>>,
}

impl Handlers {
    /// Starts without any.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Lets a processor run the jobs of a name.
    #[must_use]
    pub fn with(mut self, name: impl Into<String>, processor: Arc<dyn Processor>) -> Self {
        self.by_name.insert(name.into(), processor);
        self
    }

    /// Lets a processor run the jobs of every name that has no handler of its own.
    #[must_use]
    pub fn with_any(self, processor: Arc<dyn Processor>) -> Self {
        Self { any: Some(processor), ..self }
    }

    /// Lets a function run the jobs of a name: it takes the data, returns the result.
    ///
    /// Data of another shape fails the job for good with [`DATA_INVALID`].
    #[must_use]
    pub fn with_fn<D, R, F, Fut>(self, name: impl Into<String>, run: F) -> Self
    where
        D: DeserializeOwned + Send + Sync + 'static,
        R: Serialize + Send + Sync + 'static,
        F: Fn(D, JobContext) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<R, JobError>> + Send + 'static,
    {
        self.with(name, Arc::new(FnProcessor { run, types: PhantomData }))
    }

    /// Puts something around every handler, e.g. a measurement.
    #[must_use]
    pub fn map(self, around: impl Fn(Arc<dyn Processor>) -> Arc<dyn Processor>) -> Self {
        let by_name = self.by_name.into_iter().map(|(name, handler)| (name, around(handler)));
        Self { by_name: by_name.collect(), any: self.any.map(&around) }
    }

    /// Returns the handler of the jobs of a name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Arc<dyn Processor>> {
        self.by_name.get(name).or(self.any.as_ref())
    }
}

struct FnProcessor<D, R, F> {
    run: F,
    types: PhantomData<fn(D) -> R>,
}

#[async_trait]
impl<D, R, F, Fut> Processor for FnProcessor<D, R, F>
where
    D: DeserializeOwned + Send + Sync + 'static,
    R: Serialize + Send + Sync + 'static,
    F: Fn(D, JobContext) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<R, JobError>> + Send + 'static,
{
    async fn run(&self, job: &ClaimedJob, context: &JobContext) -> Result<Payload, JobError> {
        let broken = |code: &str, why: &dyn std::fmt::Display| {
            JobError::Unrecoverable(Failure::new(code, why.to_string()))
        };
        let data = job.job.data.decode().map_err(|error| broken(DATA_INVALID, &error))?;
        let result = (self.run)(data, context.clone()).await?;
        Payload::encode(&result).map_err(|error| broken(RESULT_INVALID, &error))
    }
}
