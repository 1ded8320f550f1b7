//! Claiming jobs.

use std::collections::HashSet;
use std::time::Duration;

use oxherd_queue::backend::Claim;
use oxherd_queue::{EventKind, JobState};

use crate::world::{World, claim, completed, job, settlement};

on_both_stores!(
    a_claim_takes_at_most_as_many_as_asked,
    a_claimed_job_is_active_and_counts_its_start,
    no_job_is_claimed_twice,
    a_claim_for_nothing_changes_nothing,
    an_empty_queue_gives_nothing,
    settling_claims_the_next_jobs_in_the_same_call,
    many_workers_at_once_share_the_jobs,
);

async fn a_claim_takes_at_most_as_many_as_asked(world: World) {
    world.queue.add((0..5).map(|_| job("a")).collect()).await.unwrap();

    assert_eq!(world.claim_all(3).await.jobs.len(), 3);
    assert_eq!(world.claim_all(3).await.jobs.len(), 2);
    assert_eq!(world.claim_all(3).await.jobs.len(), 0);
}

async fn a_claimed_job_is_active_and_counts_its_start(world: World) {
    let id = world.add("a").await;
    let start = world.queue.last_position().await.unwrap();
    let request = Claim { worker: Some("w 1/é".to_owned()), ..claim(1) };

    let claimed = world.queue.claim(&request).await.unwrap().jobs.swap_remove(0);

    assert_eq!(claimed.token, request.token);
    assert_eq!(claimed.unreadable, None);
    assert_eq!((claimed.job.attempts_started, claimed.job.attempts_made), (1, 0));
    let found = world.snapshot(&id).await;
    assert_eq!(found.state, JobState::Active);
    assert_eq!(found.job, claimed.job);
    assert_eq!(found.job.processed_by.as_deref(), Some("w 1/é"));
    assert!(found.job.processed_on_ms.is_some_and(|ms| ms.abs_diff(world.now_ms()) < 5_000));
    let events = world.events_after(start).await;
    assert_eq!(events.len(), 1);
    assert_eq!(events[0].kind, EventKind::Active { id });
    assert_eq!(events[0].position, claimed.version);
}

async fn no_job_is_claimed_twice(world: World) {
    world.queue.add((0..4).map(|_| job("a")).collect()).await.unwrap();

    let first = world.claim_all(2).await.jobs;
    let second = world.claim_all(10).await.jobs;

    let ids: HashSet<_> = first.iter().chain(&second).map(|job| job.job.id.clone()).collect();
    assert_eq!(ids.len(), 4);
}

async fn a_claim_for_nothing_changes_nothing(world: World) {
    let id = world.add("a").await;

    assert!(world.claim_all(0).await.jobs.is_empty());

    assert_eq!(world.state(&id).await, JobState::Waiting);
}

async fn an_empty_queue_gives_nothing(world: World) {
    let claimed = world.claim_all(10).await;

    assert!(claimed.jobs.is_empty());
    assert_eq!(claimed.next_due_ms, None);
}

async fn settling_claims_the_next_jobs_in_the_same_call(world: World) {
    world.queue.add((0..5).map(|_| job("a")).collect()).await.unwrap();
    let running = world.claim_all(2).await.jobs;
    let settlements = running.iter().map(|job| settlement(job, completed())).collect();

    let turn = world.queue.settle(settlements, Some(&claim(2))).await.unwrap();

    assert_eq!(turn.settled.len(), 2);
    let ids: Vec<_> = turn.claimed.jobs.iter().map(|job| job.job.id.as_str()).collect();
    assert_eq!(ids, ["3", "4"]);
    assert_eq!(world.list(JobState::Waiting).await.len(), 1);
    assert_eq!(world.list(JobState::Completed).await.len(), 2);
}

async fn many_workers_at_once_share_the_jobs(world: World) {
    world.queue.add((0..200).map(|_| job("a")).collect()).await.unwrap();

    let workers = (0..8).map(|_| {
        let queue = std::sync::Arc::clone(&world.queue);
        tokio::spawn(async move {
            let mut done = Vec::new();
            let mut running = queue.claim(&claim(3)).await.unwrap().jobs;
            while !running.is_empty() {
                let settlements = running.iter().map(|job| settlement(job, completed())).collect();
                done.extend(running.into_iter().map(|job| job.job.id));
                let turn = queue.settle(settlements, Some(&claim(3))).await.unwrap();
                running = turn.claimed.jobs;
            }
            done
        })
    });
    let mut done = Vec::new();
    for worker in workers.collect::<Vec<_>>() {
        done.extend(worker.await.unwrap());
    }

    assert_eq!(done.len(), 200);
    assert_eq!(done.iter().collect::<HashSet<_>>().len(), 200);
    let idle = world.queue.wait(Duration::from_millis(20)).await;
    assert!(idle.is_ok());
}
