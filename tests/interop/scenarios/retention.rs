//! How long finished jobs are kept.

use std::time::Duration;

use serde_json::{Value, json};

use crate::row::Row;
use crate::scenario::scenarios;
use crate::side::DEADLINE;

scenarios![
    s_060_a_job_that_is_removed_at_its_end_leaves_nothing_but_its_event,
    s_061_the_newest_three_are_kept,
    s_062_old_jobs_go_at_the_next_end,
    s_063_the_option_of_the_worker_counts_for_jobs_that_have_none,
    s_064_an_evicted_child_leaves_its_value_with_the_parent,
];

const DOWN: &str = "SMTP_DOWN: no answer";

async fn s_060_a_job_that_is_removed_at_its_end_leaves_nothing_but_its_event(row: Row) {
    let steps = json!([
        ["log", "begun"], ["progress", 5], ["fail_named", { "message": DOWN, "name": "bad" }],
        ["return", { "ok": true }],
    ]);
    row.second().work("q", json!({}), steps).await;
    let options = json!({ "removeOnComplete": true, "removeOnFail": true });

    let good = row.first().add("q", "good", json!({}), options.clone()).await;
    let bad = row.first().add("q", "bad", json!({}), options).await;

    let ended = |events: &crate::side::Events| events.count("failed") == 1;
    let events = row.node().events_until("q", ended).await;
    assert_eq!(events.named("completed")[0]["returnvalue"], json!({ "ok": true }));
    assert_eq!(events.named("failed")[0]["failedReason"], DOWN);
    for id in [good, bad] {
        assert_eq!(row.node().job("q", &id).await, Value::Null);
        let keys: Vec<String> = redis::cmd("KEYS")
            .arg(row.key("q", &format!("{id}*")))
            .query_async(&mut row.redis())
            .await
            .unwrap();
        assert_eq!(keys, Vec::<String>::new());
    }
}

async fn s_061_the_newest_three_are_kept(row: Row) {
    let job = json!({ "name": "x", "data": {}, "opts": { "removeOnComplete": 3 } });
    row.first().add_bulk("q", vec![job; 10]).await;

    // Jobs that end in one millisecond have no order.
    row.second().work("q", json!({}), json!([["sleep", 3]])).await;

    row.node().events_until("q", |events| events.count("completed") == 10).await;
    row.node().counts_until("q", json!({ "completed": 3, "waiting": 0, "active": 0 })).await;
    let kept = row.node().call("q", "getCompleted", json!([])).await;
    let ids: Vec<_> = kept.as_array().unwrap().iter().map(|job| &job["id"]).collect();
    assert_eq!(ids, ["10", "9", "8"]);
    never_more_than_three_and_a_batch(&row).await;
}

/// Ends many jobs, some at a time, and looks all the while how many are kept.
async fn never_more_than_three_and_a_batch(row: &Row) {
    const JOBS: usize = 300;
    const BATCH: u64 = 10;
    let job = json!({ "name": "x", "data": {}, "opts": { "removeOnComplete": 3 } });
    row.first().add_bulk("many", vec![job; JOBS]).await;
    let worker = row.second().work("many", json!({ "concurrency": BATCH }), json!([])).await;
    let (mut redis, key) = (row.redis(), row.key("many", "completed"));
    let (mut looks, mut most) = (0, 0);
    let deadline = tokio::time::Instant::now() + DEADLINE;
    while worker.tally_ended().await < JOBS {
        assert!(tokio::time::Instant::now() < deadline, "never ended");
        for _ in 0..20 {
            let kept: u64 = redis::cmd("ZCARD").arg(&key).query_async(&mut redis).await.unwrap();
            (looks, most) = (looks + 1, most.max(kept));
        }
    }
    assert!(most <= 3 + BATCH, "{most} were kept in one of {looks} looks");
    row.node().counts_until("many", json!({ "completed": 3, "waiting": 0, "active": 0 })).await;
    worker.close().await;
    // Which three are left is chance.
    row.node().call("many", "obliterate", json!([])).await;
}

async fn s_062_old_jobs_go_at_the_next_end(row: Row) {
    let cases = [
        ("age", json!({ "age": 1 }), vec!["last"]),
        ("count", json!({ "age": 1, "count": 2 }), vec!["last"]),
        // The newest of those that are too old go first.
        ("limit", json!({ "age": 1, "limit": 2 }), vec!["last", "2", "1"]),
    ];
    for (queue, keep, _) in &cases {
        let job = json!({ "name": "x", "data": {}, "opts": { "removeOnComplete": keep } });
        let ids = row.first().add_bulk(queue, vec![job; 4]).await;
        // Jobs that end in one millisecond have no order.
        row.second().work(queue, json!({}), json!([["sleep", 3]])).await;
        let last = ids.last().unwrap();
        row.node().events_until(queue, |events| events.of(last).contains(&"completed")).await;
    }
    // What is kept by age can only be seen when it has passed.
    tokio::time::sleep(Duration::from_millis(2100)).await;

    for (queue, keep, left) in cases {
        let options = json!({ "removeOnComplete": keep, "jobId": "last" });
        let last = row.first().add(queue, "last", json!({}), options).await;

        row.node().job_in(queue, &last, "completed").await;
        row.node().counts_until(queue, json!({ "completed": left.len() })).await;
        let kept = row.node().call(queue, "getCompleted", json!([])).await;
        let ids: Vec<_> = kept.as_array().unwrap().iter().map(|job| &job["id"]).collect();
        assert_eq!(ids, left, "{queue}");
    }
}

async fn s_063_the_option_of_the_worker_counts_for_jobs_that_have_none(row: Row) {
    let keep = json!({ "removeOnComplete": { "count": 1 } });
    row.second().work("worker", keep.clone(), json!([])).await;
    row.second().work("job", keep, json!([])).await;
    let plain = json!({ "name": "x", "data": {} });
    let kept = json!({ "name": "x", "data": {}, "opts": { "removeOnComplete": false } });

    row.first().add_bulk("worker", vec![plain; 4]).await;
    row.first().add_bulk("job", vec![kept; 4]).await;

    for (queue, left) in [("worker", 1), ("job", 4)] {
        row.node().events_until(queue, |events| events.count("completed") == 4).await;
        row.node().counts_until(queue, json!({ "completed": left })).await;
    }
}

async fn s_064_an_evicted_child_leaves_its_value_with_the_parent(row: Row) {
    let child = |name: &str, delay: u64| json!({ "name": name, "queueName": "down", "data": {}, "opts": { "removeOnComplete": 1, "delay": delay } });
    let flow = json!({
        "name": "root", "queueName": "up", "data": {}, "opts": { "jobId": "P" },
        "children": [child("first", 0), child("second", 300)],
    });
    row.first().add_flow(flow).await.unwrap();

    row.second().work("down", json!({}), json!([["return", 7]])).await;
    row.second().work("up", json!({}), json!([])).await;

    row.node().job_in("up", "P", "completed").await;
    row.node().counts_until("down", json!({ "completed": 1 })).await;
    let values = row.node().on_job("up", "P", "getChildrenValues", json!([])).await;
    assert!(values.as_object().unwrap().values().all(|value| *value == 7), "{values}");
    assert_eq!(values.as_object().unwrap().len(), 2);
}
