//! Real documents of five kinds, from one page to hundreds, in English and Korean: each becomes a
//! plan whose parts are the document's own.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::journey::{covers_every_chunk_once, sessions};
use crate::second_reader::{pages, sources_are_on_their_pages};
use crate::support::{Client, Service, on_both_stores, skip};

const WITHIN: Duration = Duration::from_secs(120);

fn fixtures() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/fixtures");
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let mut files: Vec<_> =
        entries.map(|entry| entry.unwrap().path()).filter(|path| path.is_file()).collect();
    files.sort();
    files
}

#[tokio::test(flavor = "multi_thread")]
async fn real_documents_become_plans_of_their_own_parts() {
    let fixtures = fixtures();
    if fixtures.len() < 12 {
        return skip("no real documents; `cargo xtask fixtures` fetches them");
    }
    on_both_stores(|options| {
        let fixtures = fixtures.clone();
        async move {
            let service = Service::start(&options).await;
            let client = service.client();
            for path in &fixtures {
                one_document(&client, path).await;
            }
        }
    })
    .await;
}

async fn one_document(client: &Client, path: &Path) {
    let name = path.file_name().unwrap().to_str().unwrap();
    let started = Instant::now();
    let material = client.upload(name, std::fs::read(path).unwrap()).await;
    let body = json!({
        "goal": "learn it well", "materialIds": [material], "waitForMaterials": true,
        "specialRequirements": "no weekends", "timezone": "Asia/Seoul",
    });
    let (status, accepted) = client.post("/api/plans", &body).await;
    assert_eq!(status, 202, "{name}: {accepted}");
    let id = accepted["data"]["planId"].as_str().unwrap();
    let job = client.ended(id, WITHIN).await;
    assert_eq!(job["status"], "completed", "{name}: {job}");
    let took = started.elapsed();

    let (_, plan) = client.get(&format!("/api/plans/{id}")).await;
    let plan = &plan["data"];
    covers_every_chunk_once(client, plan).await;
    days_are_kept(name, plan);
    let pages = if name.ends_with(".pdf") { pages(path) } else { None };
    if let Some(pages) = pages {
        let exact = sources_are_on_their_pages(client, plan, &pages).await;
        println!("{name}: {:.0} % of the sources begin where poppler sees them", exact * 100.0);
    }
    let titles: Vec<&str> = plan["modules"]
        .as_array()
        .unwrap()
        .iter()
        .map(|module| module["title"].as_str().unwrap())
        .collect();
    let share = share_in_outline(name, &titles);
    let (_, material) = client.get(&format!("/api/materials/{material}")).await;
    println!(
        "{name}: {} pages, {} chunks, {} modules, {} sessions, {:.0} % own titles, {took:.1?}",
        material["data"]["pageCount"],
        material["data"]["chunkCount"],
        titles.len(),
        sessions(plan).count(),
        share * 100.0,
    );
    assert!(share >= 0.9, "{name}: {titles:#?}");
}

/// No session on a weekend, none before the one before it.
fn days_are_kept(name: &str, plan: &Value) {
    let mut last = String::new();
    for session in sessions(plan) {
        let day = session["scheduledForDate"].as_str().unwrap().to_owned();
        assert!(day >= last, "{name}: {day} after {last}");
        let date: jiff::civil::Date = day.parse().unwrap();
        let weekday = date.weekday();
        let is_weekend =
            matches!(weekday, jiff::civil::Weekday::Saturday | jiff::civil::Weekday::Sunday);
        assert!(!is_weekend, "{name}: {day} is a {weekday:?}");
        last = day;
    }
}

/// The share of titles that are headings of the reference outline, in its order; 1 without one.
fn share_in_outline(name: &str, titles: &[&str]) -> f64 {
    let path = format!("{}/tests/fixtures/outlines/{name}.txt", env!("CARGO_MANIFEST_DIR"));
    let Ok(outline) = std::fs::read_to_string(path) else { return 1.0 };
    let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let outline: Vec<String> = outline.lines().map(words).collect();
    let titles: Vec<String> = titles.iter().map(|title| words(title)).collect();
    let mut best = vec![vec![0_usize; outline.len() + 1]; titles.len() + 1];
    for (t, title) in titles.iter().enumerate() {
        for (o, heading) in outline.iter().enumerate() {
            best[t + 1][o + 1] =
                if title == heading { best[t][o] + 1 } else { best[t][o + 1].max(best[t + 1][o]) };
        }
    }
    let found = u32::try_from(best[titles.len()][outline.len()]).unwrap();
    f64::from(found) / f64::from(u32::try_from(titles.len()).unwrap())
}
