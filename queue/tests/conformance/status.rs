//! The records of jobs: a newer one takes the place of an older one, and nothing else does.

use std::time::Duration;

use oxherd_queue::status::{KEPT_AFTER_END, StatusError, StatusRecord};
use oxherd_queue::{JobState, Position};

use crate::world::{Kind, World, id};

on_both_stores!(
    a_record_reads_back_as_it_was,
    a_newer_version_takes_the_place_of_an_older,
    an_older_or_equal_version_is_refused_with_the_stored_one,
    a_final_state_is_left_only_by_a_higher_generation,
    many_records_go_in_one_call,
    records_of_jobs_that_ended_long_ago_are_forgotten,
);

fn record(job: &str, generation: u64, ms: u64, state: JobState) -> StatusRecord {
    StatusRecord {
        job: id(job),
        queue: "work".to_owned(),
        name: "do".to_owned(),
        owner: "user:1".to_owned(),
        generation,
        version: Position { ms, seq: 1 },
        state,
        progress: 40,
        attempts_made: 1,
        attempts_max: 3,
        error: None,
        result: None,
        created_ms: 1,
        started_ms: Some(2),
        finished_ms: None,
        next_attempt_ms: None,
    }
}

async fn put(world: &World, record: &StatusRecord) -> Option<StatusRecord> {
    world.store.status().put(vec![record.clone()]).await.unwrap().swap_remove(0)
}

async fn get(world: &World, job: &str) -> Option<StatusRecord> {
    world.store.status().get(&[id(job)]).await.unwrap().swap_remove(0)
}

async fn a_record_reads_back_as_it_was(world: World) {
    assert_eq!(get(&world, "a").await, None);
    let full = StatusRecord {
        error: Some(StatusError { code: "X_Y".to_owned(), message: "한국어 'q'".to_owned() }),
        result: Some(serde_json::json!({ "planId": "p", "empty": [], "n": null })),
        finished_ms: Some(world.now_ms()),
        next_attempt_ms: Some(9),
        ..record("a", 2, 5, JobState::Failed)
    };

    assert_eq!(put(&world, &full).await, None);

    assert_eq!(get(&world, "a").await, Some(full));
}

async fn a_newer_version_takes_the_place_of_an_older(world: World) {
    put(&world, &record("a", 1, 9, JobState::Waiting)).await;
    let newer = record("a", 1, 10, JobState::Active);

    assert_eq!(put(&world, &newer).await, None);

    assert_eq!(get(&world, "a").await, Some(newer));
}

async fn an_older_or_equal_version_is_refused_with_the_stored_one(world: World) {
    let stored = record("a", 1, 10, JobState::Active);
    put(&world, &stored).await;

    for older in [
        record("a", 1, 10, JobState::Waiting),
        record("a", 1, 9, JobState::Completed),
        record("a", 0, 99, JobState::Completed),
    ] {
        assert_eq!(put(&world, &older).await, Some(stored.clone()), "{older:?}");
    }
    assert_eq!(get(&world, "a").await, Some(stored));
}

async fn a_final_state_is_left_only_by_a_higher_generation(world: World) {
    for state in [JobState::Completed, JobState::Failed] {
        let name = format!("ended-{state}");
        let name = name.as_str();
        let end = record(name, 1, 10, state);
        put(&world, &end).await;

        assert_eq!(put(&world, &record(name, 1, 11, JobState::Active)).await, Some(end));
        let same = record(name, 1, 12, state);
        assert_eq!(put(&world, &same).await, None);
        let again = record(name, 2, 3, JobState::Waiting);
        assert_eq!(put(&world, &again).await, None);
        assert_eq!(get(&world, name).await, Some(again));
    }
}

async fn many_records_go_in_one_call(world: World) {
    let stored = record("b", 1, 10, JobState::Active);
    put(&world, &stored).await;
    let records = vec![
        record("a", 1, 1, JobState::Waiting),
        record("b", 1, 2, JobState::Waiting),
        record("a", 1, 2, JobState::Active),
    ];

    let refused = world.store.status().put(records).await.unwrap();

    assert_eq!(refused, [None, Some(stored.clone()), None]);
    let found = world.store.status().get(&[id("a"), id("none"), id("b")]).await.unwrap();
    assert_eq!(found[0].as_ref().map(|a| a.state), Some(JobState::Active));
    assert_eq!(found[1..], [None, Some(stored)]);
}

async fn records_of_jobs_that_ended_long_ago_are_forgotten(world: World) {
    if world.kind == Kind::Redis {
        // Redis forgets by its own clock, which no test can move on by a day.
        return;
    }
    let hour = Duration::from_secs(60 * 60);
    let ended = |name: &str| StatusRecord {
        finished_ms: Some(world.now_ms()),
        ..record(name, 1, 1, JobState::Completed)
    };
    put(&world, &ended("old")).await;
    put(&world, &record("living", 1, 1, JobState::Active)).await;
    world.pass(hour * 2).await;
    put(&world, &ended("young")).await;
    world.pass(KEPT_AFTER_END - hour).await;

    let forgotten = world.store.status().purge().await.unwrap();

    assert_eq!(forgotten, 1);
    assert_eq!(get(&world, "old").await, None);
    assert!(get(&world, "young").await.is_some());
    assert!(get(&world, "living").await.is_some());
}
