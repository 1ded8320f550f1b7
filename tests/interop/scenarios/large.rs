//! Many jobs: workers of both sides, kills, and hashes that no client should have written.

use std::collections::BTreeSet;

use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;
use rand::{RngExt as _, SeedableRng as _};
use serde_json::{Value, json};

use crate::row::Row;
use crate::scenario::scenarios;
use crate::side::{Events, Side};

scenarios![
    s_024_ten_thousand_jobs_run_once_each_on_workers_of_both_sides,
    s_107_a_short_stream_of_events_keeps_the_newest,
    x_001_what_one_side_began_the_other_ends_although_both_are_killed,
    x_002_no_hash_of_a_foreign_producer_stops_the_queue,
];

const JOBS: usize = 10_000;

async fn add_all(side: &Side) {
    for _ in 0..10 {
        side.add_bulk("q", vec![json!({ "name": "x", "data": { "n": 1 } }); JOBS / 10]).await;
    }
}

async fn s_024_ten_thousand_jobs_run_once_each_on_workers_of_both_sides(row: Row) {
    // A machine under load must not lose a lock here.
    let options = json!({ "concurrency": 20, "lockDuration": 30_000 });
    let mut workers = Vec::new();
    for side in [row.ours(), row.node()] {
        for _ in 0..3 {
            workers.push((side.peer.client, side.work("q", options.clone(), json!([])).await));
        }
    }

    add_all(&row.node()).await;

    row.node().counts_within("q", json!({ "completed": JOBS }), 30).await;
    let mut ids = BTreeSet::new();
    let mut by_client = std::collections::HashMap::new();
    let mut total = 0;
    for (client, worker) in &workers {
        let runs = worker.runs().await;
        total += runs.len();
        *by_client.entry(*client).or_insert(0) += runs.len();
        ids.extend(runs.iter().map(|run| run["id"].as_str().unwrap().to_owned()));
    }
    assert_eq!((total, ids.len()), (JOBS, JOBS));
    assert!(by_client.len() == 2 && by_client.values().all(|runs| *runs > 0), "{by_client:?}");
}

async fn s_107_a_short_stream_of_events_keeps_the_newest(row: Row) {
    row.node().call("q", "getJobCounts", json!([])).await;
    let set = ["opts.maxLenEvents", "100"];
    redis::cmd("HSET")
        .arg(row.key("q", "meta"))
        .arg(&set)
        .exec_async(&mut row.redis())
        .await
        .unwrap();
    let options =
        json!({ "concurrency": 20, "lockDuration": 30_000, "removeOnComplete": { "count": 0 } });
    let worker = row.second().work("q", options, json!([])).await;

    add_all(&row.first()).await;

    let none = json!({ "waiting": 0, "active": 0, "completed": 0, "failed": 0 });
    row.node().counts_within("q", none, 30).await;
    worker.ended(JOBS).await;
    // A listener that begins with the oldest event there is sees the last ends and not many more.
    let last = |events: &Events| events.0.last().is_some_and(|event| event[0] == "drained");
    let events = row.node().events_until("q", last).await;
    let ids: BTreeSet<_> =
        events.named("completed").iter().map(|e| e["jobId"].to_string()).collect();
    assert!(ids.len() == events.count("completed") && ids.len() >= 40, "{}", ids.len());
    assert!((100..=250).contains(&events.0.len()), "{} events", events.0.len());
    // Which events are left is chance.
    redis::cmd("DEL").arg(row.key("q", "events")).exec_async(&mut row.redis()).await.unwrap();
}

async fn x_001_what_one_side_began_the_other_ends_although_both_are_killed(row: Row) {
    if row.has_no_model("which jobs run when a worker is killed is chance") {
        return;
    }
    add_all(&row.first()).await;
    let options = json!({ "concurrency": 20, "maxStalledCount": 10 });
    let steps = json!([["sleep", 1]]);

    for (side, part) in [row.first(), row.second(), row.first(), row.second()].iter().zip(1..) {
        let victim = row.fresh(side);
        victim.work("q", options.clone(), steps.clone()).await;
        let least = JOBS * part / 5;
        row.node().completed_at_least("q", least).await;
        victim.peer.signal("-KILL").await;
    }
    row.first().work("q", options.clone(), steps.clone()).await;
    row.second().work("q", options, steps).await;

    let none = json!({ "waiting": 0, "active": 0, "failed": 0, "delayed": 0, "completed": JOBS });
    row.node().counts_within("q", none, 30).await;
    let jobs = row.node().call("q", "getCompleted", json!([0, -1])).await;
    let wrong = |job: &&Value| job["attemptsMade"] != 1 || job["returnvalue"] != json!(null);
    let wrong: Vec<&Value> = jobs.as_array().unwrap().iter().filter(wrong).collect();
    assert_eq!((wrong.len(), jobs.as_array().unwrap().len()), (0, JOBS), "{:?}", wrong.first());
}

async fn x_002_no_hash_of_a_foreign_producer_stops_the_queue(row: Row) {
    if row.has_no_model("BullMQ takes many of these jobs up for ever") {
        return;
    }
    let seed = std::env::args().find_map(|arg| arg.strip_prefix("--seed=")?.parse().ok());
    let seed: u64 = seed.unwrap_or_else(rand::random);
    println!("x_002: --seed={seed}");
    let mut dice = StdRng::seed_from_u64(seed);
    row.node().call("q", "getJobCounts", json!([])).await;
    for _ in 0..10 {
        let mut pipe = redis::pipe();
        for _ in 0..JOBS / 10 {
            write_mutated(&row, &mut pipe, &mut dice);
        }
        pipe.exec_async(&mut row.redis()).await.unwrap();
    }

    let steps = json!([["return", 1]]);
    row.second().work("q", json!({ "concurrency": 50 }), steps).await;

    let none = json!({ "waiting": 0, "active": 0, "delayed": 0, "prioritized": 0 });
    row.node().counts_within("q", none, 40).await;
    let completed = row.node().call("q", "getCompleted", json!([0, -1])).await;
    let failed = row.node().call("q", "getFailed", json!([0, -1])).await;
    let (completed, failed) = (completed.as_array().unwrap(), failed.as_array().unwrap());
    assert_eq!(completed.len() + failed.len(), JOBS, "seed {seed}");
    assert!(completed.len() > JOBS / 10 && failed.len() > JOBS / 10, "{}", failed.len());
    for job in failed {
        let reason = job["failedReason"].as_str().unwrap_or_default();
        let is_clear = reason.contains(": ") && !reason.contains("PANIC");
        assert!(is_clear, "seed {seed}: {reason:?} of {job}");
    }
}

/// Writes a job as Node does, then breaks one or two of its fields.
fn write_mutated(row: &Row, pipe: &mut redis::Pipeline, dice: &mut StdRng) {
    let id = format!("m{:016x}", dice.random::<u64>());
    let key = row.key("q", &id);
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    let mut fields: Vec<(&str, Vec<u8>)> = vec![
        ("name", b"node".to_vec()),
        ("data", br#"{"to":"x"}"#.to_vec()),
        ("opts", br#"{"attempts":2,"backoff":{"type":"fixed","delay":5}}"#.to_vec()),
        ("timestamp", now.as_millis().to_string().into_bytes()),
        ("delay", b"0".to_vec()),
        ("priority", b"0".to_vec()),
    ];
    let others = [
        "progress",
        "stacktrace",
        "returnvalue",
        "failedReason",
        "atm",
        "ats",
        "stc",
        "parent",
        "processedOn",
        "finishedOn",
        "pb",
        "rjk",
        "deid",
        "unknown",
    ];
    for _ in 0..dice.random_range(1..=2) {
        let at = dice.random_range(0..fields.len() + 3);
        if at >= fields.len() {
            fields.push((others.choose(dice).unwrap(), strange(dice)));
        } else if dice.random_ratio(1, 5) {
            fields.remove(at);
        } else {
            fields[at].1 = strange(dice);
        }
    }
    for (field, content) in fields {
        pipe.cmd("HSET").arg(&key).arg(field).arg(content).ignore();
    }
    // A job without a single field is no job at all.
    pipe.cmd("HSET").arg(&key).arg("unknown").arg(1).ignore();
    match dice.random_range(0..10) {
        0 => pipe.cmd("ZADD").arg(row.key("q", "delayed")).arg(4096).arg(&id).ignore(),
        1 => pipe.cmd("ZADD").arg(row.key("q", "prioritized")).arg(1_u64 << 33).arg(&id).ignore(),
        _ => pipe.cmd("LPUSH").arg(row.key("q", "wait")).arg(&id).ignore(),
    };
}

/// Content that a field of that name should never have.
fn strange(dice: &mut StdRng) -> Vec<u8> {
    let known = [
        "",
        " ",
        "null",
        "true",
        "0",
        "-1",
        "1.5",
        "1e400",
        "NaN",
        "18446744073709551616",
        "[]",
        "{}",
        "[",
        "{\"a\":",
        "\"text\"",
        "plain text",
        "\u{0}\u{1}",
        "한국어",
        "[null,[],{}]",
        r#"{"attempts":null}"#,
        r#"{"attempts":"many"}"#,
        r#"{"attempts":-3}"#,
        r#"{"attempts":1e99,"backoff":-5}"#,
        r#"{"backoff":{"type":"lunar"}}"#,
        r#"{"backoff":{"type":"fixed","delay":"x","jitter":9}}"#,
        r#"{"removeOnComplete":null}"#,
        r#"{"removeOnFail":{"age":-1,"count":"x"}}"#,
        r#"{"kl":{},"stackTraceLimit":-1}"#,
        r#"{"parent":5,"de":7,"priority":{},"repeat":[]}"#,
        r#"{"id":"P","queueKey":"nowhere"}"#,
    ];
    match dice.random_range(0..20) {
        0 => vec![b'x'; 5000],
        1 => "[".repeat(3000).into_bytes(),
        2 => (0..40).map(|_| dice.random()).collect(),
        3 if dice.random_ratio(1, 50) => vec![b'7'; 1_200_000],
        _ => known.choose(dice).unwrap().as_bytes().to_vec(),
    }
}
