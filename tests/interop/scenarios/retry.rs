//! Attempts: retries, back-off, and the end of them.

use serde_json::{Value, json};

use crate::row::Row;
use crate::scenario::scenarios;

scenarios![
    s_035_a_job_that_fails_twice_succeeds_at_its_third_attempt,
    s_036_a_fixed_back_off_delays_each_attempt,
    s_037_an_exponential_back_off_doubles,
    s_038_jitter_takes_up_to_half_of_the_pause,
    s_039_a_job_without_attempts_left_fails_and_says_so,
    s_040_an_unrecoverable_error_ends_the_job_at_once,
    s_041_attempts_of_both_sides_leave_their_traces_in_order,
    s_042_a_lifo_job_that_failed_is_the_next_one,
    s_043_a_back_off_as_a_bare_number_is_a_fixed_one,
    s_044_an_unknown_back_off_fails_the_job_with_a_reason,
];

const DOWN: &str = "SMTP_DOWN: no answer";

fn fails(times: u64) -> Value {
    json!([["fail", { "message": DOWN, "times": times }], ["return", "sent"]])
}

/// The pauses between the runs of a worker, from end to begin.
fn gaps(runs: &[Value]) -> Vec<u64> {
    let time = |run: &Value, member: &str| run[member].as_u64().unwrap();
    runs.windows(2).map(|pair| time(&pair[1], "at") - time(&pair[0], "ended")).collect()
}

async fn s_035_a_job_that_fails_twice_succeeds_at_its_third_attempt(row: Row) {
    row.second().work("q", json!({}), fails(2)).await;

    let id = row.first().add("q", "mail", json!({}), json!({ "attempts": 3 })).await;

    let job = row.node().job_in("q", &id, "completed").await;
    assert_eq!((&job["attemptsMade"], &job["attemptsStarted"]), (&json!(3), &json!(3)));
    assert_eq!(job["stacktrace"].as_array().unwrap().len(), 2);
    let events = row.node().events_until("q", |events| events.count("completed") == 1).await;
    let back: Vec<_> = events.named("waiting").iter().map(|event| &event["prev"]).collect();
    assert_eq!(back, [&Value::Null, &json!("active"), &json!("active")]);
    assert_eq!(events.count("failed"), 0);
}

async fn s_036_a_fixed_back_off_delays_each_attempt(row: Row) {
    let worker = row.second().work("q", json!({}), fails(2)).await;
    let options = json!({ "attempts": 3, "backoff": { "type": "fixed", "delay": 200 } });

    let id = row.first().add("q", "mail", json!({}), options).await;

    let waiting = row.node().job_in("q", &id, "delayed").await;
    assert_eq!(waiting["delay"], 200);
    let job = row.node().job_in("q", &id, "completed").await;
    assert_eq!(job["delay"], 0);
    let runs = worker.ended(3).await;
    assert!(gaps(&runs).iter().all(|gap| *gap >= 199), "{runs:?}");
    let events = row.node().events_until("q", |events| events.count("completed") == 1).await;
    let due: Vec<_> = events.named("delayed").iter().map(|event| event["delay"].as_u64()).collect();
    for (run, due) in runs.iter().zip(due) {
        let late = due.unwrap().abs_diff(run["ended"].as_u64().unwrap() + 200);
        assert!(late < 100, "{late} ms");
    }
}

async fn s_037_an_exponential_back_off_doubles(row: Row) {
    let worker = row.second().work("q", json!({}), fails(3)).await;
    let options = json!({ "attempts": 4, "backoff": { "type": "exponential", "delay": 100 } });

    let id = row.first().add("q", "mail", json!({}), options).await;

    row.node().job_in("q", &id, "completed").await;
    let gaps = gaps(&worker.ended(4).await);
    let enough = gaps.iter().zip([99, 199, 399]).all(|(gap, least)| *gap >= least);
    assert!(enough, "{gaps:?}");
}

async fn s_038_jitter_takes_up_to_half_of_the_pause(row: Row) {
    if row.has_no_model("the pauses are drawn by lot") {
        return;
    }
    row.second().work("q", json!({}), fails(3)).await;
    let backoff = json!({ "type": "exponential", "delay": 100, "jitter": 0.5 });
    let options = json!({ "attempts": 4, "backoff": backoff });

    let id = row.first().add("q", "mail", json!({}), options).await;

    row.node().job_in("q", &id, "completed").await;
    let mut delays = Vec::new();
    for (most, made) in [(100, 1_u64), (200, 2), (400, 3)] {
        delays.push((most / 2..=most, made));
    }
    let events = row.node().events_until("q", |events| events.count("completed") == 1).await;
    assert_eq!(events.count("delayed"), delays.len());
    let hash = events.named("delayed");
    let mut from = row.node().job("q", &id).await["timestamp"].as_u64().unwrap();
    for ((pause, _), event) in delays.iter().zip(hash) {
        let due = event["delay"].as_u64().unwrap();
        let (least, most) = (*pause.start(), *pause.end() + 150);
        assert!((least..=most).contains(&(due - from)), "{} not in {pause:?}", due - from);
        from = due;
    }
}

async fn s_039_a_job_without_attempts_left_fails_and_says_so(row: Row) {
    row.second().work("q", json!({}), fails(9)).await;
    let options = json!({ "attempts": 3, "stackTraceLimit": 2 });

    let id = row.first().add("q", "mail", json!({}), options).await;

    let job = row.node().job_in("q", &id, "failed").await;
    assert_eq!((&job["failedReason"], &job["attemptsMade"]), (&json!(DOWN), &json!(3)));
    assert_eq!(job["stacktrace"].as_array().unwrap().len(), 2);
    let events = row.node().events_until("q", |seen| seen.count("retries-exhausted") == 1).await;
    assert_eq!(events.named("retries-exhausted")[0]["attemptsMade"], "3");
    let of = events.of(&id);
    assert_eq!(of[of.len() - 2..], ["failed", "retries-exhausted"]);
}

async fn s_040_an_unrecoverable_error_ends_the_job_at_once(row: Row) {
    row.second().work("q", json!({}), json!([["unrecoverable", DOWN]])).await;

    let id = row.first().add("q", "mail", json!({}), json!({ "attempts": 5 })).await;

    let job = row.node().job_in("q", &id, "failed").await;
    assert_eq!((&job["failedReason"], &job["attemptsMade"]), (&json!(DOWN), &json!(1)));
    let events = row.node().events_until("q", |events| events.count("failed") == 1).await;
    assert_eq!(events.count("retries-exhausted"), 0);
}

async fn s_041_attempts_of_both_sides_leave_their_traces_in_order(row: Row) {
    let options = json!({ "attempts": 3, "backoff": { "type": "fixed", "delay": 300 } });
    let id = row.node().add("q", "mail", json!({}), options).await;
    let sides = [(row.node(), "FIRST: n"), (row.ours(), "SECOND: o"), (row.node(), "THIRD: n")];

    for (side, message) in &sides {
        let steps = json!([["fail", { "message": message, "times": 9 }]]);
        let worker = side.work("q", json!({}), steps).await;
        worker.ended(1).await;
        worker.close().await;
    }

    let job = row.node().job_in("q", &id, "failed").await;
    let traces = job["stacktrace"].as_array().unwrap();
    assert_eq!(traces.len(), 3);
    for (trace, (_, message)) in traces.iter().zip(sides) {
        assert!(trace.as_str().unwrap().contains(message), "{trace}");
    }
}

async fn s_042_a_lifo_job_that_failed_is_the_next_one(row: Row) {
    for name in ["one", "two"] {
        row.first().add("q", name, json!({}), json!({})).await;
    }
    row.first().add("q", "last", json!({}), json!({ "lifo": true, "attempts": 2 })).await;
    let steps = json!([["fail_named", { "message": DOWN, "name": "last" }]]);

    let worker = row.second().work("q", json!({}), steps).await;

    let runs = worker.ended(4).await;
    let names: Vec<_> = runs.iter().map(|run| run["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["last", "last", "one", "two"]);
    row.node().counts_until("q", json!({ "completed": 2, "failed": 1 })).await;
}

async fn s_043_a_back_off_as_a_bare_number_is_a_fixed_one(row: Row) {
    let template = json!({ "name": "tick", "data": {}, "opts": { "attempts": 2, "backoff": 200 } });
    let rhythm = json!({ "every": 3_600_000 });
    row.first().call("q", "upsertJobScheduler", json!(["hourly", rhythm, template])).await;

    let worker = row.second().work("q", json!({}), fails(1)).await;

    let runs = worker.ended(2).await;
    assert!(gaps(&runs)[0] >= 199, "{runs:?}");
    row.node().counts_until("q", json!({ "completed": 1, "delayed": 1, "failed": 0 })).await;
}

async fn s_044_an_unknown_back_off_fails_the_job_with_a_reason(row: Row) {
    if row.has_no_model("BullMQ leaves the job to stall") {
        return;
    }
    let options = json!({ "attempts": 3, "backoff": { "type": "lunar", "delay": 5 } });
    let id = row.first().add("q", "mail", json!({}), options).await;

    row.second().work("q", json!({}), fails(9)).await;

    let job = row.node().job_in("q", &id, "failed").await;
    let reason = job["failedReason"].as_str().unwrap();
    assert!(reason.contains("lunar"), "{reason}");
    assert_eq!(row.node().events("q").await.count("stalled"), 0);
}
