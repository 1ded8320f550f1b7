//! Carries the progress of a use case to the job, and the wish to stop the other way.

use async_trait::async_trait;
use oxherd_queue::Payload;
use oxherd_queue::worker::JobContext;
use oxherd_study::ports::RunObserver;

/// A job as a use case sees it.
pub(super) struct JobObserver<'a> {
    pub(super) context: &'a JobContext,
}

#[async_trait]
impl RunObserver for JobObserver<'_> {
    async fn progressed(&self, progress: u8, note: Option<String>) {
        let told = match Payload::encode(&progress) {
            Ok(progress) => self.context.progress(progress).await.map(drop),
            Err(error) => Err(error),
        };
        if let Err(error) = told {
            tracing::debug!(job.id = %self.context.id(), "progress was not stored: {error}");
        }
        if let Some(note) = note
            && let Err(error) = self.context.log(&note).await
        {
            tracing::debug!(job.id = %self.context.id(), "a log row was not stored: {error}");
        }
    }

    fn is_stopped(&self) -> bool {
        self.context.stop_reason().is_some()
    }
}
