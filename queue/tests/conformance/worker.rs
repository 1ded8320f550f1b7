//! The plain driver over each store, in real time.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use oxherd_queue::backend::Cancelled;
use oxherd_queue::job::ClaimedJob;
use oxherd_queue::queue::End;
use oxherd_queue::worker::{Handlers, JobContext, Processor, Stop, Worker, WorkerOptions};
use oxherd_queue::{
    Backend, Backoff, EventKind, Failure, JobError, JobId, JobOptions, JobState, NewJob, Payload,
    Position, Queue,
};
use tokio::sync::{Notify, oneshot};
use tokio::task::JoinHandle;

use crate::flaky::Flaky;
use crate::world::{World, job};

on_both_stores!(
    jobs_run_and_keep_their_results,
    no_more_jobs_run_at_a_time_than_there_are_slots,
    a_failing_job_is_tried_as_often_as_it_may_and_the_domain_hears_first,
    pauses_between_attempts_follow_the_backoff,
    a_panic_uses_an_attempt_and_disturbs_nobody,
    a_run_over_its_deadline_is_a_failed_attempt,
    a_cancelled_job_is_stopped,
    a_job_without_a_handler_fails,
    data_of_another_shape_fails_for_good,
    a_long_job_keeps_its_lock,
    a_dead_workers_job_runs_again_elsewhere,
    a_job_that_saw_two_deaths_runs_alone,
    an_idle_worker_starts_a_job_at_once,
    a_delayed_job_starts_when_it_is_due,
    a_shutdown_lets_jobs_end_within_the_grace,
    a_shutdown_hands_back_what_does_not_end,
    progress_is_stored_and_heard,
    outcomes_wait_for_a_store_that_is_away,
    unanswered_calls_lose_no_job,
);

const SOON: Duration = Duration::from_secs(10);

/// Locks and sweeps short enough to wait for.
fn quick(concurrency: usize) -> WorkerOptions {
    WorkerOptions {
        concurrency,
        lock: Duration::from_millis(600),
        renew_every: Duration::from_millis(100),
        stalled_every: Duration::from_millis(150),
        stalled_every_idle: Duration::from_millis(150),
        grace: Duration::from_millis(100),
        ..WorkerOptions::default()
    }
}

struct Running {
    stop: oneshot::Sender<()>,
    task: JoinHandle<Result<(), oxherd_queue::QueueError>>,
}

impl Running {
    fn start(world: &World, options: WorkerOptions, handlers: Handlers) -> Self {
        Self::start_on(Arc::clone(&world.queue), options, handlers)
    }

    fn start_on(queue: Arc<dyn Backend>, options: WorkerOptions, handlers: Handlers) -> Self {
        let worker = Worker::new(queue, options).unwrap();
        let (stop, stopped) = oneshot::channel::<()>();
        let task = tokio::spawn(worker.run(handlers, async {
            let _ = stopped.await;
        }));
        Self { stop, task }
    }

    async fn stop(self) {
        self.stop.send(()).unwrap();
        tokio::time::timeout(SOON, self.task).await.unwrap().unwrap().unwrap();
    }

    /// Lets the worker vanish as in a crash: nobody settles, nobody renews.
    async fn kill(self) {
        self.task.abort();
        assert!(self.task.await.unwrap_err().is_cancelled());
    }
}

async fn end_of(world: &World, id: &JobId) -> End {
    let queue: Queue<()> = Queue::new(Arc::clone(&world.queue));
    queue.finished(id, SOON).await.unwrap().expect("the job ends soon")
}

async fn code_of(world: &World, id: &JobId) -> String {
    match end_of(world, id).await {
        End::Failed(failure) => failure.code,
        other => panic!("{other:?}"),
    }
}

async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let met = async {
        while !holds().await {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    assert!(tokio::time::timeout(SOON, met).await.is_ok(), "{what}");
}

fn retry(message: &str) -> JobError {
    JobError::Retry(Failure::new("BROKEN", message))
}

fn number(value: u64) -> NewJob {
    NewJob::new("double", Payload::encode(&value).unwrap()).with_options(JobOptions::bare())
}

async fn jobs_run_and_keep_their_results(world: World) {
    let added = world.queue.add((0..80).map(number).collect()).await.unwrap();
    let handlers = Handlers::new().with_fn("double", |value: u64, _| async move { Ok(value * 2) });

    let worker = Running::start(&world, quick(20), handlers);

    for (value, added) in (0_u64..).zip(&added) {
        let expected = Payload::encode(&(value * 2)).unwrap();
        assert_eq!(end_of(&world, added.id()).await, End::Completed(expected));
    }
    worker.stop().await;
    assert_eq!(world.queue.counts().await.unwrap()["active"], 0);
}

async fn no_more_jobs_run_at_a_time_than_there_are_slots(world: World) {
    let (running, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let handlers = Handlers::new().with_fn("a", {
        let (running, most) = (Arc::clone(&running), Arc::clone(&most));
        move |_: Payloadless, _| {
            let (running, most) = (Arc::clone(&running), Arc::clone(&most));
            async move {
                most.fetch_max(running.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                tokio::time::sleep(Duration::from_millis(5)).await;
                running.fetch_sub(1, Ordering::SeqCst);
                Ok(())
            }
        }
    });
    world.queue.add((0..60).map(|_| job("a")).collect()).await.unwrap();

    let worker = Running::start(&world, quick(7), handlers);
    until("all complete", async || world.queue.counts().await.unwrap()["completed"] == 60).await;
    worker.stop().await;

    assert_eq!(most.load(Ordering::SeqCst), 7);
}

/// Any JSON, unread.
type Payloadless = serde::de::IgnoredAny;

/// Fails every time and writes down what it is told.
struct Broken {
    world: Arc<World>,
    runs: AtomicUsize,
    told: AtomicUsize,
}

#[async_trait]
impl Processor for Broken {
    async fn run(&self, _: &ClaimedJob, _: &JobContext) -> Result<Payload, JobError> {
        self.runs.fetch_add(1, Ordering::SeqCst);
        Err(retry("again"))
    }

    async fn failed_for_good(&self, job: &ClaimedJob, failure: &Failure) -> Result<(), JobError> {
        assert_eq!(failure.code, "BROKEN");
        assert_eq!(self.world.state(&job.job.id).await, JobState::Active);
        self.told.fetch_add(1, Ordering::SeqCst);
        Ok(())
    }
}

async fn a_failing_job_is_tried_as_often_as_it_may_and_the_domain_hears_first(world: World) {
    let world = Arc::new(world);
    let options = JobOptions {
        attempts: 3,
        backoff: Some(Backoff::fixed(Duration::from_millis(20))),
        ..JobOptions::bare()
    };
    let id = world.add_with("a", options).await;
    let broken = Arc::new(Broken {
        world: Arc::clone(&world),
        runs: AtomicUsize::new(0),
        told: AtomicUsize::new(0),
    });
    let handlers = Handlers::new().with("a", Arc::clone(&broken) as Arc<dyn Processor>);

    let worker = Running::start(&world, quick(2), handlers);

    assert_eq!(code_of(&world, &id).await, "BROKEN");
    worker.stop().await;
    assert_eq!(broken.runs.load(Ordering::SeqCst), 3);
    assert_eq!(broken.told.load(Ordering::SeqCst), 1);
    let job = world.job(&id).await;
    assert_eq!((job.attempts_made, job.stack_trace.len()), (3, 3));
}

async fn pauses_between_attempts_follow_the_backoff(world: World) {
    let base = Duration::from_millis(60);
    let cases = [
        (Backoff::fixed(base), [60_u64..=60, 60..=60, 60..=60]),
        (Backoff::exponential(base), [60..=60, 120..=120, 240..=240]),
        (Backoff::exponential(base).with_jitter(0.5), [30..=60, 60..=120, 120..=240]),
    ];
    let handlers =
        Handlers::new().with_fn("a", |_: Payloadless, _| async { Err::<(), _>(retry("again")) });
    let worker = Running::start(&world, quick(3), handlers);
    for (backoff, expected) in cases {
        let start = world.queue.last_position().await.unwrap();
        let options = JobOptions { attempts: 4, backoff: Some(backoff), ..JobOptions::bare() };
        let id = world.add_with("a", options).await;

        assert_eq!(code_of(&world, &id).await, "BROKEN");

        let events = world.events_after(start).await;
        let (mut pauses, mut due_ms) = (Vec::new(), 0);
        for event in &events {
            match &event.kind {
                EventKind::Delayed { due_ms: due, .. } => {
                    due_ms = *due;
                    pauses.push(due_ms.saturating_sub(event.position.ms));
                }
                // Redis's own clock and the one sent with the call differ by a little.
                EventKind::Active { .. } => assert!(event.position.ms + 5 >= due_ms),
                _ => {}
            }
        }
        assert_eq!(pauses.len(), 3, "{events:?}");
        for (pause, expected) in pauses.iter().zip(expected) {
            let nearly = expected.start().saturating_sub(5)..=expected.end() + 5;
            assert!(nearly.contains(pause), "{backoff:?}: {pauses:?}");
        }
    }
    worker.stop().await;
}

async fn a_panic_uses_an_attempt_and_disturbs_nobody(world: World) {
    let handlers = Handlers::new()
        .with_fn("panics", |_: Payloadless, _| async { panicking() })
        .with_fn("double", |value: u64, _| async move { Ok(value * 2) });
    let options = JobOptions { attempts: 2, ..JobOptions::bare() };
    let panics = world.add_with("panics", options).await;
    let others = world.queue.add((0..20).map(number).collect()).await.unwrap();

    let worker = Running::start(&world, quick(4), handlers);

    assert_eq!(code_of(&world, &panics).await, "JOB_PANICKED");
    for other in &others {
        assert!(matches!(end_of(&world, other.id()).await, End::Completed(_)));
    }
    worker.stop().await;
    let job = world.job(&panics).await;
    assert_eq!((job.attempts_made, job.attempts_started), (2, 2));
    assert!(job.failed_reason.unwrap().contains("on purpose"));
}

async fn never() -> Result<(), JobError> {
    std::future::pending().await
}

fn panicking() -> Result<(), JobError> {
    panic!("on purpose")
}

async fn a_run_over_its_deadline_is_a_failed_attempt(world: World) {
    let handlers = Handlers::new().with_fn("a", |_: Payloadless, context: JobContext| async move {
        assert_eq!(context.stopped().await, Stop::Deadline);
        Err::<(), _>(retry("stopped"))
    });
    let id = world.add("a").await;
    let options = WorkerOptions { job_deadline: Duration::from_millis(100), ..quick(1) };

    let worker = Running::start(&world, options, handlers);

    assert_eq!(code_of(&world, &id).await, "JOB_TIMEOUT");
    worker.stop().await;
}

async fn a_cancelled_job_is_stopped(world: World) {
    let started = Arc::new(Notify::new());
    let handlers = Handlers::new().with_fn("a", {
        let started = Arc::clone(&started);
        move |_: Payloadless, context: JobContext| {
            let started = Arc::clone(&started);
            async move {
                started.notify_one();
                assert_eq!(context.stopped().await, Stop::Cancelled);
                Err::<(), _>(JobError::Cancelled)
            }
        }
    });
    let options = JobOptions { attempts: 5, ..JobOptions::bare() };
    let id = world.add_with("a", options).await;
    let worker = Running::start(&world, quick(1), handlers);
    started.notified().await;

    let cancelled = world.queue.cancel(&id).await.unwrap();

    assert!(matches!(cancelled, Cancelled::Requested { foreign: false, .. }));
    assert_eq!(code_of(&world, &id).await, Failure::CANCELLED);
    worker.stop().await;
}

async fn a_job_without_a_handler_fails(world: World) {
    let options = JobOptions { attempts: 5, ..JobOptions::bare() };
    let id = world.add_with("unheard", options).await;

    let worker = Running::start(&world, quick(1), Handlers::new());

    assert_eq!(code_of(&world, &id).await, "UNKNOWN_JOB_NAME");
    worker.stop().await;
}

async fn data_of_another_shape_fails_for_good(world: World) {
    let handlers = Handlers::new().with_fn("a", |value: u64, _| async move { Ok(value) });
    let options = JobOptions { attempts: 5, ..JobOptions::bare() };
    let id = world.add_with("a", options).await;

    let worker = Running::start(&world, quick(1), handlers);

    assert_eq!(code_of(&world, &id).await, "DATA_INVALID");
    worker.stop().await;
}

async fn a_long_job_keeps_its_lock(world: World) {
    let runs = Arc::new(AtomicUsize::new(0));
    let handlers = Handlers::new().with_fn("a", {
        let runs = Arc::clone(&runs);
        move |_: Payloadless, _| {
            runs.fetch_add(1, Ordering::SeqCst);
            async {
                tokio::time::sleep(Duration::from_millis(1_500)).await;
                Ok(())
            }
        }
    });
    let id = world.add("a").await;

    let worker = Running::start(&world, quick(2), handlers);

    assert!(matches!(end_of(&world, &id).await, End::Completed(_)));
    worker.stop().await;
    assert_eq!(runs.load(Ordering::SeqCst), 1);
    assert_eq!(world.job(&id).await.stalled_count, 0);
}

async fn a_dead_workers_job_runs_again_elsewhere(world: World) {
    let id = world.add("a").await;
    let hangs = Handlers::new().with_fn("a", |_: Payloadless, _| async { never().await });
    let works = Handlers::new().with_fn("a", |_: Payloadless, _| async { Ok("done") });
    let dies = Running::start(&world, quick(1), hangs);
    until("the job runs", async || world.state(&id).await == JobState::Active).await;

    dies.kill().await;
    let worker = Running::start(&world, quick(1), works);

    assert!(matches!(end_of(&world, &id).await, End::Completed(_)));
    worker.stop().await;
    let job = world.job(&id).await;
    assert_eq!((job.stalled_count, job.attempts_made), (1, 1));
}

async fn a_job_that_saw_two_deaths_runs_alone(world: World) {
    let id = world.add("suspect").await;
    for _ in 0..2 {
        world.claim_for(Duration::from_millis(100)).await;
        world.pass(Duration::from_millis(150)).await;
        let interval = Duration::from_millis(20);
        for _ in 0..2 {
            world.queue.sweep_stalled(interval, 2).await.unwrap();
            world.pass(interval * 2).await;
        }
    }
    assert_eq!(world.job(&id).await.stalled_count, 2);
    world.queue.add((0..30).map(|_| job("other")).collect()).await.unwrap();
    let others = Arc::new(AtomicUsize::new(0));
    let beside = Arc::clone(&others);
    let handlers = Handlers::new()
        .with_fn("suspect", move |_: Payloadless, _| {
            let beside = Arc::clone(&beside);
            async move {
                let mut most = 0;
                for _ in 0..20 {
                    most = most.max(beside.load(Ordering::SeqCst));
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
                Ok(most)
            }
        })
        .with_fn("other", move |_: Payloadless, _| {
            let others = Arc::clone(&others);
            async move {
                others.fetch_add(1, Ordering::SeqCst);
                tokio::time::sleep(Duration::from_millis(10)).await;
                others.fetch_sub(1, Ordering::SeqCst);
                Ok(())
            }
        });

    let worker = Running::start(&world, quick(5), handlers);

    assert_eq!(end_of(&world, &id).await, End::Completed(Payload::encode(&0).unwrap()));
    until("all complete", async || world.queue.counts().await.unwrap()["completed"] == 31).await;
    worker.stop().await;
}

async fn an_idle_worker_starts_a_job_at_once(world: World) {
    let handlers = Handlers::new().with_fn("a", |_: Payloadless, _| async { Ok(()) });
    let worker = Running::start(&world, quick(3), handlers);
    for _ in 0..5 {
        tokio::time::sleep(Duration::from_millis(60)).await;
        let start = tokio::time::Instant::now();

        let id = world.add("a").await;

        end_of(&world, &id).await;
        assert!(start.elapsed() < Duration::from_secs(1), "{:?}", start.elapsed());
    }
    worker.stop().await;
}

async fn a_delayed_job_starts_when_it_is_due(world: World) {
    let handlers = Handlers::new().with_fn("a", |_: Payloadless, _| async { Ok(()) });
    let worker = Running::start(&world, quick(3), handlers);
    let start = tokio::time::Instant::now();

    let id = world.add_with("a", JobOptions::bare().delayed(Duration::from_millis(400))).await;

    end_of(&world, &id).await;
    let took = start.elapsed();
    assert!(took > Duration::from_millis(350) && took < Duration::from_millis(1_400), "{took:?}");
    worker.stop().await;
}

async fn a_shutdown_lets_jobs_end_within_the_grace(world: World) {
    let handlers = Handlers::new().with_fn("a", |_: Payloadless, _| async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        Ok(())
    });
    world.queue.add((0..6).map(|_| job("a")).collect()).await.unwrap();
    let options = WorkerOptions { grace: SOON, ..quick(2) };
    let worker = Running::start(&world, options, handlers);
    until("two run", async || world.queue.counts().await.unwrap()["active"] == 2).await;

    worker.stop().await;

    let counts = world.queue.counts().await.unwrap();
    assert_eq!((counts["completed"], counts["waiting"], counts["active"]), (2, 4, 0));
}

async fn a_shutdown_hands_back_what_does_not_end(world: World) {
    let handlers = Handlers::new()
        .with_fn("deaf", |_: Payloadless, _| async { never().await })
        .with_fn("polite", |_: Payloadless, context: JobContext| async move {
            assert_eq!(context.stopped().await, Stop::Shutdown);
            Err::<(), _>(retry("interrupted"))
        });
    let deaf = world.add("deaf").await;
    let polite = world.add("polite").await;
    let worker = Running::start(&world, quick(2), handlers);
    until("two run", async || world.queue.counts().await.unwrap()["active"] == 2).await;

    worker.stop().await;

    for id in [&deaf, &polite] {
        let found = world.snapshot(id).await;
        assert_eq!(found.state, JobState::Waiting);
        assert_eq!((found.job.attempts_made, found.job.attempts_started), (0, 1));
    }
}

#[derive(Default)]
struct Heard(std::sync::Mutex<Vec<(String, Position)>>);

impl oxherd_queue::worker::ProgressObserver for Heard {
    fn progressed(&self, job: &JobId, progress: &Payload, version: Position) {
        self.0.lock().unwrap().push((format!("{job} {}", progress.as_str()), version));
    }
}

async fn progress_is_stored_and_heard(world: World) {
    let handlers = Handlers::new().with_fn("a", |_: Payloadless, context: JobContext| async move {
        context.progress(Payload::encode(&50).unwrap()).await.unwrap();
        context.log("half").await.unwrap();
        Ok(())
    });
    let id = world.add_with("a", JobOptions { keep_logs: Some(3), ..JobOptions::bare() }).await;
    let heard = Arc::new(Heard::default());
    let worker = Worker::new(Arc::clone(&world.queue), quick(1)).unwrap();
    let worker = worker.with_observer(Arc::clone(&heard) as _);
    let task = tokio::spawn(worker.run(handlers, std::future::pending()));

    end_of(&world, &id).await;

    task.abort();
    let heard = heard.0.lock().unwrap().clone();
    assert_eq!(heard.len(), 1);
    assert_eq!(heard[0].0, format!("{id} 50"));
    assert_eq!(world.job(&id).await.progress, Some(Payload::encode(&50).unwrap()));
    assert_eq!(world.queue.logs(&id, 0, 10).await.unwrap().0, ["half"]);
}

async fn outcomes_wait_for_a_store_that_is_away(world: World) {
    let runs = Arc::new(AtomicUsize::new(0));
    let flaky = Arc::new(Flaky::new(Arc::clone(&world.queue)));
    let handlers = Handlers::new().with_fn("a", {
        let (runs, flaky) = (Arc::clone(&runs), Arc::clone(&flaky));
        move |_: Payloadless, _| {
            runs.fetch_add(1, Ordering::SeqCst);
            flaky.refuse(4);
            async { Ok(()) }
        }
    });
    let id = world.add("a").await;

    let worker = Running::start_on(Arc::clone(&flaky) as _, quick(1), handlers);

    assert!(matches!(end_of(&world, &id).await, End::Completed(_)));
    worker.stop().await;
    assert_eq!(runs.load(Ordering::SeqCst), 1);
    assert_eq!(world.job(&id).await.stalled_count, 0);
}

async fn unanswered_calls_lose_no_job(world: World) {
    let flaky = Arc::new(Flaky::new(Arc::clone(&world.queue)));
    let handlers = Handlers::new().with_fn("a", |_: Payloadless, _| async { Ok(()) });
    world.queue.add((0..50).map(|_| job("a")).collect()).await.unwrap();
    flaky.leave_unanswered(1);

    let worker = Running::start_on(Arc::clone(&flaky) as _, quick(4), handlers);
    for _ in 0..5 {
        tokio::time::sleep(Duration::from_millis(30)).await;
        flaky.leave_unanswered(1);
        world.queue.add((0..10).map(|_| job("a")).collect()).await.unwrap();
    }

    until("all complete", async || world.queue.counts().await.unwrap()["completed"] == 100).await;
    worker.stop().await;
}
