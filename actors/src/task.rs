//! A task that belongs to an actor: it ends with its owner and tells how it ended.

use std::any::Any;
use std::future::Future;
use std::panic::AssertUnwindSafe;

use futures::FutureExt as _;
use tokio::task::AbortHandle;

/// A running task; dropping it ends the task at its next await.
#[derive(Debug)]
pub(crate) struct OwnedTask(AbortHandle);

impl OwnedTask {
    /// Starts a task; `ended` hears what it returned, or the text of its panic.
    pub(crate) fn spawn<T: Send + 'static>(
        work: impl Future<Output = T> + Send + 'static,
        ended: impl FnOnce(Result<T, String>) + Send + 'static,
    ) -> Self {
        let task = tokio::spawn(async move {
            let end = AssertUnwindSafe(work).catch_unwind().await;
            ended(end.map_err(|panic| panic_text(&*panic)));
        });
        Self(task.abort_handle())
    }

    /// Tells whether it has ended.
    pub(crate) fn is_over(&self) -> bool {
        self.0.is_finished()
    }
}

impl Drop for OwnedTask {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Returns the text of a panic.
pub(crate) fn panic_text(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("a panic without a message")
        .to_owned()
}
