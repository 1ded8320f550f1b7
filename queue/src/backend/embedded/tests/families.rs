//! Flows over two queues: what a crash leaves of them.

use crate::backend::{Consume as _, Inspect as _, Store as _};
use crate::flow::{Children, Flow, JobKey, Relate as _};
use crate::job::{JobState, Payload};
use crate::outcome::Verdict;

use super::super::queue_handle::QueueHandle;
use super::state::fingerprint_of;
use super::{RESTLESS, World, claim, id, job, settlement};

#[tokio::test]
async fn a_crash_leaves_parents_and_children_of_several_queues_together() {
    let world = World::new(RESTLESS).await;
    let leaf = |queue: &str, name: &str| Flow::new(queue, job(name).with_id(id(name)));
    let flow = leaf("up", "parent").with_child(leaf("q", "one")).with_child(leaf("q", "two"));
    world.store.add_flow(flow).await.unwrap();
    let one = world.queue.claim(&claim(1)).await.unwrap().jobs.remove(0);
    let done = || Verdict::Complete { result: Payload::encode(&1).unwrap() };
    world.queue.settle(vec![settlement(&one, done())], None).await.unwrap();
    let before = world.store.counters().checkpoints;
    while world.store.counters().checkpoints < before + 2 {
        world.store.queue("q").await.unwrap().resume().await.unwrap();
    }

    let reopened = world.after_crash(RESTLESS).await;

    assert!(fingerprint_of(&reopened) == fingerprint_of(&world));
    let up = QueueHandle::new(std::sync::Arc::clone(&reopened.store.door), 1);
    let expected = Children {
        processed: vec![(JobKey::new("q", id("one")), Payload::encode(&1).unwrap())],
        unprocessed: vec![JobKey::new("q", id("two"))],
        ..Children::default()
    };
    assert_eq!(up.children(&id("parent")).await.unwrap(), expected);
    let two = reopened.queue.claim(&claim(1)).await.unwrap().jobs.remove(0);
    reopened.queue.settle(vec![settlement(&two, done())], None).await.unwrap();
    let parent = up.jobs(&[id("parent")]).await.unwrap().remove(0).unwrap();
    assert_eq!(parent.state, JobState::Waiting);
}
