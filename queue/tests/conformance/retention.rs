//! How long finished jobs are kept.

use std::time::Duration;

use oxherd_queue::outcome::{Settled, Settlement, Verdict};
use oxherd_queue::{JobState, Position, Retention};

use crate::world::{World, completed, failed, job, settlement, state_of};

on_both_stores!(
    a_job_may_be_removed_when_it_ends,
    the_newest_finished_jobs_are_kept_by_count,
    finished_jobs_are_removed_by_age,
    no_more_than_the_limit_go_for_their_age_at_one_finish,
    age_and_count_both_apply,
    failed_jobs_have_a_retention_of_their_own,
    a_whole_batch_leaves_no_more_than_the_count,
    nothing_said_keeps_all,
);

/// Adds, claims and ends a job under this retention.
async fn ended(world: &World, verdict: Verdict, keep: Option<Retention>) -> Settled {
    world.add("a").await;
    let job = world.claim().await;
    let settlement = Settlement { keep, ..settlement(&job, verdict) };
    world.settle_all(vec![settlement]).await.settled.swap_remove(0)
}

fn count(count: u64) -> Option<Retention> {
    Some(Retention::newest(count))
}

fn names(ids: Vec<oxherd_queue::JobId>) -> Vec<String> {
    ids.iter().map(ToString::to_string).collect()
}

async fn a_job_may_be_removed_when_it_ends(world: World) {
    for (verdict, word) in [(completed(), "completed"), (failed(), "failed")] {
        let id = world.add("a").await;
        world.queue.log(&id, "a row", None).await.unwrap();
        let job = world.claim().await;
        let gone = Settlement { keep: Some(Retention::NONE), ..settlement(&job, verdict) };

        let settled = world.settle_all(vec![gone]).await.settled.swap_remove(0);

        assert!(matches!(settled, Settled::Done { attempts_made: 1, .. }));
        assert_eq!(world.find(&id).await, None);
        let words = world.words_after(Position::START).await;
        assert!(words.contains(&format!("{word} {id}")), "the end is told all the same: {words:?}");
        assert!(matches!(world.settle(&job, completed()).await, Settled::Lost { .. }));
    }
    assert!(world.queue.counts().await.unwrap().values().all(|jobs| *jobs == 0));
}

async fn the_newest_finished_jobs_are_kept_by_count(world: World) {
    for _ in 0..6 {
        ended(&world, completed(), count(3)).await;
        // Jobs that ended in the same millisecond have no order of their own.
        world.pass(Duration::from_millis(2)).await;
    }
    assert_eq!(names(world.list(JobState::Completed).await), ["4", "5", "6"]);
}

async fn finished_jobs_are_removed_by_age(world: World) {
    let keep = Some(Retention::seconds(1));
    ended(&world, completed(), keep).await;
    ended(&world, completed(), keep).await;
    world.pass(Duration::from_millis(1_100)).await;
    assert_eq!(world.list(JobState::Completed).await.len(), 2, "the next finish removes them");

    ended(&world, completed(), keep).await;

    assert_eq!(names(world.list(JobState::Completed).await), ["3"]);
}

async fn no_more_than_the_limit_go_for_their_age_at_one_finish(world: World) {
    for _ in 0..4 {
        ended(&world, completed(), Some(Retention::ALL)).await;
        world.pass(Duration::from_millis(2)).await;
    }
    world.pass(Duration::from_millis(1_100)).await;

    let keep = Retention { limit: Some(2), ..Retention::seconds(1) };
    ended(&world, completed(), Some(keep)).await;

    let left = names(world.list(JobState::Completed).await);
    assert_eq!(left, ["1", "2", "5"], "the newest of the old ones go first, as with BullMQ");
}

async fn age_and_count_both_apply(world: World) {
    let keep = Some(Retention { count: Some(2), ..Retention::seconds(1) });
    for _ in 0..3 {
        ended(&world, completed(), keep).await;
        world.pass(Duration::from_millis(2)).await;
    }
    assert_eq!(names(world.list(JobState::Completed).await), ["2", "3"]);
    world.pass(Duration::from_millis(1_100)).await;

    ended(&world, completed(), keep).await;

    assert_eq!(names(world.list(JobState::Completed).await), ["4"]);
}

async fn failed_jobs_have_a_retention_of_their_own(world: World) {
    for _ in 0..3 {
        ended(&world, completed(), Some(Retention::ALL)).await;
        ended(&world, failed(), count(1)).await;
        world.pass(Duration::from_millis(2)).await;
    }
    assert_eq!(names(world.list(JobState::Completed).await), ["1", "3", "5"]);
    assert_eq!(names(world.list(JobState::Failed).await), ["6"]);
}

async fn a_whole_batch_leaves_no_more_than_the_count(world: World) {
    world.queue.add((0..20).map(|_| job("a")).collect()).await.unwrap();
    let jobs = world.claim_all(20).await.jobs;

    let batch =
        jobs.iter().map(|job| Settlement { keep: count(5), ..settlement(job, completed()) });
    let turn = world.settle_all(batch.collect()).await;

    assert!(turn.settled.iter().all(|settled| state_of(settled) == JobState::Completed));
    assert_eq!(world.list(JobState::Completed).await.len(), 5);
    assert_eq!(world.queue.counts().await.unwrap()["completed"], 5);
}

async fn nothing_said_keeps_all(world: World) {
    for keep in [None, Some(Retention::ALL), None] {
        ended(&world, completed(), keep).await;
    }
    assert_eq!(world.list(JobState::Completed).await.len(), 3);
}
