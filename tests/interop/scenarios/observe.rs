//! What Node sees of a queue that ours fills and works: events, getters, settings.

use serde_json::{Value, json};

use crate::row::Row;
use crate::scenario::scenarios;
use crate::side::{Events, Side, Work, until};

scenarios![
    s_104_workers_are_seen_until_they_leave,
    s_105_every_event_comes_with_its_fields,
    s_108_every_getter_answers_as_for_a_queue_of_node,
    s_109_metrics_have_a_point_a_minute,
    s_110_the_settings_of_a_queue_are_seen,
    s_118_the_trace_of_a_job_reaches_its_worker_on_every_attempt,
];

const DOWN: &str = "SMTP_DOWN: no answer";

/// The events, each with its fields and the kinds of their values.
const FIELDS: [(&str, &[(&str, &str)]); 17] = [
    ("added", &[("jobId", "text"), ("name", "text")]),
    ("waiting", &[("jobId", "text")]),
    ("active", &[("jobId", "text"), ("prev", "waiting")]),
    ("progress", &[("jobId", "text"), ("data", "value")]),
    ("completed", &[("jobId", "text"), ("returnvalue", "value"), ("prev", "active")]),
    ("failed", &[("jobId", "text"), ("failedReason", DOWN), ("prev", "active")]),
    ("retries-exhausted", &[("jobId", "text"), ("attemptsMade", "1")]),
    ("delayed", &[("jobId", "text"), ("delay", "number")]),
    ("stalled", &[("jobId", "text")]),
    ("removed", &[("jobId", "text"), ("prev", "delayed")]),
    ("duplicated", &[("jobId", "text")]),
    (
        "deduplicated",
        &[("jobId", "text"), ("deduplicationId", "once"), ("deduplicatedJobId", "text")],
    ),
    ("waiting-children", &[("jobId", "text")]),
    ("cleaned", &[("count", "text")]),
    ("drained", &[]),
    ("paused", &[]),
    ("resumed", &[]),
];

async fn s_104_workers_are_seen_until_they_leave(row: Row) {
    let acts = row.first();
    let victim = row.fresh(&acts);
    let waits = json!([["hold", null]]);
    let seen = async |expected: &[&str]| {
        until(&format!("the workers are {expected:?}"), async || {
            let workers = row.node().call("q", "getWorkers", json!([])).await;
            let name = |worker: &Value| {
                let name = worker["rawname"].as_str().unwrap_or_default();
                name.strip_prefix(&acts.prefix).unwrap_or(name).to_owned()
            };
            let mut names: Vec<_> = workers.as_array().unwrap().iter().map(name).collect();
            names.sort();
            if names == expected { Ok(()) } else { Err(workers) }
        })
        .await;
        let count = row.node().call("q", "getWorkersCount", json!([])).await;
        assert_eq!(count, expected.len());
    };
    let plain = acts.work("q", json!({}), waits.clone()).await;
    let named = acts.work("q", json!({ "name": "w1" }), waits.clone()).await;
    victim.work("q", json!({}), waits.clone()).await;
    let other = row.node().work("q", json!({ "name": "n1" }), waits).await;
    seen(&[":cQ==", ":cQ==", ":cQ==:w:n1", ":cQ==:w:w1"]).await;

    victim.peer.signal("-KILL").await;
    seen(&[":cQ==", ":cQ==:w:n1", ":cQ==:w:w1"]).await;
    plain.close().await;
    other.close().await;
    seen(&[":cQ==:w:w1"]).await;
    acts.add("q", "job", json!({}), json!({})).await;
    named.begun(1).await;
    seen(&[":cQ==:w:w1"]).await;
    named.release().await;
    row.node().counts_until("q", json!({ "completed": 1 })).await;
    named.close().await;
    seen(&[]).await;
}

async fn s_105_every_event_comes_with_its_fields(row: Row) {
    let acts = row.first();
    let add = async |name: &str, options: Value| acts.add("q", name, json!({}), options).await;
    acts.call("q", "pause", json!([])).await;
    acts.call("q", "resume", json!([])).await;
    for options in [json!({ "jobId": "twice" }), json!({ "deduplication": { "id": "once" } })] {
        add("good", options.clone()).await;
        add("good", options).await;
    }
    let later = add("good", json!({ "delay": 60_000 })).await;
    acts.call("q", "remove", json!([later])).await;
    let victim = row.fresh(&acts);
    let held = victim.work("q", json!({}), json!([["hold", null]])).await;
    held.begun(1).await;
    victim.peer.signal("-KILL").await;
    add("bad", json!({})).await;
    let steps = json!([
        ["progress", { "part": [1, null] }],
        ["fail_named", { "name": "bad", "message": DOWN }], ["return", { "ok": true }],
    ]);
    acts.work("q", json!({}), steps).await;
    row.node().counts_until("q", json!({ "completed": 2, "failed": 1 })).await;
    let child = json!({ "name": "child", "queueName": "q", "data": {} });
    let flow = json!({ "name": "parent", "queueName": "q", "data": {}, "children": [child] });
    acts.add_flow(flow).await.unwrap();
    row.node().counts_until("q", json!({ "completed": 4 })).await;
    acts.call("q", "clean", json!([0, 0, "failed"])).await;

    let all = |events: &Events| FIELDS.iter().all(|(name, _)| events.count(name) > 0);
    let events = row.node().events_until("q", all).await;
    for (name, fields) in FIELDS {
        for event in events.named(name) {
            for (field, kind) in fields {
                let value = &event[*field];
                let is_right = match *kind {
                    "text" => value.as_str().is_some_and(|text| !text.is_empty()),
                    "number" => value.is_u64(),
                    "value" => {
                        *value == json!({ "ok": true }) || *value == json!({ "part": [1, null] })
                    }
                    text => value == text,
                };
                assert!(is_right, "{name}.{field}: {value}");
            }
        }
    }
    assert_eq!(events.named("cleaned")[0]["count"], "1");
}

/// Fills `q` with twenty jobs in all states, and `down` with the children of three of them.
async fn twenty_jobs(acts: &Side) -> Work {
    let steps = json!([
        ["sleep", 3], ["log", "one"], ["log", "two"], ["progress", 50],
        ["fail_named", { "name": "bad", "message": DOWN }], ["return", 7],
    ]);
    let add =
        async |name: &str, options: Value| acts.add("q", name, json!({ "n": 1 }), options).await;
    for name in ["good", "bad", "good", "bad", "good"] {
        add(name, json!({ "attempts": 2 })).await;
    }
    let worker = acts.work("q", json!({}), steps.clone()).await;
    worker.ended(7).await;
    worker.close().await;
    let holding =
        acts.work("q", json!({ "concurrency": 2, "name": "desk" }), json!([["hold", null]])).await;
    for name in ["a", "b"] {
        add(name, json!({})).await;
    }
    holding.begun(2).await;
    for n in 1..=3 {
        add("later", json!({ "delay": n * 600_000 })).await;
        add("soon", json!({ "priority": 10 - n })).await;
        add("next", json!({})).await;
    }
    add("next", json!({ "lifo": true })).await;
    let child = |name: &str, n: u8, options: Value| {
        let mut options = options;
        options["jobId"] = format!("{name}-{n}").into();
        json!({ "name": name, "queueName": "down", "data": {}, "opts": options })
    };
    for n in 1..=3 {
        let children = [
            child("good", n, json!({})),
            child("bad", n, json!({ "ignoreDependencyOnFailure": true })),
            child("late", n, json!({ "delay": 600_000 })),
        ];
        let options = json!({ "jobId": format!("P{n}") });
        let flow = json!({ "name": "p", "queueName": "q", "data": {}, "opts": options, "children": children });
        acts.add_flow(flow).await.unwrap();
    }
    let worker = acts.work("down", json!({}), steps).await;
    worker.ended(6).await;
    worker.close().await;
    holding
}

async fn s_108_every_getter_answers_as_for_a_queue_of_node(row: Row) {
    let holding = twenty_jobs(&row.first()).await;
    let node = row.node();
    node.counts_until("q", json!({ "completed": 3, "failed": 2, "waiting-children": 3 })).await;
    node.counts_until("down", json!({ "completed": 3, "failed": 3 })).await;

    let see = async |method: &str, args: Value| {
        let seen = node.call("q", method, args.clone()).await;
        row.observes(&format!("{method}{args}"), &seen);
        seen
    };
    assert_eq!(see("getJobCounts", json!([])).await["delayed"], 3);
    let states =
        ["completed", "failed", "delayed", "prioritized", "wait", "active", "waiting-children"];
    for state in states {
        for (from, to) in [(0, -1), (0, 0), (1, 2), (5, 9)] {
            for ascending in [true, false] {
                // Which of two jobs that one call claims was taken first is not said.
                if state != "active" {
                    see("getJobs", json!([[state], from, to, ascending])).await;
                }
            }
        }
    }
    see("getJobs", json!([["wait", "delayed", "completed"], 0, -1, true])).await;
    let methods = [
        "getCompletedCount",
        "getFailedCount",
        "getDelayedCount",
        "getWaitingCount",
        "getActiveCount",
        "getPrioritizedCount",
        "getWaitingChildrenCount",
        "count",
        "isPaused",
    ];
    for method in methods {
        see(method, json!([])).await;
    }
    see("getCountsPerPriority", json!([[0, 7, 8, 9]])).await;
    see("getJobLogs", json!(["1", 0, -1])).await;
    let ids = (1..=17).map(|id| id.to_string());
    for id in ids.chain(["P1", "P2", "P3"].map(str::to_owned)) {
        see("getJobState", json!([id])).await;
        row.observes(&id, &node.job("q", &id).await);
    }
    for id in ["P1", "P3"] {
        for method in [
            "getDependencies",
            "getDependenciesCount",
            "getChildrenValues",
            "getIgnoredChildrenFailures",
        ] {
            row.observes(&format!("{id} {method}"), &node.on_job("q", id, method, json!([])).await);
        }
    }
    holding.release().await;
    node.counts_until("q", json!({ "completed": 12 })).await;
}

async fn s_109_metrics_have_a_point_a_minute(row: Row) {
    let mut redis = row.redis();
    let acts = row.first();
    let steps = json!([["fail_named", { "name": "bad", "message": DOWN }], ["return", 1]]);
    acts.work("q", json!({ "metrics": { "maxDataPoints": 10 } }), steps).await;
    turn_of_a_minute().await;
    let (mut good, mut bad) = (0, 0);
    // How many jobs end, what is told then, and how many minutes go by after them.
    let turns: [(u64, &[u64], i64); 4] = [
        (3, &[], 1),
        (2, &[3], 2),
        (1, &[0, 2, 3], 30 * 24 * 60),
        (4, &[0, 0, 0, 0, 0, 0, 0, 0, 0, 1], 0),
    ];
    for (jobs, points, minutes) in turns {
        acts.add("q", "bad", json!({}), json!({ "removeOnFail": true })).await;
        for _ in 0..jobs {
            acts.add("q", "good", json!({}), json!({})).await;
        }
        (good, bad) = (good + jobs, bad + 1);
        row.node().counts_until("q", json!({ "completed": good })).await;
        let metrics = row.node().call("q", "getMetrics", json!(["completed"])).await;
        assert_eq!(metrics["data"], json!(points), "{metrics}");
        assert_eq!(
            (&metrics["meta"]["count"], &metrics["count"]),
            (&json!(good), &json!(points.len()))
        );
        for ended in ["completed", "failed"] {
            let key = row.key("q", &format!("metrics:{ended}"));
            redis::cmd("HINCRBY")
                .arg(key)
                .arg(&["prevTS", &(-60_000 * minutes).to_string()])
                .exec_async(&mut redis)
                .await
                .unwrap();
        }
    }

    let metrics = row.node().call("q", "getMetrics", json!(["failed", 8, 9])).await;
    assert_eq!(metrics["data"], json!([0, 1]), "{metrics}");
    assert_eq!(metrics["meta"]["count"], bad);
}

/// Waits until the minute is young: none should end while the scenario counts.
async fn turn_of_a_minute() {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    let into = now.as_secs() % 60;
    if into > 40 {
        tokio::time::sleep(std::time::Duration::from_secs(60 - into)).await;
    }
}

async fn s_110_the_settings_of_a_queue_are_seen(row: Row) {
    let (acts, node) = (row.first(), row.node());
    assert_eq!(node.call("q", "isMaxed", json!([])).await, false);
    acts.call("q", "setGlobalConcurrency", json!([1])).await;
    acts.call("q", "setGlobalRateLimit", json!([5, 60_000])).await;
    acts.add("q", "x", json!({}), json!({})).await;
    let worker = acts.work("q", json!({}), json!([["hold", null]])).await;
    worker.begun(1).await;

    let see = async |method: &str| {
        let seen = node.call("q", method, json!([])).await;
        row.observes(method, &seen);
        seen
    };
    assert_eq!(see("isMaxed").await, true);
    assert_eq!(see("getGlobalConcurrency").await, 1);
    assert_eq!(see("getGlobalRateLimit").await, json!({ "max": 5, "duration": 60_000 }));
    assert_eq!(see("getRateLimitTtl").await, 0);
    acts.call("q", "rateLimit", json!([50_000])).await;
    let left = node.call("q", "getRateLimitTtl", json!([])).await;
    assert!((1..=50_000).contains(&left.as_u64().unwrap()), "{left}");
    acts.call("q", "pause", json!([])).await;
    assert_eq!(see("isPaused").await, true);
    let meta = node.call("q", "getMeta", json!([])).await;
    assert_eq!(
        (&meta["concurrency"], &meta["max"], &meta["paused"]),
        (&json!(1), &json!(5), &json!(true))
    );
    let version = node.call("q", "getVersion", json!([])).await;
    assert!(version.as_str().is_none_or(|version| version.starts_with("bullmq:")), "{version}");
    acts.call("q", "resume", json!([])).await;
    redis::cmd("DEL").arg(row.key("q", "limiter")).exec_async(&mut row.redis()).await.unwrap();
    worker.release().await;
    node.counts_until("q", json!({ "completed": 1 })).await;
}

async fn s_118_the_trace_of_a_job_reaches_its_worker_on_every_attempt(row: Row) {
    let trace = r#"{"traceparent":"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}"#;
    let traces = [
        json!({ "metadata": trace }),
        json!({ "omitContext": true }),
        json!({ "metadata": trace, "omitContext": true }),
        json!(null),
    ];
    let fails = json!([["fail", { "message": DOWN, "times": 1 }]]);
    for (telemetry, queue) in traces.iter().zip(["context", "omitted", "both", "none"]) {
        let mut options = json!({ "attempts": 2 });
        if !telemetry.is_null() {
            options["telemetry"] = telemetry.clone();
        }
        let id = row.first().add(queue, "x", json!({}), options).await;

        let worker = row.second().work(queue, json!({}), fails.clone()).await;

        for run in worker.ended(2).await {
            assert_eq!(run["telemetry"], telemetry["metadata"], "{queue}");
        }
        let job = row.node().job_in(queue, &id, "completed").await;
        assert_eq!(&job["opts"]["telemetry"], telemetry, "{queue}");
    }
}
