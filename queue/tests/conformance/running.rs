//! The plain driver under test: short locks, a stop, words for how jobs end.

use std::sync::Arc;
use std::time::Duration;

use oxherd_queue::queue::End;
use oxherd_queue::worker::{Handlers, Worker, WorkerOptions};
use oxherd_queue::{Backend, Failure, JobError, JobId, JobOptions, NewJob, Payload, Queue};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::world::World;

pub(crate) const SOON: Duration = Duration::from_secs(10);

/// Locks and sweeps short enough to wait for.
pub(crate) fn quick(concurrency: usize) -> WorkerOptions {
    WorkerOptions {
        concurrency,
        lock: Duration::from_millis(1_500),
        renew_every: Duration::from_millis(100),
        stalled_every: Duration::from_millis(150),
        stalled_every_idle: Duration::from_millis(150),
        grace: Duration::from_millis(100),
        ..WorkerOptions::default()
    }
}

pub(crate) struct Running {
    stop: oneshot::Sender<()>,
    task: JoinHandle<Result<(), oxherd_queue::QueueError>>,
}

impl Running {
    pub(crate) fn start(world: &World, options: WorkerOptions, handlers: Handlers) -> Self {
        Self::start_on(Arc::clone(&world.queue), options, handlers)
    }

    pub(crate) fn start_on(
        queue: Arc<dyn Backend>,
        options: WorkerOptions,
        handlers: Handlers,
    ) -> Self {
        let worker = Worker::new(queue, options).unwrap();
        let (stop, stopped) = oneshot::channel::<()>();
        let task = tokio::spawn(worker.run(handlers, async {
            let _ = stopped.await;
        }));
        Self { stop, task }
    }

    pub(crate) async fn stop(self) {
        self.stop.send(()).unwrap();
        tokio::time::timeout(SOON, self.task).await.unwrap().unwrap().unwrap();
    }

    /// Lets the worker vanish as in a crash: nobody settles, nobody renews.
    pub(crate) async fn kill(self) {
        self.task.abort();
        assert!(self.task.await.unwrap_err().is_cancelled());
    }
}

pub(crate) async fn end_of(world: &World, id: &JobId) -> End {
    let queue: Queue<()> = Queue::new(Arc::clone(&world.queue));
    queue.finished(id, SOON).await.unwrap().expect("the job ends soon")
}

pub(crate) async fn code_of(world: &World, id: &JobId) -> String {
    match end_of(world, id).await {
        End::Failed(failure) => failure.code,
        other => panic!("{other:?}"),
    }
}

pub(crate) async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let met = async {
        while !holds().await {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    assert!(tokio::time::timeout(SOON, met).await.is_ok(), "{what}");
}

pub(crate) fn retry(message: &str) -> JobError {
    JobError::Retry(Failure::new("BROKEN", message))
}

/// Any JSON, unread.
pub(crate) type Payloadless = serde::de::IgnoredAny;

pub(crate) async fn never() -> Result<(), JobError> {
    std::future::pending().await
}

/// Claims the only job as a worker that dies, some times.
pub(crate) async fn die_with_it(world: &World, deaths: u32) {
    let interval = Duration::from_millis(20);
    for _ in 0..deaths {
        world.claim_for(Duration::from_millis(100)).await;
        world.pass(Duration::from_millis(150)).await;
        for _ in 0..2 {
            world.queue.sweep_stalled(interval, 2).await.unwrap();
            world.pass(interval * 2).await;
        }
    }
}

/// A job that doubles a number.
pub(crate) fn number(value: u64) -> NewJob {
    NewJob::new("double", Payload::encode(&value).unwrap()).with_options(JobOptions::bare())
}
