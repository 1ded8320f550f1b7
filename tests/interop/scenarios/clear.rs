//! Removing jobs one by one and many at a time, and running them again.

use std::time::Duration;

use serde_json::{Value, json};

use crate::row::Row;
use crate::scenario::scenarios;
use crate::side::{Side, until};

scenarios![
    s_111_a_job_is_removed_from_each_state,
    s_112_each_state_is_cleaned_of_old_jobs,
    s_113_a_drain_leaves_the_armed_run_of_a_scheduler,
    s_114_a_queue_is_taken_down,
    s_115_a_finished_job_runs_again,
    s_116_all_failed_jobs_and_all_delayed_ones_wait_again,
];

/// Adds a job for each state but active and returns their ids with the states.
async fn one_of_each(row: &Row) -> Vec<(String, &'static str)> {
    let node = row.node();
    let steps = json!([["fail_named", { "name": "bad", "message": "no" }]]);
    let worker = node.work("q", json!({}), steps).await;
    let done = node.add("q", "good", json!({}), json!({})).await;
    let failed = node.add("q", "bad", json!({}), json!({})).await;
    node.job_in("q", &done, "completed").await;
    node.job_in("q", &failed, "failed").await;
    worker.close().await;
    vec![
        (done, "completed"),
        (failed, "failed"),
        (node.add("q", "x", json!({}), json!({})).await, "wait"),
        (node.add("q", "x", json!({}), json!({ "priority": 3 })).await, "prioritized"),
        (node.add("q", "x", json!({}), json!({ "delay": 60_000 })).await, "delayed"),
    ]
}

async fn s_111_a_job_is_removed_from_each_state(row: Row) {
    let jobs = one_of_each(&row).await;

    for (id, state) in &jobs {
        row.first().call("q", "remove", json!([id])).await;

        assert_eq!(row.node().job("q", id).await, Value::Null);
        let removed = |events: &crate::side::Events| events.of(id).contains(&"removed");
        let events = row.node().events_until("q", removed).await;
        let prev = &events.named("removed").last().unwrap()["prev"];
        assert_eq!(prev, state);
    }
    let worker = row.node().work("q", json!({}), json!([["hold", null]])).await;
    let locked = row.node().add("q", "x", json!({}), json!({})).await;
    worker.begun(1).await;
    if let Ok(removed) = row.first().try_call("q", "remove", json!([locked])).await {
        assert_eq!(removed, 0);
    }
    let _ = row.first().try_call("q", "remove", json!(["missing"])).await.unwrap();
    worker.release().await;
    row.node().job_in("q", &locked, "completed").await;
    assert_eq!(row.node().events("q").await.count("removed"), jobs.len());
}

async fn s_112_each_state_is_cleaned_of_old_jobs(row: Row) {
    let jobs = one_of_each(&row).await;
    tokio::time::sleep(Duration::from_millis(20)).await;
    let clean = async |grace: u64, limit: u64, state: &str| {
        row.first().call("q", "clean", json!([grace, limit, state])).await
    };

    for (count, (id, state)) in jobs.iter().enumerate() {
        assert_eq!(clean(60_000, 0, state).await, json!([]), "{state}");
        assert_eq!(clean(0, 0, state).await, json!([id]), "{state}");
        let told = 2 * (count + 1);
        let events = row.node().events_until("q", |e| e.count("cleaned") == told).await;
        assert_eq!(events.named("cleaned").last().unwrap()["count"], "1");
    }
    row.node().add_bulk("q", vec![json!({ "name": "x", "data": {} }); 3]).await;
    tokio::time::sleep(Duration::from_millis(20)).await;
    assert_eq!(clean(0, 2, "wait").await.as_array().unwrap().len(), 2);
    let worker = row.node().work("q", json!({}), json!([["hold", null]])).await;
    worker.begun(1).await;
    tokio::time::sleep(Duration::from_millis(20)).await;
    assert_eq!(clean(0, 0, "active").await, json!([]));
    worker.release().await;
    row.node().counts_until("q", json!({ "completed": 1, "waiting": 0 })).await;
}

async fn s_113_a_drain_leaves_the_armed_run_of_a_scheduler(row: Row) {
    if row.has_no_model("BullMQ takes the run's id out of the list instead of the job's") {
        return;
    }
    let node = row.node();
    node.add("q", "before", json!({}), json!({})).await;
    let every = json!(["s", { "every": 3_600_000 }, { "name": "run", "data": {} }]);
    let run = node.call("q", "upsertJobScheduler", every).await;
    node.add("q", "behind", json!({}), json!({})).await;
    node.add("q", "later", json!({}), json!({ "delay": 60_000 })).await;

    row.first().call("q", "drain", json!([false])).await;

    node.counts_until("q", json!({ "waiting": 1, "delayed": 1 })).await;
    row.first().call("q", "drain", json!([true])).await;
    node.counts_until("q", json!({ "waiting": 1, "delayed": 0 })).await;
    let worker = node.work("q", json!({}), json!([])).await;
    assert_eq!(worker.ended(1).await[0]["id"], run["id"]);
}

async fn keys(row: &Row) -> usize {
    let pattern = row.key("q", "*");
    let keys: Vec<String> =
        redis::cmd("KEYS").arg(pattern).query_async(&mut row.redis()).await.unwrap();
    keys.len()
}

/// Lets a process of its own die with an active job.
async fn die(row: &Row, like: &Side) {
    let victim = row.fresh(like);
    let worker = victim.work("q", json!({}), json!([["hold", null]])).await;
    worker.begun(1).await;
    victim.peer.signal("-KILL").await;
}

async fn s_114_a_queue_is_taken_down(row: Row) {
    row.node().add_bulk("q", vec![json!({ "name": "x", "data": {} }); 3000]).await;
    die(&row, &row.node()).await;

    let refused = row.first().try_call("q", "obliterate", json!([{ "force": false }])).await;
    assert!(refused.unwrap_err().contains("active"));
    assert!(row.node().call("q", "isPaused", json!([])).await.as_bool().unwrap());
    row.first().call("q", "obliterate", json!([{ "force": true }])).await;

    until("no key is left", async || match keys(&row).await {
        0 => Ok(()),
        left => Err(left),
    })
    .await;
}

async fn s_115_a_finished_job_runs_again(row: Row) {
    let node = row.node();
    // 5.x forgets the priority of a job that is retried.
    let ranked = if row.major == 6 { json!({ "priority": 4 }) } else { json!({}) };
    let worker = node.work("q", json!({}), json!([["unrecoverable", "no"]])).await;
    let plain = node.add("q", "plain", json!({}), json!({})).await;
    let other = node.add("q", "ranked", json!({}), ranked).await;
    node.counts_until("q", json!({ "failed": 2 })).await;
    worker.close().await;

    let anew = json!(["failed", { "resetAttemptsMade": true, "resetAttemptsStarted": true }]);
    row.first().on_job("q", &plain, "retry", json!(["failed"])).await;
    row.first().on_job("q", &other, "retry", anew).await;

    for (id, made) in [(&plain, 1), (&other, 0)] {
        let job = node.job("q", id).await;
        let state = if row.major == 6 && made == 0 { "prioritized" } else { "waiting" };
        assert_eq!((&job["state"], &job["attemptsMade"]), (&json!(state), &json!(made)));
        for member in ["failedReason", "finishedOn", "processedOn"] {
            assert!(job[member].is_null(), "{member} of {job}");
        }
        let events = node.events_until("q", |e| e.of(id).len() == 6).await;
        let moved = events.named("waiting").into_iter().rfind(|event| event["jobId"] == *id);
        assert_eq!(moved.unwrap()["prev"], "failed");
    }
    let worker = row.second().work("q", json!({}), json!([["return", 1]])).await;
    assert_eq!(node.job_in("q", &plain, "completed").await["attemptsMade"], 2);
    assert_eq!(node.job_in("q", &other, "completed").await["attemptsMade"], 1);
    worker.close().await;
    row.first().on_job("q", &plain, "retry", json!(["completed"])).await;
    let job = node.job("q", &plain).await;
    assert_eq!((&job["state"], &job["returnvalue"]), (&json!("waiting"), &Value::Null));
}

async fn s_116_all_failed_jobs_and_all_delayed_ones_wait_again(row: Row) {
    row.has_no_model("the jobs end, and so wait again, in another order in every run");
    let node = row.node();
    node.add_bulk("q", vec![json!({ "name": "x", "data": {} }); 1050]).await;
    let options = json!({ "concurrency": 50 });
    let worker = node.work("q", options, json!([["unrecoverable", "no"]])).await;
    node.counts_until("q", json!({ "failed": 1050 })).await;
    worker.close().await;
    let later = json!({ "name": "later", "data": {}, "opts": { "delay": 60_000 } });
    node.add_bulk("q", vec![later; 1050]).await;

    row.first().call("q", "retryJobs", json!([{ "state": "failed" }])).await;
    node.counts_until("q", json!({ "failed": 0, "waiting": 1050, "delayed": 1050 })).await;
    row.first().call("q", "promoteJobs", json!([])).await;

    node.counts_until("q", json!({ "waiting": 2100, "delayed": 0 })).await;
    let waiting = |e: &crate::side::Events| e.named("waiting").len() >= 3150;
    let events = node.events_until("q", waiting).await;
    let from =
        |state: &str| events.named("waiting").iter().filter(|event| event["prev"] == state).count();
    assert_eq!((from("failed"), from("delayed")), (1050, 1050));
}
