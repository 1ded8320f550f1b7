//! The list of workers of a queue.

use std::time::Duration;

use oxherd_queue::backend::WorkerClient;
use oxherd_queue::worker::{Handlers, WorkerOptions};

use crate::running::{Running, quick, until};
use crate::world::World;

on_both_stores!(
    workers_are_on_the_list_of_their_queue_until_they_leave,
    the_list_tells_workers_apart,
    a_running_worker_is_on_the_list_until_it_stops,
);

async fn names(world: &World) -> Vec<Option<String>> {
    let mut names: Vec<_> = seen(world).await.into_iter().map(|worker| worker.name).collect();
    names.sort();
    names
}

async fn seen(world: &World) -> Vec<WorkerClient> {
    world.queue.workers().await.unwrap().expect("the store tells")
}

async fn workers_are_on_the_list_of_their_queue_until_they_leave(world: World) {
    let other = world.with_queue("other").await;
    assert_eq!(names(&world).await, []);

    let ada = world.queue.attend(Some("ada"));
    let twin = world.queue.attend(Some("ada"));
    let nameless = world.queue.attend(None);
    let elsewhere = other.queue.attend(Some("bob"));

    let all = [None, Some("ada".to_owned()), Some("ada".to_owned())];
    until("all are there", async || names(&world).await == all).await;
    until("the other queue has its own", async || names(&other).await == [Some("bob".to_owned())])
        .await;
    drop((twin, nameless));
    until("two left", async || names(&world).await == [Some("ada".to_owned())]).await;
    drop((ada, elsewhere));
    until("all left", async || names(&world).await.is_empty()).await;
    until("the other queue has none", async || names(&other).await.is_empty()).await;
}

async fn the_list_tells_workers_apart(world: World) {
    let _twins = [world.queue.attend(Some("twin")), world.queue.attend(Some("twin"))];
    until("both are there", async || seen(&world).await.len() == 2).await;

    let twins = seen(&world).await;

    assert_ne!(twins[0].id, twins[1].id);
    for twin in twins {
        assert!(twin.age < Duration::from_secs(30), "{twin:?}");
        assert!(!twin.address.is_empty());
    }
}

async fn a_running_worker_is_on_the_list_until_it_stops(world: World) {
    let options = WorkerOptions { name: Some("w1".to_owned()), ..quick(2) };
    let worker = Running::start(&world, options, Handlers::new());
    let unnamed = Running::start(&world, quick(1), Handlers::new());

    until("both are there", async || names(&world).await == [None, Some("w1".to_owned())]).await;

    // Whoever waits for jobs has one more connection on Redis, which is nobody's worker.
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(names(&world).await.len(), 2);
    worker.stop().await;
    until("one is left", async || names(&world).await == [None]).await;
    unnamed.kill().await;
    until("nobody is left", async || names(&world).await.is_empty()).await;
}
