//! The typed door: all that a user of BullMQ expects of a queue, with data of one type.

use std::sync::Arc;
use std::time::Duration;

use oxherd_queue::backend::{Added, Cancelled};
use oxherd_queue::scheduler::NewScheduler;
use oxherd_queue::{Deduplication, JobId, JobOptions, JobState, Queue, QueueError, RateLimit};
use serde::{Deserialize, Serialize};

use crate::running::until;
use crate::world::{World, completed, failed};

on_both_stores!(
    jobs_are_added_found_changed_and_removed,
    a_queue_is_stopped_limited_and_emptied,
    series_and_deduplication_are_kept,
);

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Letter {
    to: String,
}

fn letter(to: &str) -> Letter {
    Letter { to: to.to_owned() }
}

fn typed(world: &World) -> Queue<Letter> {
    Queue::new(Arc::clone(&world.queue))
}

async fn post(queue: &Queue<Letter>, options: JobOptions) -> JobId {
    queue.add_with("post", &letter("Ada"), options).await.unwrap().id().clone()
}

async fn job_state(queue: &Queue<Letter>, id: &JobId) -> Option<JobState> {
    queue.job(id).await.unwrap().map(|found| found.state)
}

/// Lets one job complete and one fail, oldest first.
async fn end_two(world: &World) {
    for verdict in [completed(), failed()] {
        let claimed = world.claim().await;
        world.settle(&claimed, verdict).await;
    }
}

async fn jobs_are_added_found_changed_and_removed(world: World) {
    let queue = typed(&world);
    let hour = Duration::from_secs(3600);
    let late = post(&queue, JobOptions::bare().delayed(hour)).await;
    let ranked = post(&queue, JobOptions::bare().with_priority(7)).await;

    queue.change_data(&late, &letter("Bob")).await.unwrap();
    queue.change_delay(&late, hour * 2).await.unwrap();
    queue.change_priority(&ranked, 3).await.unwrap();

    let found = queue.jobs(JobState::Delayed, 0, 10).await.unwrap();
    assert_eq!(found.len(), 1);
    assert_eq!(queue.data_of(&found[0].job).unwrap(), letter("Bob"));
    assert_eq!(queue.counts_by_priority(&[7, 3]).await.unwrap(), [0, 1]);
    assert_eq!(queue.logs(&late, 0, 10).await.unwrap(), (Vec::new(), 0));
    let other: Queue<u32> = Queue::new(Arc::clone(&world.queue));
    assert!(matches!(other.data_of(&found[0].job), Err(QueueError::Invalid { .. })));

    queue.promote(&late).await.unwrap();
    assert_eq!(job_state(&queue, &late).await, Some(JobState::Waiting));
    assert!(matches!(queue.cancel(&late).await.unwrap(), Cancelled::Ended { .. }));
    queue.retry(&late).await.unwrap();
    assert_eq!(job_state(&queue, &late).await, Some(JobState::Waiting));
    assert!(queue.remove(&late).await.unwrap());
    assert!(!queue.remove(&late).await.unwrap());
    assert_eq!(job_state(&queue, &late).await, None);
    assert!(queue.remove_tree(&ranked).await.unwrap());
    assert_eq!(queue.metrics(JobState::Completed, 60).await.unwrap().count, 0);
    let attendance = queue.backend().attend(Some("ada"));
    until("the worker is seen", async || queue.workers().await.unwrap().unwrap().len() == 1).await;
    drop(attendance);
}

async fn a_queue_is_stopped_limited_and_emptied(world: World) {
    let queue = typed(&world);
    queue.add_all("post", &[letter("Ada"), letter("Bob")]).await.unwrap();
    end_two(&world).await;
    post(&queue, JobOptions::bare().delayed(Duration::from_secs(3600))).await;

    queue.pause().await.unwrap();
    assert!(queue.is_paused().await.unwrap());
    assert_eq!(queue.retry_all(JobState::Failed).await.unwrap(), 1);
    assert_eq!(queue.promote_all().await.unwrap(), 1);
    let counts = queue.counts().await.unwrap();
    assert_eq!((counts["waiting"], counts["completed"], counts["failed"]), (2, 1, 0));
    queue.resume().await.unwrap();
    assert!(!queue.is_paused().await.unwrap());

    let rate = RateLimit::new(5, Duration::from_secs(60));
    queue.set_rate(Some(rate)).await.unwrap();
    queue.set_concurrency(Some(1)).await.unwrap();
    queue.rate_limit(Duration::from_secs(60)).await.unwrap();
    let limits = queue.limits().await.unwrap();
    assert_eq!((limits.rate, limits.concurrency), (Some(rate), Some(1)));
    assert!(queue.rate_limit_left().await.unwrap().is_some());
    queue.end_rate_limit().await.unwrap();
    assert_eq!(queue.rate_limit_left().await.unwrap(), None);
    assert_eq!(world.claim_all(5).await.jobs.len(), 1);
    assert!(queue.is_maxed().await.unwrap());

    assert_eq!(queue.drain(true).await.unwrap(), 1);
    assert_eq!(queue.clean(JobState::Completed, Duration::ZERO, 0).await.unwrap().len(), 1);
    assert!(matches!(queue.obliterate(false).await, Err(QueueError::Invalid { .. })));
    queue.obliterate(true).await.unwrap();
    assert!(queue.counts().await.unwrap().values().all(|count| *count == 0));
}

async fn series_and_deduplication_are_kept(world: World) {
    let queue = typed(&world);
    let tick = queue.describe("tick", &letter("Ada")).unwrap();
    let hourly = NewScheduler::every("hourly", Duration::from_secs(3600), tick.clone());
    let armed = queue.schedule(hourly).await.unwrap().unwrap();
    queue.schedule(NewScheduler::cron("nightly", "0 3 * * *", Some("UTC"), tick)).await.unwrap();

    assert!(queue.job(&armed.id).await.unwrap().is_some());
    assert_eq!(queue.scheduler("nightly").await.unwrap().unwrap().name, "tick");
    let ids: Vec<_> =
        queue.schedulers(0, 10).await.unwrap().into_iter().map(|found| found.id).collect();
    assert_eq!(ids, ["hourly", "nightly"]);
    assert!(queue.remove_scheduler("hourly").await.unwrap());
    assert!(!queue.remove_scheduler("hourly").await.unwrap());

    let once = || JobOptions::bare().deduplicated(Deduplication::simple("once"));
    let first = post(&queue, once()).await;
    let second = queue.add_with("post", &letter("Bob"), once()).await.unwrap();
    assert_eq!(second, Added::Deduplicated { id: first.clone() });
    assert_eq!(queue.deduplication_owner("once").await.unwrap(), Some(first.clone()));
    assert!(queue.free_deduplication("once").await.unwrap());
    assert_ne!(post(&queue, once()).await, first);
}
