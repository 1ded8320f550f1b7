//! Delays, priorities and the side of the line.

use std::time::Duration;

use serde_json::{Value, json};

use crate::row::Row;
use crate::scenario::scenarios;
use crate::side::{Work, until};

scenarios![
    s_045_a_delayed_job_starts_when_it_is_due,
    s_046_jobs_due_in_one_millisecond_run_in_the_order_of_their_adds,
    s_047_a_promoted_job_runs_at_once,
    s_048_a_changed_delay_counts_from_now,
    s_049_a_processor_can_delay_its_job,
    s_050_a_due_job_waits_by_its_priority,
    s_051_priorities_of_both_sides_run_in_one_order,
    s_052_a_changed_priority_moves_the_job,
    s_053_the_newest_of_jobs_in_front_runs_first,
    s_054_the_turns_begin_anew_when_no_job_has_a_priority,
    s_055_jobs_are_counted_by_priority,
];

fn waited(job: &Value) -> u64 {
    job["processedOn"].as_u64().unwrap() - job["timestamp"].as_u64().unwrap()
}

/// Returns the `n` of the data of each run, in the order of the runs.
async fn order(worker: &Work, count: usize) -> Vec<u64> {
    let runs = worker.ended(count).await;
    runs.iter().map(|run| run["data"]["n"].as_u64().unwrap()).collect()
}

async fn s_045_a_delayed_job_starts_when_it_is_due(row: Row) {
    row.second().work("q", json!({}), json!([])).await;

    let id = row.first().add("q", "later", json!({}), json!({ "delay": 500 })).await;

    let job = row.node().job_in("q", &id, "completed").await;
    assert!((500..=900).contains(&waited(&job)), "{}", waited(&job));
    assert_eq!(job["delay"], 0);
}

async fn s_046_jobs_due_in_one_millisecond_run_in_the_order_of_their_adds(row: Row) {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    let at = u64::try_from(now.as_millis()).unwrap();
    let options = json!({ "delay": 1500, "timestamp": at });
    let job = |n| json!({ "name": "later", "data": { "n": n }, "opts": options });

    row.first().add_bulk("q", (0..200).map(job).collect()).await;

    let mut asked = redis::cmd("ZRANGE");
    asked.arg(row.key("q", "delayed")).arg(0).arg(-1).arg("WITHSCORES");
    let scores: Vec<(String, f64)> = asked.query_async(&mut row.redis()).await.unwrap();
    let scores: Vec<u64> = scores.iter().map(|(_, score)| *score as u64).collect();
    let expected: Vec<u64> = (0..200).map(|n| (at + 1500) * 4096 + n).collect();
    assert_eq!(scores, expected);
    let worker = row.second().work("q", json!({}), json!([])).await;
    assert_eq!(order(&worker, 200).await, (0..200).collect::<Vec<u64>>());
}

async fn s_047_a_promoted_job_runs_at_once(row: Row) {
    row.second().work("q", json!({}), json!([])).await;
    let id = row.first().add("q", "later", json!({}), json!({ "delay": 60_000 })).await;

    row.first().on_job("q", &id, "promote", json!([])).await;

    let job = row.node().job_in("q", &id, "completed").await;
    assert_eq!(job["delay"], 0);
    let events = row.node().events_until("q", |events| events.count("completed") == 1).await;
    assert_eq!(events.named("waiting")[0]["prev"], "delayed");
    assert_eq!(events.of(&id), ["added", "delayed", "waiting", "active", "completed"]);
}

async fn s_048_a_changed_delay_counts_from_now(row: Row) {
    row.second().work("q", json!({}), json!([])).await;
    let id = row.first().add("q", "later", json!({}), json!({ "delay": 60_000 })).await;

    row.first().on_job("q", &id, "changeDelay", json!([300])).await;

    let job = row.node().job_in("q", &id, "completed").await;
    assert!((300..1500).contains(&waited(&job)), "{}", waited(&job));
    let events = row.node().events_until("q", |events| events.count("completed") == 1).await;
    assert_eq!(events.count("delayed"), 2);
}

async fn s_049_a_processor_can_delay_its_job(row: Row) {
    row.has_no_model("ours says in the job why it waits");
    let worker = row.second().work("q", json!({}), json!([["delay_once", 300]])).await;

    let id = row.first().add("q", "x", json!({}), json!({})).await;

    let job = row.node().job_in("q", &id, "completed").await;
    assert_eq!((&job["attemptsMade"], &job["attemptsStarted"]), (&json!(1), &json!(2)));
    let runs = worker.runs().await;
    assert_eq!(runs[1]["attemptsMade"], 0);
    assert!(runs[1]["at"].as_u64().unwrap() - runs[0]["at"].as_u64().unwrap() >= 300);
}

async fn s_050_a_due_job_waits_by_its_priority(row: Row) {
    let later = json!({ "delay": 200, "priority": 5 });
    row.first().add("q", "later", json!({ "n": 9 }), later).await;
    tokio::time::sleep(Duration::from_millis(250)).await;
    for n in [1, 2] {
        row.first().add("q", "plain", json!({ "n": n }), json!({})).await;
    }

    let worker = row.second().work("q", json!({}), json!([])).await;

    assert_eq!(order(&worker, 3).await, [1, 2, 9]);
}

async fn s_051_priorities_of_both_sides_run_in_one_order(row: Row) {
    row.node().call("q", "pause", json!([])).await;
    let sides = [row.ours(), row.node()];
    for (n, priority) in [3, 1, 2, 1, 0].into_iter().enumerate() {
        let options = if priority == 0 { json!({}) } else { json!({ "priority": priority }) };
        sides[n % 2].add("q", "x", json!({ "n": n }), options).await;
    }

    row.node().call("q", "resume", json!([])).await;

    let worker = row.ours().work("q", json!({}), json!([])).await;
    assert_eq!(order(&worker, 5).await, [4, 1, 3, 2, 0]);
}

async fn s_052_a_changed_priority_moves_the_job(row: Row) {
    let mut ids = Vec::new();
    for (n, priority) in [5, 5, 0, 5, 0].into_iter().enumerate() {
        let options = if priority == 0 { json!({}) } else { json!({ "priority": priority }) };
        ids.push(row.first().add("q", "x", json!({ "n": n }), options).await);
    }
    let change = async |n: usize, to: Value| {
        row.first().on_job("q", &ids[n], "changePriority", json!([to])).await;
    };

    change(0, json!({ "priority": 1 })).await;
    change(1, json!({ "priority": 0, "lifo": true })).await;
    change(2, json!({ "priority": 3 })).await;
    change(3, json!({ "priority": 3, "lifo": true })).await;

    let job = row.node().job("q", &ids[0]).await;
    assert_eq!((&job["priority"], &job["opts"]["priority"]), (&json!(1), &json!(5)));
    let worker = row.second().work("q", json!({}), json!([])).await;
    assert_eq!(order(&worker, 5).await, [1, 4, 0, 3, 2]);
}

async fn s_053_the_newest_of_jobs_in_front_runs_first(row: Row) {
    let sides = [row.ours(), row.node()];
    row.node().add("q", "plain", json!({ "n": 0 }), json!({})).await;
    for n in 1..=4 {
        sides[n % 2].add("q", "x", json!({ "n": n }), json!({ "lifo": true })).await;
    }

    let worker = row.ours().work("q", json!({}), json!([])).await;

    assert_eq!(order(&worker, 5).await, [4, 3, 2, 1, 0]);
}

async fn s_054_the_turns_begin_anew_when_no_job_has_a_priority(row: Row) {
    let turns = async || {
        let key = row.key("q", "pc");
        redis::cmd("GET").arg(key).query_async::<Option<u64>>(&mut row.redis()).await.unwrap()
    };
    let ranked = |n| json!({ "name": "x", "data": { "n": n }, "opts": { "priority": 7 } });
    row.first().add_bulk("q", (0..3).map(ranked).collect()).await;
    assert_eq!(turns().await, Some(3));

    let worker = row.second().work("q", json!({}), json!([])).await;
    assert_eq!(order(&worker, 3).await, [0, 1, 2]);
    until("the turns are gone", async || turns().await.map_or(Ok(()), Err)).await;
    worker.close().await;

    row.first().add_bulk("q", (3..6).map(ranked).collect()).await;
    assert_eq!(turns().await, Some(3));
    let worker = row.second().work("q", json!({}), json!([])).await;
    assert_eq!(order(&worker, 3).await, [3, 4, 5]);
    until("the turns are gone", async || turns().await.map_or(Ok(()), Err)).await;
}

async fn s_055_jobs_are_counted_by_priority(row: Row) {
    for priority in [0, 1, 1, 2] {
        let options = if priority == 0 { json!({}) } else { json!({ "priority": priority }) };
        row.first().add("q", "x", json!({}), options).await;
    }

    let expected = json!({ "0": 1, "1": 2, "2": 1 });
    for side in [row.node(), row.first()] {
        let counts = side.call("q", "getCountsPerPriority", json!([[0, 1, 2]])).await;
        assert_eq!(counts, expected);
    }
}
