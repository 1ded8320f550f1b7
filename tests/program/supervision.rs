//! Parts that crash in the running program: exactly that part restarts, and every job ends.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::{
    Client, Options, Service, all, each_run_ended_once, eventually, on_both_stores,
    rows_and_jobs_agree,
};

const WITHIN: Duration = Duration::from_secs(60);

/// Parts by their path below the root: a slot, a consumer, the cache, the edge, a supervisor.
const PARTS: [&str; 7] = [
    "material-processing/WorkerPool/MaterialProcessing #1",
    "material-processing/QueueConsumer",
    "material-processing/LockKeeper",
    "StatusCache",
    "Edge",
    "material-processing",
    "Reconciler",
];

fn document(part: &str, number: usize) -> Vec<u8> {
    let mut text = format!("# Document {number} while {part} crashes\n\n");
    for line in 0..400 {
        text.push_str(&format!("Sentence {line} tells something new about {number}. "));
    }
    text.into_bytes()
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_part_crashes_it_alone_restarts_and_every_job_ends() {
    on_both_stores(|options| async move {
        for (number, part) in PARTS.into_iter().enumerate() {
            // The root bears three failures a minute; each part has a service of its own.
            let prefix = ("OXHERD_REDIS__PREFIX", format!("crash{number}"));
            let options = Options { settings: vec![prefix], ..options.clone() };
            let service = Service::start(&options).await;
            let client = service.client();
            let mut materials = Vec::new();
            for number in 0..8 {
                materials
                    .push(client.upload(&format!("{number}.md"), document(part, number)).await);
            }

            crash(&service.operator(), part).await;

            eventually(WITHIN, &format!("{part} is restarted"), || async {
                let tree = tree(&service).await?;
                let node = at(&tree, part)?;
                (node["restarts"] == 1 && node["state"] == "running").then_some(())
            })
            .await;
            for material in &materials {
                let job = client.ended(material, WITHIN).await;
                assert_eq!(job["status"], "completed", "{part}: {job}");
            }
            let tree = tree(&service).await.unwrap();
            let failed = restarted(&tree, "");
            assert_eq!(failed, [part], "exactly that part restarts");
            let failure = &at(&tree, part).unwrap()["lastFailure"]["reason"];
            assert!(failure.is_string(), "the tree tells why: {failure}");
            assert_eq!(client.get("/readyz").await.0, 200, "{part}");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_handler_that_panics_on_every_third_job_for_a_minute_escalates_nothing() {
    let service = Service::start(&Options::default()).await;
    let (client, operator) = (service.client(), service.operator());
    let (status, body) = operator.post("/api/testing/panics", &json!({ "every": 3 })).await;
    assert_eq!(status, 200, "{body}");

    let (mut materials, until) = (Vec::new(), Instant::now() + Duration::from_secs(60));
    while Instant::now() < until {
        let number = materials.len();
        let text = format!("# Number {number}\n\nShort, and unlike the others.");
        materials.push(client.upload(&format!("{number}.md"), text.into_bytes()).await);
        tokio::time::sleep(Duration::from_millis(250)).await;
    }
    operator.post("/api/testing/panics", &json!({ "every": 0 })).await;

    let mut panicked = 0;
    for material in &materials {
        let job = client.ended(material, WITHIN).await;
        panicked += usize::from(job["attemptsMade"].as_u64().unwrap() > 1);
        if job["status"] == "failed" {
            assert_eq!(job["error"]["code"], "JOB_PANICKED", "{job}");
        }
    }
    println!("{} jobs, {panicked} ran again after a panic", materials.len());
    assert!(panicked > materials.len() / 5, "every third run panicked: {panicked}");
    let tree = tree(&service).await.unwrap();
    let escalated = restarted(&tree, "").into_iter().find(|path| !path.contains("/WorkerPool/"));
    assert_eq!(escalated, None, "a panic costs its slot a restart and nothing else");
    let after = client.upload("after.md", b"# After\n\nAll is well.".to_vec()).await;
    assert_eq!(client.ended(&after, WITHIN).await["status"], "completed");
    rows_and_jobs_agree(&service).await;
    let ready = each_run_ended_once(&service).await;
    let rows = all(&client, "/api/materials").await;
    assert_eq!(rows.iter().filter(|row| row["status"] == "READY").count(), ready);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_runs_a_failed_job_again_and_its_material_follows() {
    on_both_stores(|options| async move {
        let service = Service::start(&options).await;
        let (client, operator) = (service.client(), service.operator());
        operator.post("/api/testing/panics", &json!({ "every": 1 })).await;
        let one = client.upload("one.md", b"# One\n\nText.".to_vec()).await;
        let two = client.upload("two.md", b"# Two\n\nOther text.".to_vec()).await;
        for material in [&one, &two] {
            assert_eq!(client.ended(material, WITHIN).await["status"], "failed");
        }
        operator.post("/api/testing/panics", &json!({ "every": 0 })).await;

        let path = format!("/api/queues/material-processing/jobs/{one}/retry");
        assert_eq!(operator.post(&path, &json!({})).await.0, 202);
        ready_again(&client, &one).await;
        let all = "/api/queues/material-processing/retry-all";
        let (status, body) = operator.post(all, &json!({})).await;
        assert_eq!((status, &body["data"]["affected"]), (200, &json!(1)), "{body}");
        ready_again(&client, &two).await;

        let (status, body) = operator.post(&path, &json!({})).await;
        assert_eq!((status, &body["error"]["code"]), (409, &json!("MATERIAL_NOT_FAILED")));
        rows_and_jobs_agree(&service).await;
    })
    .await;
}

async fn ready_again(client: &Client, material: &str) {
    eventually(WITHIN, "the material is READY", || async {
        let (_, found) = client.get(&format!("/api/materials/{material}")).await;
        (found["data"]["status"] == "READY").then_some(())
    })
    .await;
    let job = client.ended(material, WITHIN).await;
    assert_eq!((&job["status"], &job["generation"]), (&json!("completed"), &json!(2)), "{job}");
}

/// Asks for a crash; the connection may die of it.
async fn crash(operator: &Client, part: &str) {
    let body = json!({ "path": part });
    let sent = operator.request(reqwest::Method::POST, "/api/testing/crash").json(&body).send();
    if let Ok(answer) = sent.await {
        assert_eq!(answer.status().as_u16(), 202, "{part}");
    }
}

async fn tree(service: &Service) -> Option<Value> {
    let answer = reqwest::get(format!("{}/health/supervisor", service.admin)).await.ok()?;
    answer.json().await.ok()
}

/// Finds the node at a path of names below the root.
fn at<'a>(tree: &'a Value, path: &str) -> Option<&'a Value> {
    path.split('/').try_fold(tree, |node, name| {
        node["children"].as_array()?.iter().find(|child| child["name"] == name)
    })
}

/// Returns the paths of all parts that were restarted.
fn restarted(node: &Value, path: &str) -> Vec<String> {
    let mut found = Vec::new();
    if node["restarts"].as_u64().unwrap() > 0 {
        found.push(path.to_owned());
    }
    for child in node["children"].as_array().unwrap() {
        let name = child["name"].as_str().unwrap();
        let below = if path.is_empty() { name.to_owned() } else { format!("{path}/{name}") };
        found.extend(restarted(child, &below));
    }
    found
}
