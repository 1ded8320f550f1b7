//! kill -9 and SIGTERM at any moment: nothing acknowledged is lost, nothing is done twice.

use std::collections::HashSet;
use std::time::Duration;

use crate::support::{
    Options, Service, all, each_run_ended_once, on_both_stores, rows_and_jobs_agree,
};
use rand::{RngExt as _, SeedableRng as _};

/// Rounds on each store.
const ROUNDS: u64 = 30;
const WITHIN: Duration = Duration::from_secs(90);

fn document(round: u64, number: usize) -> Vec<u8> {
    let mut text = format!("# Document {number} of round {round}\n\n");
    for section in 0..12 {
        text.push_str(&format!("## Part {section}\n\n"));
        for line in 0..30 {
            text.push_str(&format!("Sentence {line} of part {section} tells something new. "));
        }
        text.push_str("\n\n");
    }
    text.into_bytes()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_acknowledged_request_ends_once_after_kills() {
    let seed = rand::random::<u64>();
    println!("seed {seed}");
    on_both_stores(|options| async move {
        let mut random = rand::rngs::StdRng::seed_from_u64(seed);
        for round in 0..ROUNDS {
            kill_in_the_middle(&options, round, &mut random).await;
        }
    })
    .await;
}

async fn kill_in_the_middle(options: &Options, round: u64, random: &mut rand::rngs::StdRng) {
    let redis = crate::support::RedisServer::start().await;
    let options = match (&options.redis_url, &redis) {
        (Some(_), Some(redis)) => Options { redis_url: Some(redis.url()), ..short_locks() },
        _ => short_locks(),
    };
    let service = Service::start(&options).await;
    let client = service.client();
    let mut materials = Vec::new();
    for number in 0..5 {
        materials.push(client.upload(&format!("d{number}.md"), document(round, number)).await);
    }
    let plan = client.plan("know it all", &materials).await;
    tokio::time::sleep(Duration::from_millis(random.random_range(0..500))).await;
    let mut options = service.kill().await;
    let mut service = Service::start(&options).await;
    if random.random_bool(0.5) {
        tokio::time::sleep(Duration::from_millis(random.random_range(0..300))).await;
        options = service.kill().await;
        service = Service::start(&options).await;
    }
    let client = service.client();

    for material in &materials {
        let job = client.ended(material, WITHIN).await;
        assert_eq!(job["status"], "completed", "round {round}: {job}");
    }
    let job = client.ended(&plan, WITHIN).await;
    assert_eq!(job["status"], "completed", "round {round}: {job}");
    rows_and_jobs_agree(&service).await;
    assert_eq!(each_run_ended_once(&service).await, materials.len() + 1, "READY once each");
    let plans = all(&client, "/api/plans").await;
    assert_eq!(plans.len(), 1, "one plan per request");
    assert_eq!(all(&client, "/api/materials").await.len(), materials.len());
    let bundles = files(&service.data().join("objects"));
    assert_eq!(bundles.len(), 2 * materials.len(), "one source and one bundle each: {bundles:?}");
}

/// Locks of dead workers run out soon, so that thirty rounds take minutes and not an hour.
fn short_locks() -> Options {
    let settings = vec![
        ("OXHERD_WORKER__LOCK_SECONDS", "3".to_owned()),
        ("OXHERD_WORKER__RENEW_SECONDS", "1".to_owned()),
        ("OXHERD_WORKER__STALLED_SECONDS", "1".to_owned()),
    ];
    Options { settings, ..Options::default() }
}

fn files(folder: &std::path::Path) -> HashSet<String> {
    let mut found = HashSet::new();
    let mut open = vec![folder.to_owned()];
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else {
                found.insert(path.display().to_string());
            }
        }
    }
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_hands_running_jobs_back_without_using_an_attempt() {
    on_both_stores(|options| async move {
        let service = Service::start(&options).await;
        let client = service.client();
        let mut materials = Vec::new();
        for number in 0..6 {
            materials.push(client.upload(&format!("d{number}.md"), document(99, number)).await);
        }
        let (status, options) = service.terminate(Duration::from_secs(27)).await;
        assert_eq!(status.code(), Some(0));
        let service = Service::start(&options).await;
        let client = service.client();

        for material in &materials {
            let job = client.ended(material, WITHIN).await;
            assert_eq!(job["status"], "completed", "{job}");
            assert_eq!(job["attemptsMade"], 1, "no attempt was used by the stop: {job}");
        }
    })
    .await;
}
