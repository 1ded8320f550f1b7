//! The plain driver when it, another worker or the store goes away.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use oxherd_queue::queue::End;
use oxherd_queue::worker::{Handlers, JobContext, Stop, WorkerOptions};
use oxherd_queue::{JobState, Payload};

use crate::flaky::Flaky;
use crate::running::{Payloadless, Running, SOON, die_with_it, end_of, never, quick, retry, until};
use crate::world::{World, job};

on_both_stores!(
    a_dead_workers_job_runs_again_elsewhere,
    a_job_that_saw_two_deaths_runs_alone,
    a_shutdown_lets_jobs_end_within_the_grace,
    a_shutdown_hands_back_what_does_not_end,
    outcomes_wait_for_a_store_that_is_away,
    unanswered_calls_lose_no_job,
);

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
    die_with_it(&world, 2).await;
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
