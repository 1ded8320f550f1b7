//! Adding: one job, many, with ids and options of the producer's choice.

use serde_json::{Value, json};

use crate::row::{Roles, Row};
use crate::scenario::scenarios;

scenarios![
    s_001_an_idle_node_worker_runs_our_job_within_a_second,
    s_002_the_producer_gets_the_value_that_the_worker_returned,
    s_003_data_and_results_of_every_json_kind_come_back_as_they_were,
    s_004_a_thousand_jobs_of_one_call_keep_their_order,
    s_005_a_thousand_jobs_of_node_run_once_each_on_fifty_slots,
    s_006_an_id_that_is_taken_keeps_its_first_job,
    s_007_ids_that_would_break_a_queue_are_refused_and_write_nothing,
    s_008_an_id_of_three_parts_runs_and_is_found,
    s_009_two_producers_never_share_an_automatic_id,
    s_010_every_option_is_stored_as_node_stores_it,
    s_011_options_that_mean_nothing_are_refused,
    s_012_a_job_keeps_the_creation_time_that_its_producer_gave,
];

async fn s_001_an_idle_node_worker_runs_our_job_within_a_second(row: Row) {
    let worker = row.second().work("q", json!({}), json!([["echo", null]])).await;
    let data = json!({ "a": 1, "u": "äö\u{0}✓" });

    let id = row.first().add("q", "std", data.clone(), json!({})).await;

    let job = row.node().job_in("q", &id, "completed").await;
    assert_eq!((id.as_str(), &job["data"], &job["name"]), ("1", &data, &json!("std")));
    assert_eq!(job["opts"]["attempts"], 0);
    assert_eq!(job["returnvalue"], data);
    let waited = crate::side::waited(&job);
    assert!(waited < 1000, "waited {waited} ms");
    assert_eq!(worker.runs().await.len(), 1);
    let events = row.node().events_until("q", |events| events.count("drained") > 0).await;
    assert_eq!(events.of("1"), ["added", "waiting", "active", "completed"]);
    assert_eq!(events.0.last().unwrap()[0], "drained");
}

async fn s_002_the_producer_gets_the_value_that_the_worker_returned(row: Row) {
    let value = json!({ "ok": true, "n": null });
    row.second().work("q", json!({}), json!([["return", value]])).await;

    let id = row.first().add("q", "std", json!({}), json!({})).await;

    assert_eq!(row.node().finished("q", &id).await.unwrap(), value);
    let events = row.node().events_until("q", |events| events.count("completed") == 1).await;
    assert_eq!(events.named("completed")[0]["returnvalue"], value);
}

async fn s_003_data_and_results_of_every_json_kind_come_back_as_they_were(row: Row) {
    row.second().work("q", json!({}), json!([["echo", null]])).await;
    let large = "x".repeat(512 * 1024);
    let kinds = [
        json!(null),
        json!(false),
        json!(0),
        json!(""),
        json!([]),
        json!({}),
        json!(1e300),
        json!([[[], {}], []]),
        json!(large),
        json!({ "a:b": 1, "c/d": 2, "e\"f": 3, "😀": "한국어" }),
    ];

    for data in kinds {
        let id = row.first().add("q", "kind", data.clone(), json!({})).await;

        let job = row.node().job_in("q", &id, "completed").await;
        assert_eq!((&job["data"], &job["returnvalue"]), (&data, &data));
    }
}

async fn s_004_a_thousand_jobs_of_one_call_keep_their_order(row: Row) {
    let jobs = (0..1000).map(|n| json!({ "name": "n", "data": { "n": n } })).collect();

    let ids = row.first().add_bulk("q", jobs).await;

    let ascending: Vec<String> = (1..=1000).map(|id| id.to_string()).collect();
    assert_eq!(ids, ascending);
    let worker = row.second().work("q", json!({}), json!([])).await;
    let ran: Vec<Value> = worker.ended(1000).await.iter().map(|run| run["id"].clone()).collect();
    assert_eq!(ran, ascending);
    let events = row.node().events_until("q", |events| events.count("completed") == 1000).await;
    assert_eq!((events.count("added"), events.count("waiting")), (1000, 1000));
}

async fn s_005_a_thousand_jobs_of_node_run_once_each_on_fifty_slots(row: Row) {
    let keep = json!({ "count": 0 });
    let options = json!({ "concurrency": 50, "lockDuration": 30_000, "removeOnComplete": keep });
    let worker = row.second().work("q", options, json!([])).await;
    let jobs = (0..1000).map(|n| json!({ "name": "n", "data": { "n": n } })).collect();

    row.first().add_bulk("q", jobs).await;

    let mut ran: Vec<u64> =
        worker.ended(1000).await.iter().map(|run| run["data"]["n"].as_u64().unwrap()).collect();
    ran.sort_unstable();
    assert_eq!(ran, (0..1000).collect::<Vec<u64>>());
    let none = json!({ "waiting": 0, "active": 0, "completed": 0, "failed": 0, "delayed": 0 });
    row.node().counts_until("q", none).await;
}

async fn s_006_an_id_that_is_taken_keeps_its_first_job(row: Row) {
    let (ours, node) = (row.first(), row.node());
    let order = json!({ "jobId": "order-42" });
    for (side, n) in [(&ours, 1), (&ours, 2), (&node, 3)] {
        let id = side.add("q", "order", json!({ "n": n }), order.clone()).await;
        assert_eq!(id, "order-42");
    }

    let worker = row.second().work("q", json!({}), json!([])).await;

    let job = node.job_in("q", "order-42", "completed").await;
    assert_eq!(job["data"], json!({ "n": 1 }));
    assert_eq!(worker.runs().await.len(), 1);
    let events = node.events_until("q", |events| events.count("completed") == 1).await;
    assert_eq!(events.count("duplicated"), 2);
    assert_eq!(ours.add("q", "next", json!({}), json!({})).await, "4");
    worker.ended(2).await;
}

async fn s_007_ids_that_would_break_a_queue_are_refused_and_write_nothing(row: Row) {
    if row.has_no_model("BullMQ refuses only some of these ids, so it is no model") {
        return;
    }
    let words = "12 0 0:x a:b active wait waiting-children paused id delayed prioritized stalled-check \
                 completed failed stalled repeat limiter meta events pc marker de dn delay priority metrics";
    for id in words.split(' ').chain([""]) {
        let refused =
            row.first().try_call("q", "add", json!(["x", {}, { "jobId": id }])).await.unwrap_err();

        assert!(refused.contains("job id"), "{id}: {refused}");
    }
    let counts = row.node().call("q", "getJobCounts", json!([])).await;
    assert!(counts.as_object().unwrap().values().all(|count| *count == 0), "{counts}");
    assert_eq!(row.node().events("q").await.0.len(), 0);
}

async fn s_008_an_id_of_three_parts_runs_and_is_found(row: Row) {
    row.first().add("q", "x", json!({ "n": 1 }), json!({ "jobId": "a:b:c" })).await;

    row.second().work("q", json!({}), json!([])).await;

    assert_eq!(row.node().job_in("q", "a:b:c", "completed").await["data"], json!({ "n": 1 }));
}

async fn s_009_two_producers_never_share_an_automatic_id(row: Row) {
    let (ours, node) = (row.ours(), row.node());
    let add = async |side: &crate::side::Side| side.add("q", "x", json!({}), json!({})).await;
    let mut ids = Vec::new();

    for _ in 0..100 {
        let (one, other) = tokio::join!(add(&ours), add(&node));
        ids.extend([one, other].map(|id| id.parse::<u64>().unwrap()));
    }

    ids.sort_unstable();
    assert_eq!(ids, (1..=200).collect::<Vec<u64>>());
    node.counts_until("q", json!({ "waiting": 200 })).await;
}

async fn s_010_every_option_is_stored_as_node_stores_it(row: Row) {
    let options = json!({
        "attempts": 3, "backoff": { "type": "exponential", "delay": 1000, "jitter": 0.5 },
        "delay": 60_000, "priority": 5, "lifo": true, "removeOnComplete": { "age": 60, "count": 5 },
        "removeOnFail": 7, "keepLogs": 3, "stackTraceLimit": 2, "timestamp": 1_795_500_000_000_u64,
        "deduplication": { "id": "d", "ttl": 5000 }, "jobId": "full", "sizeLimit": 1000,
    });
    let id = row.first().add("q", "full", json!({ "n": 1 }), options.clone()).await;

    let stored = row.node().job("q", &id).await;

    let node = row.node().add("model", "full", json!({ "n": 1 }), options).await;
    let model = row.node().job("model", &node).await;
    assert_eq!(stored["opts"], model["opts"]);
    for member in ["delay", "priority", "timestamp", "deduplicationId", "state"] {
        assert_eq!(stored[member], model[member], "{member}");
    }
}

async fn s_011_options_that_mean_nothing_are_refused(row: Row) {
    row.remarks("BullMQ takes a priority of -1, and runs such a job at once");
    row.node().call("q", "getJobCounts", json!([])).await;
    let mut meaningless = vec![
        json!({ "sizeLimit": 10 }),
        json!({ "failParentOnFailure": true, "removeDependencyOnFailure": true }),
        json!({ "priority": 1.5 }),
        json!({ "priority": 2_097_152 }),
        json!({ "backoff": { "type": "fixed", "delay": 5, "jitter": 2 } }),
        json!({ "deduplication": { "ttl": 5 } }),
    ];
    if row.roles != Roles::Model {
        meaningless.push(json!({ "priority": -1 }));
    }
    for options in meaningless {
        let data = json!({ "text": "more than ten bytes" });

        let added = row.first().try_call("q", "add", json!(["x", data, options])).await;

        assert!(added.is_err(), "{options}: {added:?}");
    }
    let counts = row.node().call("q", "getJobCounts", json!([])).await;
    assert!(counts.as_object().unwrap().values().all(|count| *count == 0), "{counts}");
    assert_eq!(row.node().events("q").await.0.len(), 0);
    assert_eq!(row.node().add("q", "next", json!({}), json!({})).await, "1");
}

async fn s_012_a_job_keeps_the_creation_time_that_its_producer_gave(row: Row) {
    let past = 1_700_000_000_000_u64;
    let worker = row.second().work("q", json!({}), json!([])).await;

    let id = row.first().add("q", "old", json!({}), json!({ "timestamp": past })).await;

    worker.ended(1).await;
    assert_eq!(row.node().job_in("q", &id, "completed").await["timestamp"], past);
}
