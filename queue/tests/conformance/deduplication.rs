//! Adds that mean the same work, and which of them become jobs.

use std::time::Duration;

use oxherd_queue::backend::Added;
use oxherd_queue::{Deduplication, EventKind, JobId, JobOptions, JobState, NewJob, Payload};

use crate::world::{World, assert_invalid, failed, id, job, retried};

on_both_stores!(
    an_add_is_dropped_while_the_owner_has_not_ended,
    an_owner_that_failed_for_good_frees_the_id_and_one_that_is_retried_does_not,
    an_id_with_a_time_is_free_when_it_is_over,
    a_dropped_add_may_extend_the_time,
    a_burst_of_adds_runs_as_the_last_of_them,
    without_extension_the_time_of_the_first_counts,
    an_owner_that_is_not_delayed_is_not_replaced,
    the_last_add_during_a_run_becomes_the_next_job,
    the_last_add_follows_a_failure_too,
    an_add_before_the_run_is_only_dropped,
    what_was_kept_keeps_its_options,
    a_dropped_add_may_give_the_owner_its_delay,
    a_removed_owner_frees_the_id,
    a_removed_job_does_not_free_the_id_of_another,
    a_cancelled_owner_frees_the_id,
    an_id_can_be_freed_by_hand,
    an_id_is_freed_only_for_its_owner_if_asked,
    a_batch_is_deduplicated_within_itself,
    an_existing_job_id_comes_before_deduplication,
    different_ids_and_queues_do_not_meet,
    a_rule_without_an_id_is_refused,
    a_submitted_job_has_no_rule,
);

const TTL: Duration = Duration::from_millis(400);
const MINUTE: Duration = Duration::from_secs(60);

fn once() -> Deduplication {
    Deduplication::simple("x")
}

fn named(name: &str, rule: Deduplication) -> NewJob {
    with(name, JobOptions::bare(), rule)
}

fn with(name: &str, options: JobOptions, rule: Deduplication) -> NewJob {
    let data = Payload::encode(name).unwrap();
    NewJob::new("work", data).with_id(id(name)).with_options(options.deduplicated(rule))
}

async fn add(world: &World, job: NewJob) -> Added {
    world.queue.add(vec![job]).await.unwrap().swap_remove(0)
}

/// Adds a job and tells whether it was created.
async fn creates(world: &World, job: NewJob) -> bool {
    matches!(add(world, job).await, Added::Created { .. })
}

fn dropped_for(owner: &str) -> Added {
    Added::Deduplicated { id: JobId::from_store(owner) }
}

async fn owner(world: &World) -> Option<String> {
    world.queue.deduplication_owner("x").await.unwrap().map(|owner| owner.to_string())
}

async fn an_add_is_dropped_while_the_owner_has_not_ended(world: World) {
    assert!(creates(&world, named("a", once())).await);
    let start = world.queue.last_position().await.unwrap();

    assert_eq!(add(&world, named("b", once())).await, dropped_for("a"));
    let running = world.claim().await;
    assert_eq!(add(&world, named("c", once())).await, dropped_for("a"));

    assert_eq!(running.job.options.deduplication, Some(once()));
    assert_eq!(owner(&world).await.as_deref(), Some("a"));
    let words = world.words_after(start).await;
    assert_eq!(words, ["deduplicated a for b", "active a", "deduplicated a for c"]);
    let expected =
        EventKind::Deduplicated { id: id("a"), deduplication_id: "x".to_owned(), dropped: id("b") };
    assert_eq!(world.events_after(start).await[0].kind, expected);
    assert!(world.find(&id("b")).await.is_none());
    world.complete(&running).await;
    assert_eq!(owner(&world).await, None);
    assert!(creates(&world, named("d", once())).await);
}

async fn an_owner_that_failed_for_good_frees_the_id_and_one_that_is_retried_does_not(world: World) {
    let options = JobOptions { attempts: 2, ..JobOptions::bare() };
    add(&world, with("a", options, once())).await;
    let first = world.claim().await;

    world.settle(&first, retried(Duration::ZERO)).await;
    assert_eq!(add(&world, named("b", once())).await, dropped_for("a"));
    let second = world.claim().await;
    world.settle(&second, failed()).await;

    assert!(creates(&world, named("c", once())).await);
}

async fn an_id_with_a_time_is_free_when_it_is_over(world: World) {
    let throttle = || Deduplication::throttle("x", TTL);
    add(&world, named("a", throttle())).await;
    let job = world.claim().await;
    world.complete(&job).await;

    assert_eq!(add(&world, named("b", throttle())).await, dropped_for("a"));
    world.pass(TTL).await;

    assert_eq!(owner(&world).await, None);
    assert!(creates(&world, named("c", throttle())).await);
}

async fn a_dropped_add_may_extend_the_time(world: World) {
    let rule = || Deduplication { extend: true, ..Deduplication::throttle("x", TTL) };
    add(&world, named("a", rule())).await;

    for name in ["b", "c", "d"] {
        world.pass(TTL / 2).await;
        assert_eq!(add(&world, named(name, rule())).await, dropped_for("a"));
    }

    assert_eq!(owner(&world).await.as_deref(), Some("a"));
    world.pass(TTL).await;
    assert!(creates(&world, named("e", rule())).await);
}

async fn a_burst_of_adds_runs_as_the_last_of_them(world: World) {
    let burst =
        |name| with(name, JobOptions::bare().delayed(TTL), Deduplication::debounce("x", TTL));
    add(&world, burst("a")).await;
    let start = world.queue.last_position().await.unwrap();

    assert!(creates(&world, burst("b")).await);
    assert!(creates(&world, burst("c")).await);

    let expected = [
        "removed a from delayed",
        "deduplicated b for a",
        "added b",
        "delayed b",
        "removed b from delayed",
        "deduplicated c for b",
        "added c",
        "delayed c",
    ];
    assert_eq!(world.words_after(start).await, expected);
    assert_eq!(owner(&world).await.as_deref(), Some("c"));
    assert!(world.find(&id("a")).await.is_none());
    world.pass(TTL).await;
    let claimed = world.claim_all(5).await.jobs;
    assert_eq!(claimed.len(), 1);
    assert_eq!(claimed[0].job.data, Payload::encode("c").unwrap());
}

async fn without_extension_the_time_of_the_first_counts(world: World) {
    let rule = Deduplication { replace: true, ..Deduplication::throttle("x", TTL) };
    let delayed = |name| with(name, JobOptions::bare().delayed(MINUTE), rule.clone());
    add(&world, delayed("a")).await;
    world.pass(TTL / 2).await;

    assert!(creates(&world, delayed("b")).await);
    assert_eq!(owner(&world).await.as_deref(), Some("b"));
    world.pass(TTL / 2).await;

    assert_eq!(owner(&world).await, None);
    assert!(creates(&world, delayed("c")).await);
    assert_eq!(world.list(JobState::Delayed).await, [id("b"), id("c")]);
}

async fn an_owner_that_is_not_delayed_is_not_replaced(world: World) {
    let rule = || Deduplication::debounce("x", MINUTE);
    add(&world, named("a", rule())).await;
    let start = world.queue.last_position().await.unwrap();

    assert_eq!(add(&world, named("b", rule())).await, dropped_for("a"));
    let running = world.claim().await;
    assert_eq!(add(&world, named("c", rule())).await, dropped_for("a"));

    assert_eq!(world.words_after(start).await, ["active a"]);
    world.complete(&running).await;
}

async fn the_last_add_during_a_run_becomes_the_next_job(world: World) {
    let keep = || Deduplication::keep_last("x");
    add(&world, named("a", keep())).await;
    let running = world.claim().await;
    let start = world.queue.last_position().await.unwrap();

    assert_eq!(add(&world, named("b", keep())).await, dropped_for("a"));
    assert_eq!(add(&world, named("c", keep())).await, dropped_for("a"));
    assert!(world.find(&id("c")).await.is_none());
    world.complete(&running).await;

    let expected =
        ["deduplicated a for b", "deduplicated a for c", "added c", "waiting c", "completed a"];
    assert_eq!(world.words_after(start).await, expected);
    assert_eq!(owner(&world).await.as_deref(), Some("c"));
    let next = world.claim().await;
    assert_eq!(
        (next.job.id.clone(), next.job.data.clone()),
        (id("c"), Payload::encode("c").unwrap())
    );
    world.complete(&next).await;
    assert!(world.claim_all(5).await.jobs.is_empty());
    assert_eq!(owner(&world).await, None);
}

async fn the_last_add_follows_a_failure_too(world: World) {
    let keep = || Deduplication::keep_last("x");
    let numbered = || job("work").with_options(JobOptions::bare().deduplicated(keep()));
    add(&world, numbered()).await;
    let running = world.claim().await;
    assert_eq!(add(&world, numbered()).await, dropped_for("1"));

    world.settle(&running, failed()).await;

    // It has the number that its add was given.
    assert_eq!(world.claim().await.job.id, JobId::from_store("2"));
    // The making of the job took another one.
    assert_eq!(world.add("next").await, JobId::from_store("4"));
}

async fn an_add_before_the_run_is_only_dropped(world: World) {
    let keep = || Deduplication::keep_last("x");
    add(&world, named("a", keep())).await;

    assert_eq!(add(&world, named("b", keep())).await, dropped_for("a"));

    let running = world.claim().await;
    world.complete(&running).await;
    assert!(world.claim_all(5).await.jobs.is_empty());
}

async fn what_was_kept_keeps_its_options(world: World) {
    let keep = || Deduplication { ttl_ms: 50, ..Deduplication::keep_last("x") };
    add(&world, named("a", keep())).await;
    let running = world.claim().await;
    let later = JobOptions { attempts: 7, ..JobOptions::bare() }.with_priority(3).delayed(MINUTE);
    add(&world, with("b", later.clone(), keep())).await;
    // The time of such a rule does not count.
    world.pass(Duration::from_millis(60)).await;
    assert_eq!(owner(&world).await.as_deref(), Some("a"));
    let before = world.now_ms();

    world.complete(&running).await;

    let found = world.snapshot(&id("b")).await;
    assert_eq!(found.state, JobState::Delayed);
    assert_eq!((found.job.priority, found.job.options.attempts), (3, 7));
    assert!(found.due_ms.unwrap() >= before + 59_000, "the delay counts from the end of the run");
    world.queue.promote(&id("b")).await.unwrap();
    assert_eq!(world.state(&id("b")).await, JobState::Prioritized);
}

async fn a_dropped_add_may_give_the_owner_its_delay(world: World) {
    let rule = || Deduplication { reschedule: true, ..once() };
    add(&world, with("a", JobOptions::bare().delayed(MINUTE), rule())).await;
    let start = world.queue.last_position().await.unwrap();
    let sooner = JobOptions::bare().delayed(Duration::from_millis(300));

    assert_eq!(add(&world, with("b", sooner, rule())).await, dropped_for("a"));

    assert_eq!(world.words_after(start).await, ["deduplicated a for b", "delayed a"]);
    assert_eq!(world.job(&id("a")).await.delay_ms, 300);
    world.pass(Duration::from_millis(310)).await;
    assert_eq!(world.claim().await.job.data, Payload::encode("a").unwrap());
}

async fn a_removed_owner_frees_the_id(world: World) {
    let keep = || Deduplication::keep_last("x");
    add(&world, named("a", once())).await;
    assert!(world.queue.remove(&id("a")).await.unwrap());
    assert!(creates(&world, named("b", keep())).await);

    // Also after its end, when a time outlives it.
    let running = world.claim().await;
    world.complete(&running).await;
    add(&world, named("c", Deduplication::throttle("x", MINUTE))).await;
    let running = world.claim().await;
    world.complete(&running).await;
    assert_eq!(owner(&world).await.as_deref(), Some("c"));
    assert!(world.queue.remove(&id("c")).await.unwrap());

    assert_eq!(owner(&world).await, None);
    assert!(creates(&world, named("d", once())).await);
}

async fn a_removed_job_does_not_free_the_id_of_another(world: World) {
    add(&world, named("a", once())).await;
    world.queue.free_deduplication("x", None).await.unwrap();
    add(&world, named("b", once())).await;

    world.queue.remove(&id("a")).await.unwrap();

    assert_eq!(owner(&world).await.as_deref(), Some("b"));
}

async fn a_cancelled_owner_frees_the_id(world: World) {
    add(&world, named("a", once())).await;

    world.queue.cancel(&id("a")).await.unwrap();

    assert!(creates(&world, named("b", once())).await);
}

async fn an_id_can_be_freed_by_hand(world: World) {
    add(&world, named("a", once())).await;

    assert!(world.queue.free_deduplication("x", None).await.unwrap());
    assert!(!world.queue.free_deduplication("x", None).await.unwrap());

    assert!(creates(&world, named("b", once())).await);
    assert_eq!(world.list(JobState::Waiting).await, [id("a"), id("b")]);
    let first = world.claim().await;
    world.complete(&first).await;
    assert_eq!(owner(&world).await.as_deref(), Some("b"));
}

async fn an_id_is_freed_only_for_its_owner_if_asked(world: World) {
    add(&world, named("a", once())).await;

    assert!(!world.queue.free_deduplication("x", Some(&id("b"))).await.unwrap());
    assert_eq!(owner(&world).await.as_deref(), Some("a"));

    assert!(world.queue.free_deduplication("x", Some(&id("a"))).await.unwrap());
}

async fn a_batch_is_deduplicated_within_itself(world: World) {
    let numbered = |rule: Option<Deduplication>| {
        job("work").with_options(JobOptions { deduplication: rule, ..JobOptions::bare() })
    };
    let batch =
        vec![numbered(Some(once())), numbered(None), numbered(Some(once())), numbered(None)];

    let added = world.queue.add(batch).await.unwrap();

    assert_eq!(added[2], dropped_for("1"));
    let ids: Vec<&str> = added.iter().map(|added| added.id().as_str()).collect();
    assert_eq!(ids, ["1", "2", "1", "4"]);
    assert_eq!(world.claim_all(5).await.jobs.len(), 3);
}

async fn an_existing_job_id_comes_before_deduplication(world: World) {
    add(&world, named("a", once())).await;
    let start = world.queue.last_position().await.unwrap();

    assert_eq!(add(&world, named("a", once())).await, Added::Duplicate { id: id("a") });

    assert_eq!(world.words_after(start).await, ["duplicated a"]);
}

async fn different_ids_and_queues_do_not_meet(world: World) {
    let other = world.with_queue("other").await;

    assert!(creates(&world, named("a", once())).await);
    assert!(creates(&world, named("b", Deduplication::simple("y"))).await);
    assert!(creates(&other, named("a", once())).await);
}

async fn a_rule_without_an_id_is_refused(world: World) {
    let start = world.queue.last_position().await.unwrap();

    assert_invalid(world.queue.add(vec![job("good"), named("a", Deduplication::simple(""))]).await);

    assert!(world.words_after(start).await.is_empty());
    assert!(world.queue.counts().await.unwrap().values().all(|jobs| *jobs == 0));
}

async fn a_submitted_job_has_no_rule(world: World) {
    assert_invalid(world.queue.submit(vec![named("a", once())]).await);

    assert!(world.find(&id("a")).await.is_none());
}
