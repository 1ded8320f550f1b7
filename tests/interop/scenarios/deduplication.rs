//! Adds that mean the same work, of both sides.

use std::time::Duration;

use serde_json::{Value, json};

use crate::row::Row;
use crate::scenario::scenarios;
use crate::side::{Side, until};

scenarios![
    s_013_adds_of_both_sides_stand_for_one_job_until_it_ends,
    s_014_a_time_outlives_the_job,
    s_015_each_dropped_add_extends_the_time,
    s_016_a_burst_runs_once_as_the_last_of_it,
    s_017_an_owner_that_runs_is_not_replaced,
    s_018_the_last_add_while_node_runs_the_owner_is_the_next_job,
    s_019_the_last_add_while_we_run_the_owner_is_the_next_job,
    s_020_a_dropped_add_gives_the_owner_its_delay,
    s_021_an_owner_without_a_hash_is_recovered,
    s_022_the_removal_of_the_owner_frees_the_id,
    s_023_the_removal_of_the_key_frees_the_id,
];

async fn add(side: &Side, n: u64, rule: &Value, more: Value) -> String {
    let mut options = more;
    options["deduplication"] = rule.clone();
    side.add("q", "once", json!({ "n": n }), options).await
}

/// Returns how long the id is taken: -1 without end, -2 not at all.
async fn left(row: &Row) -> i64 {
    redis::cmd("PTTL").arg(row.key("q", "de:d")).query_async(&mut row.redis()).await.unwrap()
}

async fn until_free(row: &Row) {
    until("the id is free", async || match left(row).await {
        -2 => Ok(()),
        left => Err(left),
    })
    .await;
}

async fn s_013_adds_of_both_sides_stand_for_one_job_until_it_ends(row: Row) {
    let rule = json!({ "id": "d" });
    let worker = row.node().work("other", json!({}), json!([])).await;

    for (number, (owner, other)) in
        [(row.ours(), row.node()), (row.node(), row.ours())].iter().enumerate()
    {
        let first = add(owner, 1, &rule, json!({})).await;
        assert_eq!(add(other, 2, &rule, json!({})).await, first);
        assert_eq!(add(owner, 3, &rule, json!({})).await, first);
        let hits = 2 * (number + 1);
        let events = row.node().events_until("q", |e| e.count("deduplicated") == hits).await;
        let told = events.named("deduplicated")[hits - 2];
        let dropped = (first.parse::<u64>().unwrap() + 1).to_string();
        assert_eq!((&told["jobId"], &told["deduplicatedJobId"]), (&json!(first), &json!(dropped)));
        assert_eq!(told["deduplicationId"], "d");
        let runs = other.work("q", json!({}), json!([])).await;
        row.node().job_in("q", &first, "completed").await;
        assert_eq!(runs.runs().await.len(), 1);
        runs.close().await;
    }

    assert_eq!(worker.runs().await.len(), 0);
    let next = add(&row.ours(), 4, &rule, json!({})).await;
    assert_eq!(next, "7");
}

async fn s_014_a_time_outlives_the_job(row: Row) {
    let rule = json!({ "id": "d", "ttl": 2000 });
    let worker = row.second().work("q", json!({}), json!([])).await;
    let first = add(&row.first(), 1, &rule, json!({})).await;
    row.node().job_in("q", &first, "completed").await;

    let window = left(&row).await;
    assert!((1..=2000).contains(&window), "{window}");
    assert_eq!(add(&row.first(), 2, &rule, json!({})).await, first);
    until_free(&row).await;
    let next = add(&row.first(), 3, &rule, json!({})).await;

    assert_eq!(next, "3");
    row.node().job_in("q", &next, "completed").await;
    assert_eq!(worker.runs().await.len(), 2);
    until_free(&row).await;
}

async fn s_015_each_dropped_add_extends_the_time(row: Row) {
    let rule = json!({ "id": "d", "ttl": 1500, "extend": true });
    let first = add(&row.first(), 0, &rule, json!({})).await;

    for n in 1..=6 {
        tokio::time::sleep(Duration::from_millis(300)).await;
        assert_eq!(add(&row.first(), n, &rule, json!({})).await, first);
        let window = left(&row).await;
        assert!(window > 1200, "{window}");
    }

    until_free(&row).await;
    assert_eq!(row.node().call("q", "getWaitingCount", json!([])).await, 1);
}

async fn s_016_a_burst_runs_once_as_the_last_of_it(row: Row) {
    let rule = json!({ "id": "d", "ttl": 700, "extend": true, "replace": true });
    let worker = row.second().work("q", json!({}), json!([["echo", null]])).await;

    for n in 1..=3 {
        let id = add(&row.first(), n, &rule, json!({ "delay": 700 })).await;
        assert_eq!(id, n.to_string());
        tokio::time::sleep(Duration::from_millis(100)).await;
    }

    let job = row.node().job_in("q", "3", "completed").await;
    assert_eq!(job["returnvalue"], json!({ "n": 3 }));
    assert_eq!(worker.runs().await.len(), 1);
    let events = row.node().events_until("q", |events| events.count("completed") == 1).await;
    let removed = events.named("removed");
    assert_eq!(removed.len(), 2);
    assert!(removed.iter().all(|event| event["prev"] == "delayed"), "{removed:?}");
    let ids = |event: &&Value| (event["jobId"].clone(), event["deduplicatedJobId"].clone());
    let told: Vec<_> = events.named("deduplicated").iter().map(ids).collect();
    assert_eq!(told, [(json!("2"), json!("1")), (json!("3"), json!("2"))]);
    until_free(&row).await;
}

async fn s_017_an_owner_that_runs_is_not_replaced(row: Row) {
    let rule = json!({ "id": "d", "replace": true });
    let worker = row.node().work("q", json!({}), json!([["hold", null]])).await;
    let owner = add(&row.first(), 1, &rule, json!({})).await;
    worker.begun(1).await;

    assert_eq!(add(&row.first(), 2, &rule, json!({})).await, owner);

    worker.release().await;
    let job = row.node().job_in("q", &owner, "completed").await;
    assert_eq!(job["data"], json!({ "n": 1 }));
    let events = row.node().events_until("q", |events| events.count("completed") == 1).await;
    assert_eq!(events.count("deduplicated"), 0);
}

async fn keep_last(row: &Row, fails: bool) {
    let rule = json!({ "id": "d", "keepLastIfActive": true });
    let end = if fails { json!(["unrecoverable", "NO_LUCK: no"]) } else { json!(["return", 1]) };
    let worker = row.second().work("q", json!({}), json!([["hold", null], end])).await;
    let owner = add(&row.first(), 1, &rule, json!({})).await;
    worker.begun(1).await;

    assert_eq!(add(&row.first(), 2, &rule, json!({})).await, owner);
    assert_eq!(add(&row.first(), 3, &rule, json!({})).await, owner);
    worker.release().await;

    let end = if fails { "failed" } else { "completed" };
    let next = (owner.parse::<u64>().unwrap() + 2).to_string();
    assert_eq!(row.node().job_in("q", &next, end).await["data"], json!({ "n": 3 }));
    assert_eq!(worker.runs().await.len(), 2);
    let events = row.node().events_until("q", |events| events.of(&next).contains(&end)).await;
    let at = |name: &str, id: &str| {
        events.0.iter().position(|event| event[0] == name && event[1]["jobId"] == id).unwrap()
    };
    assert!(at("added", &next) < at("waiting", &next));
    assert!(at("waiting", &next) < at(end, &owner));
    assert_eq!(events.of(&next).len(), 4 + usize::from(fails));
    let kept: i64 =
        redis::cmd("EXISTS").arg(row.key("q", "dn:d")).query_async(&mut row.redis()).await.unwrap();
    assert_eq!(kept, 0);
    worker.close().await;
}

async fn s_018_the_last_add_while_node_runs_the_owner_is_the_next_job(row: Row) {
    keep_last(&row, false).await;
}

async fn s_019_the_last_add_while_we_run_the_owner_is_the_next_job(row: Row) {
    keep_last(&row, false).await;
    keep_last(&row, true).await;
}

async fn s_020_a_dropped_add_gives_the_owner_its_delay(row: Row) {
    let rule = json!({ "id": "d", "reschedule": true });
    row.second().work("q", json!({}), json!([["echo", null]])).await;
    let owner = add(&row.first(), 1, &rule, json!({ "delay": 60_000 })).await;

    assert_eq!(add(&row.first(), 2, &rule, json!({ "delay": 700 })).await, owner);

    let job = row.node().job_in("q", &owner, "completed").await;
    assert_eq!(job["returnvalue"], json!({ "n": 1 }));
    let waited = job["processedOn"].as_u64().unwrap() - job["timestamp"].as_u64().unwrap();
    assert!((700..2000).contains(&waited), "{waited}");
    let events = row.node().events_until("q", |events| events.count("completed") == 1).await;
    assert_eq!(events.of(&owner)[..4], ["added", "delayed", "deduplicated", "delayed"]);
}

async fn s_021_an_owner_without_a_hash_is_recovered(row: Row) {
    let rule = json!({ "id": "d" });
    let owner = add(&row.first(), 1, &rule, json!({})).await;
    let mut gone = redis::pipe();
    gone.del(row.key("q", &owner)).lrem(row.key("q", "wait"), 0, &owner);
    gone.exec_async(&mut row.redis()).await.unwrap();

    let next = add(&row.first(), 2, &rule, json!({})).await;

    assert_eq!(row.node().job_in("q", &next, "waiting").await["data"], json!({ "n": 2 }));
    assert_eq!(next, "2");
}

async fn s_022_the_removal_of_the_owner_frees_the_id(row: Row) {
    let rule = json!({ "id": "d" });
    let owner = add(&row.node(), 1, &rule, json!({})).await;

    row.first().call("q", "remove", json!([owner])).await;

    assert_eq!(left(&row).await, -2);
    for (side, id) in [(row.second(), "2"), (row.first(), "2")] {
        assert_eq!(add(&side, 2, &rule, json!({})).await, id);
    }
}

async fn s_023_the_removal_of_the_key_frees_the_id(row: Row) {
    let rule = json!({ "id": "d" });
    let owner = add(&row.node(), 1, &rule, json!({})).await;
    let told = row.node().call("q", "getDeduplicationJobId", json!(["d"])).await;
    assert_eq!(told, json!(owner));

    row.first().call("q", "removeDeduplicationKey", json!(["d"])).await;

    assert_eq!(left(&row).await, -2);
    assert_eq!(add(&row.second(), 2, &rule, json!({})).await, "2");
    row.node().counts_until("q", json!({ "waiting": 2 })).await;
}
