//! Telling how attempts ended.

use std::time::Duration;

use oxherd_queue::outcome::{Settled, Verdict};
use oxherd_queue::{JobOptions, JobState, Payload};

use crate::world::{World, claim, completed, failed, retried, settlement, state_of};

on_both_stores!(
    a_completed_job_keeps_its_result,
    a_job_failed_for_good_keeps_its_reason,
    attempts_left_unused_are_not_called_exhausted,
    a_job_is_tried_as_often_as_it_may,
    a_retry_without_pause_goes_to_the_back_of_the_queue,
    a_retry_with_a_pause_is_delayed,
    waiting_for_something_uses_no_attempt,
    a_job_handed_back_is_next_and_uses_no_attempt,
    a_stranger_cannot_settle,
    a_lost_lock_does_not_disturb_the_others,
    a_job_is_settled_once,
    settling_nothing_may_claim_all_the_same,
    the_queue_says_when_it_ran_out_of_jobs,
);

async fn a_completed_job_keeps_its_result(world: World) {
    let id = world.add("a").await;
    let job = world.claim().await;
    let start = world.queue.last_position().await.unwrap();
    let result = Payload::parse(r#"{"planId":"p","n":[]}"#).unwrap();

    let settled = world.settle(&job, Verdict::Complete { result: result.clone() }).await;

    let found = world.snapshot(&id).await;
    assert_eq!(found.state, JobState::Completed);
    assert_eq!((found.job.result, found.job.attempts_made), (Some(result), 1));
    assert!(found.job.finished_on_ms.is_some_and(|ms| ms.abs_diff(world.now_ms()) < 5_000));
    assert_eq!(world.words_after(start).await, [format!("completed {id}"), "drained".to_owned()]);
    let event = &world.events_after(start).await[0];
    let expected = Settled::Done {
        state: JobState::Completed,
        version: event.position,
        attempts_made: 1,
        cancelled: false,
    };
    assert_eq!(settled, expected);
}

async fn a_job_failed_for_good_keeps_its_reason(world: World) {
    let id = world.add("a").await;
    let job = world.claim().await;
    let start = world.queue.last_position().await.unwrap();

    let settled = world.settle(&job, failed()).await;

    assert_eq!(state_of(&settled), JobState::Failed);
    let found = world.snapshot(&id).await;
    assert_eq!(found.state, JobState::Failed);
    assert_eq!(found.job.failed_reason.as_deref(), Some("BROKEN: it broke"));
    assert_eq!(found.job.stack_trace, ["BROKEN: it broke"]);
    assert_eq!((found.job.attempts_made, found.job.result), (1, None));
    assert!(found.job.finished_on_ms.is_some());
    let words = world.words_after(start).await;
    assert_eq!(words[..2], [format!("failed {id}"), format!("retries-exhausted {id}")]);
}

async fn attempts_left_unused_are_not_called_exhausted(world: World) {
    let options = JobOptions { attempts: 3, ..JobOptions::bare() };
    let id = world.add_with("a", options).await;
    let job = world.claim().await;
    let start = world.queue.last_position().await.unwrap();

    world.settle(&job, failed()).await;

    let words = world.words_after(start).await;
    assert!(words.contains(&format!("failed {id}")), "{words:?}");
    assert!(!words.contains(&format!("retries-exhausted {id}")), "{words:?}");
}

async fn a_job_is_tried_as_often_as_it_may(world: World) {
    let options = JobOptions { attempts: 3, ..JobOptions::bare() };
    let id = world.add_with("a", options).await;
    for attempt in 1..=3 {
        let job = world.claim().await;
        assert_eq!((job.job.attempts_started, job.job.attempts_made), (attempt, attempt - 1));
        let verdict = if attempt < 3 { retried(Duration::ZERO) } else { failed() };
        let settled = world.settle(&job, verdict).await;
        assert!(matches!(settled, Settled::Done { attempts_made, .. } if attempts_made == attempt));
    }
    assert_eq!(world.state(&id).await, JobState::Failed);
    assert!(world.claim_all(1).await.jobs.is_empty());
}

async fn a_retry_without_pause_goes_to_the_back_of_the_queue(world: World) {
    let options = JobOptions { attempts: 2, ..JobOptions::bare() };
    let first = world.add_with("a", options).await;
    let second = world.add("b").await;
    let job = world.claim().await;
    let start = world.queue.last_position().await.unwrap();

    let settled = world.settle(&job, retried(Duration::ZERO)).await;

    assert_eq!(state_of(&settled), JobState::Waiting);
    assert_eq!(world.words_after(start).await, [format!("waiting {first} from active")]);
    let order: Vec<_> = world.claim_all(2).await.jobs.into_iter().map(|job| job.job.id).collect();
    assert_eq!(order, [second, first.clone()]);
    let job = world.job(&first).await;
    assert_eq!(job.failed_reason.as_deref(), Some("BROKEN: it broke"));
    assert_eq!((job.attempts_made, job.attempts_started), (1, 2));
}

async fn a_retry_with_a_pause_is_delayed(world: World) {
    let options = JobOptions { attempts: 2, ..JobOptions::bare() };
    let id = world.add_with("a", options).await;
    let job = world.claim().await;
    let now_ms = world.now_ms();

    let settled = world.settle(&job, retried(Duration::from_secs(1))).await;

    assert_eq!(state_of(&settled), JobState::Delayed);
    let found = world.snapshot(&id).await;
    assert_eq!((found.state, found.job.attempts_made), (JobState::Delayed, 1));
    assert!(found.due_ms.unwrap().abs_diff(now_ms + 1_000) < 5_000);
    assert!(world.claim_all(1).await.jobs.is_empty());
    world.pass(Duration::from_millis(1_050)).await;
    assert_eq!(world.claim().await.job.attempts_started, 2);
}

async fn waiting_for_something_uses_no_attempt(world: World) {
    let id = world.add("a").await;
    let job = world.claim().await;
    let until_ms = world.now_ms() + 200;

    let reason = Some("MATERIAL_NOT_READY: it is being read".to_owned());
    let settled = world.settle(&job, Verdict::Delay { until_ms, reason: reason.clone() }).await;

    assert_eq!(state_of(&settled), JobState::Delayed);
    let found = world.snapshot(&id).await;
    assert_eq!(found.job.attempts_made, 0);
    assert_eq!(found.job.failed_reason, reason);
    assert!(found.due_ms.unwrap().abs_diff(until_ms) < 100);
    world.pass(Duration::from_millis(250)).await;
    let again = world.claim().await;
    assert_eq!((again.job.attempts_started, again.job.attempts_made), (2, 0));
}

async fn a_job_handed_back_is_next_and_uses_no_attempt(world: World) {
    let first = world.add("a").await;
    let second = world.add("b").await;
    let job = world.claim().await;
    let start = world.queue.last_position().await.unwrap();

    let settled = world.settle(&job, Verdict::HandBack).await;

    assert_eq!(state_of(&settled), JobState::Waiting);
    assert_eq!(world.words_after(start).await, [format!("waiting {first} from active")]);
    let order: Vec<_> = world.claim_all(2).await.jobs.into_iter().map(|job| job.job.id).collect();
    assert_eq!(order, [first.clone(), second]);
    assert_eq!(world.job(&first).await.attempts_made, 0);
}

async fn a_stranger_cannot_settle(world: World) {
    let id = world.add("a").await;
    let mut job = world.claim().await;
    job.token = oxherd_queue::job::Token::unique();
    let start = world.queue.last_position().await.unwrap();

    for verdict in [completed(), failed(), retried(Duration::ZERO), Verdict::HandBack] {
        assert!(matches!(world.settle(&job, verdict).await, Settled::Lost { .. }));
    }

    assert_eq!(world.state(&id).await, JobState::Active);
    assert!(world.words_after(start).await.is_empty());
}

async fn a_lost_lock_does_not_disturb_the_others(world: World) {
    for _ in 0..3 {
        world.add("a").await;
    }
    let mut jobs = world.claim_all(3).await.jobs;
    jobs[1].token = oxherd_queue::job::Token::unique();

    let settlements = jobs.iter().map(|job| settlement(job, completed())).collect();
    let settled = world.settle_all(settlements).await.settled;

    assert!(matches!(settled[0], Settled::Done { .. }));
    assert!(matches!(settled[1], Settled::Lost { .. }));
    assert!(matches!(settled[2], Settled::Done { .. }));
    assert_eq!(world.list(JobState::Active).await, [jobs[1].job.id.clone()]);
}

async fn a_job_is_settled_once(world: World) {
    let id = world.add("a").await;
    let job = world.claim().await;

    let twice = vec![settlement(&job, completed()), settlement(&job, failed())];
    let settled = world.settle_all(twice).await.settled;

    assert!(matches!(settled[0], Settled::Done { .. }));
    assert!(matches!(settled[1], Settled::Lost { .. }));
    assert!(matches!(world.settle(&job, failed()).await, Settled::Lost { .. }));
    assert_eq!(world.state(&id).await, JobState::Completed);
}

async fn settling_nothing_may_claim_all_the_same(world: World) {
    let id = world.add("a").await;

    let turn = world.queue.settle(Vec::new(), None).await.unwrap();
    assert!(turn.settled.is_empty() && turn.claimed.jobs.is_empty());

    let turn = world.queue.settle(Vec::new(), Some(&claim(3))).await.unwrap();
    assert!(turn.settled.is_empty());
    assert_eq!(turn.claimed.jobs[0].job.id, id);
}

async fn the_queue_says_when_it_ran_out_of_jobs(world: World) {
    world.add("a").await;
    world.add("b").await;
    let first = world.claim().await;
    let second = world.claim().await;
    let start = world.queue.last_position().await.unwrap();

    world.complete(&first).await;
    world.complete(&second).await;

    assert_eq!(world.words_after(start).await, ["completed 1", "completed 2", "drained"]);
}
