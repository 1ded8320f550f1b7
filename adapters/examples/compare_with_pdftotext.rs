//! Compares what is read of PDF files with what poppler's `pdftotext` reads:
//! `cargo run --release -p oxherd-adapters --example compare_with_pdftotext -- FILE.pdf...`.
//!
//! Of each file it prints the share of the reference's words that were read too, the same for
//! pairs of neighbouring characters of Korean, Japanese and Chinese (where a line ends, the
//! reference cuts words that the reader makes whole), the time and the headings. The reference is
//! the middle of the pages without lines of contents: headers, footers and tables of contents are
//! left out on purpose, and numbers alone do not count, because bookmarks have titles without them.

use std::collections::HashMap;
use std::error::Error;
use std::hash::Hash;
use std::process::Command;
use std::time::Instant;

use bytes::Bytes;
use futures::StreamExt;
use oxherd_adapters::parser::{ChildParser, ParserOptions, child};
use oxherd_study::document::{BlockKind, DocumentKind};
use oxherd_study::ports::Parser;
use unicode_normalization::UnicodeNormalization;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments.first().is_some_and(|first| first == child::SUBCOMMAND) {
        std::process::exit(child::main());
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let mut recalls = Vec::new();
    println!("{:>7} {:>7} {:>8} {:>6} {:>8}  file", "words", "pairs", "headings", "pages", "time");
    for path in &arguments {
        recalls.push(runtime.block_on(compare(path))?);
    }
    recalls.sort_by(f64::total_cmp);
    if let (Some(least), Some(median)) = (recalls.first(), recalls.get(recalls.len() / 2)) {
        println!("words: median {median:.3}, least {least:.3}");
    }
    Ok(())
}

async fn compare(path: &str) -> Result<f64, Box<dyn Error>> {
    let bytes = Bytes::from(std::fs::read(path)?);
    let source = futures::stream::iter([Ok(bytes)]).boxed();
    let parser = ChildParser::new(ParserOptions::this_program()?);
    let started = Instant::now();
    let document = parser.parse(DocumentKind::Pdf, source, &|_, _| {}).await?;
    let passed = started.elapsed();
    let text: Vec<&str> = document.blocks.iter().map(|block| &*block.text).collect();
    let (text, reference) = (folded(&text.join("\n")), folded(&reference(path)?));
    let recall = share(&words(&text), &words(&reference));
    let headings = document
        .blocks
        .iter()
        .filter(|block| matches!(block.kind, BlockKind::Heading { .. }))
        .count();
    println!(
        "{recall:>7.3} {:>7.3} {headings:>8} {:>6} {:>7.0?}  {path}",
        share(&pairs(&text), &pairs(&reference)),
        document.page_count.unwrap_or(0),
        passed,
    );
    Ok(recall)
}

/// Reads the middle of the pages with the other program.
fn reference(path: &str) -> Result<String, Box<dyn Error>> {
    let described = String::from_utf8(Command::new("pdfinfo").arg(path).output()?.stdout)?;
    let size = described
        .lines()
        .find_map(|line| line.strip_prefix("Page size:"))
        .ok_or("pdfinfo does not tell the size of the pages")?;
    let numbers: Vec<f64> = size.split_whitespace().filter_map(|word| word.parse().ok()).collect();
    let [width, height, ..] = numbers[..] else { return Err("no size".into()) };
    let number = |part: f64| (part.round() as i64).to_string();
    let output = Command::new("pdftotext")
        .args(["-x", "0", "-y", &number(height * 0.11)])
        .args(["-W", &number(width), "-H", &number(height * 0.78), path, "-"])
        .output()?;
    let text = String::from_utf8(output.stdout)?;
    let is_led = |line: &&str| line.contains(". . . .") || line.contains("......");
    Ok(text.lines().filter(|line| !is_led(line)).collect::<Vec<_>>().join("\n"))
}

fn folded(text: &str) -> String {
    text.nfkc().flat_map(char::to_lowercase).collect()
}

fn is_dense(c: char) -> bool {
    matches!(c, '\u{ac00}'..='\u{d7a3}' | '\u{3040}'..='\u{30ff}' | '\u{4e00}'..='\u{9fff}')
}

/// Words of scripts that part them with spaces and never cut them.
fn words(text: &str) -> HashMap<&str, usize> {
    let words = text.split(|c: char| !c.is_alphanumeric() || is_dense(c));
    counted(words.filter(|word| word.contains(char::is_alphabetic)))
}

fn pairs(text: &str) -> HashMap<(char, char), usize> {
    let dense: Vec<char> = text.chars().filter(|c| is_dense(*c)).collect();
    counted(dense.windows(2).map(|pair| (pair[0], pair[1])))
}

fn counted<T: Eq + Hash>(items: impl Iterator<Item = T>) -> HashMap<T, usize> {
    let mut counts = HashMap::new();
    for item in items {
        *counts.entry(item).or_insert(0) += 1;
    }
    counts
}

/// The share of the reference that was found.
fn share<T: Eq + Hash>(found: &HashMap<T, usize>, reference: &HashMap<T, usize>) -> f64 {
    let total: usize = reference.values().sum();
    let both = |(item, count): (&T, &usize)| found.get(item).copied().unwrap_or(0).min(*count);
    if total == 0 { 1.0 } else { reference.iter().map(both).sum::<usize>() as f64 / total as f64 }
}
