//! What a run says of itself: progress, logs; and the change of a job's data.

use serde_json::json;

use crate::row::Row;
use crate::scenario::scenarios;

scenarios![
    s_056_progress_of_every_kind_is_told_and_kept,
    s_057_the_newest_rows_of_a_log_are_kept,
    s_058_new_data_of_a_running_job_is_stored_and_the_run_goes_on_with_the_old,
    s_059_what_is_missing_is_not_made,
];

async fn s_056_progress_of_every_kind_is_told_and_kept(row: Row) {
    let all = [json!(10), json!({ "step": "parse" }), json!("half"), json!(true)];
    let steps: Vec<_> = all.iter().map(|progress| json!(["progress", progress])).collect();
    row.second().work("q", json!({}), json!(steps)).await;

    let id = row.first().add("q", "x", json!({}), json!({})).await;

    assert_eq!(row.node().job_in("q", &id, "completed").await["progress"], true);
    let events = row.node().events_until("q", |events| events.count("completed") == 1).await;
    let told: Vec<_> = events.named("progress").iter().map(|event| &event["data"]).collect();
    assert_eq!(told, all.iter().collect::<Vec<_>>());
}

async fn s_057_the_newest_rows_of_a_log_are_kept(row: Row) {
    let steps: Vec<_> = (1..=5).map(|number| json!(["log", format!("row {number}")])).collect();
    row.second().work("q", json!({}), json!(steps)).await;

    let id = row.first().add("q", "x", json!({}), json!({ "keepLogs": 3 })).await;

    row.node().job_in("q", &id, "completed").await;
    let logs = row.node().call("q", "getJobLogs", json!([id])).await;
    assert_eq!(logs, json!({ "logs": ["row 3", "row 4", "row 5"], "count": 3 }));
    row.node().on_job("q", &id, "clearLogs", json!([])).await;
    let logs = row.node().call("q", "getJobLogs", json!([id])).await;
    assert_eq!(logs["count"], 0);
}

async fn s_058_new_data_of_a_running_job_is_stored_and_the_run_goes_on_with_the_old(row: Row) {
    let steps = json!([["hold", null], ["echo", null]]);
    let worker = row.second().work("q", json!({}), steps).await;
    let id = row.first().add("q", "x", json!({ "n": 1 }), json!({})).await;
    worker.begun(1).await;

    row.first().on_job("q", &id, "updateData", json!([{ "n": 2 }])).await;

    assert_eq!(row.node().job("q", &id).await["data"], json!({ "n": 2 }));
    worker.release().await;
    let job = row.node().job_in("q", &id, "completed").await;
    assert_eq!((&job["data"], &job["returnvalue"]), (&json!({ "n": 2 }), &json!({ "n": 1 })));
}

async fn s_059_what_is_missing_is_not_made(row: Row) {
    let calls = [("updateProgress", json!([5])), ("log", json!(["x"])), ("updateData", json!([1]))];
    for (method, args) in calls {
        let refused = row.first().try_on_job("q", "missing", method, args).await;

        assert!(refused.unwrap_err().contains("missing"), "{method}");
    }
    assert_eq!(row.node().job("q", "missing").await, json!(null));
    let logs = row.node().call("q", "getJobLogs", json!(["missing"])).await;
    assert_eq!(logs["count"], 0);
}
