//! The plain driver when jobs fail: attempts, panics, deadlines, verdicts without a run.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use oxherd_queue::backend::Cancelled;
use oxherd_queue::job::ClaimedJob;
use oxherd_queue::outcome::STALLED_REASON;
use oxherd_queue::queue::End;
use oxherd_queue::worker::{Handlers, JobContext, Processor, Stop, WorkerOptions};
use oxherd_queue::{Backoff, EventKind, Failure, JobError, JobId, JobOptions, JobState, Payload};
use tokio::sync::Notify;

use crate::running::{Payloadless, Running, code_of, die_with_it, end_of, number, quick, retry};
use crate::world::World;

on_both_stores!(
    a_failing_job_is_tried_as_often_as_it_may_and_the_domain_hears_first,
    pauses_between_attempts_follow_the_backoff,
    a_panic_uses_an_attempt_and_disturbs_nobody,
    a_run_over_its_deadline_is_a_failed_attempt,
    a_job_may_ask_for_a_shorter_deadline_of_its_own,
    a_job_that_was_not_started_in_time_fails_without_a_run,
    a_cancelled_job_is_stopped,
    a_job_without_a_handler_fails,
    data_of_another_shape_fails_for_good,
    a_result_that_is_too_large_fails_for_good,
    an_old_job_expires_without_a_run,
    a_job_that_killed_its_workers_fails_without_a_run,
);

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
        let (mut pauses, mut starts) = (Vec::new(), Vec::new());
        for event in &events {
            match &event.kind {
                EventKind::Delayed { due_ms, .. } => {
                    pauses.push(due_ms.saturating_sub(event.position.ms));
                }
                EventKind::Active { .. } => starts.push(event.position.ms),
                _ => {}
            }
        }
        assert_eq!((pauses.len(), starts.len()), (3, 4), "{events:?}");
        // The store's own clock and the worker's may differ by a little.
        let slack_ms = 10;
        for (index, expected) in expected.iter().enumerate() {
            let between_ms = starts[index + 1] - starts[index] + slack_ms;
            assert!(between_ms >= *expected.start(), "{backoff:?}: {starts:?}");
            let longest_ms = expected.end() + slack_ms;
            assert!(pauses[index] <= longest_ms, "{backoff:?}: {pauses:?}");
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

async fn a_job_may_ask_for_a_shorter_deadline_of_its_own(world: World) {
    let handlers = Handlers::new().with_fn("a", |_: Payloadless, context: JobContext| async move {
        assert_eq!(context.stopped().await, Stop::Deadline);
        Err::<(), _>(retry("stopped"))
    });
    let options = JobOptions { attempts: 2, ..JobOptions::bare() };
    let id = world.add_with("a", options.with_timeout(Duration::from_millis(60))).await;

    let worker = Running::start(&world, quick(1), handlers);

    assert_eq!(code_of(&world, &id).await, "JOB_TIMEOUT");
    let job = world.job(&id).await;
    assert_eq!((job.attempts_made, job.options.timeout_ms), (2, Some(60)));
    assert!(job.failed_reason.unwrap().contains("0.06 s"));
    worker.stop().await;
}

async fn a_job_that_was_not_started_in_time_fails_without_a_run(world: World) {
    let timestamp_ms = Some(world.now_ms() - 60_000);
    let options = JobOptions { attempts: 5, timestamp_ms, ..JobOptions::bare() };
    let id = world.add_with("a", options.expiring_after(Duration::from_secs(30))).await;

    assert_fails_without_a_run(&world, &id, Failure::EXPIRED).await;

    assert_eq!(world.job(&id).await.options.expires_after_ms, Some(30_000));
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

async fn a_result_that_is_too_large_fails_for_good(world: World) {
    let handlers =
        Handlers::new().with_fn("a", |_: Payloadless, _| async { Ok("x".repeat(1024 * 1024)) });
    let options = JobOptions { attempts: 5, ..JobOptions::bare() };
    let id = world.add_with("a", options).await;

    let worker = Running::start(&world, quick(1), handlers);

    assert_eq!(code_of(&world, &id).await, Failure::DATA_TOO_LARGE);
    worker.stop().await;
}

/// Counts its runs, which must not happen, and its failures for good.
#[derive(Default)]
struct Unwanted {
    runs: AtomicUsize,
    told: AtomicUsize,
}

#[async_trait]
impl Processor for Unwanted {
    async fn run(&self, _: &ClaimedJob, _: &JobContext) -> Result<Payload, JobError> {
        self.runs.fetch_add(1, Ordering::SeqCst);
        Ok(Payload::null())
    }

    async fn failed_for_good(&self, _: &ClaimedJob, _: &Failure) -> Result<(), JobError> {
        self.told.fetch_add(1, Ordering::SeqCst);
        Ok(())
    }
}

async fn assert_fails_without_a_run(world: &World, id: &JobId, code: &str) {
    let unwanted = Arc::new(Unwanted::default());
    let handlers = Handlers::new().with("a", Arc::clone(&unwanted) as _);

    let worker = Running::start(world, quick(1), handlers);

    assert_eq!(code_of(world, id).await, code);
    worker.stop().await;
    assert_eq!(unwanted.runs.load(Ordering::SeqCst), 0);
    assert_eq!(unwanted.told.load(Ordering::SeqCst), 1);
}

async fn an_old_job_expires_without_a_run(world: World) {
    let yesterday_ms = world.now_ms() - 25 * 60 * 60 * 1000;
    let options = JobOptions { timestamp_ms: Some(yesterday_ms), ..JobOptions::bare() };
    let id = world.add_with("a", options).await;

    assert_fails_without_a_run(&world, &id, Failure::EXPIRED).await;
}

async fn a_job_that_killed_its_workers_fails_without_a_run(world: World) {
    let id = world.add("a").await;
    die_with_it(&world, 3).await;

    assert_fails_without_a_run(&world, &id, Failure::POISON).await;
    let reason = world.job(&id).await.failed_reason;
    assert_eq!(reason.as_deref(), Some(STALLED_REASON), "BullMQ's own words on the wire");
}
