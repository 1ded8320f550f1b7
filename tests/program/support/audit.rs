//! Compares what is left when everything has ended: rows, job records, queues, and the ledger.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::{Client, Service, eventually};

/// Each kind of entity: its list, and the queue of its jobs.
const KINDS: [(&str, &str); 2] =
    [("/api/materials", "material-processing"), ("/api/plans", "plan-generation")];
/// The states of jobs that have not ended.
const LIVING: [&str; 5] = ["waiting", "prioritized", "delayed", "active", "waiting-children"];

/// Waits until every row agrees with its job's record and with its job, and no job is left that
/// lives or has no row; a minute is allowed.
pub(crate) async fn rows_and_jobs_agree(service: &Service) {
    let until = Instant::now() + Duration::from_secs(60);
    while let Some(difference) = first_difference(service).await {
        assert!(Instant::now() < until, "after 60 s: {difference}");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

async fn first_difference(service: &Service) -> Option<String> {
    let (client, operator) = (service.client(), service.operator());
    for (list, queue) in KINDS {
        let rows = all(&client, list).await;
        for row in &rows {
            let id = row["id"].as_str().unwrap();
            let (_, record) = client.get(&format!("/api/jobs/{id}")).await;
            let (_, job) = operator.get(&format!("/api/queues/{queue}/jobs/{id}")).await;
            let status = row.get("generationStatus").unwrap_or(&row["status"]);
            let ended = match status.as_str() {
                Some("READY") => "completed",
                Some("FAILED") => "failed",
                _ => return Some(format!("the row of {id} says {status}")),
            };
            // A job may have left its queue by then, its record not.
            let (record, state) = (&record["data"]["status"], job["data"].get("state"));
            if record != ended || state.is_some_and(|state| state != ended) {
                return Some(format!("{id}: row {status}, record {record}, job {state:?}"));
            }
        }
        for state in LIVING {
            let jobs = operator.get(&format!("/api/queues/{queue}/jobs?state={state}")).await.1;
            if jobs["data"].as_array().is_none_or(|jobs| !jobs.is_empty()) {
                return Some(format!("{queue} still has {state} jobs: {jobs}"));
            }
        }
        for state in ["completed", "failed"] {
            let path = format!("/api/queues/{queue}/jobs?state={state}&limit=100");
            for job in operator.get(&path).await.1["data"].as_array().unwrap() {
                if !rows.iter().any(|row| row["id"] == job["id"]) {
                    return Some(format!("{queue}: {} has no row", job["id"]));
                }
            }
        }
    }
    None
}

/// Returns everything that a list has.
pub(crate) async fn all(client: &Client, path: &str) -> Vec<Value> {
    let (mut rows, mut cursor) = (Vec::new(), String::new());
    loop {
        let (status, body) = client.get(&format!("{path}?limit=100{cursor}")).await;
        assert_eq!(status, 200, "{body}");
        rows.extend(body["data"].as_array().unwrap().iter().cloned());
        match body["meta"]["nextCursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return rows,
        }
    }
}

/// Checks that every run of every entity ended once, and returns how many became READY.
pub(crate) async fn each_run_ended_once(service: &Service) -> usize {
    let file = service.data().join("catalog.sqlite");
    let ledger = eventually(Duration::from_secs(10), "the ledger is read", || {
        let file = file.clone();
        async move {
            let read = move || -> rusqlite::Result<Vec<(String, i64, String)>> {
                let flags = rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY;
                let catalog = rusqlite::Connection::open_with_flags(file, flags)?;
                let mut rows = catalog.prepare("SELECT entity, generation, status FROM ledger")?;
                let rows = rows.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
                rows.collect()
            };
            tokio::task::spawn_blocking(read).await.unwrap().ok()
        }
    })
    .await;
    let mut runs = BTreeMap::<(String, i64), Vec<String>>::new();
    for (entity, generation, status) in ledger {
        runs.entry((entity, generation)).or_default().push(status);
    }
    for (run, ends) in &runs {
        assert_eq!(ends.len(), 1, "run {run:?} ended more than once: {ends:?}");
    }
    runs.values().filter(|ends| ends[0] == "READY").count()
}
