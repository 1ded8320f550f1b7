//! How many jobs may start in a time and run at a time, with workers of both sides.

use serde_json::{Value, json};

use crate::row::Row;
use crate::scenario::scenarios;
use crate::side::until;

scenarios![
    s_070_two_workers_share_the_starts_of_a_window,
    s_071_a_limit_of_the_queue_holds_for_a_worker_without_one,
    s_072_a_limited_run_goes_back_and_uses_no_attempt,
    s_073_no_more_jobs_run_than_the_queue_allows,
    s_074_a_raised_concurrency_is_used,
    s_075_broken_limits_are_none,
];

fn jobs(count: usize) -> Vec<Value> {
    vec![json!({ "name": "x", "data": {} }); count]
}

/// Returns the milliseconds from the first to the last begin of some runs.
fn span(runs: &[Value]) -> u64 {
    let at: Vec<u64> = runs.iter().map(|run| run["at"].as_u64().unwrap()).collect();
    at.iter().max().unwrap() - at.iter().min().unwrap()
}

async fn active(row: &Row) -> usize {
    redis::cmd("LLEN").arg(row.key("q", "active")).query_async(&mut row.redis()).await.unwrap()
}

async fn s_070_two_workers_share_the_starts_of_a_window(row: Row) {
    row.node().add_bulk("q", jobs(30)).await;
    let options = json!({ "limiter": { "max": 10, "duration": 1000 }, "concurrency": 3 });

    let ours = row.ours().work("q", options.clone(), json!([["sleep", 10]])).await;
    let node = row.node().work("q", options, json!([["sleep", 10]])).await;

    row.node().counts_until("q", json!({ "completed": 30 })).await;
    let mut runs = ours.runs().await;
    assert!((1..30).contains(&runs.len()), "both work: {}", runs.len());
    runs.extend(node.runs().await);
    assert_eq!(runs.len(), 30);
    // Three windows: the third begins two windows after the first, less the way of a message.
    assert!(span(&runs) >= 1900, "{}", span(&runs));
}

async fn s_071_a_limit_of_the_queue_holds_for_a_worker_without_one(row: Row) {
    row.first().call("q", "setGlobalRateLimit", json!([5, 500])).await;
    row.first().add_bulk("q", jobs(15)).await;

    let worker = row.second().work("q", json!({ "concurrency": 10 }), json!([])).await;

    let runs = worker.ended(15).await;
    assert!(span(&runs) >= 950, "{}", span(&runs));
    row.node().counts_until("q", json!({ "completed": 15 })).await;
}

async fn s_072_a_limited_run_goes_back_and_uses_no_attempt(row: Row) {
    let options = json!({ "limiter": { "max": 100, "duration": 1000 } });
    let worker = row.second().work("q", options, json!([["limit_once", 400]])).await;

    let id = row.first().add("q", "x", json!({}), json!({ "priority": 2 })).await;

    let job = row.node().job_in("q", &id, "completed").await;
    assert_eq!((&job["attemptsMade"], &job["attemptsStarted"]), (&json!(1), &json!(2)));
    let runs = worker.runs().await;
    assert_eq!((runs.len(), &runs[1]["attemptsMade"]), (2, &json!(0)));
    assert!(span(&runs) >= 400, "{}", span(&runs));
    let events = row.node().events_until("q", |events| events.count("completed") == 1).await;
    let expected = ["added", "waiting", "active", "waiting", "active", "completed"];
    assert_eq!(events.of(&id), expected);
    assert_eq!(events.named("waiting")[1]["prev"], "active");
}

async fn s_073_no_more_jobs_run_than_the_queue_allows(row: Row) {
    row.node().call("q", "setGlobalConcurrency", json!([2])).await;
    row.node().add_bulk("q", jobs(20)).await;
    let options = json!({ "concurrency": 10 });

    let ours = row.ours().work("q", options.clone(), json!([["sleep", 40]])).await;
    let node = row.node().work("q", options, json!([["sleep", 40]])).await;

    until("all have run", async || {
        let now = active(&row).await;
        assert!(now <= 2, "{now} run at a time");
        let ended = ours.runs().await.len() + node.runs().await.len();
        if ended == 20 { Ok(()) } else { Err(ended) }
    })
    .await;
    row.node().counts_until("q", json!({ "completed": 20 })).await;
}

async fn s_074_a_raised_concurrency_is_used(row: Row) {
    row.first().call("q", "setGlobalConcurrency", json!([1])).await;
    row.first().add_bulk("q", jobs(20)).await;
    let worker =
        row.second().work("q", json!({ "concurrency": 10 }), json!([["sleep", 300]])).await;
    worker.begun(2).await;
    assert_eq!(active(&row).await, 1);

    row.first().call("q", "setGlobalConcurrency", json!([5])).await;

    until("five run at a time", async || match active(&row).await {
        5 => Ok(()),
        other => Err(other),
    })
    .await;
    row.node().counts_until("q", json!({ "completed": 20 })).await;
}

async fn s_075_broken_limits_are_none(row: Row) {
    if row.has_no_model("BullMQ raises in its script, with the job active") {
        return;
    }
    let meta = row.key("q", "meta");
    for (count, limit) in [(2, "1"), (4, "many")] {
        row.first().add_bulk("q", jobs(2)).await;
        let mut set = redis::cmd("HSET");
        set.arg(&meta).arg("max").arg(limit);
        set.exec_async(&mut row.redis()).await.unwrap();

        let worker = row.second().work("q", json!({}), json!([])).await;

        row.node().counts_until("q", json!({ "completed": count })).await;
        worker.close().await;
    }
}
