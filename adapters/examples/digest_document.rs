//! Prints what is kept of a document, and what it costs: `cargo run --release -p oxherd-adapters
//! --example digest_document -- FILE [QUERY]...`. It is its own parser child, as the program is.

use std::error::Error;
use std::path::Path;
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures::StreamExt;
use oxherd_adapters::embedder::HashedEmbedder;
use oxherd_adapters::index::TantivyIndex;
use oxherd_adapters::parser::{ChildParser, ParserOptions, child};
use oxherd_study::bundle::Bundle;
use oxherd_study::chunk::{Chunked, chunk_document};
use oxherd_study::document::{DocumentKind, ParsedDocument};
use oxherd_study::language::Language;
use oxherd_study::outline::OutlineNode;
use oxherd_study::ports::{Embedder, OpenBundle, Parser, TextIndex};
use oxherd_study::retrieve::snippet;
use oxherd_study::summary::summarize;
use oxherd_study::vector::Vectors;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments.first().is_some_and(|first| first == child::SUBCOMMAND) {
        std::process::exit(child::main());
    }
    let (path, queries) = arguments.split_first().ok_or("give the path of a document")?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(digest(Path::new(path), queries))
}

async fn digest(path: &Path, queries: &[String]) -> Result<(), Box<dyn Error>> {
    let document = timed("parsed", parse(path)).await?;
    let chunked = timed("cut", async { chunk_document(&document) }).await;
    let summary = timed("summarized", async { summarize(&chunked.chunks) }).await;
    println!("TITLE {}", document.title.as_deref().unwrap_or("-"));
    println!("SUMMARY {summary}");
    print_outline(&chunked.outline);
    print_lengths(&chunked);
    let open = bundle(document, chunked, summary).await?;
    let encoded = timed("encoded", async { open.bundle.encode() }).await?;
    timed("decoded", async { Bundle::decode(&encoded) }).await?;
    println!("BUNDLE {} KiB, index {} KiB", encoded.len() / 1024, open.bundle.index.len() / 1024);
    let index = TantivyIndex::default();
    for query in queries {
        search(&index, &open, query).await?;
    }
    Ok(())
}

async fn timed<T>(what: &str, work: impl Future<Output = T>) -> T {
    let started = Instant::now();
    let answer = work.await;
    eprintln!("{what:>12} in {:.1} ms", milliseconds(started.elapsed()));
    answer
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

async fn parse(path: &Path) -> Result<ParsedDocument, Box<dyn Error>> {
    let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
    let kind = DocumentKind::ALL
        .into_iter()
        .find(|kind| kind.extensions().contains(&extension))
        .ok_or_else(|| format!("{}: none of the kinds that are read", path.display()))?;
    let source = futures::stream::iter([Ok(Bytes::from(std::fs::read(path)?))]).boxed();
    let parser = ChildParser::new(ParserOptions::this_program()?);
    Ok(parser.parse(kind, source, &|_, _| {}).await?)
}

async fn bundle(
    document: ParsedDocument,
    chunked: Chunked,
    summary: String,
) -> Result<OpenBundle, Box<dyn Error>> {
    let Chunked { chunks, outline } = chunked;
    let texts: Vec<String> = chunks.iter().map(|chunk| chunk.text.clone()).collect();
    let vectors = timed("embedded", HashedEmbedder.embed(&texts)).await?;
    let index = timed("indexed", TantivyIndex::default().build(&chunks)).await?;
    let bundle = Bundle {
        language: Language::of_all(texts.iter().map(String::as_str)),
        chunks,
        outline,
        document_title: document.title,
        summary,
        page_count: document.page_count,
        embedding_model: HashedEmbedder.model().to_owned(),
        vectors: Vectors::quantize(&vectors)?,
        index,
    };
    Ok(OpenBundle { key: "the document".to_owned(), bundle: bundle.into() })
}

fn print_outline(nodes: &[OutlineNode]) {
    for node in nodes {
        let indent = "  ".repeat(usize::from(node.level));
        let range = node.chunk_range;
        let page = node.page.map_or_else(String::new, |page| format!(" p{page}"));
        let keywords = node.keywords.join(", ");
        println!("{indent}{} [{}-{}{page}] ({keywords})", node.title, range.start, range.end);
        print_outline(&node.children);
    }
}

fn print_lengths(chunked: &Chunked) {
    let mut lengths: Vec<usize> =
        chunked.chunks.iter().map(|chunk| chunk.text.chars().count()).collect();
    lengths.sort_unstable();
    let at = |share: usize| lengths.get(lengths.len() * share / 100).copied().unwrap_or_default();
    println!(
        "CHUNKS {} of 5% {} / 50% {} / 95% {} / max {} characters",
        lengths.len(),
        at(5),
        at(50),
        at(95),
        lengths.last().copied().unwrap_or_default()
    );
}

async fn search(
    index: &TantivyIndex,
    open: &OpenBundle,
    query: &str,
) -> Result<(), Box<dyn Error>> {
    let bundles = std::slice::from_ref(open);
    println!("QUERY {query}");
    let hits = timed("opened", index.search(bundles, query, 3)).await?;
    timed("found", index.search(bundles, query, 10)).await?;
    for hit in hits {
        let chunk = &open.bundle.chunks[hit.chunk as usize];
        let path = chunk.heading_path.join(" > ");
        println!("  {:.2} [{}] {path}: {}", hit.score, chunk.index, snippet(&chunk.text, query));
    }
    let query = HashedEmbedder.embed(&[query.to_owned()]).await?.pop().unwrap_or_default();
    let mut near: Vec<(f32, usize)> =
        timed("scanned", async { open.bundle.vectors.products(&query) })
            .await
            .into_iter()
            .zip(0..)
            .collect();
    near.sort_by(|a, b| b.0.total_cmp(&a.0));
    println!("  near: {:.3?}", &near[..near.len().min(5)]);
    Ok(())
}
