//! How a front end follows a job: the event stream, the stream of several jobs, the long poll.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Client, Service, on_both_stores};

const WITHIN: Duration = Duration::from_secs(60);

/// An event as a browser takes it.
struct Heard {
    name: String,
    id: Option<String>,
    data: Value,
}

/// Reads a stream to its end, and takes it apart.
async fn listen(client: &Client, path: &str, last_event_id: Option<&str>) -> (u16, Vec<Heard>) {
    let mut request = client.request(Method::GET, path);
    if let Some(id) = last_event_id {
        request = request.header("last-event-id", id);
    }
    let response = request.send().await.unwrap();
    let status = response.status().as_u16();
    let text = tokio::time::timeout(WITHIN, response.text()).await.expect("no end").unwrap();
    (status, text.split("\n\n").filter_map(heard).collect())
}

fn heard(block: &str) -> Option<Heard> {
    let field = |name: &str| {
        let line = block.lines().find_map(|line| line.strip_prefix(&format!("{name}:")));
        line.map(|value| value.trim_start().to_owned())
    };
    let data = serde_json::from_str(&field("data")?).unwrap();
    Some(Heard { name: field("event")?, id: field("id"), data })
}

fn version(text: &str) -> (u64, u64) {
    let (ms, seq) = text.split_once('-').unwrap();
    (ms.parse().unwrap(), seq.parse().unwrap())
}

fn document(words: &str) -> Vec<u8> {
    format!("# Ropes\n\n{words} is what a sailor learns on the first day.\n").into_bytes()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_tells_a_job_from_its_snapshot_to_its_end() {
    on_both_stores(|options| async move {
        let service = Service::start(&options).await;
        let client = service.client();
        let id = client.upload("ropes.md", document("A knot")).await;
        let path = format!("/api/jobs/{id}/events");

        let (status, events) = listen(&client, &path, None).await;
        assert_eq!(status, 200);
        assert_eq!(events[0].name, "snapshot");
        let last = events.last().unwrap();
        assert_eq!(last.name, "completed");
        assert_eq!(last.data["result"], json!({ "materialId": id }));
        let told: Vec<&Heard> = events.iter().filter(|event| event.id.is_some()).collect();
        for pair in told.windows(2) {
            let ids = [&pair[0].id, &pair[1].id].map(|id| version(id.as_deref().unwrap()));
            assert!(ids[0] < ids[1], "versions grow: {ids:?}");
        }
        for event in &told {
            assert_eq!(event.data["version"].as_str(), event.id.as_deref(), "{}", event.name);
        }

        let end = last.id.as_deref();
        let (status, after) = listen(&client, &path, end).await;
        assert_eq!((status, after.len()), (204, 0), "nothing follows the end");

        // Whoever loses the connection after the snapshot must not have heard of the end.
        let (_, late) = listen(&client, &path, None).await;
        let names: Vec<&str> = late.iter().map(|event| event.name.as_str()).collect();
        assert_eq!(names, ["snapshot", "completed"]);
        assert_eq!(late[0].id, None);
        assert_eq!(late[1].id.as_deref(), end);

        let (status, unknown) = listen(&client, "/api/jobs/mat_none/events", None).await;
        assert_eq!((status, unknown.len()), (404, 0));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_connection_follows_several_jobs() {
    on_both_stores(|options| async move {
        let service = Service::start(&options).await;
        let client = service.client();
        let first = client.upload("first.md", document("A bowline")).await;
        let second = client.upload("second.md", document("A sheet bend")).await;
        let path = format!("/api/events?jobs={first},{second}");

        let (status, events) = listen(&client, &path, None).await;
        assert_eq!(status, 200);
        for id in [&first, &second] {
            let own: Vec<&Heard> = events.iter().filter(|e| e.data["jobId"] == **id).collect();
            assert_eq!(own.first().unwrap().name, "snapshot", "{id}");
            assert_eq!(own.last().unwrap().name, "completed", "{id}");
        }
        let end = events.last().unwrap().id.as_deref();
        assert_eq!(listen(&client, &path, end).await.0, 204, "nothing follows both ends");
        assert_eq!(listen(&client, &format!("{path},mat_none"), None).await.0, 404);
        let many = vec![first.as_str(); 21].join(",");
        assert_eq!(listen(&client, &format!("/api/events?jobs={many}"), None).await.0, 422);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_poll_answers_when_the_version_changes() {
    on_both_stores(|options| async move {
        let service = Service::start(&options).await;
        let client = service.client();
        let id = client.upload("ropes.md", document("A hitch")).await;
        let path = format!("/api/jobs/{id}");

        let mut tag = None;
        let body = loop {
            let mut request = client.request(Method::GET, &path).header("prefer", "wait=30");
            if let Some(tag) = &tag {
                request = request.header("if-none-match", tag);
            }
            let response = request.send().await.unwrap();
            assert_eq!(response.status(), 200, "a change comes before the wait is over");
            let next = response.headers()["etag"].to_str().unwrap().to_owned();
            let body: Value = response.json().await.unwrap();
            assert_eq!(next, format!("W/\"{}\"", body["data"]["version"].as_str().unwrap()));
            assert_ne!(tag.as_ref(), Some(&next), "an answer is a change");
            tag = Some(next);
            if body["data"]["status"] == "completed" {
                break body;
            }
        };
        assert_eq!(body["data"]["progress"], 100, "{body}");

        let unchanged = client.request(Method::GET, &path).header("prefer", "wait=30");
        let unchanged = unchanged.header("if-none-match", tag.unwrap()).send().await.unwrap();
        assert_eq!(unchanged.status(), 304, "a finished job answers at once");
    })
    .await;
}
