//! Prints what a document is read as: `cargo run --release -p oxherd-adapters --example
//! read_document -- FILE...`. It is its own parser child, as the program is.

use std::error::Error;
use std::path::Path;
use std::time::Instant;

use bytes::Bytes;
use futures::StreamExt;
use oxherd_adapters::parser::{ChildParser, ParserOptions, child};
use oxherd_study::document::{BlockKind, DocumentKind, ParsedDocument};
use oxherd_study::ports::Parser;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments.first().is_some_and(|first| first == child::SUBCOMMAND) {
        std::process::exit(child::main());
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    for path in &arguments {
        runtime.block_on(print(Path::new(path)))?;
    }
    Ok(())
}

async fn print(path: &Path) -> Result<(), Box<dyn Error>> {
    let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
    let kind = DocumentKind::ALL
        .into_iter()
        .find(|kind| kind.extensions().contains(&extension))
        .ok_or_else(|| format!("{}: none of the kinds that are read", path.display()))?;
    let bytes = Bytes::from(std::fs::read(path)?);
    let source = futures::stream::iter([Ok(bytes)]).boxed();
    let parser = ChildParser::new(ParserOptions::this_program()?);
    let started = Instant::now();
    let parsed = parser.parse(kind, source, &|_, _| {}).await;
    eprintln!("{}: {:?}", path.display(), started.elapsed());
    match parsed {
        Ok(document) => print_document(&document),
        Err(error) => println!("ERROR {error}"),
    }
    Ok(())
}

fn print_document(document: &ParsedDocument) {
    println!("TITLE {}", document.title.as_deref().unwrap_or("-"));
    println!("PAGES {}", document.page_count.unwrap_or(0));
    for block in &document.blocks {
        let kind = match block.kind {
            BlockKind::Heading { level } => format!("H{level}"),
            BlockKind::Paragraph => "P".to_owned(),
            BlockKind::ListItem => "LI".to_owned(),
            BlockKind::Code => "CODE".to_owned(),
            BlockKind::Table => "TABLE".to_owned(),
        };
        let page = block.page.map_or_else(String::new, |page| page.to_string());
        println!("{kind}\t{page}\t{}", block.text.replace('\n', "\n\t\t"));
    }
}
