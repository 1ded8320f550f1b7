//! The store as a whole: queues by name, the installation, closing.

use oxherd_queue::QueueError;

use crate::world::{World, claim, id, job};

on_both_stores!(
    the_same_name_gives_the_same_queue,
    queues_do_not_see_each_other,
    names_that_would_break_keys_are_refused,
    the_first_installation_id_stays,
    an_open_store_answers,
    a_closed_store_refuses,
);

async fn the_same_name_gives_the_same_queue(world: World) {
    let added = world.add("a").await;

    let same = world.store.queue("conformance").await.unwrap();

    let jobs = same.claim(&claim(1)).await.unwrap().jobs;
    assert_eq!(jobs[0].job.id, added);
}

async fn queues_do_not_see_each_other(world: World) {
    let other = world.store.queue("other").await.unwrap();
    world.add_job(job("a").with_id(id("mine"))).await;

    other.add(vec![job("b").with_id(id("mine"))]).await.unwrap();
    other.pause().await.unwrap();

    assert_eq!(world.claim().await.job.name, "a");
    assert!(other.claim(&claim(1)).await.unwrap().jobs.is_empty());
    let found = other.jobs(&[id("mine")]).await.unwrap().swap_remove(0).unwrap();
    assert_eq!(found.job.name, "b");
}

async fn names_that_would_break_keys_are_refused(world: World) {
    for name in ["", "a:b", ":"] {
        let opened = world.store.queue(name).await;
        assert!(matches!(opened, Err(QueueError::Invalid { .. })), "{name:?}");
    }
    assert!(world.store.queue("plan-generation").await.is_ok());
}

async fn the_first_installation_id_stays(world: World) {
    assert_eq!(world.store.installation("first").await.unwrap(), "first");
    assert_eq!(world.store.installation("second").await.unwrap(), "first");
}

async fn an_open_store_answers(world: World) {
    world.store.ping().await.unwrap();
}

async fn a_closed_store_refuses(world: World) {
    world.store.close().await;

    assert!(world.store.ping().await.is_err());
    assert!(world.queue.add(vec![job("a")]).await.is_err());
    assert!(world.queue.claim(&claim(1)).await.is_err());
}
