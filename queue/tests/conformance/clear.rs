//! Treating many jobs at a time: cleaning, draining, taking a queue down, running all again.

use std::time::Duration;

use oxherd_queue::{Deduplication, JobId, JobOptions, JobState, NewJob, Payload};

use crate::world::{World, assert_invalid, completed, failed, id, job, settlement};

on_both_stores!(
    old_jobs_of_each_state_are_cleaned,
    the_oldest_go_first_and_not_more_than_asked,
    held_jobs_are_not_cleaned,
    only_so_many_jobs_are_looked_at_as_may_be_cleaned,
    jobs_that_wait_for_children_are_not_cleaned,
    more_than_a_step_can_be_cleaned,
    a_drained_queue_keeps_what_runs_and_what_has_ended,
    a_cleared_job_frees_its_deduplication_id,
    a_queue_is_taken_down_with_all_that_is_in_it,
    a_queue_whose_jobs_run_is_taken_down_by_force_only,
    failed_jobs_can_all_be_retried,
    completed_jobs_can_be_retried_until_a_time,
    only_ended_jobs_can_all_be_retried,
    delayed_jobs_can_all_be_promoted,
);

fn named(name: &str, options: JobOptions) -> NewJob {
    job("work").with_id(id(name)).with_options(options)
}

fn delayed() -> JobOptions {
    JobOptions::bare().delayed(Duration::from_secs(600))
}

async fn add(world: &World, name: &str, options: JobOptions) -> JobId {
    world.add_job(named(name, options)).await
}

async fn end(world: &World, name: &str, fails: bool) {
    add(world, name, JobOptions::bare()).await;
    let job = world.claim().await;
    world.settle(&job, if fails { failed() } else { completed() }).await;
}

async fn old_jobs_of_each_state_are_cleaned(world: World) {
    end(&world, "done", false).await;
    end(&world, "broken", true).await;
    add(&world, "waiting", JobOptions::bare()).await;
    add(&world, "ranked", JobOptions::bare().with_priority(1)).await;
    add(&world, "later", delayed()).await;
    let grace = Duration::from_millis(60);
    let states = [
        (JobState::Completed, "done"),
        (JobState::Failed, "broken"),
        (JobState::Waiting, "waiting"),
        (JobState::Prioritized, "ranked"),
        (JobState::Delayed, "later"),
    ];

    for (state, _) in states {
        let young = world.queue.clean(state, Duration::from_secs(60), 0).await.unwrap();
        assert!(young.is_empty(), "{state}");
    }
    world.pass(grace).await;
    for (state, name) in states {
        let start = world.queue.last_position().await.unwrap();
        assert_eq!(world.queue.clean(state, grace, 0).await.unwrap(), [id(name)], "{state}");
        assert_eq!(world.words_after(start).await, ["cleaned 1"]);
        assert!(world.find(&id(name)).await.is_none());
    }

    assert!(world.queue.counts().await.unwrap().values().all(|jobs| *jobs == 0));
}

async fn the_oldest_go_first_and_not_more_than_asked(world: World) {
    for name in ["a", "b", "c"] {
        add(&world, name, JobOptions::bare()).await;
    }

    let cleaned = world.queue.clean(JobState::Waiting, Duration::ZERO, 2).await.unwrap();

    // A list is read from its head, as BullMQ does.
    assert_eq!(cleaned, [id("b"), id("a")]);
    assert_eq!(world.list(JobState::Waiting).await, [id("c")]);
}

async fn held_jobs_are_not_cleaned(world: World) {
    add(&world, "held", JobOptions::bare()).await;
    world.claim().await;
    add(&world, "lost", JobOptions::bare()).await;
    world.claim_for(Duration::from_millis(20)).await;
    world.pass(Duration::from_millis(30)).await;

    let cleaned = world.queue.clean(JobState::Active, Duration::ZERO, 0).await.unwrap();

    assert_eq!(cleaned, [id("lost")]);
    assert_eq!(world.list(JobState::Active).await, [id("held")]);
}

async fn only_so_many_jobs_are_looked_at_as_may_be_cleaned(world: World) {
    add(&world, "held", JobOptions::bare()).await;
    world.claim().await;
    add(&world, "lost", JobOptions::bare()).await;
    world.claim_for(Duration::from_millis(20)).await;
    for (name, age_ms) in [("young", 0), ("old", 120_000)] {
        let timestamp_ms = Some(world.now_ms() - age_ms);
        add(&world, name, JobOptions { timestamp_ms, ..delayed() }).await;
    }
    world.queue.change_delay(&id("young"), Duration::from_secs(60)).await.unwrap();
    world.pass(Duration::from_millis(30)).await;

    let grace = Duration::from_secs(60);
    for (state, grace, found) in
        [(JobState::Active, Duration::ZERO, "lost"), (JobState::Delayed, grace, "old")]
    {
        let first = world.queue.clean(state, grace, 1).await.unwrap();
        assert!(first.is_empty(), "{state}: the first one may not go");
        assert_eq!(world.queue.clean(state, grace, 2).await.unwrap(), [id(found)], "{state}");
    }
}

async fn jobs_that_wait_for_children_are_not_cleaned(world: World) {
    assert_invalid(world.queue.clean(JobState::WaitingChildren, Duration::ZERO, 0).await);
}

async fn more_than_a_step_can_be_cleaned(world: World) {
    // Young ones are looked at and stay, before and between the old ones.
    let future = JobOptions { timestamp_ms: Some(world.now_ms() + 600_000), ..JobOptions::bare() };
    let batch = (0..2400).map(|number| {
        let options = if number % 2 == 0 { future.clone() } else { JobOptions::bare() };
        job("work").with_options(options)
    });
    world.queue.add(batch.collect()).await.unwrap();

    let cleaned = world.queue.clean(JobState::Waiting, Duration::ZERO, 2300).await.unwrap();
    assert_eq!(cleaned.len(), 1150);
    let rest = world.queue.clean(JobState::Waiting, Duration::ZERO, 0).await.unwrap();

    assert_eq!(rest.len(), 50);
    assert_eq!(world.queue.counts().await.unwrap()["waiting"], 1200);
}

async fn a_drained_queue_keeps_what_runs_and_what_has_ended(world: World) {
    end(&world, "done", false).await;
    add(&world, "running", JobOptions::bare()).await;
    world.claim().await;
    for (name, options) in [
        ("waiting", JobOptions::bare()),
        ("ranked", JobOptions::bare().with_priority(1)),
        ("later", delayed()),
    ] {
        add(&world, name, options).await;
    }
    let start = world.queue.last_position().await.unwrap();

    assert_eq!(world.queue.drain(false).await.unwrap(), 2);

    assert!(world.words_after(start).await.is_empty());
    assert_eq!(world.state(&id("later")).await, JobState::Delayed);
    assert_eq!(world.queue.drain(true).await.unwrap(), 1);
    let counts = world.queue.counts().await.unwrap();
    assert_eq!((counts["active"], counts["completed"]), (1, 1));
    assert_eq!(counts.values().sum::<u64>(), 2);
    assert!(world.claim_all(5).await.jobs.is_empty());
}

async fn a_cleared_job_frees_its_deduplication_id(world: World) {
    let once = |name| named(name, JobOptions::bare().deduplicated(Deduplication::simple("x")));
    world.add_job(once("a")).await;
    world.queue.drain(false).await.unwrap();
    world.add_job(once("b")).await;
    world.queue.clean(JobState::Waiting, Duration::ZERO, 0).await.unwrap();

    world.add_job(once("c")).await;

    assert_eq!(world.list(JobState::Waiting).await, [id("c")]);
}

async fn a_queue_is_taken_down_with_all_that_is_in_it(world: World) {
    end(&world, "done", false).await;
    end(&world, "broken", true).await;
    add(&world, "waiting", JobOptions::bare()).await;
    add(&world, "ranked", JobOptions::bare().with_priority(1)).await;
    add(&world, "later", delayed()).await;
    world.queue.log(&id("done"), "row", None).await.unwrap();
    world.queue.set_concurrency(Some(1)).await.unwrap();

    world.queue.obliterate(false).await.unwrap();

    assert!(world.queue.counts().await.unwrap().values().all(|jobs| *jobs == 0));
    assert!(!world.queue.is_paused().await.unwrap());
    assert_eq!(world.queue.limits().await.unwrap().concurrency, None);
    assert!(world.find(&id("done")).await.is_none());
    assert_eq!(world.queue.logs(&id("done"), 0, 9).await.unwrap().1, 0);
    // What comes after begins anew.
    assert_eq!(world.add("next").await, JobId::from_store("1"));
    let next = world.claim().await;
    world.complete(&next).await;
}

async fn a_queue_whose_jobs_run_is_taken_down_by_force_only(world: World) {
    add(&world, "running", JobOptions::bare()).await;
    let running = world.claim().await;

    assert_invalid(world.queue.obliterate(false).await);
    assert!(world.queue.is_paused().await.unwrap());
    assert_eq!(world.state(&id("running")).await, JobState::Active);
    world.queue.obliterate(true).await.unwrap();

    let told = world.queue.settle(vec![settlement(&running, completed())], None).await.unwrap();
    assert!(matches!(told.settled[0], oxherd_queue::outcome::Settled::Lost { .. }));
    assert!(world.queue.counts().await.unwrap().values().all(|jobs| *jobs == 0));
}

async fn failed_jobs_can_all_be_retried(world: World) {
    let options = |number: u32| {
        let data = Payload::encode(&number).unwrap();
        NewJob::new("work", data).with_options(JobOptions::bare().with_priority(number / 240))
    };
    world.queue.add((0..250).map(options).collect()).await.unwrap();
    let claimed = world.claim_all(250).await.jobs;
    let told = claimed.iter().map(|job| settlement(job, failed())).collect();
    world.settle_all(told).await;
    end(&world, "done", false).await;

    assert_eq!(world.queue.retry_all(JobState::Failed, None).await.unwrap(), 250);

    let counts = world.queue.counts().await.unwrap();
    assert_eq!((counts["waiting"], counts["prioritized"], counts["failed"]), (240, 10, 0));
    assert_eq!(world.state(&id("done")).await, JobState::Completed);
    let again = world.claim().await.job;
    assert_eq!((again.attempts_made, again.failed_reason, again.finished_on_ms), (1, None, None));
    assert!(again.data.decode::<u32>().is_ok_and(|number| number < 240));
}

async fn completed_jobs_can_be_retried_until_a_time(world: World) {
    end(&world, "old", false).await;
    world.pass(Duration::from_millis(50)).await;
    let until_ms = world.now_ms() - 25;
    end(&world, "new", false).await;
    let start = world.queue.last_position().await.unwrap();

    assert_eq!(world.queue.retry_all(JobState::Completed, Some(until_ms)).await.unwrap(), 1);

    assert_eq!(world.words_after(start).await, ["waiting old from completed"]);
    assert_eq!(world.job(&id("old")).await.result, None);
    assert_eq!(world.state(&id("new")).await, JobState::Completed);
}

async fn only_ended_jobs_can_all_be_retried(world: World) {
    assert_invalid(world.queue.retry_all(JobState::Delayed, None).await);
}

async fn delayed_jobs_can_all_be_promoted(world: World) {
    let mut batch = vec![job("work").with_options(delayed()); 1005];
    batch.push(named("ranked", delayed().with_priority(2)));
    world.queue.add(batch).await.unwrap();

    assert_eq!(world.queue.promote_all().await.unwrap(), 1006);

    let counts = world.queue.counts().await.unwrap();
    assert_eq!((counts["waiting"], counts["prioritized"], counts["delayed"]), (1005, 1, 0));
    assert_eq!(world.claim().await.job.id, JobId::from_store("1"));
    assert_eq!(world.queue.promote_all().await.unwrap(), 0);
}
