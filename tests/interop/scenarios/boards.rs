//! bull-board: what it shows of our queues, and what its buttons do to them.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

use crate::board::{Board, is_drivable};
use crate::row::Row;
use crate::scenario::Scenario;
use crate::side::Work;

mod played {
    use super::s_120_bull_board_shows_our_queues_and_our_workers_follow_its_buttons;
    crate::scenario::scenarios![
        s_120_bull_board_shows_our_queues_and_our_workers_follow_its_buttons
    ];
}

/// Returns the scenarios, none where no browser can press the buttons.
pub(crate) fn all() -> Vec<Scenario> {
    if is_drivable() {
        return played::all();
    }
    println!("SKIPPED: S-120 needs Chromium and the packages of tests/node");
    Vec::new()
}

async fn s_120_bull_board_shows_our_queues_and_our_workers_follow_its_buttons(row: Row) {
    let board = Board::open(&row, &["q", "looks"]).await;
    let old = fail(&row, "looks", 1).await.remove(0);
    failed_jobs_are_retried(&row, &board).await;
    // A pause by 5.x moves the jobs to a list that 6.x does not have.
    if row.major == 6 {
        a_paused_queue_takes_nothing(&row, &board).await;
        delayed_jobs_are_promoted(&row, &board).await;
        a_job_is_added_and_changed(&row, &board).await;
        jobs_are_removed(&row, &board).await;
    }
    every_page_can_be_read(&row, &board).await;
    old_jobs_are_cleaned(&row, &board, &old).await;
}

async fn worker(row: &Row) -> Work {
    row.first().work("q", json!({}), json!([["return", "sent"]])).await
}

async fn add(row: &Row, name: &str, options: Value) -> String {
    row.first().add("q", name, json!({ "to": "you" }), options).await
}

/// Leaves this many failed jobs.
async fn fail(row: &Row, queue: &str, count: usize) -> Vec<String> {
    let steps = json!([["progress", 40], ["log", "no answer"], ["unrecoverable", "DOWN: gone"]]);
    let worker = row.first().work(queue, json!({}), steps).await;
    let mut failed = Vec::new();
    for _ in 0..count {
        let id = row.first().add(queue, "mail", json!({ "to": "you" }), json!({})).await;
        row.node().job_in(queue, &id, "failed").await;
        failed.push(id);
    }
    worker.close().await;
    failed
}

async fn failed_jobs_are_retried(row: &Row, board: &Board) {
    let failed = fail(row, "q", 3).await;
    board.tab("q", "failed").await;
    board.shows("failed", 3).await;
    board.says("DOWN: gone").await;

    board.press_on(&failed[1], "Retry").await;
    board.shows("failed", 2).await;
    let working = worker(row).await;
    assert_eq!(working.ended(1).await[0]["id"], json!(failed[1]));
    let job = row.node().job_in("q", &failed[1], "completed").await;
    assert_eq!((&job["returnvalue"], &job["attemptsMade"]), (&json!("sent"), &json!(2)));
    board.press("Retry all").await;

    working.ended(3).await;
    row.node().counts_until("q", json!({ "failed": 0, "completed": 3 })).await;
    board.shows("completed", 3).await;
    working.close().await;
}

async fn a_paused_queue_takes_nothing(row: &Row, board: &Board) {
    let working = worker(row).await;
    board.tab("q", "waiting").await;

    board.press("Pause").await;
    board.says("[ Paused ]").await;
    let id = add(row, "held", json!({})).await;

    // Whether nothing starts can only be seen by waiting.
    tokio::time::sleep(Duration::from_millis(400)).await;
    assert_eq!(working.runs().await.len(), 0);
    assert_eq!(row.node().job("q", &id).await["state"], "waiting");
    board.press("Resume").await;
    row.node().job_in("q", &id, "completed").await;
    working.close().await;
}

async fn delayed_jobs_are_promoted(row: &Row, board: &Board) {
    let later = json!({ "delay": 600_000 });
    let first = add(row, "later", later.clone()).await;
    add(row, "later", later.clone()).await;
    add(row, "later", later).await;
    let working = worker(row).await;
    board.tab("q", "delayed").await;
    board.shows("delayed", 3).await;

    board.press_on(&first, "Promote").await;
    board.shows("delayed", 2).await;
    assert_eq!(working.ended(1).await[0]["id"], json!(first));
    board.press("Promote all").await;

    board.shows("delayed", 0).await;
    working.ended(3).await;
    working.close().await;
}

async fn a_job_is_added_and_changed(row: &Row, board: &Board) {
    let ranked = add(row, "ranked", json!({ "priority": 7 })).await;
    board.tab("q", "waiting").await;

    let form = json!({ "job-name": "typed", "job-data": { "to": "me" }, "job-options": { "attempts": 2 } });
    board.send("Add job", "Add", form).await;
    board.shows("waiting", 1).await;
    let typed = row.node().call("q", "getWaiting", json!([])).await[0].clone();
    let id = typed["id"].as_str().unwrap();
    board.send_on(id, "Update Data", "Update", json!({ "job-data": { "to": "us" } })).await;
    board.tab("q", "prioritized").await;
    board.send_on(&ranked, "Change priority", "Save", json!({ "edit-job-priority": 2 })).await;

    assert_eq!(row.node().job("q", &ranked).await["priority"], 2);
    let working = worker(row).await;
    let runs = working.ended(2).await;
    let of = |run: &Value| (run["name"].clone(), run["data"]["to"].clone());
    assert_eq!(of(&runs[0]), (json!("typed"), json!("us")));
    assert_eq!(of(&runs[1]), (json!("ranked"), json!("you")));
    assert_eq!(row.node().job_in("q", id, "completed").await["opts"]["attempts"], 2);
    working.close().await;
}

async fn jobs_are_removed(row: &Row, board: &Board) {
    let gone = add(row, "gone", json!({})).await;
    let kept = add(row, "kept", json!({})).await;
    add(row, "later", json!({ "delay": 600_000 })).await;
    board.tab("q", "waiting").await;
    board.shows("waiting", 2).await;

    board.press_on(&gone, "Clean").await;
    board.shows("waiting", 1).await;
    assert!(row.node().job("q", &gone).await.is_null());
    assert_eq!(row.node().job("q", &kept).await["state"], "waiting");
    board.press("Empty").await;
    board.shows("waiting", 0).await;
    board.shows("delayed", 1).await;

    board.press("Pause").await;
    board.press("Obliterate").await;
    row.node().counts_until("q", json!({ "completed": 0, "delayed": 0 })).await;
    let id = add(row, "after", json!({})).await;
    let working = worker(row).await;
    row.node().job_in("q", &id, "completed").await;
    working.close().await;
}

async fn every_page_can_be_read(row: &Row, board: &Board) {
    let every = json!(["tick", { "every": 3_600_000 }, { "name": "tick", "data": {} }]);
    row.first().call("looks", "upsertJobScheduler", every).await;
    let child =
        json!({ "name": "child", "queueName": "looks", "data": {}, "opts": { "jobId": "C" } });
    let flow = json!({ "name": "parent", "queueName": "looks", "data": {}, "opts": { "jobId": "P" }, "children": [child] });
    row.first().add_flow(flow).await.unwrap();
    let steps = json!([["log", "begun"], ["log", "done"], ["return", { "sent": 1 }]]);
    let working = row.first().work("looks", json!({}), steps).await;
    row.node().job_in("looks", "P", "completed").await;

    board.job("looks", "P").await;
    board.says("parent").await;

    for tab in ["latest", "active", "waiting", "waiting-children", "prioritized", "delayed"] {
        let path = format!("/queues?activeQueue=looks&status={tab}");
        assert_eq!(board.get(&path).await["queues"].as_array().map(Vec::len), Some(2));
    }
    let queues = board.get("/queues?activeQueue=looks&status=completed").await;
    let shown = queues["queues"].as_array().unwrap().iter().find(|queue| queue["name"] == "looks");
    let shown = shown.unwrap();
    assert_eq!((&shown["jobSchedulerCount"], &shown["hasWorkers"]), (&json!(1), &json!(true)));
    let job = board.get("/queues/looks/C").await;
    assert_eq!(
        (&job["status"], &job["job"]["returnValue"]),
        (&json!("completed"), &json!({ "sent": 1 }))
    );
    assert_eq!(board.get("/queues/looks/C/logs").await, json!(["begun", "done"]));
    let flow = board.get("/queues/looks/C/flow").await;
    assert_eq!(flow["flowRoot"]["id"], "P", "{flow}");
    assert_eq!(flow["flowRoot"]["children"][0]["state"], "completed", "{flow}");
    let schedulers = board.get("/job-schedulers?queueName=looks").await;
    assert_eq!(schedulers["schedulers"][0]["every"], 3_600_000, "{schedulers}");
    let workers = board.get("/queues/looks/workers").await;
    assert_eq!(workers["workers"].as_array().map(Vec::len), Some(1), "{workers}");
    assert!(board.get("/queues/looks/metrics").await["completed"]["data"].is_array());
    assert_eq!(board.get("/redis/stats").await["backend"], "redis");
    working.close().await;
}

async fn old_jobs_are_cleaned(row: &Row, board: &Board, old: &str) {
    board.tab("looks", "failed").await;
    board.shows("failed", 1).await;
    // bull-board leaves what ended within the last five seconds.
    let job = row.node().job("looks", old).await;
    let ended = UNIX_EPOCH + Duration::from_millis(job["finishedOn"].as_u64().unwrap());
    let age = SystemTime::now().duration_since(ended).unwrap_or_default();
    tokio::time::sleep(Duration::from_millis(5_100).saturating_sub(age)).await;

    board.press("Clean all").await;

    board.shows("failed", 0).await;
    assert!(row.node().job("looks", old).await.is_null());
}
