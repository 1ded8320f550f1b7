//! Looking at jobs: states, lists, counts, progress, logs, places.

use std::time::Duration;

use oxherd_queue::backend::ListQuery;
use oxherd_queue::{EventKind, JobId, JobOptions, JobState, Payload};

use crate::world::{World, assert_no_such_job, completed, failed, id, job};

on_both_stores!(
    counts_agree_with_lists,
    unknown_jobs_are_told_apart,
    lists_have_pages,
    progress_is_any_json_and_is_told,
    logs_keep_their_newest_rows,
    logs_keep_as_many_rows_as_the_job_says,
    progress_and_logs_need_a_job,
    a_waiting_job_knows_its_place,
    the_oldest_waiting_job_has_an_age,
);

async fn counts_agree_with_lists(world: World) {
    world.ended("a", completed()).await;
    world.ended("a", completed()).await;
    world.ended("a", failed()).await;
    world.queue.add((0..4).map(|_| job("a")).collect()).await.unwrap();
    world.claim().await;
    world.add_with("a", JobOptions::bare().delayed(Duration::from_secs(60))).await;

    let counts = world.queue.counts().await.unwrap();

    let expected = [("waiting", 3), ("active", 1), ("delayed", 1), ("completed", 2), ("failed", 1)];
    for (state, jobs) in expected {
        assert_eq!(counts[state], jobs, "{state}");
    }
    for state in JobState::ALL {
        let listed = u64::try_from(world.list(state).await.len()).unwrap();
        assert_eq!(counts.get(state.as_str()).copied(), Some(listed), "{state}");
    }
    assert_eq!(counts.len(), JobState::ALL.len());
}

async fn unknown_jobs_are_told_apart(world: World) {
    let known = world.add("a").await;

    let found = world.queue.jobs(&[id("nobody"), known.clone(), id("none")]).await.unwrap();

    assert_eq!(found.len(), 3);
    assert!(found[0].is_none() && found[2].is_none());
    assert_eq!(found[1].as_ref().unwrap().job.id, known);
}

async fn lists_have_pages(world: World) {
    for state in [JobState::Waiting, JobState::Completed] {
        for _ in 0..5 {
            world.add("a").await;
        }
        if state == JobState::Completed {
            for _ in 0..10 {
                let job = world.claim().await;
                world.complete(&job).await;
                world.pass(Duration::from_millis(2)).await;
            }
        }
        let page = |skip, limit, newest_first| {
            let query = ListQuery { state, skip, limit, newest_first };
            let queue = &world.queue;
            async move {
                let page = queue.list(query).await.unwrap();
                page.into_iter().map(|found| found.job.id.to_string()).collect::<Vec<_>>()
            }
        };
        assert_eq!(page(0, 2, false).await, ["1", "2"], "{state}");
        assert_eq!(page(3, 1, false).await, ["4"], "{state}");
        let newest = page(0, 3, true).await;
        let last = if state == JobState::Waiting { 5 } else { 10 };
        let expected: Vec<_> = (last - 2..=last).rev().map(|id| id.to_string()).collect();
        assert_eq!(newest, expected, "{state}");
        assert!(page(100, 5, false).await.is_empty());
        assert!(page(0, 0, false).await.is_empty());
    }
}

async fn progress_is_any_json_and_is_told(world: World) {
    let id = world.add("a").await;
    world.claim().await;
    for text in ["10", r#"{"step":"parse"}"#, r#""half""#, "true"] {
        let start = world.queue.last_position().await.unwrap();
        let data = Payload::parse(text).unwrap();

        let version = world.queue.progress(&id, data.clone()).await.unwrap();

        let events = world.events_after(start).await;
        assert_eq!(events.len(), 1);
        assert_eq!(events[0].position, version);
        assert_eq!(events[0].kind, EventKind::Progress { id: id.clone(), data: data.clone() });
        assert_eq!(world.job(&id).await.progress, Some(data));
    }
}

async fn logs_keep_their_newest_rows(world: World) {
    let id = world.add("a").await;
    let rows = |skip, limit| {
        let (queue, id) = (&world.queue, &id);
        async move { queue.logs(id, skip, limit).await.unwrap() }
    };
    for row in ["one", "two\nlines", "three"] {
        world.queue.log(&id, row, None).await.unwrap();
    }
    let all = vec!["one".to_owned(), "two\nlines".to_owned(), "three".to_owned()];
    assert_eq!(rows(0, 100).await, (all.clone(), 3));
    assert_eq!(rows(1, 1).await, (vec![all[1].clone()], 3));
    assert_eq!(rows(7, 5).await, (vec![], 3));

    world.queue.log(&id, "four", Some(2)).await.unwrap();

    assert_eq!(rows(0, 100).await, (vec!["three".to_owned(), "four".to_owned()], 2));
}

async fn progress_and_logs_need_a_job(world: World) {
    assert_no_such_job(world.queue.progress(&id("nobody"), Payload::null()).await);
    assert_no_such_job(world.queue.log(&id("nobody"), "row", None).await);
    assert_eq!(world.queue.logs(&id("nobody"), 0, 10).await.unwrap(), (vec![], 0));
    assert_eq!(world.find(&id("nobody")).await, None);
}

async fn a_waiting_job_knows_its_place(world: World) {
    let mut ids = Vec::new();
    for _ in 0..4 {
        ids.push(world.add("a").await);
    }
    let delayed = world.add_with("a", JobOptions::bare().delayed(Duration::from_secs(60))).await;
    let place = |id: &JobId| {
        let (queue, id) = (&world.queue, id.clone());
        async move { queue.place(&id).await.unwrap() }
    };

    for (ahead, id) in (0..).zip(&ids) {
        assert_eq!(place(id).await, Some(ahead));
    }
    assert_eq!(place(&delayed).await, None);
    assert_eq!(place(&id("nobody")).await, None);

    world.claim().await;
    assert_eq!(place(&ids[0]).await, None);
    assert_eq!(place(&ids[3]).await, Some(2));
}

async fn the_oldest_waiting_job_has_an_age(world: World) {
    assert_eq!(world.queue.oldest_waiting_ms().await.unwrap(), None);
    world.add("a").await;
    world.pass(Duration::from_millis(200)).await;
    world.add("a").await;

    let age = world.queue.oldest_waiting_ms().await.unwrap().unwrap();

    assert!((195..5_000).contains(&age), "{age} ms");
    world.claim_all(2).await;
    assert_eq!(world.queue.oldest_waiting_ms().await.unwrap(), None);
}

async fn logs_keep_as_many_rows_as_the_job_says(world: World) {
    let job = world.add_with("a", JobOptions { keep_logs: Some(2), ..JobOptions::bare() }).await;
    let rows = async |world: &World| world.queue.logs(&job, 0, 10).await.unwrap().0;

    for row in ["one", "two", "three"] {
        world.queue.log(&job, row, None).await.unwrap();
    }
    assert_eq!(rows(&world).await, ["two", "three"]);

    let run = world.claim().await;
    world.complete(&run).await;
    world.queue.log(&job, "four", None).await.unwrap();
    assert_eq!(rows(&world).await, ["three", "four"]);
}
