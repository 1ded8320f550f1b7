//! Cancelling jobs in every state.

use std::time::Duration;

use oxherd_queue::backend::{Cancelled, Held};
use oxherd_queue::outcome::{Settled, Verdict};
use oxherd_queue::{Failure, JobId, JobOptions, JobState};

use crate::world::{World, completed, failed, id, retried, state_of};

on_both_stores!(
    a_waiting_job_ends_at_once,
    a_delayed_job_ends_at_once,
    a_job_of_a_paused_queue_ends_at_once,
    a_running_job_is_asked_to_stop,
    a_running_job_that_succeeds_all_the_same_completes,
    a_running_job_that_does_not_succeed_ends_cancelled,
    a_second_request_changes_nothing,
    a_finished_job_stays_as_it_is,
    an_unknown_job_is_told_as_unknown,
    a_cancelled_job_can_be_retried,
);

async fn assert_cancelled(world: &World, id: &JobId) {
    let found = world.snapshot(id).await;
    assert_eq!(found.state, JobState::Failed);
    let reason = found.job.failed_reason.unwrap();
    assert_eq!(Failure::from_reason(&reason).code, Failure::CANCELLED, "{reason}");
    assert!(found.job.finished_on_ms.is_some());
    assert!(world.claim_all(1).await.jobs.is_empty());
}

async fn a_waiting_job_ends_at_once(world: World) {
    let id = world.add("a").await;
    let start = world.queue.last_position().await.unwrap();

    let cancelled = world.queue.cancel(&id).await.unwrap();

    assert_cancelled(&world, &id).await;
    let events = world.events_after(start).await;
    assert_eq!(world.words_after(start).await[0], format!("failed {id}"));
    assert_eq!(cancelled, Cancelled::Ended { version: events[0].position });
}

async fn a_delayed_job_ends_at_once(world: World) {
    let id = world.add_with("a", JobOptions::bare().delayed(Duration::from_millis(50))).await;

    let cancelled = world.queue.cancel(&id).await.unwrap();

    assert!(matches!(cancelled, Cancelled::Ended { .. }));
    world.pass(Duration::from_millis(80)).await;
    assert_cancelled(&world, &id).await;
    assert_eq!(world.snapshot(&id).await.due_ms, None);
}

async fn a_job_of_a_paused_queue_ends_at_once(world: World) {
    let id = world.add("a").await;
    world.queue.pause().await.unwrap();

    let cancelled = world.queue.cancel(&id).await.unwrap();

    assert!(matches!(cancelled, Cancelled::Ended { .. }));
    world.queue.resume().await.unwrap();
    assert_cancelled(&world, &id).await;
}

async fn a_running_job_is_asked_to_stop(world: World) {
    let id = world.add("a").await;
    let job = world.claim().await;
    let held = [Held { id: id.clone(), token: job.token.clone() }];
    let lock = Duration::from_secs(30);
    assert!(world.queue.renew(&held, lock).await.unwrap().cancelled.is_empty());
    let start = world.queue.last_position().await.unwrap();

    let cancelled = world.queue.cancel(&id).await.unwrap();

    let events = world.events_after(start).await;
    assert_eq!(world.words_after(start).await, [format!("cancel-requested {id}")]);
    assert_eq!(cancelled, Cancelled::Requested { version: events[0].position, foreign: false });
    let found = world.snapshot(&id).await;
    assert_eq!((found.state, found.cancel_requested), (JobState::Active, true));
    for _ in 0..2 {
        let renewal = world.queue.renew(&held, lock).await.unwrap();
        assert_eq!((renewal.cancelled, renewal.lost), (vec![id.clone()], vec![]));
    }
}

async fn a_running_job_that_succeeds_all_the_same_completes(world: World) {
    let id = world.add("a").await;
    let job = world.claim().await;
    world.queue.cancel(&id).await.unwrap();

    let settled = world.settle(&job, completed()).await;

    assert_eq!(state_of(&settled), JobState::Completed);
    let found = world.snapshot(&id).await;
    assert_eq!((found.state, found.cancel_requested), (JobState::Completed, false));
}

async fn a_running_job_that_does_not_succeed_ends_cancelled(world: World) {
    let until_ms = world.now_ms() + 60_000;
    let verdicts = [
        failed(),
        retried(Duration::ZERO),
        retried(Duration::from_secs(60)),
        Verdict::Delay { until_ms, reason: None },
        Verdict::HandBack,
    ];
    for verdict in verdicts {
        let options = JobOptions { attempts: 5, ..JobOptions::bare() };
        let id = world.add_with("a", options).await;
        let job = world.claim().await;
        world.queue.cancel(&id).await.unwrap();

        let settled = world.settle(&job, verdict.clone()).await;

        let is_cancelled =
            matches!(settled, Settled::Done { state: JobState::Failed, cancelled: true, .. });
        assert!(is_cancelled, "{verdict:?} -> {settled:?}");
        assert_cancelled(&world, &id).await;
    }
}

async fn a_second_request_changes_nothing(world: World) {
    let id = world.add("a").await;
    let job = world.claim().await;
    world.queue.cancel(&id).await.unwrap();

    let again = world.queue.cancel(&id).await.unwrap();

    assert!(matches!(again, Cancelled::Requested { .. }));
    world.settle(&job, failed()).await;
    assert_cancelled(&world, &id).await;
}

async fn a_finished_job_stays_as_it_is(world: World) {
    for (verdict, state) in [(completed(), JobState::Completed), (failed(), JobState::Failed)] {
        let id = world.ended("a", verdict).await;
        let start = world.queue.last_position().await.unwrap();

        let cancelled = world.queue.cancel(&id).await.unwrap();

        assert_eq!(cancelled, Cancelled::AlreadyFinished { state });
        assert_eq!(world.state(&id).await, state);
        assert!(world.words_after(start).await.is_empty());
    }
}

async fn an_unknown_job_is_told_as_unknown(world: World) {
    assert_eq!(world.queue.cancel(&id("nobody")).await.unwrap(), Cancelled::Unknown);
}

async fn a_cancelled_job_can_be_retried(world: World) {
    let id = world.add("a").await;
    let job = world.claim().await;
    world.queue.cancel(&id).await.unwrap();
    world.settle(&job, Verdict::HandBack).await;

    world.queue.retry(&id, true).await.unwrap();

    let job = world.claim().await;
    assert_eq!(job.job.id, id);
    let held = [Held { id: id.clone(), token: job.token.clone() }];
    let renewal = world.queue.renew(&held, Duration::from_secs(30)).await.unwrap();
    assert!(renewal.cancelled.is_empty(), "the old request is over");
    assert_eq!(state_of(&world.complete(&job).await), JobState::Completed);
}
