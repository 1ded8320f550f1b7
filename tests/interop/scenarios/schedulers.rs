//! Job schedulers: intervals and cron patterns, of both sides.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::row::{Roles, Row};
use crate::scenario::scenarios;
use crate::side::Events;

scenarios![
    s_097_an_interval_of_ours_is_run_by_node,
    s_098_an_interval_of_node_with_options_is_run_by_us,
    s_099_workers_of_both_run_one_interval,
    s_100_cron_times_are_those_of_cron_parser,
    s_101_a_limit_an_end_a_start_and_an_immediate_pattern,
    s_102_a_scheduler_is_changed,
    s_103_the_armed_run_is_kept_and_a_scheduler_removed,
];

const HOUR: u64 = 3_600_000;

fn now_ms() -> u64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    u64::try_from(now.as_millis()).unwrap()
}

async fn upsert(row: &Row, repeat: Value, template: Value) -> Value {
    row.first().call("q", "upsertJobScheduler", json!(["s", repeat, template])).await
}

async fn runs(row: &Row, repeat: Value, template: Value, count: usize) -> Vec<Value> {
    upsert(row, repeat, template).await;
    let worker = row.second().work("q", json!({}), json!([["return", 1]])).await;
    let runs = worker.ended(count).await;
    row.node().counts_until("q", json!({ "completed": count, "delayed": 0 })).await;
    runs
}

fn slots(runs: &[Value]) -> Vec<u64> {
    let slot =
        |run: &Value| run["id"].as_str().unwrap().rsplit_once(':').unwrap().1.parse().unwrap();
    runs.iter().map(slot).collect()
}

fn check_spacing(slots: &[u64], every: u64) {
    for pair in slots.windows(2) {
        assert!(pair[1] > pair[0] && (pair[1] - pair[0]).is_multiple_of(every), "{slots:?}");
    }
}

async fn s_097_an_interval_of_ours_is_run_by_node(row: Row) {
    let runs = runs(&row, json!({ "every": 300, "limit": 5 }), json!({}), 5).await;
    check_spacing(&slots(&runs), 300);
    let kept = row.node().call("q", "getJobScheduler", json!(["s"])).await;
    assert_eq!((&kept["iterationCount"], &kept["every"]), (&json!(5), &json!(300)));
}

async fn s_098_an_interval_of_node_with_options_is_run_by_us(row: Row) {
    let options =
        json!({ "priority": 2, "attempts": 3, "backoff": { "type": "fixed", "delay": 50 } });
    let template = json!({ "name": "tick", "data": { "n": 1 }, "opts": options });
    let runs = runs(&row, json!({ "every": 300, "limit": 4 }), template, 4).await;
    check_spacing(&slots(&runs), 300);
    for (run, count) in runs.iter().zip(1..) {
        let job = row.node().job("q", run["id"].as_str().unwrap()).await;
        assert_eq!((&job["name"], &job["data"]), (&json!("tick"), &json!({ "n": 1 })));
        assert_eq!((&job["priority"], &job["opts"]["attempts"]), (&json!(2), &json!(3)));
        assert_eq!(job["opts"]["backoff"], json!({ "type": "fixed", "delay": 50 }));
        assert_eq!(job["opts"]["repeat"]["count"], count);
    }
}

async fn s_099_workers_of_both_run_one_interval(row: Row) {
    const EVERY: u64 = 150;
    let begun = tokio::time::Instant::now();
    row.node().call("q", "upsertJobScheduler", json!(["s", { "every": EVERY }, {}])).await;
    let victims = [row.fresh(&row.ours()), row.fresh(&row.node())];
    for victim in &victims {
        // Each dies with a run in its hands.
        victim.work("q", json!({}), json!([["hold", null]])).await.begun(1).await;
    }
    let ours = row.ours().work("q", json!({}), json!([["sleep", 20]])).await;
    let node = row.node().work("q", json!({}), json!([["sleep", 20]])).await;
    row.node().events_until("q", |events| events.count("completed") >= 6).await;
    for victim in &victims {
        victim.peer.signal("-KILL").await;
    }
    let is_over = |events: &Events| {
        events.count("stalled") >= 2
            && events.count("completed") >= 20
            && begun.elapsed() >= std::time::Duration::from_secs(5)
    };
    row.node().events_until("q", is_over).await;
    let waits = json!({ "active": 0, "waiting": 0, "delayed": 1 });
    row.node().counts_until("q", waits).await;
    row.node().call("q", "pause", json!([])).await;
    ours.close().await;
    node.close().await;

    let kept = row.node().call("q", "getJobScheduler", json!(["s"])).await;
    let armed = format!("repeat:s:{}", kept["next"]);
    let state = row.node().job("q", &armed).await["state"].clone();
    assert!(state == "delayed" || state == "waiting", "one run is armed: {state}");
    let events = row.node().events("q").await;
    let id = |event: &&Value| event["jobId"].as_str().unwrap().to_owned();
    let added: Vec<_> = events.named("added").iter().map(id).collect();
    let completed: BTreeSet<_> = events.named("completed").iter().map(id).collect();
    let different: BTreeSet<_> = added.iter().cloned().collect();
    assert_eq!(different.len(), added.len(), "one job for each slot");
    assert_eq!(completed.len(), events.count("completed"), "each ends once");
    let left: Vec<_> = different.difference(&completed).collect();
    assert_eq!(left, [&armed], "all but the armed one ended");
    let times: Vec<u64> =
        added.iter().map(|id| id.rsplit_once(':').unwrap().1.parse().unwrap()).collect();
    check_spacing(&times, EVERY);
}

async fn s_100_cron_times_are_those_of_cron_parser(row: Row) {
    let patterns = [
        "*/1 * * * * *",
        "0 */7 * * * *",
        "30 2 * * *",
        "15,45 9-17 * * 1-5",
        "0 0 L * *",
        "0 0 * * 5L",
        "0 0 * * 1#2",
        "0 0 13 * 5",
        "@hourly",
        "@daily",
        "@weekly",
        "@monthly",
        "@yearly",
        "5",
        "0 3 29 2 *",
        "0 0 1,15 * *",
        "0 12 * jan,jul mon",
        "59 59 23 31 12 *",
        "0 */5 * * *",
        "1/20 * * * *",
        "0 0 */10 * 6",
    ];
    let zones = ["UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Australia/Sydney"];
    for pattern in patterns {
        for tz in zones {
            let repeat = json!({ "pattern": pattern, "tz": tz });
            let next = async |side: &crate::side::Side, id: &str| {
                let args = json!([id, repeat, {}]);
                side.call("q", "upsertJobScheduler", args).await;
                let kept = row.node().call("q", "getJobScheduler", json!([id])).await;
                kept["next"].as_u64().unwrap()
            };
            let mut found = (0, 1);
            // A time may pass between the two questions.
            for _ in 0..5 {
                found = (next(&row.first(), "a").await, next(&row.node(), "b").await);
                if found.0 == found.1 {
                    break;
                }
            }
            assert_eq!(found.0, found.1, "{pattern} in {tz}");
        }
    }
    row.has_no_model("how often it is asked depends on the clock");
}

async fn s_101_a_limit_an_end_a_start_and_an_immediate_pattern(row: Row) {
    // Whoever acts is there before the clock is read.
    row.first().call("q", "getJobCounts", json!([])).await;
    let start = now_ms() + 700;
    let runs =
        runs(&row, json!({ "every": 200, "limit": 3, "startDate": start }), json!({}), 3).await;
    check_spacing(&slots(&runs), 200);
    assert!(runs[0]["at"].as_u64().unwrap() >= start);
    let kept = row.node().call("q", "getJobScheduler", json!(["s"])).await;
    assert_eq!(kept["limit"], 3, "its record stays");
    ends_at_its_end(&row).await;

    let now = json!({ "pattern": "0 0 1 1 *", "tz": "UTC", "immediately": true, "limit": 1 });
    let job = row.first().call("q", "upsertJobScheduler", json!(["now", now, {}])).await;
    row.node().job_in("q", job["id"].as_str().unwrap(), "completed").await;
    let over = json!(["over", { "every": 100, "endDate": 1000 }, {}]);
    assert!(row.first().try_call("q", "upsertJobScheduler", over).await.is_err());
}

/// A run that starts before the end still arms the next, as in BullMQ; that one is the last.
async fn ends_at_its_end(row: &Row) {
    let start = now_ms() + 500;
    let repeat = json!({ "every": 1000, "startDate": start, "endDate": start + 2500 });
    row.first().call("ends", "upsertJobScheduler", json!(["s", repeat, {}])).await;
    let worker = row.second().work("ends", json!({}), json!([["return", 1]])).await;
    let runs = worker.ended(4).await;
    check_spacing(&slots(&runs), 1000);

    let after = (start + 3000 + 1200).saturating_sub(now_ms());
    tokio::time::sleep(std::time::Duration::from_millis(after)).await;

    assert_eq!(worker.runs().await.len(), 4, "no more after its end");
    row.node().counts_until("ends", json!({ "completed": 4, "delayed": 0, "waiting": 0 })).await;
    let kept = row.node().call("ends", "getJobScheduler", json!(["s"])).await;
    assert_eq!(kept["endDate"], start + 2500, "its record stays");
}

async fn s_102_a_scheduler_is_changed(row: Row) {
    let delayed = async |row: &Row| {
        let jobs = row.node().call("q", "getDelayed", json!([])).await;
        jobs.as_array().unwrap().clone()
    };
    let start = now_ms() + HOUR;
    upsert(&row, json!({ "every": 60_000, "startDate": start }), json!({ "name": "one" })).await;
    upsert(&row, json!({ "every": 60_000 }), json!({ "name": "two", "data": { "n": 2 } })).await;
    let jobs = delayed(&row).await;
    assert_eq!(jobs.len(), 1);
    assert_eq!(
        (&jobs[0]["id"], &jobs[0]["name"]),
        (&json!(format!("repeat:s:{start}")), &json!("two"))
    );

    upsert(&row, json!({ "every": 70_000 }), json!({ "name": "three" })).await;
    assert!(delayed(&row).await.is_empty());
    row.node().counts_until("q", json!({ "waiting": 1 })).await;

    upsert(&row, json!({ "pattern": "0 0 1 1 *", "tz": "UTC" }), json!({ "name": "four" })).await;
    row.node().counts_until("q", json!({ "waiting": 0, "delayed": 1 })).await;
    let kept = row.node().call("q", "getJobScheduler", json!(["s"])).await;
    let shown = (&kept["pattern"], &kept["name"], &kept["iterationCount"]);
    assert_eq!(shown, (&json!("0 0 1 1 *"), &json!("four"), &json!(1)));
    assert!(kept.get("every").is_none_or(Value::is_null), "{kept}");
}

async fn s_103_the_armed_run_is_kept_and_a_scheduler_removed(row: Row) {
    let start = now_ms() + HOUR;
    upsert(&row, json!({ "every": 60_000, "startDate": start }), json!({})).await;
    let armed = format!("repeat:s:{start}");
    row.node().add("q", "other", json!({}), json!({ "jobId": "other" })).await;

    let refused = row.first().try_on_job("q", &armed, "remove", json!([])).await.unwrap_err();
    assert!(refused.contains("scheduler"), "{refused}");
    row.node().call("q", "drain", json!([true])).await;
    assert_eq!(row.node().job("q", &armed).await["state"], "delayed");
    assert!(row.node().job("q", "other").await.is_null());

    let side = if row.roles == Roles::NodeActs { row.second() } else { row.first() };
    assert_eq!(side.call("q", "removeJobScheduler", json!(["s"])).await, true);
    assert!(row.node().job("q", &armed).await.is_null());
    assert_eq!(side.call("q", "removeJobScheduler", json!(["s"])).await, false);
    let events = row.node().events_until("q", |events| events.count("removed") > 0).await;
    assert_eq!(events.named("removed")[0]["jobId"], armed);
}
