//! Metrics: how many jobs ended, by the minute.

use std::time::Duration;

use oxherd_queue::backend::Metrics;
use oxherd_queue::job::ClaimedJob;
use oxherd_queue::outcome::{Settlement, Verdict};
use oxherd_queue::worker::{Handlers, WorkerOptions};
use oxherd_queue::{JobId, JobState, Retention};

use crate::running::{Payloadless, Running, end_of, quick};
use crate::world::{World, assert_invalid, completed, failed, retried, settlement};

on_both_stores!(
    ends_are_counted_by_the_minute,
    a_long_idle_time_leaves_no_more_points_than_are_kept,
    several_ends_in_one_trip_count_as_in_as_many,
    only_ends_are_counted_and_only_when_asked_for,
    metrics_have_pages,
    metrics_of_a_state_that_is_no_end_are_refused,
    a_worker_counts_what_it_ends,
    metrics_go_with_their_queue,
);

const MINUTE: Duration = Duration::from_secs(60);

/// Ends jobs in one trip, counted for this many minutes.
async fn end(world: &World, jobs: usize, verdict: Verdict, kept: Option<u32>) {
    for _ in 0..jobs {
        world.add("a").await;
    }
    let claimed = world.claim_all(jobs).await.jobs;
    assert_eq!(claimed.len(), jobs);
    let counted = |job: &ClaimedJob| Settlement {
        metrics: kept,
        keep: Some(Retention::NONE),
        ..settlement(job, verdict.clone())
    };
    world.settle_all(claimed.iter().map(counted).collect()).await;
}

async fn metrics(world: &World, ended: JobState) -> Metrics {
    world.queue.metrics(ended, 0, 1000).await.unwrap()
}

/// Begins shortly after the turn of a minute, so that none is turned by chance.
async fn at_the_turn_of_a_minute(world: &World) {
    let into_ms = world.now_ms() % 60_000;
    world.leap(Duration::from_millis(60_000 - into_ms)).await;
}

async fn ends_are_counted_by_the_minute(world: World) {
    at_the_turn_of_a_minute(&world).await;
    end(&world, 1, completed(), Some(10)).await;
    end(&world, 2, completed(), Some(10)).await;
    let begun = metrics(&world, JobState::Completed).await;
    assert_eq!((begun.count, begun.points.len(), begun.length), (3, 0, 0));
    assert_eq!(begun.noted_count, 0);
    assert!(begun.noted_ms.is_some_and(|at| at.abs_diff(world.now_ms()) < 30_000), "{begun:?}");

    world.leap(MINUTE).await;
    end(&world, 2, completed(), Some(10)).await;
    end(&world, 1, failed(), Some(10)).await;
    world.leap(MINUTE * 2).await;
    end(&world, 1, completed(), Some(10)).await;

    let found = metrics(&world, JobState::Completed).await;
    assert_eq!(found.points, [0, 2, 3], "the newest first, 0 for the minute without any");
    assert_eq!((found.count, found.noted_count, found.length), (6, 5, 3));
    let found = metrics(&world, JobState::Failed).await;
    assert_eq!((found.count, found.points), (1, vec![]));
}

async fn a_long_idle_time_leaves_no_more_points_than_are_kept(world: World) {
    at_the_turn_of_a_minute(&world).await;
    end(&world, 3, completed(), Some(5)).await;
    world.leap(MINUTE * 60 * 24 * 30).await;

    end(&world, 1, completed(), Some(5)).await;

    assert_eq!(metrics(&world, JobState::Completed).await.points, [0, 0, 0, 0, 3]);
    world.leap(MINUTE * 60 * 24 * 365 * 5).await;
    end(&world, 1, completed(), Some(WorkerOptions::METRICS_MAX)).await;
    let found = metrics(&world, JobState::Completed).await;
    assert_eq!(found.length, u64::from(WorkerOptions::METRICS_MAX));
    assert!(found.points.iter().all(|point| *point == 0));
    world.leap(MINUTE).await;
    end(&world, 1, completed(), Some(2)).await;
    assert_eq!(metrics(&world, JobState::Completed).await.points, [1, 0]);
}

async fn several_ends_in_one_trip_count_as_in_as_many(world: World) {
    at_the_turn_of_a_minute(&world).await;
    end(&world, 40, completed(), Some(10)).await;
    world.leap(MINUTE).await;
    end(&world, 7, completed(), Some(10)).await;
    world.leap(MINUTE).await;
    end(&world, 1, completed(), Some(10)).await;

    let found = metrics(&world, JobState::Completed).await;

    assert_eq!((found.points, found.count), (vec![7, 40], 48));
}

async fn only_ends_are_counted_and_only_when_asked_for(world: World) {
    let id = world.add("a").await;
    let job = world.claim().await;
    let counted =
        |job: &ClaimedJob, verdict| Settlement { metrics: Some(10), ..settlement(job, verdict) };
    world.settle_all(vec![counted(&job, retried(Duration::ZERO))]).await;
    world.settle_all(vec![counted(&job, completed())]).await;
    assert_eq!(metrics(&world, JobState::Completed).await, Metrics::default());

    let job = world.claim().await;
    assert_eq!(job.job.id, id);
    world.settle_all(vec![counted(&job, failed())]).await;
    end(&world, 5, completed(), None).await;

    assert_eq!(metrics(&world, JobState::Completed).await, Metrics::default());
    assert_eq!(metrics(&world, JobState::Failed).await.count, 1);
}

async fn metrics_have_pages(world: World) {
    at_the_turn_of_a_minute(&world).await;
    for jobs in [1, 2, 3, 1] {
        end(&world, jobs, completed(), Some(10)).await;
        world.leap(MINUTE).await;
    }
    let page = async |skip, limit| {
        let found = world.queue.metrics(JobState::Completed, skip, limit).await.unwrap();
        assert_eq!(found.length, 3);
        found.points
    };
    assert_eq!(page(0, 2).await, [3, 2]);
    assert_eq!(page(2, 5).await, [1]);
    assert!(page(9, 5).await.is_empty());
    assert!(page(0, 0).await.is_empty());
    assert_eq!(page(1, u64::MAX).await, [2, 1]);
}

async fn metrics_of_a_state_that_is_no_end_are_refused(world: World) {
    assert_invalid(world.queue.metrics(JobState::Waiting, 0, 10).await);
}

async fn a_worker_counts_what_it_ends(world: World) {
    let ids: Vec<JobId> = vec![world.add("good").await, world.add("bad").await];
    let handlers = Handlers::new()
        .with_fn("good", |_: Payloadless, _| async { Ok(()) })
        .with_fn("bad", |_: Payloadless, _| async {
            Err::<(), _>(crate::running::retry("it broke"))
        });
    let options = WorkerOptions { metrics: Some(60), ..quick(2) };
    let worker = Running::start(&world, options, handlers);
    for id in &ids {
        end_of(&world, id).await;
    }
    worker.stop().await;

    assert_eq!(metrics(&world, JobState::Completed).await.count, 1);
    assert_eq!(metrics(&world, JobState::Failed).await.count, 1);
}

async fn metrics_go_with_their_queue(world: World) {
    end(&world, 2, completed(), Some(10)).await;

    world.queue.obliterate(true).await.unwrap();

    assert_eq!(metrics(&world, JobState::Completed).await, Metrics::default());
}
