//! Pausing and resuming a queue.

use std::time::Duration;

use oxherd_queue::JobState;
use oxherd_queue::outcome::Verdict;

use crate::world::{World, claim, completed, settlement, state_of};

on_both_stores!(
    a_paused_queue_gives_no_job,
    a_running_job_goes_on_in_a_paused_queue,
    settling_in_a_paused_queue_claims_nothing,
    a_paused_queue_takes_jobs_and_keeps_their_order,
    pausing_and_resuming_are_told,
    a_queue_stays_paused_for_whoever_opens_it,
);

async fn a_paused_queue_gives_no_job(world: World) {
    let id = world.add("a").await;
    world.queue.pause().await.unwrap();

    assert!(world.queue.is_paused().await.unwrap());
    assert!(world.claim_all(5).await.jobs.is_empty());
    assert_eq!(world.state(&id).await, JobState::Waiting);
    assert_eq!(world.list(JobState::Waiting).await, std::slice::from_ref(&id));
    assert_eq!(world.queue.counts().await.unwrap()["waiting"], 1);

    world.queue.resume().await.unwrap();

    assert!(!world.queue.is_paused().await.unwrap());
    assert_eq!(world.claim().await.job.id, id);
}

async fn a_running_job_goes_on_in_a_paused_queue(world: World) {
    world.add("a").await;
    let job = world.claim().await;
    world.queue.pause().await.unwrap();

    assert_eq!(state_of(&world.complete(&job).await), JobState::Completed);
}

async fn settling_in_a_paused_queue_claims_nothing(world: World) {
    world.add("a").await;
    world.add("b").await;
    let job = world.claim().await;
    world.queue.pause().await.unwrap();

    let turn = world.queue.settle(vec![settlement(&job, completed())], Some(&claim(1))).await;

    let turn = turn.unwrap();
    assert_eq!(state_of(&turn.settled[0]), JobState::Completed);
    assert!(turn.claimed.jobs.is_empty());
}

async fn a_paused_queue_takes_jobs_and_keeps_their_order(world: World) {
    let first = world.add("a").await;
    let held = world.claim().await;
    world.queue.pause().await.unwrap();
    let second = world.add("b").await;
    assert_eq!(state_of(&world.settle(&held, Verdict::HandBack).await), JobState::Waiting);
    let third = world.add("c").await;

    world.queue.resume().await.unwrap();

    let order: Vec<_> = world.claim_all(3).await.jobs.into_iter().map(|job| job.job.id).collect();
    assert_eq!(order, [first, second, third]);
}

async fn pausing_and_resuming_are_told(world: World) {
    let start = world.queue.last_position().await.unwrap();

    world.queue.pause().await.unwrap();
    world.queue.resume().await.unwrap();

    assert_eq!(world.words_after(start).await, ["paused", "resumed"]);
}

async fn a_queue_stays_paused_for_whoever_opens_it(world: World) {
    world.add("a").await;
    world.queue.pause().await.unwrap();

    let same = world.store.queue("conformance").await.unwrap();

    assert!(same.is_paused().await.unwrap());
    assert!(same.claim(&claim(1)).await.unwrap().jobs.is_empty());
    let waited = tokio::time::timeout(Duration::from_secs(5), same.wait(Duration::from_millis(50)));
    waited.await.unwrap().unwrap();
}
