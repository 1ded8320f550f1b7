//! The pages of a PDF as poppler reads them, to hold our own pages against.

use std::collections::HashSet;
use std::path::Path;

use serde_json::Value;

use crate::journey::sessions;
use crate::support::Client;

/// The share of a chunk's words that stand on the pages it names; the rest is what two readers
/// join or hyphenate differently.
const WORDS_MIN: f64 = 0.9;
/// How many letters and digits of a chunk tell where it begins.
const START: usize = 24;

/// The text of each page; `None` where poppler is not installed.
pub(crate) fn pages(path: &Path) -> Option<Vec<String>> {
    let read = std::process::Command::new("pdftotext").arg(path).arg("-").output().ok()?;
    let text = String::from_utf8_lossy(&read.stdout).into_owned();
    Some(text.split('\u{c}').map(str::to_owned).collect())
}

/// Checks that each source of a plan begins on the page that it names, and that its text stands
/// on its pages; returns the share of sources that begin exactly there.
pub(crate) async fn sources_are_on_their_pages(
    client: &Client,
    plan: &Value,
    pages: &[String],
) -> f64 {
    let (mut sources, mut exact) = (0_u32, 0_u32);
    for source in sessions(plan).flat_map(|session| session["sources"].as_array().unwrap()) {
        let page = usize::try_from(source["page"].as_u64().unwrap()).unwrap();
        let range = &source["chunkRange"];
        let id = source["materialId"].as_str().unwrap();
        let path =
            format!("/api/materials/{id}/chunks?start={}&end={}", range["start"], range["end"]);
        let chunks = client.get(&path).await.1;
        let first = &chunks["data"][0];
        assert_eq!(first["page"], source["page"], "the source names the page of its first chunk");
        for chunk in chunks["data"].as_array().unwrap() {
            stands_on_its_pages(chunk, pages);
        }
        let start: String = letters(first["text"].as_str().unwrap()).take(START).collect();
        sources += 1;
        let there = letters(&pages[page - 1]).collect::<String>().contains(&start);
        exact += u32::from(there);
        if !there {
            println!("not in this order on page {page}: {start}");
        }
    }
    let share = f64::from(exact) / f64::from(sources);
    // Title pages and columns are read in another order by others; their words were found above.
    assert!(sources - exact <= 1 + sources / 20, "only {exact} of {sources} begin on their page");
    share
}

fn stands_on_its_pages(chunk: &Value, pages: &[String]) {
    let page = |name: &str| usize::try_from(chunk[name].as_u64().unwrap()).unwrap();
    let (first, last) = (page("page"), page("pageEnd").max(page("page")));
    let there: HashSet<String> =
        pages[first - 1..last].iter().flat_map(|page| words(page)).collect();
    let mine: Vec<String> = words(chunk["text"].as_str().unwrap()).collect();
    let found = mine.iter().filter(|word| there.contains(*word)).count();
    let share = |part: usize| f64::from(u32::try_from(part).unwrap());
    let missing: Vec<_> = mine.iter().filter(|word| !there.contains(*word)).take(10).collect();
    assert!(
        share(found) >= WORDS_MIN * share(mine.len()),
        "chunk {} is not on pages {first}-{last}: {missing:?}",
        chunk["index"],
    );
}

fn letters(text: &str) -> impl Iterator<Item = char> {
    text.chars().filter(|letter| letter.is_alphanumeric())
}

fn words(text: &str) -> impl Iterator<Item = String> {
    text.split(|letter: char| !letter.is_alphanumeric())
        .filter(|word| word.chars().count() > 1)
        .map(str::to_lowercase)
}
