//! Pausing and resuming a queue.

use std::time::Duration;

use serde_json::{Value, json};

use crate::row::Row;
use crate::scenario::scenarios;
use crate::side::Side;

scenarios![
    s_065_nothing_starts_while_the_queue_is_paused_and_all_runs_after,
    s_066_what_was_added_during_a_pause_runs_at_once_after_it,
    s_067_the_list_that_a_pause_of_bullmq_5_left_is_merged_behind,
    s_068_pauses_of_both_majors_lose_no_job,
    s_069_a_job_that_became_due_during_a_pause_runs_after_it,
];

async fn s_065_nothing_starts_while_the_queue_is_paused_and_all_runs_after(row: Row) {
    let running = row.node().add("q", "running", json!({}), json!({})).await;
    let worker = row.node().work("q", json!({}), json!([["hold", null]])).await;
    worker.begun(1).await;
    row.first().call("q", "pause", json!([])).await;
    assert_eq!(row.node().call("q", "isPaused", json!([])).await, true);
    let kinds =
        [json!({}), json!({ "priority": 3 }), json!({ "delay": 100 }), json!({ "lifo": true })];
    for options in kinds {
        row.node().add("q", "later", json!({}), options).await;
    }
    let child = json!({ "name": "child", "queueName": "q", "data": {} });
    let flow = json!({ "name": "parent", "queueName": "q", "data": {}, "opts": { "jobId": "P" }, "children": [child] });
    row.node().add_flow(flow).await.unwrap();

    worker.release().await;

    row.node().job_in("q", &running, "completed").await;
    // Whether nothing starts can only be seen by waiting.
    tokio::time::sleep(Duration::from_millis(400)).await;
    assert_eq!(worker.runs().await.len(), 1);
    row.first().call("q", "resume", json!([])).await;
    worker.ended(7).await;
    row.node().counts_until("q", json!({ "completed": 7 })).await;
    let events = row.node().events_until("q", |events| events.count("completed") == 7).await;
    assert_eq!((events.count("paused"), events.count("resumed")), (1, 1));
}

async fn s_066_what_was_added_during_a_pause_runs_at_once_after_it(row: Row) {
    row.first().call("q", "pause", json!([])).await;
    row.second().add_bulk("q", vec![json!({ "name": "x", "data": {} }); 5]).await;
    let worker = row.node().work("q", json!({}), json!([])).await;
    // Its worker has to be asleep, and only the clock can tell.
    tokio::time::sleep(Duration::from_millis(300)).await;
    let before = now_ms();

    row.first().call("q", "resume", json!([])).await;

    let runs = worker.ended(5).await;
    let waited = runs[0]["at"].as_u64().unwrap() - before;
    assert!(waited < 500, "waited {waited} ms");
    row.node().counts_until("q", json!({ "completed": 5 })).await;
}

fn now_ms() -> u64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    u64::try_from(now.as_millis()).unwrap()
}

async fn order_of(side: &Side, count: usize) -> Vec<String> {
    let worker = side.work("q", json!({}), json!([])).await;
    let name = |run: &Value| run["name"].as_str().unwrap().to_owned();
    worker.ended(count).await.iter().map(name).collect()
}

async fn s_067_the_list_that_a_pause_of_bullmq_5_left_is_merged_behind(row: Row) {
    if row.major == 5 && row.has_no_model("BullMQ 5 loses one of the two lists") {
        return;
    }
    for name in ["old1", "old2", "old3"] {
        row.node().add("q", name, json!({}), json!({})).await;
    }
    let (wait, paused) = (row.key("q", "wait"), row.key("q", "paused"));
    redis::cmd("RENAME").arg(wait).arg(paused).exec_async(&mut row.redis()).await.unwrap();
    row.first().call("q", "pause", json!([])).await;
    for name in ["new1", "new2"] {
        row.first().add("q", name, json!({}), json!({})).await;
    }

    row.first().call("q", "resume", json!([])).await;

    let mut names = order_of(&row.node(), 5).await;
    names.sort();
    assert_eq!(names, ["new1", "new2", "old1", "old2", "old3"]);
}

async fn s_068_pauses_of_both_majors_lose_no_job(row: Row) {
    let (ours, node) = (row.ours(), row.node());
    node.add("q", "waiting", json!({}), json!({})).await;
    node.call("q", "pause", json!([])).await;
    ours.add("q", "during", json!({}), json!({})).await;
    ours.call("q", "resume", json!([])).await;
    node.add("q", "between", json!({}), json!({})).await;
    for _ in 0..2 {
        ours.call("q", "pause", json!([])).await;
    }
    node.add("q", "again", json!({}), json!({})).await;

    ours.call("q", "resume", json!([])).await;

    let mut names = order_of(&ours, 4).await;
    names.sort();
    assert_eq!(names, ["again", "between", "during", "waiting"]);
}

async fn s_069_a_job_that_became_due_during_a_pause_runs_after_it(row: Row) {
    row.first().call("q", "pause", json!([])).await;
    let id = row.first().add("q", "due", json!({}), json!({ "delay": 200 })).await;
    let worker = row.second().work("q", json!({}), json!([])).await;
    tokio::time::sleep(Duration::from_millis(400)).await;
    assert_eq!(worker.runs().await.len(), 0);

    row.first().call("q", "resume", json!([])).await;

    row.node().job_in("q", &id, "completed").await;
}
