//! Workers that die or freeze, and who takes their jobs back.

use std::time::Duration;

use serde_json::json;

use crate::row::Row;
use crate::scenario::scenarios;
use crate::side::{Side, until};

scenarios![
    s_030_the_job_of_a_killed_worker_of_ours_is_taken_back_by_node,
    s_076_the_job_of_a_killed_node_worker_is_taken_back_by_us,
    s_077_a_job_that_killed_its_worker_twice_fails_and_does_not_run_again,
    s_078_twenty_killed_jobs_are_each_taken_back_once,
    s_079_a_run_of_a_living_scheduler_may_stall_as_often_as_it_will,
    s_080_a_frozen_worker_that_comes_back_too_late_changes_nothing,
    s_081_a_child_that_stalls_too_often_fails_its_parent,
];

/// Lets a process of its own take jobs of `q`, which it never ends.
async fn holding(row: &Row, like: &Side, concurrency: usize) -> Side {
    let victim = row.fresh(like);
    let options = json!({ "concurrency": concurrency });
    let worker = victim.work("q", options, json!([["hold", null]])).await;
    worker.begun(concurrency).await;
    victim
}

/// Lets a process of its own take a job of `q` and kills it while it runs.
async fn die(row: &Row, like: &Side) {
    holding(row, like, 1).await.peer.signal("-KILL").await;
}

async fn taken_back(row: &Row, victim: &Side, rescuer: &Side) {
    let id = row.node().add("q", "first", json!({}), json!({})).await;
    die(row, victim).await;
    let next = row.node().add("q", "second", json!({}), json!({})).await;

    let worker = rescuer.work("q", json!({ "concurrency": 1 }), json!([["sleep", 300]])).await;

    let job = row.node().job_in("q", &id, "completed").await;
    assert_eq!((&job["stalledCounter"], &job["attemptsStarted"]), (&json!(1), &json!(2)));
    row.node().job_in("q", &next, "completed").await;
    assert_eq!(worker.runs().await.len(), 2);
    let events = row.node().events_until("q", |events| events.count("completed") == 2).await;
    let expected = ["added", "waiting", "active", "waiting", "stalled", "active", "completed"];
    assert_eq!(events.of(&id), expected);
    let moved = events.named("waiting").into_iter().rfind(|event| event["jobId"] == id);
    assert_eq!(moved.unwrap()["prev"], "active");
}

async fn s_030_the_job_of_a_killed_worker_of_ours_is_taken_back_by_node(row: Row) {
    taken_back(&row, &row.ours(), &row.node()).await;
}

async fn s_076_the_job_of_a_killed_node_worker_is_taken_back_by_us(row: Row) {
    taken_back(&row, &row.node(), &row.ours()).await;
}

async fn s_077_a_job_that_killed_its_worker_twice_fails_and_does_not_run_again(row: Row) {
    let id = row.node().add("q", "deadly", json!({}), json!({ "attempts": 5 })).await;
    die(&row, &row.ours()).await;
    die(&row, &row.ours()).await;

    let ours = row.ours().work("q", json!({}), json!([])).await;
    let node = row.node().work("q", json!({}), json!([])).await;

    let job = row.node().job_in("q", &id, "failed").await;
    assert_eq!(job["failedReason"], "job stalled more than allowable limit");
    assert_eq!((ours.runs().await.len(), node.runs().await.len()), (0, 0));
    assert_eq!(job["attemptsStarted"], 3);
}

async fn s_078_twenty_killed_jobs_are_each_taken_back_once(row: Row) {
    row.node().add_bulk("q", vec![json!({ "name": "x", "data": {} }); 20]).await;
    let victims = [holding(&row, &row.ours(), 10).await, holding(&row, &row.node(), 10).await];
    for victim in victims {
        victim.peer.signal("-KILL").await;
    }

    let options = json!({ "concurrency": 3 });
    let ours = row.ours().work("q", options.clone(), json!([["sleep", 20]])).await;
    let node = row.node().work("q", options, json!([["sleep", 20]])).await;

    row.node().counts_until("q", json!({ "completed": 20 })).await;
    assert_eq!(ours.runs().await.len() + node.runs().await.len(), 20);
    let events = row.node().events_until("q", |events| events.count("completed") == 20).await;
    assert_eq!(events.count("stalled"), 20);
    for job in row.node().call("q", "getCompleted", json!([])).await.as_array().unwrap() {
        assert_eq!((&job["stalledCounter"], &job["attemptsStarted"]), (&json!(1), &json!(2)));
    }
}

async fn s_079_a_run_of_a_living_scheduler_may_stall_as_often_as_it_will(row: Row) {
    row.ours().call("q", "upsertJobScheduler", json!(["hourly", { "every": 3_600_000 }])).await;
    for victim in [row.ours(), row.node(), row.ours()] {
        die(&row, &victim).await;
    }

    let ours = row.ours().work("q", json!({}), json!([])).await;
    let node = row.node().work("q", json!({}), json!([])).await;

    row.node().counts_until("q", json!({ "completed": 1, "failed": 0, "delayed": 1 })).await;
    let job = &row.node().call("q", "getCompleted", json!([])).await[0];
    assert_eq!((&job["stalledCounter"], &job["attemptsStarted"]), (&json!(3), &json!(4)));
    assert_eq!(ours.runs().await.len() + node.runs().await.len(), 1);
}

async fn s_080_a_frozen_worker_that_comes_back_too_late_changes_nothing(row: Row) {
    let id = row.node().add("q", "x", json!({}), json!({})).await;
    let frozen = row.fresh(&row.ours());
    let steps = json!([["hold", null], ["return", "late"]]);
    let late = frozen.work("q", json!({}), steps).await;
    late.begun(1).await;
    frozen.peer.signal("-STOP").await;
    let node = row.node().work("q", json!({}), json!([["return", "in time"]])).await;
    row.node().job_in("q", &id, "completed").await;

    frozen.peer.signal("-CONT").await;
    late.release().await;

    let run = async || {
        let runs = late.runs().await;
        if runs[0]["ended"].is_null() { Err(json!(runs)) } else { Ok(()) }
    };
    // A run whose lock is lost is given up: it may never come to its end.
    let _ = tokio::time::timeout(Duration::from_secs(2), until("the late run ends", run)).await;
    late.close().await;
    assert_eq!(node.runs().await.len(), 1);
    assert_eq!(row.node().job("q", &id).await["returnvalue"], "in time");
    let events = row.node().events_until("q", |events| events.count("completed") > 0).await;
    assert_eq!(events.count("completed"), 1);
}

async fn s_081_a_child_that_stalls_too_often_fails_its_parent(row: Row) {
    let options = json!({ "jobId": "C", "failParentOnFailure": true });
    let child = json!({ "name": "c", "queueName": "q", "data": {}, "opts": options });
    let flow =
        json!({ "name": "p", "queueName": "up", "opts": { "jobId": "P" }, "children": [child] });
    row.ours().add_flow(flow).await.unwrap();
    for victim in [row.node(), row.ours()] {
        die(&row, &victim).await;
    }

    let child = row.ours().work("q", json!({}), json!([])).await;
    let parent = row.node().work("up", json!({}), json!([])).await;

    let failed = row.node().job_in("q", "C", "failed").await;
    assert_eq!(failed["failedReason"], "job stalled more than allowable limit");
    let failed = row.node().job_in("up", "P", "failed").await;
    assert_eq!(failed["failedReason"], format!("child {} failed", row.key("q", "C")));
    assert_eq!((child.runs().await.len(), parent.runs().await.len()), (0, 0));
}
