//! Retrying and removing jobs by hand.

use std::time::Duration;

use oxherd_queue::{JobOptions, JobState};

use crate::world::{World, assert_no_such_job, assert_wrong_state, completed, failed, id, retried};

on_both_stores!(
    a_failed_job_can_be_retried_with_new_attempts,
    a_retried_job_keeps_its_attempts_unless_asked,
    a_completed_job_can_be_retried,
    only_a_finished_job_can_be_retried,
    a_job_that_nobody_holds_can_be_removed,
    a_held_job_cannot_be_removed,
    a_missing_job_is_not_removed,
    a_removed_id_is_free_again,
);

async fn a_failed_job_can_be_retried_with_new_attempts(world: World) {
    let id = world.ended("a", failed()).await;
    world.add("b").await;
    let start = world.queue.last_position().await.unwrap();

    let version = world.queue.retry(&id, true).await.unwrap();

    let found = world.snapshot(&id).await;
    assert_eq!(found.state, JobState::Waiting);
    assert_eq!((found.job.attempts_made, found.job.attempts_started), (0, 0));
    assert_eq!((found.job.failed_reason, found.job.finished_on_ms), (None, None));
    assert_eq!(found.job.processed_on_ms, None);
    assert_eq!(world.words_after(start).await, [format!("waiting {id} from failed")]);
    assert_eq!(world.events_after(start).await[0].position, version);
    assert_eq!(world.list(JobState::Failed).await, []);
    let order: Vec<_> = world.claim_all(2).await.jobs.into_iter().map(|job| job.job.name).collect();
    assert_eq!(order, ["b", "a"], "it goes to the back");
}

async fn a_retried_job_keeps_its_attempts_unless_asked(world: World) {
    let id = world.ended("a", failed()).await;

    world.queue.retry(&id, false).await.unwrap();

    let job = world.claim().await.job;
    assert_eq!((job.attempts_made, job.attempts_started), (1, 2));
}

async fn a_completed_job_can_be_retried(world: World) {
    let id = world.ended("a", completed()).await;
    let start = world.queue.last_position().await.unwrap();

    world.queue.retry(&id, true).await.unwrap();

    assert_eq!(world.words_after(start).await, [format!("waiting {id} from completed")]);
    let found = world.snapshot(&id).await;
    assert_eq!((found.state, found.job.result), (JobState::Waiting, None));
    let job = world.claim().await;
    world.complete(&job).await;
    assert_eq!(world.state(&id).await, JobState::Completed);
}

async fn only_a_finished_job_can_be_retried(world: World) {
    let id_ = world.add("a").await;
    assert_wrong_state(world.queue.retry(&id_, true).await);
    let job = world.claim().await;
    assert_wrong_state(world.queue.retry(&id_, true).await);
    world.settle(&job, retried(Duration::from_secs(60))).await;
    assert_wrong_state(world.queue.retry(&id_, true).await);
    assert_no_such_job(world.queue.retry(&id("nobody"), true).await);
}

async fn a_job_that_nobody_holds_can_be_removed(world: World) {
    let done = world.ended("a", completed()).await;
    let broken = world.ended("a", failed()).await;
    let waiting = world.add("a").await;
    let delayed =
        world.add_with("a", JobOptions::bare().delayed(Duration::from_millis(1_500))).await;
    world.queue.log(&waiting, "row", None).await.unwrap();
    let start = world.queue.last_position().await.unwrap();

    for id in [&done, &broken, &waiting, &delayed] {
        assert!(world.queue.remove(id).await.unwrap());
        assert_eq!(world.find(id).await, None);
    }

    let expected = [
        format!("removed {done} from completed"),
        format!("removed {broken} from failed"),
        format!("removed {waiting} from waiting"),
        format!("removed {delayed} from delayed"),
    ];
    assert_eq!(world.words_after(start).await, expected);
    world.pass(Duration::from_millis(1_600)).await;
    assert!(world.claim_all(5).await.jobs.is_empty());
    assert!(world.queue.counts().await.unwrap().values().all(|jobs| *jobs == 0));
    assert_eq!(world.queue.logs(&waiting, 0, 10).await.unwrap(), (vec![], 0));
}

async fn a_held_job_cannot_be_removed(world: World) {
    let id = world.add("a").await;
    let job = world.claim().await;

    assert_wrong_state(world.queue.remove(&id).await);

    world.complete(&job).await;
    assert!(world.queue.remove(&id).await.unwrap());
}

async fn a_missing_job_is_not_removed(world: World) {
    let start = world.queue.last_position().await.unwrap();

    assert!(!world.queue.remove(&id("nobody")).await.unwrap());

    assert!(world.words_after(start).await.is_empty());
}

async fn a_removed_id_is_free_again(world: World) {
    let mine = || crate::world::job("a").with_id(id("mine"));
    world.add_job(mine()).await;
    world.queue.remove(&id("mine")).await.unwrap();

    world.add_job(mine()).await;

    assert_eq!(world.claim().await.job.id, id("mine"));
}
