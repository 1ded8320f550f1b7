//! Asking for runs, safely however often.

use std::time::Duration;

use oxherd_queue::backend::Submitted;
use oxherd_queue::{JobOptions, JobState, NewJob, Payload};

use crate::world::{World, assert_invalid, completed, failed, id, job, retried};

on_both_stores!(
    the_first_request_adds_the_job,
    the_same_request_again_changes_nothing,
    a_failed_job_runs_again_for_a_higher_generation,
    a_completed_job_runs_again_for_a_higher_generation,
    a_finished_job_ignores_its_own_and_older_generations,
    a_living_job_ignores_higher_generations,
    a_request_needs_an_id,
    a_new_generation_starts_over,
    many_requests_go_in_one_call,
    a_request_may_be_twice_in_one_call,
);

fn run_of(generation: u64) -> NewJob {
    let data = Payload::encode(&serde_json::json!({ "generation": generation })).unwrap();
    let options = JobOptions { attempts: 2, ..JobOptions::bare() };
    NewJob::new("work", data).with_id(id("mat_1")).with_options(options)
}

async fn submit(world: &World, generation: u64) -> Submitted {
    world.queue.submit(vec![run_of(generation)]).await.unwrap().swap_remove(0)
}

async fn the_first_request_adds_the_job(world: World) {
    let submitted = submit(&world, 1).await;

    let found = world.snapshot(&id("mat_1")).await;
    assert_eq!((found.state, found.job.generation()), (JobState::Waiting, 1));
    let last = world.queue.last_position().await.unwrap();
    assert_eq!(submitted, Submitted::Added { version: last });
}

async fn the_same_request_again_changes_nothing(world: World) {
    submit(&world, 1).await;

    let again = submit(&world, 1).await;

    assert_eq!(again, Submitted::Unchanged { state: JobState::Waiting });
    assert_eq!(world.claim_all(5).await.jobs.len(), 1);
}

async fn a_failed_job_runs_again_for_a_higher_generation(world: World) {
    submit(&world, 1).await;
    let job = world.claim().await;
    world.settle(&job, retried(Duration::ZERO)).await;
    let job = world.claim().await;
    world.settle(&job, failed()).await;
    let start = world.queue.last_position().await.unwrap();

    let submitted = submit(&world, 2).await;

    let events = world.events_after(start).await;
    assert_eq!(world.words_after(start).await, ["waiting mat_1 from failed"]);
    assert_eq!(submitted, Submitted::Again { version: events[0].position });
    let found = world.snapshot(&id("mat_1")).await;
    assert_eq!((found.state, found.job.generation()), (JobState::Waiting, 2));
    assert_eq!((found.job.attempts_made, found.job.attempts_started), (0, 0));
    assert_eq!((found.job.failed_reason, found.job.finished_on_ms), (None, None));
    assert_eq!(world.list(JobState::Failed).await, []);
    for attempt in 1..=2 {
        let job = world.claim().await;
        assert_eq!(job.job.attempts_started, attempt);
        world.settle(&job, retried(Duration::ZERO)).await;
    }
}

async fn a_completed_job_runs_again_for_a_higher_generation(world: World) {
    submit(&world, 1).await;
    let job = world.claim().await;
    world.complete(&job).await;
    let start = world.queue.last_position().await.unwrap();

    let submitted = submit(&world, 2).await;

    assert!(matches!(submitted, Submitted::Again { .. }));
    assert_eq!(world.words_after(start).await, ["waiting mat_1 from completed"]);
    let found = world.snapshot(&id("mat_1")).await;
    assert_eq!((found.state, found.job.result), (JobState::Waiting, None));
    assert_eq!(world.list(JobState::Completed).await, []);
    let job = world.claim().await;
    assert_eq!(job.job.generation(), 2);
    world.complete(&job).await;
}

async fn a_finished_job_ignores_its_own_and_older_generations(world: World) {
    submit(&world, 5).await;
    let job = world.claim().await;
    world.complete(&job).await;
    let start = world.queue.last_position().await.unwrap();

    for generation in [5, 4, 0] {
        let submitted = submit(&world, generation).await;
        assert_eq!(submitted, Submitted::Unchanged { state: JobState::Completed });
    }

    assert!(world.words_after(start).await.is_empty());
    assert_eq!(world.job(&id("mat_1")).await.generation(), 5);
}

async fn a_living_job_ignores_higher_generations(world: World) {
    submit(&world, 1).await;
    let unchanged = |state| Submitted::Unchanged { state };

    assert_eq!(submit(&world, 2).await, unchanged(JobState::Waiting));
    let job = world.claim().await;
    assert_eq!(submit(&world, 2).await, unchanged(JobState::Active));
    world.settle(&job, retried(Duration::from_secs(60))).await;
    assert_eq!(submit(&world, 2).await, unchanged(JobState::Delayed));

    assert_eq!(world.job(&id("mat_1")).await.generation(), 1);
}

async fn a_request_needs_an_id(world: World) {
    assert_invalid(world.queue.submit(vec![job("a")]).await);
    let large = Payload::encode(&"x".repeat(NewJob::DATA_MAX)).unwrap();
    assert_invalid(world.queue.submit(vec![NewJob::new("a", large).with_id(id("b"))]).await);
}

async fn a_new_generation_starts_over(world: World) {
    submit(&world, 1).await;
    let job = world.claim().await;
    world.queue.progress(&job.job.id, Payload::encode(&80).unwrap()).await.unwrap();
    world.settle(&job, failed()).await;
    world.pass(Duration::from_millis(200)).await;
    let asked_ms = world.now_ms();

    let options = JobOptions { attempts: 7, ..JobOptions::bare() };
    let request = NewJob { name: "other".to_owned(), options, ..run_of(2) };
    world.queue.submit(vec![request]).await.unwrap();

    let job = world.job(&id("mat_1")).await;
    assert_eq!((job.name.as_str(), job.options.attempts), ("other", 7));
    assert!(job.timestamp_ms.abs_diff(asked_ms) < 100, "its life starts anew");
    assert_eq!((job.progress, job.stack_trace, job.processed_on_ms), (None, vec![], None));
}

async fn many_requests_go_in_one_call(world: World) {
    submit(&world, 1).await;
    let job_of = |name: &str| job("work").with_id(id(name));
    let bulk = vec![job_of("a"), run_of(1), job_of("b")];

    let submitted = world.queue.submit(bulk).await.unwrap();

    assert!(matches!(submitted[0], Submitted::Added { .. }));
    assert!(matches!(submitted[1], Submitted::Unchanged { .. }));
    assert!(matches!(submitted[2], Submitted::Added { .. }));
    assert_eq!(world.list(JobState::Waiting).await, [id("mat_1"), id("a"), id("b")]);
}

async fn a_request_may_be_twice_in_one_call(world: World) {
    let submitted = world.queue.submit(vec![run_of(1), run_of(1)]).await.unwrap();

    assert!(matches!(submitted[0], Submitted::Added { .. }));
    assert_eq!(submitted[1], Submitted::Unchanged { state: JobState::Waiting });

    let job = world.claim().await;
    world.settle(&job, completed()).await;
    let submitted = world.queue.submit(vec![run_of(2), run_of(3)]).await.unwrap();
    assert!(matches!(submitted[0], Submitted::Again { .. }));
    assert_eq!(submitted[1], Submitted::Unchanged { state: JobState::Waiting });
}
