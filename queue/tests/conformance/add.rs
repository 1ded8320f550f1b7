//! Adding jobs.

use oxherd_queue::backend::Added;
use oxherd_queue::options::{Backoff, JobOptions, Telemetry};
use oxherd_queue::{Deduplication, JobId, JobState, NewJob, Payload, Position, Retention};
use std::time::Duration;

use crate::world::{World, assert_invalid, failed, id, job};

on_both_stores!(
    a_new_job_waits_with_everything_the_producer_said,
    jobs_added_one_by_one_run_in_that_order,
    a_bulk_keeps_its_order_and_answers_per_job,
    the_queue_numbers_jobs_whose_producer_did_not,
    a_second_job_with_the_same_id_changes_nothing,
    an_id_stays_taken_after_its_job_ended,
    an_id_may_be_twice_in_one_call,
    data_over_a_mebibyte_refuses_the_whole_call,
    a_job_that_means_nothing_refuses_the_whole_call,
    an_empty_call_does_nothing,
    the_version_of_an_add_is_the_position_of_its_event,
);

async fn a_new_job_waits_with_everything_the_producer_said(world: World) {
    let options = JobOptions {
        attempts: 5,
        backoff: Some(Backoff::exponential(Duration::from_millis(200)).with_jitter(0.5)),
        remove_on_complete: Some(Retention { count: Some(7), ..Retention::seconds(60) }),
        keep_logs: Some(3),
        stack_trace_limit: Some(2),
        size_limit: Some(1000),
        timeout_ms: Some(2000),
        expires_after_ms: Some(3000),
        telemetry: Some(Telemetry { omit_context: true, ..Telemetry::context("00-ab-cd-01") }),
        ..JobOptions::bare()
    };
    let data = Payload::parse(
        r#"{"text":"한국어 \"quoted\" \u0000","list":[],"big":12345678901234567890}"#,
    );
    let data = data.unwrap();
    let before_ms = world.now_ms();

    let added = NewJob::new("résumé", data.clone()).with_options(options.clone());
    let id = world.add_job(added).await;

    let found = world.snapshot(&id).await;
    assert_eq!(found.state, JobState::Waiting);
    assert_eq!(found.due_ms, None);
    assert!(!found.cancel_requested);
    let job = found.job;
    assert_eq!((job.name.as_str(), &job.data, &job.options), ("résumé", &data, &options));
    assert_eq!((job.attempts_started, job.attempts_made, job.stalled_count), (0, 0, 0));
    assert!(job.timestamp_ms.abs_diff(before_ms) < 5_000, "{} {before_ms}", job.timestamp_ms);
    assert_eq!((job.processed_on_ms, job.finished_on_ms), (None, None));
    assert_eq!((job.progress, job.result, job.failed_reason), (None, None, None));
}

async fn jobs_added_one_by_one_run_in_that_order(world: World) {
    let mut added = Vec::new();
    for _ in 0..12 {
        added.push(world.add("a").await);
    }

    let claimed: Vec<JobId> =
        world.claim_all(12).await.jobs.into_iter().map(|job| job.job.id).collect();

    assert_eq!(claimed, added);
}

async fn a_bulk_keeps_its_order_and_answers_per_job(world: World) {
    let bulk = vec![job("a"), job("b").with_id(id("mine")), job("c"), job("d").with_id(id("mine"))];

    let added = world.queue.add(bulk).await.unwrap();

    assert!(matches!(&added[1], Added::Created { id, .. } if id.as_str() == "mine"));
    assert!(matches!(&added[3], Added::Duplicate { id } if id.as_str() == "mine"));
    let names: Vec<_> =
        world.claim_all(10).await.jobs.into_iter().map(|job| job.job.name).collect();
    assert_eq!(names, ["a", "b", "c"]);
}

async fn the_queue_numbers_jobs_whose_producer_did_not(world: World) {
    let first = world.add("a").await;
    world.add_job(job("b").with_id(id("mine"))).await;
    let third = world.add("c").await;

    // BullMQ counts every add, whether or not the number is used.
    assert_eq!((first.as_str(), third.as_str()), ("1", "3"));
}

async fn a_second_job_with_the_same_id_changes_nothing(world: World) {
    let first = Payload::encode(&"first").unwrap();
    world.add_job(NewJob::new("a", first.clone()).with_id(id("mine"))).await;
    let start = world.queue.last_position().await.unwrap();

    let second = NewJob::new("b", Payload::encode(&"second").unwrap()).with_id(id("mine"));
    let added = world.queue.add(vec![second]).await.unwrap();

    assert_eq!(added, [Added::Duplicate { id: id("mine") }]);
    let kept = world.job(&id("mine")).await;
    assert_eq!((kept.name.as_str(), kept.data), ("a", first));
    assert_eq!(world.list(JobState::Waiting).await, [id("mine")]);
    assert_eq!(world.words_after(start).await, ["duplicated mine"]);
}

async fn an_id_stays_taken_after_its_job_ended(world: World) {
    world.add_job(job("a").with_id(id("mine"))).await;
    let claimed = world.claim().await;
    world.settle(&claimed, failed()).await;

    let added = world.queue.add(vec![job("b").with_id(id("mine"))]).await.unwrap();

    assert_eq!(added, [Added::Duplicate { id: id("mine") }]);
    assert_eq!(world.state(&id("mine")).await, JobState::Failed);
}

async fn an_id_may_be_twice_in_one_call(world: World) {
    let twins = vec![job("a").with_id(id("twin")), job("b").with_id(id("twin"))];

    let added = world.queue.add(twins).await.unwrap();

    assert!(matches!(added[0], Added::Created { .. }));
    assert!(matches!(added[1], Added::Duplicate { .. }));
    assert_eq!(world.job(&id("twin")).await.name, "a");
}

async fn data_over_a_mebibyte_refuses_the_whole_call(world: World) {
    let data = |bytes: usize| Payload::encode(&"x".repeat(bytes - 2)).unwrap();
    let fits = NewJob::new("a", data(NewJob::DATA_MAX));
    let over = NewJob::new("b", data(NewJob::DATA_MAX + 1));

    assert_invalid(world.queue.add(vec![fits.clone(), over]).await);
    assert!(world.list(JobState::Waiting).await.is_empty());
    assert!(world.events_after(Position::START).await.is_empty());

    world.add_job(fits).await;
}

async fn a_job_that_means_nothing_refuses_the_whole_call(world: World) {
    let bare = JobOptions::bare;
    let jitter = Backoff { jitter: 2.0, ..Backoff::fixed(Duration::from_secs(1)) };
    let priority = JobOptions::PRIORITY_MAX + 1;
    let meaningless = [
        JobOptions { size_limit: Some(1), ..bare() },
        JobOptions { backoff: Some(jitter), ..bare() },
        bare().with_priority(priority),
        bare().deduplicated(Deduplication::simple("")),
    ];
    for options in meaningless {
        let wrong = job("b").with_options(options);

        assert_invalid(world.queue.add(vec![job("a"), wrong]).await);
    }
    assert!(world.events_after(Position::START).await.is_empty());
}

async fn an_empty_call_does_nothing(world: World) {
    assert!(world.queue.add(Vec::new()).await.unwrap().is_empty());
    assert!(world.queue.submit(Vec::new()).await.unwrap().is_empty());
    assert!(world.queue.jobs(&[]).await.unwrap().is_empty());
    assert!(world.events_after(Position::START).await.is_empty());
}

async fn the_version_of_an_add_is_the_position_of_its_event(world: World) {
    let delayed = job("b").with_options(JobOptions::bare().delayed(Duration::from_secs(60)));
    let added = world.queue.add(vec![job("a").with_id(id("now")), delayed.with_id(id("later"))]);
    let added = added.await.unwrap();

    let events = world.events_after(Position::START).await;
    let words = world.words_after(Position::START).await;
    assert_eq!(words, ["added now", "waiting now", "added later", "delayed later"]);
    for (added, event) in added.iter().zip([&events[1], &events[3]]) {
        assert!(matches!(added, Added::Created { version, .. } if *version == event.position));
    }
}
