//! The event stream: order, replay, waiting, trimming.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use oxherd_queue::{EventKind, JobId, JobOptions, JobState, Position};

use crate::world::{World, completed, failed, job, retried};

on_both_stores!(
    positions_strictly_increase,
    every_jobs_events_follow_its_life,
    events_can_be_read_again_from_any_position,
    events_come_in_pages,
    a_reader_waits_for_the_first_event,
    a_reader_with_nothing_to_read_gives_up_in_time,
    trimmed_events_leave_a_gap,
    the_last_position_is_that_of_the_newest_event,
);

/// One of each: completes, is retried and fails, is delayed and promoted, is cancelled, removed.
async fn busy_life(world: &World) {
    let attempts = JobOptions { attempts: 2, ..JobOptions::bare() };
    world.queue.add((0..4).map(|_| job("a")).collect()).await.unwrap();
    let retried_id = world.add_with("a", attempts).await;
    let delayed = world.add_with("a", JobOptions::bare().delayed(Duration::from_secs(60))).await;
    for job in world.claim_all(3).await.jobs {
        world.queue.progress(&job.job.id, oxherd_queue::Payload::null()).await.unwrap();
        world.complete(&job).await;
    }
    let held = world.claim().await;
    world.queue.cancel(&held.job.id).await.unwrap();
    world.settle(&held, failed()).await;
    for verdict in [retried(Duration::ZERO), failed()] {
        let job = world.claim().await;
        assert_eq!(job.job.id, retried_id);
        world.settle(&job, verdict).await;
    }
    world.queue.retry(&retried_id, true).await.unwrap();
    world.queue.promote(&delayed).await.unwrap();
    for job in world.claim_all(2).await.jobs {
        world.complete(&job).await;
    }
    world.queue.remove(&delayed).await.unwrap();
    world.add("a").await;
}

async fn positions_strictly_increase(world: World) {
    busy_life(&world).await;

    let events = world.events_after(Position::START).await;

    assert!(events.len() > 30, "{} events", events.len());
    assert!(events.windows(2).all(|pair| pair[0].position < pair[1].position));
}

async fn every_jobs_events_follow_its_life(world: World) {
    busy_life(&world).await;

    let mut states: HashMap<JobId, Option<JobState>> = HashMap::new();
    for event in world.events_after(Position::START).await {
        let Some(id) = event.kind.job().cloned() else { continue };
        let before = states.get(&id).copied().flatten();
        let after = step(before, &event.kind);
        assert!(after.is_ok(), "{id} is {before:?}, then {:?}", event.kind);
        states.insert(id, after.unwrap());
    }
    for (id, state) in states {
        assert_eq!(world.find(&id).await.map(|found| found.state), state, "job {id}");
    }
}

/// The state after an event, by BullMQ's life of a job; an error when it cannot happen.
fn step(before: Option<JobState>, event: &EventKind) -> Result<Option<JobState>, ()> {
    use JobState::{Active, Completed, Delayed, Failed, Waiting};
    match (before, event) {
        // The state after `added` is told by the event that follows.
        (None, EventKind::Added { .. }) => Ok(None),
        (None, EventKind::Waiting { prev: None, .. }) => Ok(Some(Waiting)),
        (Some(from), EventKind::Waiting { prev: Some(prev), .. })
            if from == *prev && from != Waiting =>
        {
            Ok(Some(Waiting))
        }
        (None | Some(Active), EventKind::Delayed { .. }) => Ok(Some(Delayed)),
        (Some(Waiting), EventKind::Active { .. }) => Ok(Some(Active)),
        (Some(_), EventKind::Progress { .. })
        | (Some(Active), EventKind::CancelRequested { .. })
        | (Some(Failed), EventKind::RetriesExhausted { .. })
        | (Some(Waiting), EventKind::Stalled { .. }) => Ok(before),
        (Some(Active), EventKind::Completed { .. }) => Ok(Some(Completed)),
        (Some(Active | Waiting | Delayed), EventKind::Failed { .. }) => Ok(Some(Failed)),
        (Some(from), EventKind::Removed { prev, .. }) if *prev == Some(from) => Ok(None),
        _ => Err(()),
    }
}

async fn events_can_be_read_again_from_any_position(world: World) {
    busy_life(&world).await;
    let all = world.events_after(Position::START).await;

    for (index, event) in all.iter().enumerate() {
        let rest = world.events_after(event.position).await;
        assert_eq!(rest, all[index + 1..]);
    }
}

async fn events_come_in_pages(world: World) {
    busy_life(&world).await;
    let all = world.events_after(Position::START).await;

    let mut after = Position::START;
    let mut read = Vec::new();
    loop {
        let page = world.queue.events(after, 7, Duration::ZERO).await.unwrap();
        assert!(page.events.len() <= 7);
        assert!(!page.gap);
        if page.events.is_empty() {
            assert_eq!(page.next, after);
            break;
        }
        assert_eq!(page.next, page.events.last().unwrap().position);
        after = page.next;
        read.extend(page.events);
    }
    assert_eq!(read, all);
}

async fn a_reader_waits_for_the_first_event(world: World) {
    let start = world.queue.last_position().await.unwrap();
    let queue = Arc::clone(&world.queue);
    let reader =
        tokio::spawn(
            async move { queue.events(start, 10, Duration::from_secs(20)).await.unwrap() },
        );
    tokio::time::sleep(Duration::from_millis(50)).await;

    world.add("a").await;

    let page = tokio::time::timeout(Duration::from_secs(5), reader).await.unwrap().unwrap();
    assert!(!page.events.is_empty());
    assert!(matches!(page.events[0].kind, EventKind::Added { .. }));
}

async fn a_reader_with_nothing_to_read_gives_up_in_time(world: World) {
    let start = world.queue.last_position().await.unwrap();
    let block = Duration::from_millis(100);

    let page = tokio::time::timeout(Duration::from_secs(5), world.queue.events(start, 10, block));

    let page = page.await.unwrap().unwrap();
    assert!(page.events.is_empty() && !page.gap);
    assert_eq!(page.next, start);
}

async fn trimmed_events_leave_a_gap(world: World) {
    let first = world.add("a").await;
    let start = world.events_after(Position::START).await[0].position;
    for _ in 0..16 {
        world.queue.add((0..1000).map(|_| job("a")).collect()).await.unwrap();
    }
    // Trimming goes with finishing jobs.
    let held = world.claim().await;
    assert_eq!(held.job.id, first);
    world.settle(&held, completed()).await;

    let page = world.queue.events(start, 10, Duration::ZERO).await.unwrap();

    assert!(page.gap);
    let kept = world.events_after(start).await.len();
    assert!((10_000..25_000).contains(&kept), "{kept} events of 32,000 are kept");
    let again = world.queue.events(page.events[0].position, 10, Duration::ZERO).await.unwrap();
    assert!(!again.gap);
    let newest = world.queue.last_position().await.unwrap();
    assert!(!world.queue.events(newest, 10, Duration::ZERO).await.unwrap().gap);
}

async fn the_last_position_is_that_of_the_newest_event(world: World) {
    let empty = world.queue.last_position().await.unwrap();
    world.add("a").await;

    let last = world.queue.last_position().await.unwrap();

    assert!(last > empty);
    assert_eq!(last, world.events_after(Position::START).await.last().unwrap().position);
}
