//! Locks, their renewal, and the recovery of jobs whose worker died.

use std::time::Duration;

use oxherd_queue::backend::Held;
use oxherd_queue::job::{ClaimedJob, Token};
use oxherd_queue::outcome::{STALLED_REASON, Settled};
use oxherd_queue::{JobId, JobState};

use crate::world::{World, completed, failed, id, settlement, state_of};

on_both_stores!(
    a_held_lock_is_renewed,
    a_lock_of_another_or_of_nothing_is_lost,
    a_dead_workers_job_waits_again_in_front,
    a_renewed_job_is_left_alone,
    sweeps_keep_their_interval,
    a_job_that_stalls_too_often_is_to_fail,
    the_late_result_of_a_lost_job_is_refused,
    a_job_whose_lock_ran_out_can_be_settled_until_it_is_taken_back,
);

/// Long enough for a test to do a few calls within it, short enough to wait for on Redis.
const LOCK: Duration = Duration::from_millis(800);
const INTERVAL: Duration = Duration::from_millis(50);
const LONG: Duration = Duration::from_secs(30);

fn held(job: &ClaimedJob) -> Held {
    Held { id: job.job.id.clone(), token: job.token.clone() }
}

/// Sweeps as two workers' timers would: once to mark, once to take back.
async fn sweep(world: &World, stalled_max: u32) -> Vec<JobId> {
    let mut recovered = Vec::new();
    for _ in 0..2 {
        world.pass(INTERVAL * 2).await;
        recovered.extend(world.queue.sweep_stalled(INTERVAL, stalled_max).await.unwrap());
    }
    recovered
}

/// Claims the next job as a worker that dies at once, and takes the job back.
async fn die(world: &World, stalled_max: u32) -> JobId {
    let job = world.claim_for(LOCK).await;
    world.pass(LOCK).await;
    assert_eq!(sweep(world, stalled_max).await, std::slice::from_ref(&job.job.id));
    job.job.id
}

async fn a_held_lock_is_renewed(world: World) {
    world.add("a").await;
    let job = world.claim_for(LOCK).await;
    for _ in 0..3 {
        world.pass(LOCK / 2).await;
        let renewal = world.queue.renew(&[held(&job)], LOCK).await.unwrap();
        assert!(renewal.lost.is_empty() && renewal.cancelled.is_empty());
    }
    assert_eq!(state_of(&world.complete(&job).await), JobState::Completed);
}

async fn a_lock_of_another_or_of_nothing_is_lost(world: World) {
    world.add("a").await;
    world.add("b").await;
    let own = world.claim_for(LONG).await;
    let other = world.claim_for(LONG).await;
    let stranger = Held { id: other.job.id.clone(), token: Token::unique() };
    let nothing = Held { id: id("nobody"), token: Token::unique() };

    let all = [held(&own), stranger.clone(), nothing.clone()];
    let renewal = world.queue.renew(&all, LONG).await.unwrap();

    assert_eq!(renewal.lost, [stranger.id, nothing.id]);
    assert_eq!(state_of(&world.complete(&own).await), JobState::Completed);
    assert_eq!(state_of(&world.complete(&other).await), JobState::Completed);
    let renewal = world.queue.renew(&[held(&own)], LONG).await.unwrap();
    assert_eq!(renewal.lost, [own.job.id]);
    assert!(world.queue.renew(&[], LONG).await.unwrap().lost.is_empty());
}

async fn a_dead_workers_job_waits_again_in_front(world: World) {
    let first = world.add("a").await;
    let second = world.add("b").await;
    world.claim_for(LOCK).await;
    world.pass(LOCK).await;
    let start = world.queue.last_position().await.unwrap();

    let recovered = sweep(&world, 1).await;

    assert_eq!(recovered, std::slice::from_ref(&first));
    let words = world.words_after(start).await;
    assert_eq!(words, [format!("waiting {first} from active"), format!("stalled {first}")]);
    let found = world.snapshot(&first).await;
    assert_eq!((found.state, found.job.stalled_count), (JobState::Waiting, 1));
    assert_eq!(found.job.deferred_failure, None);
    let again = world.claim_all(2).await.jobs;
    assert_eq!((&again[0].job.id, &again[1].job.id), (&first, &second));
    assert_eq!((again[0].job.attempts_started, again[0].job.attempts_made), (2, 0));
    assert_eq!(again[0].job.stalled_count, 1);
}

async fn a_renewed_job_is_left_alone(world: World) {
    world.add("a").await;
    let job = world.claim_for(LOCK).await;

    for _ in 0..4 {
        world.queue.renew(&[held(&job)], LONG).await.unwrap();
        assert!(sweep(&world, 1).await.is_empty());
    }

    assert_eq!(state_of(&world.complete(&job).await), JobState::Completed);
}

async fn sweeps_keep_their_interval(world: World) {
    world.add("a").await;
    world.claim_for(LOCK).await;
    world.pass(LOCK).await;

    // Whoever sweeps first in an interval sweeps for all: the second call marks nothing.
    for _ in 0..3 {
        assert!(world.queue.sweep_stalled(LONG, 1).await.unwrap().is_empty());
    }
    assert_eq!(world.list(JobState::Active).await.len(), 1);
}

async fn a_job_that_stalls_too_often_is_to_fail(world: World) {
    let id = world.add("a").await;
    for deaths in 1..=2 {
        die(&world, 2).await;
        let job = world.job(&id).await;
        assert_eq!((job.stalled_count, job.deferred_failure), (deaths, None));
    }
    die(&world, 2).await;

    let job = world.claim().await;
    assert_eq!(job.job.deferred_failure.as_deref(), Some(STALLED_REASON));
    assert_eq!(job.job.stalled_count, 3);
    world.settle(&job, failed()).await;
    assert_eq!(world.state(&id).await, JobState::Failed);
    assert_eq!(world.job(&id).await.deferred_failure, None);
}

async fn the_late_result_of_a_lost_job_is_refused(world: World) {
    let id = world.add("a").await;
    let frozen = world.claim_for(LOCK).await;
    world.pass(LOCK).await;
    sweep(&world, 1).await;
    let again = world.claim().await;

    let settled = world.settle(&frozen, failed()).await;

    assert!(matches!(settled, Settled::Lost { .. }));
    let renewal = world.queue.renew(&[held(&frozen)], LONG).await.unwrap();
    assert_eq!(renewal.lost, std::slice::from_ref(&id));
    assert_eq!(state_of(&world.complete(&again).await), JobState::Completed);
    assert_eq!(world.state(&id).await, JobState::Completed);
}

async fn a_job_whose_lock_ran_out_can_be_settled_until_it_is_taken_back(world: World) {
    // As in BullMQ, a lock that ran out is gone: the settlement is refused and the job is found
    // by the sweep. What must not happen is that the outcome counts and the job runs again.
    let id = world.add("a").await;
    let job = world.claim_for(LOCK).await;
    world.pass(LOCK * 2).await;

    let settled = world.settle_all(vec![settlement(&job, completed())]).await.settled;

    let recovered = sweep(&world, 1).await;
    match &settled[0] {
        Settled::Lost { .. } => assert_eq!(recovered, [id]),
        Settled::Done { .. } => assert!(recovered.is_empty()),
    }
}
