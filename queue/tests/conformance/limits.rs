//! How many jobs may be started in a time, and how many may run at a time.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use oxherd_queue::backend::{Claim, Claimed, Limits};
use oxherd_queue::outcome::Verdict;
use oxherd_queue::worker::{Handlers, WorkerOptions};
use oxherd_queue::{JobError, JobOptions, JobState, RateLimit};

use crate::running::{Running, quick, until};
use crate::world::{World, assert_invalid, claim, completed, id, job, settlement, state_of};

on_both_stores!(
    a_claim_takes_at_most_what_is_left_of_the_window,
    the_next_window_begins_with_its_first_start,
    a_claim_without_a_limit_is_not_limited,
    the_limit_of_the_queue_holds_for_every_claim,
    the_number_of_the_queue_and_the_window_of_the_worker_go_first,
    a_limit_can_be_removed,
    nothing_starts_while_a_limit_is_asked_for_by_hand,
    a_limited_run_goes_back_without_using_an_attempt,
    a_limited_run_is_not_taken_again_at_once_without_a_limit_either,
    a_limited_job_with_a_priority_is_the_first_of_it,
    due_jobs_come_to_wait_while_nothing_may_start,
    a_reached_limit_tells_how_long_it_holds,
    a_limited_queue_is_not_asked_all_the_time,
    no_more_jobs_run_at_a_time_than_the_queue_allows,
    a_raised_concurrency_counts_at_once,
    limits_that_stop_a_queue_are_refused,
    a_worker_keeps_its_rate,
    a_handler_can_ask_for_a_pause,
);

const WINDOW: Duration = Duration::from_millis(400);

/// Longer than any case.
const LONG: Duration = Duration::from_secs(600);

fn limited(max: usize, starts: u64) -> Claim {
    Claim { rate: Some(RateLimit::new(starts, WINDOW)), ..claim(max) }
}

fn limited_long(max: usize, starts: u64) -> Claim {
    Claim { rate: Some(RateLimit::new(starts, LONG)), ..claim(max) }
}

async fn take(world: &World, request: &Claim) -> Claimed {
    world.queue.claim(request).await.unwrap()
}

async fn taken(world: &World, request: &Claim) -> usize {
    take(world, request).await.jobs.len()
}

async fn add(world: &World, jobs: usize) {
    world.queue.add(vec![job("work"); jobs]).await.unwrap();
}

async fn a_claim_takes_at_most_what_is_left_of_the_window(world: World) {
    add(&world, 10).await;

    assert_eq!(taken(&world, &limited_long(2, 5)).await, 2);
    assert_eq!(taken(&world, &limited_long(9, 5)).await, 3);
    let before = world.now_ms();
    let nothing = take(&world, &limited_long(9, 5)).await;

    assert!(nothing.jobs.is_empty());
    let again_ms = nothing.next_due_ms.unwrap().saturating_sub(before);
    assert!((1..=600_005).contains(&again_ms), "again in {again_ms} ms");
    assert_eq!(world.queue.counts().await.unwrap()["waiting"], 5);
}

async fn the_next_window_begins_with_its_first_start(world: World) {
    add(&world, 10).await;
    assert_eq!(taken(&world, &limited(9, 4)).await, 4);
    world.pass(WINDOW).await;
    world.pass(WINDOW / 2).await;

    assert_eq!(taken(&world, &limited(1, 4)).await, 1);
    world.pass(WINDOW / 4).await;
    assert_eq!(taken(&world, &limited(9, 4)).await, 3);
    assert_eq!(taken(&world, &limited(9, 4)).await, 0);
}

async fn a_claim_without_a_limit_is_not_limited(world: World) {
    add(&world, 10).await;
    assert_eq!(taken(&world, &limited_long(9, 2)).await, 2);
    assert_eq!(taken(&world, &limited_long(9, 2)).await, 0);

    assert_eq!(taken(&world, &claim(9)).await, 8);
}

async fn the_limit_of_the_queue_holds_for_every_claim(world: World) {
    add(&world, 10).await;
    let rate = RateLimit::new(3, WINDOW);

    world.queue.set_rate(Some(rate)).await.unwrap();

    let limits = Limits { rate: Some(rate), concurrency: None };
    assert_eq!(world.queue.limits().await.unwrap(), limits);
    assert_eq!(taken(&world, &claim(9)).await, 3);
    assert_eq!(taken(&world, &claim(9)).await, 0);
    world.pass(WINDOW).await;
    assert_eq!(taken(&world, &claim(9)).await, 3);
}

async fn the_number_of_the_queue_and_the_window_of_the_worker_go_first(world: World) {
    add(&world, 10).await;
    let long = RateLimit::new(3, LONG);
    world.queue.set_rate(Some(long)).await.unwrap();

    assert_eq!(taken(&world, &limited(9, 7)).await, 3);
    assert_eq!(taken(&world, &limited(9, 7)).await, 0);
    world.pass(WINDOW).await;

    assert_eq!(taken(&world, &limited(9, 7)).await, 3);
}

async fn a_limit_can_be_removed(world: World) {
    add(&world, 10).await;
    world.queue.set_rate(Some(RateLimit::new(1, LONG))).await.unwrap();
    assert_eq!(taken(&world, &claim(9)).await, 1);

    world.queue.set_rate(None).await.unwrap();

    assert_eq!(world.queue.limits().await.unwrap(), Limits::default());
    assert_eq!(taken(&world, &claim(9)).await, 9);
}

async fn nothing_starts_while_a_limit_is_asked_for_by_hand(world: World) {
    add(&world, 10).await;

    world.queue.rate_limit(WINDOW).await.unwrap();

    assert_eq!(taken(&world, &limited(9, 100)).await, 0);
    world.pass(WINDOW).await;
    assert_eq!(taken(&world, &limited(2, 100)).await, 2);
    world.queue.rate_limit(LONG).await.unwrap();
    assert_eq!(taken(&world, &limited(9, 100)).await, 0);
    world.queue.end_rate_limit().await.unwrap();
    assert_eq!(taken(&world, &limited(9, 100)).await, 8);
}

async fn a_limited_run_goes_back_without_using_an_attempt(world: World) {
    add(&world, 2).await;
    let running = take(&world, &limited(1, 100)).await.jobs.swap_remove(0);
    let start = world.queue.last_position().await.unwrap();
    world.queue.rate_limit(WINDOW).await.unwrap();

    let told = vec![settlement(&running, Verdict::RateLimited)];
    let turn = world.queue.settle(told, Some(&limited(5, 100))).await.unwrap();

    assert_eq!(state_of(&turn.settled[0]), JobState::Waiting);
    assert!(turn.claimed.jobs.is_empty());
    let job = world.job(&running.job.id).await;
    assert_eq!((job.attempts_made, job.attempts_started), (0, 1));
    assert_eq!(world.words_after(start).await, ["waiting 1 from active"]);
    world.pass(WINDOW).await;
    let next = take(&world, &limited(1, 100)).await.jobs.swap_remove(0);
    assert_eq!((next.job.id, next.job.attempts_started), (running.job.id, 2));
}

async fn a_limited_run_is_not_taken_again_at_once_without_a_limit_either(world: World) {
    add(&world, 1).await;
    let running = world.claim().await;
    world.queue.rate_limit(WINDOW).await.unwrap();

    let told = vec![settlement(&running, Verdict::RateLimited)];
    let turn = world.queue.settle(told, Some(&claim(5))).await.unwrap();

    assert!(turn.claimed.jobs.is_empty());
    assert!(turn.claimed.next_due_ms.is_some());
}

async fn a_limited_job_with_a_priority_is_the_first_of_it(world: World) {
    let ranked =
        |name| job("work").with_id(id(name)).with_options(JobOptions::bare().with_priority(2));
    world.queue.add(vec![ranked("a"), ranked("b")]).await.unwrap();
    let running = world.claim().await;

    let settled = world.settle(&running, Verdict::RateLimited).await;

    assert_eq!(state_of(&settled), JobState::Prioritized);
    assert_eq!(world.claim().await.job.id, id("a"));
}

async fn due_jobs_come_to_wait_while_nothing_may_start(world: World) {
    world.queue.set_rate(Some(RateLimit::new(1, LONG))).await.unwrap();
    add(&world, 1).await;
    world.claim().await;
    let later = world.add_with("a", JobOptions::bare().delayed(Duration::from_millis(20))).await;
    world.pass(Duration::from_millis(30)).await;

    assert!(world.claim_all(5).await.jobs.is_empty());

    assert_eq!(world.state(&later).await, JobState::Waiting);
}

async fn a_reached_limit_tells_how_long_it_holds(world: World) {
    let left = async |max| world.queue.rate_limit_left(max).await.unwrap();
    assert_eq!(left(None).await, None);
    assert_eq!(left(Some(1)).await, None);
    add(&world, 5).await;

    assert_eq!(taken(&world, &limited_long(2, 3)).await, 2);

    assert_eq!(left(Some(3)).await, None);
    assert!(left(Some(2)).await.is_some_and(|left| left <= LONG));
    assert!(left(None).await.is_some_and(|left| left <= LONG), "the open window");
    world.queue.set_rate(Some(RateLimit::new(3, WINDOW))).await.unwrap();
    assert_eq!(left(None).await, None);
    world.queue.rate_limit(LONG).await.unwrap();
    assert!(left(None).await.is_some_and(|left| left > Duration::from_secs(500)));
    world.queue.end_rate_limit().await.unwrap();
    assert_eq!(left(None).await, None);
}

async fn a_limited_queue_is_not_asked_all_the_time(world: World) {
    add(&world, 2).await;
    assert_eq!(taken(&world, &limited(1, 1)).await, 1);
    let begun = Instant::now();
    let mut asked = 0;

    loop {
        asked += 1;
        if taken(&world, &limited(1, 1)).await == 1 {
            break;
        }
        world.queue.wait(Duration::from_secs(20)).await.unwrap();
    }

    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    assert!(asked <= 6, "asked {asked} times");
}

async fn no_more_jobs_run_at_a_time_than_the_queue_allows(world: World) {
    add(&world, 10).await;

    world.queue.set_concurrency(Some(3)).await.unwrap();

    assert_eq!(world.queue.limits().await.unwrap().concurrency, Some(3));
    let running = world.claim_all(2).await.jobs;
    assert!(!world.queue.is_maxed().await.unwrap());
    assert_eq!(world.claim_all(9).await.jobs.len(), 1);
    assert!(world.queue.is_maxed().await.unwrap());
    assert!(world.claim_all(9).await.jobs.is_empty());
    // What ends makes room in the same trip.
    let told = running.iter().map(|job| settlement(job, completed())).collect();
    let turn = world.queue.settle(told, Some(&claim(9))).await.unwrap();
    assert_eq!(turn.claimed.jobs.len(), 2);
    assert_eq!(world.queue.counts().await.unwrap()["active"], 3);
}

async fn a_raised_concurrency_counts_at_once(world: World) {
    add(&world, 10).await;
    world.queue.set_concurrency(Some(1)).await.unwrap();
    assert_eq!(world.claim_all(9).await.jobs.len(), 1);
    let queue = Arc::clone(&world.queue);
    // The news of the adds.
    world.queue.wait(Duration::from_millis(50)).await.unwrap();
    assert!(world.claim_all(9).await.jobs.is_empty());
    let waiting = tokio::spawn(async move { queue.wait(Duration::from_secs(30)).await });
    tokio::task::yield_now().await;

    world.queue.set_concurrency(Some(4)).await.unwrap();

    tokio::time::timeout(Duration::from_secs(5), waiting).await.unwrap().unwrap().unwrap();
    assert_eq!(world.claim_all(9).await.jobs.len(), 3);
    world.queue.set_concurrency(None).await.unwrap();
    assert_eq!(world.claim_all(9).await.jobs.len(), 6);
    assert!(!world.queue.is_maxed().await.unwrap());
}

async fn limits_that_stop_a_queue_are_refused(world: World) {
    let queue = &world.queue;

    assert_invalid(queue.set_concurrency(Some(0)).await);
    assert_invalid(queue.set_rate(Some(RateLimit::new(0, WINDOW))).await);
    assert_invalid(queue.set_rate(Some(RateLimit::new(1, Duration::ZERO))).await);
    assert_invalid(queue.rate_limit(Duration::ZERO).await);

    assert_eq!(queue.limits().await.unwrap(), Limits::default());
    assert_eq!(queue.rate_limit_left(None).await.unwrap(), None);
}

async fn a_worker_keeps_its_rate(world: World) {
    add(&world, 7).await;
    let handlers = Handlers::new().with_fn("work", |_: serde_json::Value, _| async { Ok(()) });
    let rate = Some(RateLimit::new(3, WINDOW));
    let begun = Instant::now();

    let worker = Running::start(&world, WorkerOptions { rate, ..quick(5) }, handlers);
    until("all complete", async || world.queue.counts().await.unwrap()["completed"] == 7).await;
    worker.stop().await;

    // The third window: on the embedded store time passes as well, for the clock is the system's.
    assert!(begun.elapsed() >= WINDOW * 2, "{:?}", begun.elapsed());
    assert!(begun.elapsed() < WINDOW * 8, "{:?}", begun.elapsed());
}

async fn a_handler_can_ask_for_a_pause(world: World) {
    add(&world, 1).await;
    let runs = Arc::new(AtomicU64::new(0));
    let handlers = Handlers::new().with_fn("work", {
        let runs = Arc::clone(&runs);
        move |_: serde_json::Value, context| {
            let first = runs.fetch_add(1, Ordering::SeqCst) == 0;
            async move {
                if first {
                    context.rate_limit(WINDOW).await.unwrap();
                    return Err(JobError::RateLimited);
                }
                Ok(())
            }
        }
    });
    let rate = Some(RateLimit::new(100, WINDOW));
    let begun = Instant::now();

    let worker = Running::start(&world, WorkerOptions { rate, ..quick(2) }, handlers);
    until("it completes", async || world.queue.counts().await.unwrap()["completed"] == 1).await;
    worker.stop().await;

    assert!(begun.elapsed() >= WINDOW, "{:?}", begun.elapsed());
    assert_eq!(runs.load(Ordering::SeqCst), 2);
    assert_eq!(world.job(&oxherd_queue::JobId::from_store("1")).await.attempts_made, 1);
}
