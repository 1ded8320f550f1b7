//! The life of a worker: waking up, locks, names, closing, and hashes that make no job.

use std::time::Duration;

use serde_json::json;

use crate::row::{Roles, Row};
use crate::scenario::scenarios;
use crate::side::until;

scenarios![
    s_025_a_sleeping_worker_starts_a_new_job_at_once,
    s_026_five_idle_workers_share_five_jobs_of_one_call,
    s_027_the_lock_of_a_long_job_is_renewed,
    s_028_the_name_of_a_worker_is_kept_verbatim,
    s_029_a_worker_that_closes_ends_what_runs_and_leaves_the_rest,
    s_031_a_processor_that_returns_nothing_completes_with_null,
    s_032_a_queue_that_runs_empty_says_so,
    s_033_an_id_without_a_job_is_dropped,
    s_034_a_job_that_cannot_be_read_fails_with_a_reason,
];

async fn s_025_a_sleeping_worker_starts_a_new_job_at_once(row: Row) {
    let worker = row.second().work("q", json!({}), json!([])).await;
    let mut waits = Vec::new();

    for count in 1..=100 {
        let id = row.first().add("q", "x", json!({}), json!({})).await;
        worker.ended(count).await;
        let job = row.node().job_in("q", &id, "completed").await;
        waits.push(crate::side::waited(&job));
    }

    assert!(waits.iter().all(|wait| *wait < 200), "{waits:?}");
}

async fn s_026_five_idle_workers_share_five_jobs_of_one_call(row: Row) {
    let mut workers = Vec::new();
    for _ in 0..5 {
        workers.push(row.second().work("q", json!({}), json!([["hold", null]])).await);
    }
    // All of them have to be asleep, and only the clock can tell.
    tokio::time::sleep(Duration::from_millis(300)).await;

    row.first().add_bulk("q", vec![json!({ "name": "x", "data": {} }); 5]).await;

    for worker in &workers {
        assert_eq!(worker.begun(1).await.len(), 1);
    }
    for job in row.node().call("q", "getActive", json!([])).await.as_array().unwrap() {
        let waited = crate::side::waited(job);
        assert!(waited < 500, "waited {waited} ms");
    }
    for worker in &workers {
        worker.release().await;
    }
    row.node().counts_until("q", json!({ "completed": 5 })).await;
}

async fn s_027_the_lock_of_a_long_job_is_renewed(row: Row) {
    let id = row.first().add("q", "long", json!({}), json!({})).await;
    let worker = row.second().work("q", json!({}), json!([["sleep", 6000]])).await;
    worker.begun(1).await;

    let active = row.node().call("q", "getActive", json!([])).await;
    assert_eq!((&active[0]["id"], &active[0]["attemptsStarted"]), (&json!(id), &json!(1)));
    assert!(active[0]["processedOn"].is_u64(), "{active}");
    while worker.runs().await[0]["ended"].is_null() {
        let lock = row.key("q", &format!("{id}:lock"));
        let left: i64 = redis::cmd("PTTL").arg(lock).query_async(&mut row.redis()).await.unwrap();
        assert!((1..=2000).contains(&left) || !worker.runs().await[0]["ended"].is_null(), "{left}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }

    let job = row.node().job_in("q", &id, "completed").await;
    assert_eq!((&job["attemptsStarted"], &job["stalledCounter"]), (&json!(1), &json!(0)));
    assert_eq!(row.node().events("q").await.count("stalled"), 0);
}

async fn s_028_the_name_of_a_worker_is_kept_verbatim(row: Row) {
    for (queue, name) in [("named", Some("w 1/é")), ("plain", Some("w-1")), ("unnamed", None)] {
        let options = name.map_or(json!({}), |name| json!({ "name": name }));
        row.second().work(queue, options, json!([])).await;
        // BullMQ leaves a worker unseen whose name Redis refuses.
        if row.roles != Roles::Model || queue != "named" {
            until("one worker is seen", async || {
                let workers = row.node().call(queue, "getWorkers", json!([])).await;
                if workers.as_array().is_some_and(|all| all.len() == 1) {
                    Ok(())
                } else {
                    Err(workers)
                }
            })
            .await;
        }

        let id = row.first().add(queue, "x", json!({}), json!({})).await;

        let job = row.node().job_in(queue, &id, "completed").await;
        assert_eq!(job["processedBy"].as_str(), name);
    }
}

async fn s_029_a_worker_that_closes_ends_what_runs_and_leaves_the_rest(row: Row) {
    let jobs = vec![json!({ "name": "x", "data": {} }); 13];
    row.first().add_bulk("q", jobs).await;
    let options = json!({ "concurrency": 3 });
    let worker = row.second().work("q", options, json!([["sleep", 500]])).await;
    worker.begun(3).await;

    worker.close().await;

    let counts = json!({ "completed": 3, "waiting": 10, "active": 0 });
    row.node().counts_until("q", counts).await;
    let next = row.node().work("q", json!({}), json!([])).await;
    next.ended(10).await;
    row.node().counts_until("q", json!({ "completed": 13 })).await;
}

async fn s_031_a_processor_that_returns_nothing_completes_with_null(row: Row) {
    row.second().work("q", json!({}), json!([])).await;

    let id = row.first().add("q", "x", json!({}), json!({})).await;

    assert_eq!(row.node().job_in("q", &id, "completed").await["returnvalue"], json!(null));
    let events = row.node().events_until("q", |events| events.count("completed") == 1).await;
    assert_eq!(events.named("completed")[0]["returnvalue"], json!(null));
}

async fn s_032_a_queue_that_runs_empty_says_so(row: Row) {
    for (queue, delayed) in [("empty", false), ("later", true)] {
        if delayed {
            row.first().add(queue, "later", json!({}), json!({ "delay": 60_000 })).await;
        }
        row.first().add_bulk(queue, vec![json!({ "name": "x", "data": {} }); 3]).await;

        row.second().work(queue, json!({}), json!([])).await;

        row.node().counts_until(queue, json!({ "completed": 3 })).await;
        let events = row.node().events_until(queue, |events| events.count("completed") == 3).await;
        let expected = usize::from(!delayed);
        if !delayed {
            row.node().events_until(queue, |events| events.count("drained") > 0).await;
        }
        let drained = row.node().events(queue).await.count("drained");
        assert_eq!(drained, expected, "{queue}: {events:?}");
    }
}

async fn s_033_an_id_without_a_job_is_dropped(row: Row) {
    if row.has_no_model("BullMQ runs the id as a job without a name") {
        return;
    }
    row.node().call("q", "getJobCounts", json!([])).await;
    let wait = row.key("q", "wait");
    redis::cmd("LPUSH").arg(wait).arg("ghost").exec_async(&mut row.redis()).await.unwrap();
    let good = row.first().add("q", "good", json!({}), json!({})).await;

    let worker = row.second().work("q", json!({}), json!([])).await;

    row.node().job_in("q", &good, "completed").await;
    assert_eq!(worker.runs().await.len(), 1);
    assert_eq!(row.node().job("q", "ghost").await, json!(null));
}

async fn s_034_a_job_that_cannot_be_read_fails_with_a_reason(row: Row) {
    if row.has_no_model("BullMQ never ends such a job") {
        return;
    }
    let bad = row.first().add("q", "bad", json!({}), json!({})).await;
    let hash = row.key("q", &bad);
    let text = "{not json";
    redis::cmd("HSET").arg(hash).arg("data").arg(text).exec_async(&mut row.redis()).await.unwrap();
    let good = row.first().add("q", "good", json!({}), json!({})).await;

    row.second().work("q", json!({}), json!([])).await;

    row.node().job_in("q", &good, "completed").await;
    let failed = row.node().call("q", "getFailed", json!([])).await;
    assert_eq!((&failed[0]["id"], &failed[0]["data"]), (&json!(bad), &json!(text)));
    let reason = failed[0]["failedReason"].as_str().unwrap();
    assert!(reason.contains("data is not JSON"), "{reason}");
}
