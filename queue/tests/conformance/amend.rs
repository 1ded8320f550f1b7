//! Changing the time, the priority and the input of jobs that exist.

use std::time::Duration;

use oxherd_queue::{JobOptions, JobState, NewJob, Payload};

use crate::world::{
    World, assert_invalid, assert_no_such_job, assert_wrong_state, completed, failed, id, job,
};

on_both_stores!(
    a_delayed_job_can_become_due_at_another_time,
    a_delay_can_end_now,
    only_a_delayed_job_has_a_delay_to_change,
    a_waiting_job_takes_the_place_of_its_new_priority,
    a_job_can_become_the_first_of_its_priority,
    a_job_can_lose_its_priority,
    a_job_that_does_not_wait_takes_its_new_priority_later,
    a_priority_out_of_range_is_refused,
    a_job_runs_with_the_data_it_was_given_last,
    a_run_under_way_keeps_its_data,
    an_ended_job_can_get_data_and_priority_for_its_next_life,
    data_over_the_limit_is_refused,
    missing_jobs_cannot_be_changed,
);

fn ranked(priority: u32) -> JobOptions {
    JobOptions::bare().with_priority(priority)
}

fn delayed() -> JobOptions {
    JobOptions::bare().delayed(Duration::from_secs(60))
}

async fn add(world: &World, name: &str, options: JobOptions) {
    world.add_job(job("work").with_id(id(name)).with_options(options)).await;
}

async fn order(world: &World) -> Vec<String> {
    let claimed = world.claim_all(100).await.jobs;
    claimed.iter().map(|claimed| claimed.job.id.to_string()).collect()
}

fn data(text: &str) -> Payload {
    Payload::encode(text).unwrap()
}

async fn a_delayed_job_can_become_due_at_another_time(world: World) {
    add(&world, "a", delayed()).await;
    let start = world.queue.last_position().await.unwrap();
    let before = world.now_ms();

    let version = world.queue.change_delay(&id("a"), Duration::from_millis(500)).await.unwrap();

    let found = world.snapshot(&id("a")).await;
    assert_eq!((found.state, found.job.delay_ms), (JobState::Delayed, 500));
    assert!(found.due_ms.unwrap().abs_diff(before + 500) < 200, "{:?}", found.due_ms);
    assert_eq!(found.job.options.delay_ms, 60_000);
    assert_eq!(world.words_after(start).await, ["delayed a"]);
    assert_eq!(world.events_after(start).await[0].position, version);
    assert_eq!(world.claim_all(1).await.next_due_ms, found.due_ms);
    world.pass(Duration::from_millis(510)).await;
    assert_eq!(order(&world).await, ["a"]);
}

async fn a_delay_can_end_now(world: World) {
    add(&world, "a", delayed()).await;

    world.queue.change_delay(&id("a"), Duration::ZERO).await.unwrap();

    world.pass(Duration::from_millis(1)).await;
    assert_eq!(order(&world).await, ["a"]);
}

async fn only_a_delayed_job_has_a_delay_to_change(world: World) {
    world.ended("a", completed()).await;
    add(&world, "waiting", JobOptions::bare()).await;
    add(&world, "ranked", ranked(1)).await;
    let start = world.queue.last_position().await.unwrap();
    let pause = Duration::from_secs(1);

    assert_wrong_state(world.queue.change_delay(&id("waiting"), pause).await);
    assert_wrong_state(world.queue.change_delay(&id("ranked"), pause).await);
    assert_wrong_state(
        world.queue.change_delay(&world.list(JobState::Completed).await[0], pause).await,
    );

    assert!(world.words_after(start).await.is_empty());
    assert_eq!(order(&world).await, ["waiting", "ranked"]);
}

async fn a_waiting_job_takes_the_place_of_its_new_priority(world: World) {
    for (name, priority) in [("a", 5), ("b", 0), ("c", 1), ("d", 3)] {
        add(&world, name, ranked(priority)).await;
    }
    let start = world.queue.last_position().await.unwrap();

    world.queue.change_priority(&id("a"), 1, false).await.unwrap();
    world.queue.change_priority(&id("b"), 4, false).await.unwrap();

    let job = world.job(&id("a")).await;
    assert_eq!((job.priority, job.options.priority), (1, 5));
    assert_eq!(world.state(&id("b")).await, JobState::Prioritized);
    assert!(world.words_after(start).await.is_empty());
    assert_eq!(order(&world).await, ["c", "a", "d", "b"]);
}

async fn a_job_can_become_the_first_of_its_priority(world: World) {
    for (name, priority) in [("a", 2), ("b", 2), ("c", 0), ("d", 0), ("e", 2)] {
        add(&world, name, ranked(priority)).await;
    }

    world.queue.change_priority(&id("e"), 2, true).await.unwrap();
    world.queue.change_priority(&id("d"), 0, true).await.unwrap();

    assert_eq!(order(&world).await, ["d", "c", "e", "a", "b"]);
}

async fn a_job_can_lose_its_priority(world: World) {
    for (name, priority) in [("a", 0), ("b", 2), ("c", 3)] {
        add(&world, name, ranked(priority)).await;
    }

    world.queue.change_priority(&id("b"), 0, false).await.unwrap();
    world.queue.change_priority(&id("c"), 0, true).await.unwrap();

    assert_eq!(world.state(&id("b")).await, JobState::Waiting);
    assert_eq!(order(&world).await, ["c", "a", "b"]);
}

async fn a_job_that_does_not_wait_takes_its_new_priority_later(world: World) {
    add(&world, "running", JobOptions { attempts: 2, ..JobOptions::bare() }).await;
    let running = world.claim().await;
    add(&world, "later", delayed()).await;
    add(&world, "high", ranked(2)).await;

    world.queue.change_priority(&id("running"), 4, false).await.unwrap();
    world.queue.change_priority(&id("later"), 3, true).await.unwrap();

    assert_eq!(world.state(&id("running")).await, JobState::Active);
    assert_eq!(world.state(&id("later")).await, JobState::Delayed);
    world.settle(&running, crate::world::retried(Duration::ZERO)).await;
    world.queue.promote(&id("later")).await.unwrap();
    assert_eq!(order(&world).await, ["high", "later", "running"]);
}

async fn a_priority_out_of_range_is_refused(world: World) {
    add(&world, "a", ranked(2)).await;
    let above = JobOptions::PRIORITY_MAX + 1;

    assert_invalid(world.queue.change_priority(&id("a"), above, false).await);

    assert_eq!(world.job(&id("a")).await.priority, 2);
}

async fn a_job_runs_with_the_data_it_was_given_last(world: World) {
    add(&world, "a", JobOptions::bare()).await;
    add(&world, "later", delayed()).await;
    let start = world.queue.last_position().await.unwrap();

    world.queue.change_data(&id("a"), data("new")).await.unwrap();
    world.queue.change_data(&id("later"), data("newer")).await.unwrap();

    assert!(world.words_after(start).await.is_empty());
    assert_eq!(world.job(&id("later")).await.data, data("newer"));
    assert_eq!(world.claim().await.job.data, data("new"));
}

async fn a_run_under_way_keeps_its_data(world: World) {
    add(&world, "a", JobOptions { attempts: 2, ..JobOptions::bare() }).await;
    let running = world.claim().await;

    world.queue.change_data(&id("a"), data("new")).await.unwrap();

    assert_ne!(running.job.data, data("new"));
    assert_eq!(world.job(&id("a")).await.data, data("new"));
    world.settle(&running, crate::world::retried(Duration::ZERO)).await;
    assert_eq!(world.claim().await.job.data, data("new"));
}

async fn an_ended_job_can_get_data_and_priority_for_its_next_life(world: World) {
    let ended = world.ended("a", failed()).await;

    world.queue.change_data(&ended, data("new")).await.unwrap();
    world.queue.change_priority(&ended, 3, false).await.unwrap();

    let found = world.snapshot(&ended).await;
    assert_eq!((found.state, found.job.priority), (JobState::Failed, 3));
    assert_eq!(found.job.failed_reason.as_deref(), Some("BROKEN: it broke"));
    world.queue.retry(&ended, false).await.unwrap();
    assert_eq!(world.state(&ended).await, JobState::Prioritized);
    assert_eq!(world.claim().await.job.data, data("new"));
}

async fn data_over_the_limit_is_refused(world: World) {
    add(&world, "a", JobOptions::bare()).await;
    let large = data(&"x".repeat(NewJob::DATA_MAX));

    assert_invalid(world.queue.change_data(&id("a"), large).await);

    assert_eq!(world.job(&id("a")).await.data.as_str(), "{}");
}

async fn missing_jobs_cannot_be_changed(world: World) {
    let nobody = id("nobody");

    assert_no_such_job(world.queue.change_delay(&nobody, Duration::ZERO).await);
    assert_no_such_job(world.queue.change_priority(&nobody, 1, false).await);
    assert_no_such_job(world.queue.change_data(&nobody, data("x")).await);

    assert!(world.find(&nobody).await.is_none());
    assert!(world.queue.counts().await.unwrap().values().all(|jobs| *jobs == 0));
}
