//! What Node sees and does: BullMQ's own client on our queues, and the pages in a browser.

use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::process::Command;

use crate::support::{Options, RedisServer, Service, skip};

/// Runs a script of `tests/node`; `None` where Node or its packages are not installed.
async fn node(script: &str, arguments: &[String]) -> Option<Value> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/node");
    if !folder.join("node_modules/bullmq").exists() {
        skip("the packages of tests/node are not installed; `cargo xtask test` does it");
        return None;
    }
    let run = Command::new("node")
        .arg(script)
        .args(arguments)
        .current_dir(folder)
        .stderr(Stdio::inherit())
        .kill_on_drop(true)
        .output();
    let output = tokio::time::timeout(Duration::from_secs(180), run).await.expect("ends in time");
    let output = output.unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{script} failed: {text}");
    Some(serde_json::from_str(&text).unwrap_or_else(|_| panic!("{script} printed {text}")))
}

#[tokio::test(flavor = "multi_thread")]
async fn bullmq_sees_our_jobs_rightly_and_its_jobs_run_here() {
    let Some(redis) = RedisServer::start().await else {
        return skip("redis-server is not installed");
    };
    let options = Options { redis_url: Some(redis.url()), ..Options::default() };
    let service = Service::start(&options).await;

    let arguments = [service.public.clone(), redis.url()];
    let Some(seen) = node("interop.mjs", &arguments).await else { return };

    let material = &seen["material"];
    assert_eq!(material["state"], "completed", "{seen}");
    assert_eq!(material["returnvalue"], json!({ "materialId": material["id"] }), "{seen}");
    assert_eq!(material["progress"], 100);
    assert_eq!(material["counts"]["completed"], 1, "{seen}");
    for event in ["waiting", "active", "progress", "completed"] {
        let events = seen["events"].as_array().unwrap();
        assert!(events.contains(&json!(event)), "{event} was not seen: {seen}");
    }
    assert_eq!(seen["failed"]["event"], true, "{seen}");
    assert_eq!(seen["failed"]["state"], "failed", "{seen}");
    assert_eq!(seen["producer"]["material"], json!({ "materialId": material["id"] }), "{seen}");
    assert_eq!(seen["producer"]["plan"], json!({ "planId": seen["plan"] }), "{seen}");
    let missing = seen["producer"]["missing"].as_str().unwrap();
    assert!(missing.starts_with("ENTITY_NOT_FOUND: "), "{seen}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_drops_documents_and_follows_the_plan_in_a_browser() {
    if !PathBuf::from("/usr/bin/chromium").exists() {
        return skip("chromium is not installed; the pages were not driven");
    }
    let service = Service::start(&Options::default()).await;
    let unseen = tempfile::tempdir().unwrap();
    let kept = std::env::var_os("OXHERD_SCREENSHOTS").map(PathBuf::from);
    let shots = kept.unwrap_or_else(|| unseen.path().to_owned());
    let samples = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("samples");
    let sample = |name: &str| samples.join(name).display().to_string();
    let arguments = [
        service.public.clone(),
        service.admin.clone(),
        shots.display().to_string(),
        sample("job-queues.md"),
        sample("spaced-study.ko.md"),
    ];

    let Some(report) = node("look.mjs", &arguments).await else { return };

    assert_eq!(report["requests"], json!([]), "no request leaves the machine");
    assert_eq!(report["errors"], json!([]));
    assert_eq!(report["violations"], json!({}), "axe finds nothing serious");
    assert_eq!(report["retried"], true, "{report}");
    assert_eq!(report["cancelled"], true, "{report}");
    assert_eq!(report["sheet"], json!([true, true, true]), "Close is in sight");
    assert_eq!(report["ticked"], json!({ "live": 5, "fresh": 5, "used": 0 }));
    let words = "Tick one to five documents for the plan.";
    assert_eq!(report["refused"], json!({ "all": words, "none": words, "plans": 0 }));
    let removal = json!({ "kept": 1, "asked": 1, "removed": true, "plans": 1 });
    assert_eq!(report["removal"], removal, "nothing is removed before it was asked");
    assert_eq!(report["mistyped"], "There is nothing at this address.");
}
