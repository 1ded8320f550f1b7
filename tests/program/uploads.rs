//! Many uploads at once: memory stays bounded, nothing is lost, nothing is there twice.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use axum::body::Bytes;
use futures::future::join_all;
use reqwest::Method;
use reqwest::multipart::{Form, Part};
use serde_json::{Value, json};

use crate::support::{Client, Options, Service, all, skip};

/// Uploads at once.
const UPLOADS: usize = 1000;
/// The bytes of each.
const SIZE: usize = 1_000_000;
/// What the service may take more for all of them.
const GROWTH_MAX_MIB: u64 = 150;

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_uploads_at_once_are_all_kept_in_bounded_memory() {
    let service = Service::start(&Options::default()).await;
    let Some(memory) = Memory::watch(service.pid()) else {
        return skip("memory is read from /proc, which is not here");
    };
    let (client, operator) = (service.client(), service.operator());
    // Only what accepting takes is measured: the work on documents has bounds of its own.
    operator.post("/api/queues/material-processing/pause", &json!({})).await;
    let filler = filler();

    let began = Instant::now();
    let answers = join_all((0..UPLOADS).map(|number| upload(&client, number, &filler))).await;
    let took = began.elapsed();
    let growth = memory.growth_mib();

    println!("{UPLOADS} uploads of 1 MB in {took:.1?}; anonymous memory grew by {growth} MiB");
    let refused: Vec<_> = answers.iter().filter(|(status, _)| *status != 202).collect();
    assert!(refused.is_empty(), "{} refused, the first: {:?}", refused.len(), refused[0]);
    assert!(growth < GROWTH_MAX_MIB, "{growth} MiB");
    let accepted: HashSet<String> =
        answers.iter().map(|(_, body)| text(&body["data"]["materialId"])).collect();
    assert_eq!(accepted.len(), UPLOADS);
    let materials = all(&client, "/api/materials").await;
    assert_eq!(materials.len(), UPLOADS, "one material for each upload");
    for material in &materials {
        assert!(accepted.contains(&text(&material["id"])), "{material}");
        assert_ne!(material["status"], "FAILED", "{material}");
    }
    whole_objects(&service);
    operator.post("/api/queues/material-processing/resume", &json!({})).await;
    client.ended(&text(&materials[UPLOADS - 1]["id"]), Duration::from_secs(60)).await;
}

/// Sends one document, as a stream, so that this process holds no thousand copies.
async fn upload(client: &Client, number: usize, filler: &Bytes) -> (u16, Value) {
    let head = format!("# Document {number}\n\nIt says {number}.\n\n<!--\n").into_bytes();
    let rest = SIZE - head.len();
    let pieces = [Bytes::from(head), filler.slice(filler.len() - rest..)];
    let pieces = futures::stream::iter(pieces.map(Ok::<_, std::io::Error>));
    let part = Part::stream_with_length(reqwest::Body::wrap_stream(pieces), SIZE as u64)
        .file_name(format!("{number}.md"));
    let request = client.request(Method::POST, "/api/materials");
    let response = request.multipart(Form::new().part("file", part)).send().await.unwrap();
    let status = response.status().as_u16();
    (status, response.json().await.unwrap())
}

/// The inside and the end of a comment: bytes that cost little to process.
fn filler() -> Bytes {
    let mut text = "nothing to learn from this line\n".repeat(SIZE / 32 + 1);
    text.push_str("-->\n");
    Bytes::from(text)
}

/// Checks that the bytes of every upload are on disk, once and whole.
fn whole_objects(service: &Service) {
    let uploads = std::fs::read_dir(service.data().join("objects/uploads")).unwrap();
    let sizes: Vec<u64> = uploads.map(|object| object.unwrap().metadata().unwrap().len()).collect();
    assert_eq!(sizes.len(), UPLOADS, "one object for each upload");
    assert!(sizes.iter().all(|size| *size == SIZE as u64), "{sizes:?}");
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}")).to_owned()
}

/// Watches the anonymous memory of a process; its files and sockets do not count.
struct Memory {
    before_kib: u64,
    peak_kib: Arc<AtomicU64>,
    watching: tokio::task::JoinHandle<()>,
}

impl Memory {
    fn watch(pid: u32) -> Option<Self> {
        let before_kib = anonymous_kib(pid)?;
        let peak_kib = Arc::new(AtomicU64::new(before_kib));
        let peak = Arc::clone(&peak_kib);
        let watching = tokio::spawn(async move {
            while let Some(now) = anonymous_kib(pid) {
                peak.fetch_max(now, Ordering::Relaxed);
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        });
        Some(Self { before_kib, peak_kib, watching })
    }

    /// How much more it was at its peak than before.
    fn growth_mib(self) -> u64 {
        self.watching.abort();
        (self.peak_kib.load(Ordering::Relaxed) - self.before_kib) / 1024
    }
}

fn anonymous_kib(pid: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:"))?;
    line.trim().strip_suffix("kB")?.trim().parse().ok()
}
