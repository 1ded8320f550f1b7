//! Removing jobs together with those below them.

use std::time::Duration;

use oxherd_queue::flow::{ChildFailure, Flow};
use oxherd_queue::outcome::Settled;
use oxherd_queue::scheduler::NewScheduler;
use oxherd_queue::worker::{Handlers, JobContext};
use oxherd_queue::{JobId, JobState, QueueError};

use crate::running::{Payloadless, Running, end_of, quick};
use crate::world::{World, assert_wrong_state, completed, failed, id, job};

on_both_stores!(
    a_parent_is_removed_with_all_below_it,
    ended_children_go_with_their_parent,
    a_held_job_below_keeps_the_whole_tree,
    a_removed_tree_releases_the_parent_above_it,
    a_job_without_children_is_removed_alone,
    the_armed_run_of_a_scheduler_is_not_removed,
    children_that_are_still_awaited_are_removed_alone,
    a_waiting_parent_is_released_with_its_last_awaited_child,
    held_and_failed_children_stay_awaited,
    a_handler_removes_what_it_no_longer_needs,
);

fn leaf(queue: &str, name: &str) -> Flow {
    Flow::new(queue, job(name).with_id(id(name)))
}

fn child(name: &str) -> Flow {
    leaf("conformance", name)
}

async fn add(world: &World, flow: Flow) -> World {
    world.store.add_flow(flow).await.unwrap();
    world.with_queue("up").await
}

async fn end(world: &World, name: &str, verdict: oxherd_queue::outcome::Verdict) {
    let run = world.claim().await;
    assert_eq!(run.job.id, id(name));
    assert!(matches!(world.settle(&run, verdict).await, Settled::Done { .. }));
}

async fn gone(world: &World, names: &[&str]) {
    for name in names {
        assert_eq!(world.find(&id(name)).await, None, "{name}");
    }
}

async fn removed(world: &World, start: oxherd_queue::Position) -> Vec<String> {
    let words = world.words_after(start).await.into_iter();
    words.filter(|word| word.starts_with("removed")).collect()
}

async fn a_parent_is_removed_with_all_below_it(world: World) {
    let middle = leaf("up", "middle").with_child(child("deep"));
    let flow = leaf("up", "parent").with_child(child("one")).with_child(middle);
    let up = add(&world, flow).await;
    let other = world.add("other").await;
    let starts =
        (up.queue.last_position().await.unwrap(), world.queue.last_position().await.unwrap());

    assert!(up.queue.remove_tree(&id("parent")).await.unwrap());

    gone(&up, &["parent", "middle"]).await;
    gone(&world, &["one", "deep"]).await;
    assert_eq!(removed(&up, starts.0).await.len(), 2);
    let mut below = removed(&world, starts.1).await;
    below.sort();
    assert_eq!(below, ["removed deep from waiting", "removed one from waiting"]);
    assert_eq!(world.list(JobState::Waiting).await, [other]);
    let counts = up.queue.counts().await.unwrap();
    assert!(counts.values().all(|count| *count == 0), "{counts:?}");
}

async fn ended_children_go_with_their_parent(world: World) {
    let flow = leaf("up", "parent")
        .with_child(child("good"))
        .with_child(child("ignored").on_failure(ChildFailure::IgnoreDependency))
        .with_child(child("left"));
    let up = add(&world, flow).await;
    end(&world, "good", completed()).await;
    end(&world, "ignored", failed()).await;

    assert!(up.queue.remove_tree(&id("parent")).await.unwrap());

    gone(&world, &["good", "ignored", "left"]).await;
    gone(&up, &["parent"]).await;
    let counts = world.queue.counts().await.unwrap();
    assert!(counts.values().all(|count| *count == 0), "{counts:?}");

    let failing = child("bad").on_failure(ChildFailure::FailParent);
    add(&world, leaf("up", "again").with_child(failing)).await;
    end(&world, "bad", failed()).await;
    assert!(up.queue.remove_tree(&id("again")).await.unwrap());
    gone(&world, &["bad"]).await;
    gone(&up, &["again"]).await;
}

async fn a_held_job_below_keeps_the_whole_tree(world: World) {
    let middle = leaf("up", "middle").with_child(child("deep"));
    let flow = leaf("up", "parent").with_child(middle).with_child(leaf("up", "one"));
    let up = add(&world, flow).await;
    let held = world.claim().await;
    assert_eq!(held.job.id, id("deep"));

    assert_wrong_state(up.queue.remove_tree(&id("parent")).await);

    assert_eq!(up.state(&id("parent")).await, JobState::WaitingChildren);
    assert_eq!(up.state(&id("middle")).await, JobState::WaitingChildren);
    assert_eq!(up.state(&id("one")).await, JobState::Waiting);
    world.complete(&held).await;
    assert!(up.queue.remove_tree(&id("parent")).await.unwrap());
    gone(&up, &["parent", "middle", "one"]).await;
    gone(&world, &["deep"]).await;
}

async fn a_removed_tree_releases_the_parent_above_it(world: World) {
    let middle = leaf("up", "middle").with_child(child("deep"));
    let up = add(&world, leaf("up", "top").with_child(middle)).await;

    assert!(up.queue.remove_tree(&id("middle")).await.unwrap());

    gone(&world, &["deep"]).await;
    assert_eq!(up.state(&id("top")).await, JobState::Waiting);
    assert_eq!(up.claim().await.job.id, id("top"));
}

async fn a_job_without_children_is_removed_alone(world: World) {
    let (one, two) = (world.add("a").await, world.add("a").await);
    let start = world.queue.last_position().await.unwrap();

    assert!(world.queue.remove_tree(&one).await.unwrap());

    assert_eq!(world.words_after(start).await, [format!("removed {one} from waiting")]);
    assert_eq!(world.list(JobState::Waiting).await, [two]);
    assert!(!world.queue.remove_tree(&one).await.unwrap());
    assert!(!world.queue.remove_tree(&id("nobody")).await.unwrap());
}

async fn the_armed_run_of_a_scheduler_is_not_removed(world: World) {
    let hourly = NewScheduler::every("hourly", Duration::from_secs(3600), job("a"));
    world.queue.upsert_scheduler(hourly).await.unwrap();
    let states = [JobState::Waiting, JobState::Delayed];
    let mut armed: Vec<JobId> = Vec::new();
    for state in states {
        armed.extend(world.list(state).await);
    }

    let refused = world.queue.remove_tree(&armed[0]).await;

    assert!(matches!(refused, Err(QueueError::ArmedRun(_))), "{refused:?}");
}

async fn children_that_are_still_awaited_are_removed_alone(world: World) {
    let middle = leaf("up", "middle").with_child(child("deep"));
    let flow = leaf("up", "parent").with_child(child("done")).with_child(middle);
    let up = add(&world, flow).await;
    let claimed = world.claim().await;
    assert_eq!(claimed.job.id, id("done"));
    world.complete(&claimed).await;

    up.queue.remove_awaited_children(&id("parent")).await.unwrap();

    gone(&up, &["middle"]).await;
    gone(&world, &["deep"]).await;
    assert_eq!(world.state(&id("done")).await, JobState::Completed);
    assert_eq!(up.state(&id("parent")).await, JobState::Waiting);
    assert_eq!(up.queue.children(&id("parent")).await.unwrap().processed.len(), 1);
    up.queue.remove_awaited_children(&id("nobody")).await.unwrap();
}

async fn a_waiting_parent_is_released_with_its_last_awaited_child(world: World) {
    let up = add(&world, leaf("up", "parent").with_child(child("a")).with_child(child("b"))).await;
    let start = up.queue.last_position().await.unwrap();

    up.queue.remove_awaited_children(&id("parent")).await.unwrap();

    assert_eq!(up.words_after(start).await, ["waiting parent from waiting-children"]);
    assert_eq!(up.claim().await.job.id, id("parent"));
}

async fn held_and_failed_children_stay_awaited(world: World) {
    let flow = leaf("up", "parent")
        .with_child(child("bad"))
        .with_child(child("held"))
        .with_child(child("left"));
    let up = add(&world, flow).await;
    end(&world, "bad", failed()).await;
    let held = world.claim().await;
    assert_eq!(held.job.id, id("held"));

    up.queue.remove_awaited_children(&id("parent")).await.unwrap();

    gone(&world, &["left"]).await;
    assert_eq!(world.state(&id("bad")).await, JobState::Failed);
    assert_eq!(world.state(&id("held")).await, JobState::Active);
    assert_eq!(up.state(&id("parent")).await, JobState::WaitingChildren);
    assert_eq!(up.queue.children_counts(&id("parent")).await.unwrap().unprocessed, 2);
}

async fn a_handler_removes_what_it_no_longer_needs(world: World) {
    let bad = child("bad").on_failure(ChildFailure::ContinueParent);
    let up = add(&world, leaf("up", "parent").with_child(bad).with_child(child("slow"))).await;
    end(&world, "bad", failed()).await;
    let handlers =
        Handlers::new().with_fn("parent", |_: Payloadless, context: JobContext| async move {
            context.remove_awaited_children().await.map_err(|_| crate::running::retry("no store"))
        });

    let worker = Running::start(&up, quick(1), handlers);

    end_of(&up, &id("parent")).await;
    worker.stop().await;
    assert_eq!(up.state(&id("parent")).await, JobState::Completed);
    gone(&world, &["slow"]).await;
}
