//! The order in which jobs are taken: plain ones first, then by priority; the newest first if asked.

use std::time::Duration;

use oxherd_queue::outcome::Verdict;
use oxherd_queue::{JobId, JobOptions, JobState, NewJob};

use crate::world::{World, assert_invalid, claim, failed, id, job, retried, state_of};

on_both_stores!(
    jobs_without_a_priority_run_first_then_the_lowest_number,
    a_batch_mixes_all_kinds_and_keeps_its_order,
    the_newest_of_jobs_added_in_front_runs_first,
    a_job_in_front_of_the_line_is_only_so_without_a_priority,
    a_delayed_job_takes_its_priority_when_it_is_due,
    a_promoted_job_goes_to_its_priority,
    a_retried_job_keeps_its_priority,
    a_job_added_in_front_is_tried_again_at_once,
    a_job_handed_back_is_the_first_of_its_priority,
    a_job_of_a_dead_worker_is_next_whatever_its_priority,
    a_submitted_job_has_its_priority,
    prioritized_jobs_are_counted_listed_and_placed,
    a_priority_out_of_range_changes_nothing,
    a_prioritized_job_can_be_cancelled_and_removed,
    a_queue_with_prioritized_jobs_is_not_drained,
);

fn ranked(priority: u32) -> JobOptions {
    JobOptions::bare().with_priority(priority)
}

fn in_front() -> JobOptions {
    JobOptions { lifo: true, ..JobOptions::bare() }
}

/// Adds a job with an id of its own, and returns that.
async fn add(world: &World, name: &str, options: JobOptions) -> JobId {
    world.add_job(named(name, options)).await
}

fn named(name: &str, options: JobOptions) -> NewJob {
    job("work").with_id(id(name)).with_options(options)
}

/// Claims all jobs and returns their ids in order.
async fn order(world: &World) -> Vec<String> {
    let claimed = world.claim_all(100).await.jobs;
    claimed.iter().map(|claimed| claimed.job.id.to_string()).collect()
}

async fn jobs_without_a_priority_run_first_then_the_lowest_number(world: World) {
    world.queue.pause().await.unwrap();
    for (name, priority) in [("three", 3), ("one", 1), ("two", 2), ("one-b", 1), ("none", 0)] {
        add(&world, name, ranked(priority)).await;
    }
    add(&world, "last", ranked(JobOptions::PRIORITY_MAX)).await;
    world.queue.resume().await.unwrap();

    assert_eq!(order(&world).await, ["none", "one", "one-b", "two", "three", "last"]);
}

async fn a_batch_mixes_all_kinds_and_keeps_its_order(world: World) {
    let batch = vec![
        named("p2", ranked(2)),
        named("a", JobOptions::bare()),
        named("front", in_front()),
        named("p1", ranked(1)),
        named("later", ranked(1).delayed(Duration::from_secs(60))),
        named("b", JobOptions::bare()),
        named("front-b", in_front()),
        named("p1-b", ranked(1)),
    ];
    let start = world.queue.last_position().await.unwrap();

    world.queue.add(batch).await.unwrap();

    let words = world.words_after(start).await;
    assert_eq!(words[..4], ["added p2", "waiting p2", "added a", "waiting a"]);
    assert_eq!(words[8..10], ["added later", "delayed later"]);
    assert_eq!(order(&world).await, ["front-b", "front", "a", "b", "p1", "p1-b", "p2"]);
}

async fn the_newest_of_jobs_added_in_front_runs_first(world: World) {
    add(&world, "old", JobOptions::bare()).await;
    for name in ["a", "b", "c"] {
        add(&world, name, in_front()).await;
    }

    assert!(world.job(&id("a")).await.options.lifo);
    assert_eq!(order(&world).await, ["c", "b", "a", "old"]);
}

async fn a_job_in_front_of_the_line_is_only_so_without_a_priority(world: World) {
    add(&world, "first", ranked(4)).await;
    add(&world, "second", JobOptions { lifo: true, ..ranked(4) }).await;

    assert_eq!(order(&world).await, ["first", "second"]);
}

async fn a_delayed_job_takes_its_priority_when_it_is_due(world: World) {
    add(&world, "later", ranked(5).delayed(Duration::from_millis(50))).await;
    assert_eq!(world.state(&id("later")).await, JobState::Delayed);
    add(&world, "lower", ranked(9)).await;
    world.pass(Duration::from_millis(60)).await;
    add(&world, "plain", JobOptions::bare()).await;

    world.queue.promote_due().await.unwrap();

    let found = world.snapshot(&id("later")).await;
    assert_eq!((found.state, found.job.priority), (JobState::Prioritized, 5));
    assert_eq!(order(&world).await, ["plain", "later", "lower"]);
}

async fn a_promoted_job_goes_to_its_priority(world: World) {
    add(&world, "later", ranked(5).delayed(Duration::from_secs(60))).await;
    add(&world, "plain-later", in_front().delayed(Duration::from_secs(60))).await;
    add(&world, "plain", JobOptions::bare()).await;
    add(&world, "higher", ranked(4)).await;

    world.queue.promote(&id("later")).await.unwrap();
    world.queue.promote(&id("plain-later")).await.unwrap();

    // A promoted job goes to the back of the line, also if it was to be added in front.
    assert_eq!(order(&world).await, ["plain", "plain-later", "higher", "later"]);
}

async fn a_retried_job_keeps_its_priority(world: World) {
    add(&world, "a", JobOptions { attempts: 3, ..ranked(3) }).await;
    let claimed = world.claim().await;
    add(&world, "b", ranked(3)).await;
    add(&world, "c", ranked(4)).await;

    let settled = world.settle(&claimed, retried(Duration::ZERO)).await;

    assert_eq!(state_of(&settled), JobState::Prioritized);
    assert_eq!(order(&world).await, ["b", "a", "c"]);
}

async fn a_job_added_in_front_is_tried_again_at_once(world: World) {
    add(&world, "a", JobOptions { attempts: 3, ..in_front() }).await;
    let claimed = world.claim().await;
    add(&world, "b", JobOptions::bare()).await;

    let settled = world.settle(&claimed, retried(Duration::ZERO)).await;
    assert_eq!(state_of(&settled), JobState::Waiting);
    let again = world.claim().await;
    assert_eq!(again.job.id, id("a"));

    // By hand as well.
    world.settle(&again, failed()).await;
    world.queue.retry(&id("a"), false).await.unwrap();
    assert_eq!(order(&world).await, ["a", "b"]);
}

async fn a_job_handed_back_is_the_first_of_its_priority(world: World) {
    add(&world, "a", ranked(3)).await;
    add(&world, "b", ranked(3)).await;
    let first = world.claim().await;
    let second = world.claim().await;
    add(&world, "c", ranked(3)).await;
    add(&world, "higher", ranked(2)).await;

    let settled = world.settle(&second, Verdict::HandBack).await;
    world.settle(&first, Verdict::HandBack).await;

    assert_eq!(state_of(&settled), JobState::Prioritized);
    assert_eq!(order(&world).await, ["higher", "a", "b", "c"]);
}

async fn a_job_of_a_dead_worker_is_next_whatever_its_priority(world: World) {
    add(&world, "ranked", ranked(9)).await;
    world.claim_for(Duration::from_millis(20)).await;
    add(&world, "plain", JobOptions::bare()).await;
    let interval = Duration::from_millis(10);
    world.queue.sweep_stalled(interval, 2).await.unwrap();
    world.pass(Duration::from_millis(30)).await;

    let taken_back = world.queue.sweep_stalled(interval, 2).await.unwrap();

    assert_eq!(taken_back, [id("ranked")]);
    assert_eq!(world.state(&id("ranked")).await, JobState::Waiting);
    assert_eq!(order(&world).await, ["ranked", "plain"]);
}

async fn a_submitted_job_has_its_priority(world: World) {
    add(&world, "plain", JobOptions::bare()).await;
    let jobs = vec![named("low", ranked(7)), named("high", ranked(6)), named("now", in_front())];

    world.queue.submit(jobs).await.unwrap();

    assert_eq!(world.job(&id("low")).await.priority, 7);
    assert_eq!(order(&world).await, ["now", "plain", "high", "low"]);
}

async fn prioritized_jobs_are_counted_listed_and_placed(world: World) {
    for (name, priority) in [("a", 2), ("b", 1), ("c", 2), ("plain", 0)] {
        add(&world, name, ranked(priority)).await;
    }

    let counts = world.queue.counts().await.unwrap();
    assert_eq!((counts["waiting"], counts["prioritized"]), (1, 3));
    let by_priority = world.queue.counts_by_priority(&[0, 1, 2, 3]).await.unwrap();
    assert_eq!(by_priority, [1, 1, 2, 0]);
    assert!(world.queue.counts_by_priority(&[]).await.unwrap().is_empty());
    assert_eq!(world.list(JobState::Prioritized).await, [id("b"), id("a"), id("c")]);
    for (name, place) in [("plain", 0), ("b", 1), ("a", 2), ("c", 3)] {
        assert_eq!(world.queue.place(&id(name)).await.unwrap(), Some(place), "{name}");
    }
    assert!(world.queue.oldest_waiting_ms().await.unwrap().is_some());
}

async fn a_priority_out_of_range_changes_nothing(world: World) {
    let start = world.queue.last_position().await.unwrap();
    let batch = || vec![job("good"), named("bad", ranked(JobOptions::PRIORITY_MAX + 1))];

    assert_invalid(world.queue.add(batch()).await);
    assert_invalid(world.queue.submit(batch().split_off(1)).await);

    assert!(world.words_after(start).await.is_empty());
    assert!(world.queue.counts().await.unwrap().values().all(|jobs| *jobs == 0));
}

async fn a_prioritized_job_can_be_cancelled_and_removed(world: World) {
    for name in ["a", "b", "c"] {
        add(&world, name, ranked(1)).await;
    }
    let start = world.queue.last_position().await.unwrap();

    assert!(world.queue.remove(&id("b")).await.unwrap());
    world.queue.cancel(&id("a")).await.unwrap();

    assert_eq!(world.words_after(start).await, ["removed b from prioritized", "failed a"]);
    assert_eq!(order(&world).await, ["c"]);
}

async fn a_queue_with_prioritized_jobs_is_not_drained(world: World) {
    add(&world, "a", ranked(1)).await;
    add(&world, "b", ranked(1)).await;
    let first = world.claim().await;
    world.complete(&first).await;
    let start = world.queue.last_position().await.unwrap();

    let second = world.claim().await;
    let turn = world
        .queue
        .settle(vec![crate::world::settlement(&second, failed())], Some(&claim(1)))
        .await
        .unwrap();

    assert!(turn.claimed.jobs.is_empty());
    let words = world.words_after(start).await;
    assert_eq!(words, ["active b", "failed b", "retries-exhausted b", "drained"]);
}
