//! Flows: trees of jobs, and what the end of a child does to its parent.

use std::time::Duration;

use oxherd_queue::flow::{ChildFailure, Children, ChildrenCounts, Flow, JobKey};
use oxherd_queue::job::ClaimedJob;
use oxherd_queue::outcome::{Settled, Settlement, Verdict};
use oxherd_queue::{
    Backoff, Deduplication, JobId, JobOptions, JobState, Payload, QueueError, Retention,
};

use crate::world::{
    World, assert_invalid, claim, completed, failed, id, job, settlement, state_of,
};

on_both_stores!(
    a_parent_waits_for_its_children_and_sees_their_results,
    a_tree_of_three_levels_runs_from_its_leaves,
    a_parent_in_the_queue_of_its_children_follows_them,
    a_parent_is_released_before_the_end_of_its_last_child_is_told,
    a_flow_is_added_level_by_level,
    parents_are_listed_by_the_time_since_which_they_wait,
    without_a_policy_a_failed_child_is_awaited_until_it_succeeds,
    a_child_that_fails_its_parent_makes_it_fail_at_its_start,
    a_failure_goes_up_level_by_level,
    a_parent_may_go_on_at_once_after_a_failure,
    an_ignored_failure_is_noted_and_the_rest_awaited,
    a_removed_dependency_leaves_no_trace,
    a_failed_child_that_is_not_kept_releases_its_parent,
    a_parent_with_a_delay_is_delayed_when_its_children_have_ended,
    a_parent_with_a_priority_is_prioritized_when_its_children_have_ended,
    a_child_that_has_completed_before_counts_at_once,
    a_child_of_another_living_parent_refuses_the_whole_flow,
    a_parent_that_does_not_exist_refuses_the_whole_flow,
    a_handler_adds_a_child_and_waits_for_it,
    a_job_that_waits_for_nobody_runs_again_at_once,
    a_parent_that_completes_with_pending_children_fails_its_attempt,
    a_parent_that_may_not_complete_is_tried_again_after_its_pause,
    a_parent_that_may_not_complete_is_kept_as_a_failed_job,
    pending_children_keep_a_parent_from_completing_before_failed_ones_do,
    a_child_goes_its_own_way,
    a_child_knows_its_parent,
    the_removal_of_the_last_child_releases_the_parent,
    a_parent_goes_with_its_last_drained_child_or_runs_in_another_queue,
    a_cancelled_child_counts_as_failed,
    a_waiting_parent_can_be_cancelled,
    a_flow_that_cannot_be_kept_changes_nothing,
);

fn leaf(queue: &str, name: &str) -> Flow {
    Flow::new(queue, job(name).with_id(id(name)))
}

/// A parent in the queue `up` with two children in the world's queue.
fn family(policy: ChildFailure) -> Flow {
    let child = |name| leaf("conformance", name).on_failure(policy);
    leaf("up", "parent").with_child(child("one")).with_child(child("two"))
}

fn key(name: &str) -> JobKey {
    JobKey::new("conformance", id(name))
}

async fn add(world: &World, flow: Flow) -> World {
    world.store.add_flow(flow).await.unwrap();
    world.with_queue("up").await
}

async fn claim_named(world: &World, name: &str) -> ClaimedJob {
    let run = world.claim().await;
    assert_eq!(run.job.id, id(name));
    run
}

async fn end(world: &World, name: &str, verdict: Verdict) {
    let run = claim_named(world, name).await;
    assert!(matches!(world.settle(&run, verdict).await, Settled::Done { .. }));
}

async fn children(up: &World) -> Children {
    up.queue.children(&id("parent")).await.unwrap()
}

async fn counts(up: &World) -> [u64; 4] {
    let ChildrenCounts { processed, unprocessed, ignored, failed } =
        up.queue.children_counts(&id("parent")).await.unwrap();
    [processed, unprocessed, ignored, failed]
}

async fn a_parent_waits_for_its_children_and_sees_their_results(world: World) {
    let up = add(&world, family(ChildFailure::KeepWaiting)).await;
    assert_eq!(up.state(&id("parent")).await, JobState::WaitingChildren);
    assert_eq!(up.list(JobState::WaitingChildren).await, [id("parent")]);
    assert_eq!(up.queue.counts().await.unwrap()["waiting-children"], 1);
    assert_eq!(children(&up).await.unprocessed, [key("one"), key("two")]);
    assert!(up.claim_all(1).await.jobs.is_empty());

    end(&world, "one", completed()).await;
    assert_eq!(counts(&up).await, [1, 1, 0, 0]);
    assert!(up.claim_all(1).await.jobs.is_empty());
    let start = up.queue.last_position().await.unwrap();
    end(&world, "two", completed()).await;

    assert_eq!(up.words_after(start).await, ["waiting parent from waiting-children"]);
    let run = claim_named(&up, "parent").await;
    let one = Payload::encode(&1).unwrap();
    let processed = vec![(key("one"), one.clone()), (key("two"), one)];
    assert_eq!(children(&up).await, Children { processed, ..Children::default() });
    assert_eq!(state_of(&up.complete(&run).await), JobState::Completed);
}

async fn a_tree_of_three_levels_runs_from_its_leaves(world: World) {
    let middle = leaf("conformance", "middle").with_child(leaf("conformance", "deep"));
    let up = add(&world, leaf("up", "parent").with_child(middle)).await;

    end(&world, "deep", completed()).await;
    assert_eq!(up.state(&id("parent")).await, JobState::WaitingChildren);
    end(&world, "middle", completed()).await;

    end(&up, "parent", completed()).await;
    assert_eq!(up.state(&id("parent")).await, JobState::Completed);
}

async fn a_parent_in_the_queue_of_its_children_follows_them(world: World) {
    let flow = leaf("conformance", "parent").with_child(leaf("conformance", "one"));
    add(&world, flow).await;
    let one = claim_named(&world, "one").await;

    let settled = vec![settlement(&one, completed())];
    let turn = world.queue.settle(settled, Some(&claim(5))).await.unwrap();

    let mut runs = turn.claimed.jobs;
    if runs.is_empty() {
        runs = world.claim_all(5).await.jobs;
    }
    assert_eq!(runs[0].job.id, id("parent"));
}

async fn a_parent_is_released_before_the_end_of_its_last_child_is_told(world: World) {
    add(&world, leaf("conformance", "parent").with_child(leaf("conformance", "one"))).await;
    world.add_job(job("other").with_id(id("other"))).await;
    let one = claim_named(&world, "one").await;
    let start = world.queue.last_position().await.unwrap();

    let settled = vec![settlement(&one, completed())];
    let turn = world.queue.settle(settled, Some(&claim(1))).await.unwrap();

    assert_eq!(turn.claimed.jobs[0].job.id, id("parent"));
    let told = world.words_after(start).await;
    assert_eq!(told, ["waiting parent from waiting-children", "completed one", "active parent"]);
}

async fn a_flow_is_added_level_by_level(world: World) {
    let here = |name| leaf("conformance", name);
    let left = here("left").with_child(here("deep"));
    let start = world.queue.last_position().await.unwrap();

    add(&world, here("root").with_child(left).with_child(here("right"))).await;

    let told = world.words_after(start).await;
    let added: Vec<_> = told.iter().filter(|word| word.starts_with("added")).collect();
    assert_eq!(added, ["added root", "added left", "added right", "added deep"]);
}

async fn parents_are_listed_by_the_time_since_which_they_wait(world: World) {
    for (name, age_ms) in [("young", 0), ("old", 5_000), ("b", 1_000), ("a", 1_000)] {
        let timestamp_ms = Some(1_900_000_000_000 - age_ms);
        let options = JobOptions { timestamp_ms, ..JobOptions::bare() };
        let parent = job(name).with_id(id(name)).with_options(options);
        let child = leaf("conformance", &format!("child-of-{name}"));
        add(&world, Flow::new("conformance", parent).with_child(child)).await;
    }

    let listed = world.list(JobState::WaitingChildren).await;

    assert_eq!(listed, [id("old"), id("a"), id("b"), id("young")]);
}

async fn without_a_policy_a_failed_child_is_awaited_until_it_succeeds(world: World) {
    let up = add(&world, family(ChildFailure::KeepWaiting)).await;
    end(&world, "one", failed()).await;
    end(&world, "two", completed()).await;
    assert_eq!(up.state(&id("parent")).await, JobState::WaitingChildren);
    assert_eq!(counts(&up).await, [1, 1, 0, 0]);

    world.queue.retry(&id("one"), false).await.unwrap();
    end(&world, "one", completed()).await;

    assert_eq!(up.state(&id("parent")).await, JobState::Waiting);
}

async fn a_child_that_fails_its_parent_makes_it_fail_at_its_start(world: World) {
    let up = add(&world, family(ChildFailure::FailParent)).await;

    end(&world, "one", failed()).await;

    assert_eq!(counts(&up).await, [0, 1, 0, 1]);
    assert_eq!(children(&up).await.failed, [key("one")]);
    let run = claim_named(&up, "parent").await;
    let reason = run.job.deferred_failure.clone().unwrap();
    assert!(reason.starts_with("child ") && reason.ends_with("conformance:one failed"), "{reason}");
    let refused = up.settle(&run, completed()).await;
    assert_eq!(state_of(&refused), JobState::Failed, "it cannot complete either");
    let told = up.job(&id("parent")).await.failed_reason.unwrap();
    // The package looks for pending children first, and one is.
    assert!(told.contains("has pending dependencies"), "{told}");
    assert_eq!(world.state(&id("two")).await, JobState::Waiting, "others still run");
}

async fn a_failure_goes_up_level_by_level(world: World) {
    let deep = leaf("conformance", "deep").on_failure(ChildFailure::FailParent);
    let middle = leaf("conformance", "middle").with_child(deep);
    let middle = middle.on_failure(ChildFailure::FailParent);
    let up = add(&world, leaf("up", "parent").with_child(middle)).await;

    end(&world, "deep", failed()).await;
    end(&world, "middle", failed()).await;

    let run = claim_named(&up, "parent").await;
    assert!(run.job.deferred_failure.unwrap().ends_with("conformance:middle failed"));
}

async fn a_parent_may_go_on_at_once_after_a_failure(world: World) {
    let up = add(&world, family(ChildFailure::ContinueParent)).await;

    end(&world, "one", failed()).await;

    let run = claim_named(&up, "parent").await;
    assert_eq!(counts(&up).await, [0, 1, 1, 0]);
    assert_eq!(children(&up).await.ignored, [(key("one"), "BROKEN: it broke".to_owned())]);
    assert_eq!(run.job.deferred_failure, None);
}

async fn an_ignored_failure_is_noted_and_the_rest_awaited(world: World) {
    let up = add(&world, family(ChildFailure::IgnoreDependency)).await;

    end(&world, "one", failed()).await;
    assert_eq!(up.state(&id("parent")).await, JobState::WaitingChildren);
    end(&world, "two", completed()).await;

    let run = claim_named(&up, "parent").await;
    assert_eq!(counts(&up).await, [1, 0, 1, 0]);
    assert_eq!(state_of(&up.complete(&run).await), JobState::Completed);
}

async fn a_removed_dependency_leaves_no_trace(world: World) {
    let up = add(&world, family(ChildFailure::RemoveDependency)).await;

    end(&world, "one", failed()).await;
    end(&world, "two", completed()).await;

    claim_named(&up, "parent").await;
    assert_eq!(counts(&up).await, [1, 0, 0, 0]);
}

async fn a_failed_child_that_is_not_kept_releases_its_parent(world: World) {
    let options = JobOptions { remove_on_fail: Some(Retention::NONE), ..JobOptions::bare() };
    let child = Flow::new("conformance", job("one").with_id(id("one")).with_options(options));
    let up = add(&world, leaf("up", "parent").with_child(child)).await;

    let run = claim_named(&world, "one").await;
    let mut told = settlement(&run, failed());
    told.keep = Some(Retention::NONE);
    world.settle_all(vec![told]).await;

    assert_eq!(up.state(&id("parent")).await, JobState::Waiting);
    assert_eq!(counts(&up).await, [0, 0, 0, 0]);
}

async fn with_options(world: &World, options: JobOptions) -> World {
    let parent = Flow::new("up", job("parent").with_id(id("parent")).with_options(options));
    let up = add(world, parent.with_child(leaf("conformance", "one"))).await;
    end(world, "one", completed()).await;
    up
}

async fn a_parent_with_a_delay_is_delayed_when_its_children_have_ended(world: World) {
    let up = with_options(&world, JobOptions::bare().delayed(Duration::from_millis(100))).await;

    assert_eq!(up.state(&id("parent")).await, JobState::Delayed);
    up.pass(Duration::from_millis(150)).await;
    claim_named(&up, "parent").await;
}

async fn a_parent_with_a_priority_is_prioritized_when_its_children_have_ended(world: World) {
    let up = with_options(&world, JobOptions::bare().with_priority(3)).await;

    assert_eq!(up.state(&id("parent")).await, JobState::Prioritized);
    claim_named(&up, "parent").await;
}

async fn a_child_that_has_completed_before_counts_at_once(world: World) {
    world.add_job(job("one").with_id(id("one"))).await;
    end(&world, "one", completed()).await;

    let up = add(&world, family(ChildFailure::KeepWaiting)).await;
    assert_eq!(counts(&up).await, [1, 1, 0, 0]);
    assert_eq!(up.state(&id("parent")).await, JobState::WaitingChildren);
    end(&world, "two", completed()).await;
    end(&up, "parent", completed()).await;

    let second = leaf("up", "second").with_child(leaf("conformance", "three"));
    world.add_job(job("three").with_id(id("three"))).await;
    end(&world, "three", completed()).await;
    world.store.add_flow(second).await.unwrap();
    assert_eq!(up.state(&id("second")).await, JobState::Waiting, "it waits for nobody");
}

async fn a_child_of_another_living_parent_refuses_the_whole_flow(world: World) {
    let up = add(&world, family(ChildFailure::KeepWaiting)).await;

    let thief = leaf("up", "thief").with_child(leaf("conformance", "one"));
    let refused = world.store.add_flow(thief).await;

    assert!(matches!(refused, Err(QueueError::ParentTaken { .. })), "{refused:?}");
    assert!(up.find(&id("thief")).await.is_none(), "nothing was added");
    assert_eq!(counts(&up).await, [0, 2, 0, 0]);
}

async fn a_parent_that_does_not_exist_refuses_the_whole_flow(world: World) {
    let orphan = leaf("conformance", "one").under(JobKey::new("up", id("nobody")));

    let refused = world.store.add_flow(orphan).await;

    assert!(matches!(refused, Err(QueueError::NoSuchParent(_))), "{refused:?}");
    assert!(world.find(&id("one")).await.is_none());
    assert_eq!(world.add("next").await, JobId::from_store("1"), "the counter is unchanged");
}

async fn a_handler_adds_a_child_and_waits_for_it(world: World) {
    world.add_job(job("parent").with_id(id("parent"))).await;
    let run = world.claim().await;
    let child = leaf("conformance", "one").under(key("parent"));
    world.store.add_flow(child).await.unwrap();
    let start = world.queue.last_position().await.unwrap();

    let waits = world.settle(&run, Verdict::WaitForChildren).await;

    assert_eq!(state_of(&waits), JobState::WaitingChildren);
    assert_eq!(world.words_after(start).await, ["other waiting-children"]);
    end(&world, "one", completed()).await;
    let again = claim_named(&world, "parent").await;
    assert_eq!((again.job.attempts_started, again.job.attempts_made), (2, 0));
    let children = world.queue.children(&id("parent")).await.unwrap();
    assert_eq!(children.processed, [(key("one"), Payload::encode(&1).unwrap())]);
}

async fn a_job_that_waits_for_nobody_runs_again_at_once(world: World) {
    world.add("other").await;
    let run = world.claim().await;
    world.add("behind").await;

    let back = world.settle(&run, Verdict::WaitForChildren).await;

    assert_eq!(state_of(&back), JobState::Waiting);
    assert_eq!(world.claim().await.job.id, run.job.id);
}

async fn a_parent_that_completes_with_pending_children_fails_its_attempt(world: World) {
    world.add_job(job("parent").with_id(id("parent"))).await;
    let run = world.claim().await;
    world.store.add_flow(leaf("up", "one").under(key("parent"))).await.unwrap();

    let refused = world.complete(&run).await;

    assert_eq!(state_of(&refused), JobState::Failed);
    let parent = world.job(&id("parent")).await;
    let reason = "Job parent has pending dependencies. moveToFinished";
    assert_eq!(parent.failed_reason.as_deref(), Some(reason));
    assert_eq!(parent.stack_trace, [reason]);
}

async fn a_parent_that_may_not_complete_is_tried_again_after_its_pause(world: World) {
    let pause = Duration::from_secs(600);
    let backoff = Some(Backoff::exponential(pause));
    let options = JobOptions { attempts: 3, backoff, ..JobOptions::bare() };
    world.add_job(job("parent").with_id(id("parent")).with_options(options)).await;
    let run = world.claim().await;
    world.store.add_flow(leaf("up", "one").under(key("parent"))).await.unwrap();

    let refused = world.complete(&run).await;

    assert_eq!(state_of(&refused), JobState::Delayed);
    let parent = world.job(&id("parent")).await;
    assert_eq!(parent.delay_ms, 600_000);
    assert_eq!(parent.stack_trace, ["Job parent has pending dependencies. moveToFinished"]);
}

async fn a_parent_that_may_not_complete_is_kept_as_a_failed_job(world: World) {
    let (remove_on_complete, remove_on_fail) = (Some(Retention::NONE), Some(Retention::ALL));
    let options = JobOptions { remove_on_complete, remove_on_fail, ..JobOptions::bare() };
    world.add_job(job("parent").with_id(id("parent")).with_options(options)).await;
    let run = world.claim().await;
    world.store.add_flow(leaf("up", "one").under(key("parent"))).await.unwrap();

    let complete = Settlement { keep: remove_on_complete, ..settlement(&run, completed()) };
    world.settle_all(vec![complete]).await;

    let parent = world.snapshot(&id("parent")).await;
    assert_eq!(parent.state, JobState::Failed);
    assert_eq!(parent.job.stack_trace.len(), 1);
}

async fn pending_children_keep_a_parent_from_completing_before_failed_ones_do(world: World) {
    world.add_job(job("parent").with_id(id("parent"))).await;
    let run = world.claim().await;
    let child = |name| leaf("up", name).on_failure(ChildFailure::FailParent).under(key("parent"));
    let up = add(&world, child("one")).await;
    world.store.add_flow(child("two")).await.unwrap();
    end(&up, "one", failed()).await;

    assert_eq!(state_of(&world.complete(&run).await), JobState::Failed);

    let reason = world.job(&id("parent")).await.failed_reason.unwrap();
    assert_eq!(reason, "Job parent has pending dependencies. moveToFinished");
}

async fn a_child_goes_its_own_way(world: World) {
    let up = add(&world, family(ChildFailure::FailParent)).await;

    assert!(world.queue.remove_child_dependency(&id("one")).await.unwrap());
    assert!(!world.queue.remove_child_dependency(&id("one")).await.unwrap());
    end(&world, "one", failed()).await;
    assert_eq!(counts(&up).await, [0, 1, 0, 0]);
    assert!(world.queue.remove_child_dependency(&id("two")).await.unwrap());

    assert_eq!(up.state(&id("parent")).await, JobState::Waiting);
    let unknown = world.queue.remove_child_dependency(&id("nobody")).await;
    assert!(matches!(unknown, Err(QueueError::NoSuchJob(_))), "{unknown:?}");
}

async fn a_child_knows_its_parent(world: World) {
    let up = add(&world, family(ChildFailure::KeepWaiting)).await;

    let parent = world.queue.parent(&id("one")).await.unwrap();
    assert_eq!(parent, Some(JobKey::new("up", id("parent"))));
    assert_eq!(up.queue.parent(&id("parent")).await.unwrap(), None);
    assert_eq!(up.queue.parent(&id("nobody")).await.unwrap(), None);
    end(&world, "one", completed()).await;
    assert_eq!(world.queue.parent(&id("one")).await.unwrap(), parent, "also when it has ended");
    world.queue.remove_child_dependency(&id("two")).await.unwrap();
    assert_eq!(world.queue.parent(&id("two")).await.unwrap(), None);
}

async fn the_removal_of_the_last_child_releases_the_parent(world: World) {
    let up = add(&world, family(ChildFailure::KeepWaiting)).await;

    world.queue.remove(&id("one")).await.unwrap();
    assert_eq!(up.state(&id("parent")).await, JobState::WaitingChildren);
    world.queue.remove(&id("two")).await.unwrap();

    assert_eq!(up.state(&id("parent")).await, JobState::Waiting);
}

async fn a_cancelled_child_counts_as_failed(world: World) {
    let up = add(&world, family(ChildFailure::IgnoreDependency)).await;

    world.queue.cancel(&id("one")).await.unwrap();
    world.queue.cancel(&id("two")).await.unwrap();

    assert_eq!(counts(&up).await, [0, 0, 2, 0]);
    assert_eq!(up.state(&id("parent")).await, JobState::Waiting);
}

async fn a_waiting_parent_can_be_cancelled(world: World) {
    let up = add(&world, family(ChildFailure::KeepWaiting)).await;

    up.queue.cancel(&id("parent")).await.unwrap();

    assert_eq!(up.state(&id("parent")).await, JobState::Failed);
    end(&world, "one", completed()).await;
    end(&world, "two", completed()).await;
    assert_eq!(up.state(&id("parent")).await, JobState::Failed, "it stays so");
}

async fn a_flow_that_cannot_be_kept_changes_nothing(world: World) {
    let options =
        JobOptions { deduplication: Some(Deduplication::simple("x")), ..JobOptions::bare() };
    let unique = Flow::new("conformance", job("one").with_options(options));
    let twice = leaf("up", "a").with_child(leaf("up", "a"));
    let nowhere = leaf("up", "a").with_child(leaf("a:b", "b"));
    for flow in [leaf("up", "a").with_child(unique), twice, nowhere] {
        assert_invalid(world.store.add_flow(flow).await);
    }
    let up = world.with_queue("up").await;
    assert!(up.find(&id("a")).await.is_none());
}

async fn a_parent_goes_with_its_last_drained_child_or_runs_in_another_queue(world: World) {
    let up = add(&world, family(ChildFailure::KeepWaiting)).await;
    let root = leaf("conformance", "root");
    let inner = leaf("conformance", "inner").with_child(leaf("conformance", "deep"));
    world.store.add_flow(root.with_child(inner)).await.unwrap();

    assert_eq!(world.queue.drain(false).await.unwrap(), 3);

    assert_eq!(up.state(&id("parent")).await, JobState::Waiting);
    for gone in ["one", "two", "deep", "inner", "root"] {
        assert!(world.find(&id(gone)).await.is_none(), "{gone}");
    }
}
