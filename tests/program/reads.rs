//! Nothing that was accepted is unknown a moment later.

use std::time::Instant;

use futures::future::join_all;
use serde_json::json;

use crate::support::{Client, Service, on_both_stores};

/// Reads right after their 202, on each store.
const READS: usize = 10_000;
/// Clients that send and read side by side, each over a connection that is kept.
const CLIENTS: usize = 16;

#[tokio::test(flavor = "multi_thread")]
async fn what_was_accepted_is_there_when_it_is_asked_for() {
    on_both_stores(|options| async move {
        let service = Service::start(&options).await;
        let began = Instant::now();
        let clients = (0..CLIENTS).map(|number| {
            let client = service.client();
            tokio::spawn(async move { accept_and_read(&client, number).await })
        });
        let reads: usize = join_all(clients).await.into_iter().map(Result::unwrap).sum();
        println!("{reads} reads right after their 202 in {:.1?}", began.elapsed());
        assert!(reads >= READS, "{reads}");
    })
    .await;
}

/// Uploads and asks for plans in turn; reads both the entity and its job after each 202.
async fn accept_and_read(client: &Client, number: usize) -> usize {
    let document = |turn| format!("# Text {number}-{turn}\n\nA word to learn.").into_bytes();
    let wanted = client.upload("first.md", document(0)).await;
    let mut reads = there(client, "/api/materials", &wanted).await;
    for turn in 1.. {
        if reads * CLIENTS >= READS {
            break;
        }
        if turn % 4 == 0 {
            let material = client.upload(&format!("{turn}.md"), document(turn)).await;
            reads += there(client, "/api/materials", &material).await;
        } else {
            let body = json!({
                "goal": format!("goal {number}-{turn}"), "materialIds": [&wanted],
                "waitForMaterials": true,
            });
            let (status, body) = client.post("/api/plans", &body).await;
            assert_eq!(status, 202, "{body}");
            reads += there(client, "/api/plans", body["data"]["planId"].as_str().unwrap()).await;
        }
    }
    reads
}

/// Reads an entity and the status of its job; returns how many reads that were.
async fn there(client: &Client, list: &str, id: &str) -> usize {
    for path in [format!("/api/jobs/{id}"), format!("{list}/{id}")] {
        let (status, body) = client.get(&path).await;
        assert_eq!(status, 200, "{path} right after its 202: {body}");
    }
    2
}
