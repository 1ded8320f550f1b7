//! Delayed jobs.

use std::time::Duration;

use oxherd_queue::{JobId, JobOptions, JobState};

use crate::world::{World, assert_no_such_job, assert_wrong_state, id, job};

on_both_stores!(
    a_delayed_job_runs_when_it_is_due,
    jobs_due_at_the_same_time_run_in_the_order_of_their_adds,
    a_delayed_job_can_be_promoted,
    only_a_delayed_job_can_be_promoted,
    due_jobs_are_moved_on_request,
    due_jobs_of_a_paused_queue_wait_for_its_resume,
);

fn delayed(ms: u64) -> JobOptions {
    JobOptions::bare().delayed(Duration::from_millis(ms))
}

async fn a_delayed_job_runs_when_it_is_due(world: World) {
    let before_ms = world.now_ms();
    let id = world.add_with("a", delayed(1_000)).await;

    let found = world.snapshot(&id).await;
    assert_eq!(found.state, JobState::Delayed);
    assert_eq!(found.due_ms, Some(found.job.timestamp_ms + 1_000));
    assert!(found.due_ms.unwrap().abs_diff(before_ms + 1_000) < 5_000);
    let early = world.claim_all(1).await;
    assert!(early.jobs.is_empty());
    assert_eq!(early.next_due_ms, found.due_ms);

    world.pass(Duration::from_millis(1_050)).await;

    let start = world.queue.last_position().await.unwrap();
    let claimed = world.claim().await;
    assert_eq!(claimed.job.id, id);
    assert_eq!(claimed.job.delay_ms, 0);
    let words = world.words_after(start).await;
    assert_eq!(words, [format!("waiting {id} from delayed"), format!("active {id}")]);
}

async fn jobs_due_at_the_same_time_run_in_the_order_of_their_adds(world: World) {
    let timestamp_ms = Some(world.now_ms());
    let together = JobOptions { timestamp_ms, ..delayed(100) };
    let jobs = (0..50).map(|_| job("a").with_options(together.clone())).collect();
    let added = world.queue.add(jobs).await.unwrap();

    world.pass(Duration::from_millis(150)).await;

    let claimed: Vec<JobId> =
        world.claim_all(50).await.jobs.into_iter().map(|job| job.job.id).collect();
    let added: Vec<JobId> = added.iter().map(|added| added.id().clone()).collect();
    assert_eq!(claimed, added);
}

async fn a_delayed_job_can_be_promoted(world: World) {
    let id = world.add_with("a", delayed(60_000)).await;
    let start = world.queue.last_position().await.unwrap();

    let version = world.queue.promote(&id).await.unwrap();

    let found = world.snapshot(&id).await;
    assert_eq!((found.state, found.job.delay_ms, found.due_ms), (JobState::Waiting, 0, None));
    let events = world.events_after(start).await;
    assert_eq!(world.words_after(start).await, [format!("waiting {id} from delayed")]);
    assert_eq!(events[0].position, version);
    assert_eq!(world.claim().await.job.id, id);
}

async fn only_a_delayed_job_can_be_promoted(world: World) {
    let waiting = world.add("a").await;

    assert_wrong_state(world.queue.promote(&waiting).await);
    assert_no_such_job(world.queue.promote(&id("nobody")).await);
}

async fn due_jobs_are_moved_on_request(world: World) {
    for ms in [50, 60, 60_000] {
        world.add_with("a", delayed(ms)).await;
    }
    world.pass(Duration::from_millis(100)).await;

    let (moved, next_due_ms) = world.queue.promote_due().await.unwrap();

    assert_eq!(moved, 2);
    assert!(next_due_ms.is_some_and(|due| due > world.now_ms() + 50_000));
    assert_eq!(world.list(JobState::Waiting).await.len(), 2);
    assert_eq!(world.list(JobState::Delayed).await.len(), 1);
}

async fn due_jobs_of_a_paused_queue_wait_for_its_resume(world: World) {
    world.queue.pause().await.unwrap();
    let id = world.add_with("a", delayed(50)).await;
    world.pass(Duration::from_millis(80)).await;

    assert!(world.claim_all(1).await.jobs.is_empty());
    world.queue.resume().await.unwrap();

    assert_eq!(world.claim().await.job.id, id);
}
