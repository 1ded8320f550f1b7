//! The main job, end to end, on both stores: a document becomes a plan.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Client, Options, Service, on_both_stores};

const WITHIN: Duration = Duration::from_secs(60);

fn sample(name: &str) -> Vec<u8> {
    std::fs::read(format!("{}/samples/{name}", env!("CARGO_MANIFEST_DIR"))).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn two_documents_become_a_plan_whose_sources_can_be_read() {
    on_both_stores(|options| async move {
        let service = Service::start(&options).await;
        let client = service.client();

        let english = client.upload("job-queues.md", sample("job-queues.md")).await;
        let korean = client.upload("spaced-study.ko.md", sample("spaced-study.ko.md")).await;
        let plan = client.plan("understand queues in two weeks", &[english.clone(), korean]).await;
        let job = client.ended(&plan, WITHIN).await;

        assert_eq!(job["status"], "completed", "{job}");
        assert_eq!(job["result"], json!({ "planId": plan }));
        let (_, plan) = client.get(&format!("/api/plans/{plan}")).await;
        assert_eq!(plan["data"]["generationStatus"], "READY");
        covers_every_chunk_once(&client, &plan["data"]).await;
        let (status, found) = client.get("/api/search?q=exponential%20backoff").await;
        assert_eq!(status, 200);
        assert_eq!(found["data"][0]["materialId"], json!(english), "{found}");
    })
    .await;
}

pub(crate) async fn covers_every_chunk_once(client: &Client, plan: &Value) {
    for material in plan["materials"].as_array().unwrap() {
        let id = material["id"].as_str().unwrap();
        let (_, material) = client.get(&format!("/api/materials/{id}")).await;
        let count = material["data"]["chunkCount"].as_u64().unwrap();
        let mut next = 0;
        for session in sessions(plan) {
            let minutes = session["estimatedMinutes"].as_u64().unwrap();
            assert!((25..=50).contains(&minutes), "{session}");
            for source in session["sources"].as_array().unwrap() {
                if source["materialId"] != id {
                    continue;
                }
                let range = &source["chunkRange"];
                assert_eq!(range["start"], json!(next), "{session}");
                next = range["end"].as_u64().unwrap() + 1;
                let (start, end) = (range["start"].clone(), range["end"].clone());
                let path = format!("/api/materials/{id}/chunks?start={start}&end={end}");
                let (status, chunks) = client.get(&path).await;
                assert_eq!(status, 200, "{chunks}");
                let text = chunks["data"][0]["text"].as_str().unwrap();
                assert!(!text.trim().is_empty());
            }
        }
        assert_eq!(next, count, "every chunk of {id} is in exactly one session");
    }
}

pub(crate) fn sessions(plan: &Value) -> impl Iterator<Item = &Value> {
    let modules = plan["modules"].as_array().unwrap().iter();
    modules.flat_map(|module| module["sessions"].as_array().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_three_step_upload_is_the_same_as_one_step() {
    let service = Service::start(&Options::default()).await;
    let client = service.client();
    let bytes = sample("job-queues.md");

    let announced = json!({
        "filename": "job-queues.md", "mimeType": "text/markdown", "sizeBytes": bytes.len(),
    });
    let (status, upload) = client.post("/api/materials/init-upload", &announced).await;
    assert_eq!(status, 201, "{upload}");
    let url = upload["data"]["uploadUrl"].as_str().unwrap();
    let put = || reqwest::Client::new().put(url).body(bytes.clone()).send();
    assert_eq!(put().await.unwrap().status(), 200);
    assert_eq!(put().await.unwrap().status(), 200, "the same bytes again");
    let complete = json!({ "uploadId": upload["data"]["uploadId"] });
    let (status, first) = client.post("/api/materials/complete-upload", &complete).await;
    let (again, second) = client.post("/api/materials/complete-upload", &complete).await;

    assert_eq!((status, again), (202, 202), "{first} {second}");
    assert_eq!(first["data"]["materialId"], second["data"]["materialId"]);
    let job = first["data"]["jobId"].as_str().unwrap();
    assert_eq!(client.ended(job, WITHIN).await["status"], "completed");
    let (status, duplicate) = client.try_upload("again.md", bytes.clone()).await;
    assert_eq!(status, 409, "{duplicate}");
    assert_eq!(duplicate["error"]["details"]["materialId"], first["data"]["materialId"]);
    assert_eq!(put().await.unwrap().status(), 409, "after completion");

    let path = format!("/api/materials/{job}");
    let (status, deleted) = client.send(Method::DELETE, &path, &json!({})).await;
    assert_eq!((status, &deleted["data"]["type"]), (200, &json!("hard")), "{deleted}");
    assert_eq!(put().await.unwrap().status(), 409, "after its material was deleted");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_material_says_why_and_can_be_tried_again_or_deleted() {
    let service = Service::start(&Options::default()).await;
    let client = service.client();

    let id = client.upload("empty.pdf", b"%PDF-1.4\nnothing here\n%%EOF".to_vec()).await;
    let job = client.ended(&id, WITHIN).await;

    assert_eq!(job["status"], "failed", "{job}");
    let (_, material) = client.get(&format!("/api/materials/{id}")).await;
    assert_eq!(material["data"]["status"], "FAILED");
    assert_eq!(material["data"]["error"]["code"], job["error"]["code"]);
    assert_eq!(job["attemptsMade"], 1, "a permanent error uses no retries");
    let (status, retried) = client.post(&format!("/api/materials/{id}/retry"), &json!({})).await;
    assert_eq!(status, 202, "{retried}");
    let job = client.ended(&id, WITHIN).await;
    assert_eq!((job["status"].as_str(), job["generation"].as_u64()), (Some("failed"), Some(2)));
    let (status, gone) =
        client.send(Method::DELETE, &format!("/api/materials/{id}"), &json!({})).await;
    assert_eq!((status, gone["data"]["type"].as_str()), (200, Some("hard")));
    assert_eq!(client.get(&format!("/api/materials/{id}")).await.0, 404);
}
