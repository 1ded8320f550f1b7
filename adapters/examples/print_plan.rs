//! Prints the plan that documents become, as text: `cargo run --release -p oxherd-adapters
//! --example print_plan -- [--goal TEXT] [--wishes TEXT] [--until DATE] [--week N] FILE...`.
//!
//! The same steps as the service's, without a store; it is its own parser child.

use std::error::Error;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use futures::StreamExt;
use oxherd_adapters::parser::{ChildParser, ParserOptions, child};
use oxherd_study::author::local::LocalAuthor;
use oxherd_study::author::validation::{validate_sessions, validate_structure};
use oxherd_study::author::{Author, Brief, BriefMaterial, SessionAnswer, StructureAnswer};
use oxherd_study::bundle::Bundle;
use oxherd_study::chunk::chunk_document;
use oxherd_study::document::DocumentKind;
use oxherd_study::id::MaterialId;
use oxherd_study::language::Language;
use oxherd_study::ports::{Calendar, Parser, SystemCalendar};
use oxherd_study::requirements::Wishes;
use oxherd_study::schedule::{Rules, Schedule, schedule};
use oxherd_study::vector::Vectors;

#[derive(Default)]
struct Request {
    goal: Option<String>,
    wishes: Option<String>,
    until: Option<String>,
    week: Option<u32>,
    files: Vec<String>,
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1).peekable();
    if arguments.peek().is_some_and(|first| first == child::SUBCOMMAND) {
        std::process::exit(child::main());
    }
    let mut request = Request::default();
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--goal" => request.goal = arguments.next(),
            "--wishes" => request.wishes = arguments.next(),
            "--until" => request.until = arguments.next(),
            "--week" => request.week = arguments.next().map(|week| week.parse()).transpose()?,
            _ => request.files.push(argument),
        }
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(print(&request))
}

async fn print(request: &Request) -> Result<(), Box<dyn Error>> {
    let mut materials = Vec::new();
    for file in &request.files {
        materials.push(material(Path::new(file)).await?);
    }
    let goal = request.goal.clone().unwrap_or_else(|| "Learn it".to_owned());
    let brief = Brief {
        language: Language::of(&goal),
        goal,
        special_requirements: request.wishes.clone(),
        today: SystemCalendar.today("Asia/Seoul"),
        target_due_date: request.until.as_deref().map(str::parse).transpose()?,
        materials,
    };
    let started = std::time::Instant::now();
    let structure = LocalAuthor.structure(&brief).await?;
    let mut violations = validate_structure(&brief, &structure);
    let mut modules = Vec::new();
    for module in &structure.modules {
        let sessions = LocalAuthor.sessions(&brief, module).await?;
        violations.extend(validate_sessions(&brief, module, &sessions));
        modules.push(sessions);
    }
    eprintln!("written in {:?}", started.elapsed());
    let wishes = Wishes::read(request.wishes.as_deref().unwrap_or_default());
    let rules = Rules {
        today: brief.today,
        target: brief.target_due_date,
        week_max: request.week,
        days: wishes.days,
    };
    let dates = schedule(modules.iter().map(Vec::len).sum(), &rules);
    print_plan(&brief, &structure, &modules, &dates);
    violations.iter().for_each(|violation| println!("VIOLATION {violation}"));
    Ok(())
}

async fn material(path: &Path) -> Result<BriefMaterial, Box<dyn Error>> {
    let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
    let kind = DocumentKind::ALL
        .into_iter()
        .find(|kind| kind.extensions().contains(&extension))
        .ok_or_else(|| format!("{}: none of the kinds that are read", path.display()))?;
    let source = futures::stream::iter([Ok(Bytes::from(std::fs::read(path)?))]).boxed();
    let parser = ChildParser::new(ParserOptions::this_program()?);
    let document = parser.parse(kind, source, &|_, _| {}).await?;
    let chunked = chunk_document(&document);
    let text: Vec<&str> = chunked.chunks.iter().map(|chunk| chunk.text.as_str()).collect();
    let name = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or("document");
    Ok(BriefMaterial {
        id: MaterialId::random(),
        title: document.title.unwrap_or_else(|| name.to_owned()),
        bundle: Arc::new(Bundle {
            document_title: None,
            page_count: document.page_count,
            summary: String::new(),
            language: Language::of(&text.join(" ")),
            chunks: chunked.chunks,
            outline: chunked.outline,
            embedding_model: String::new(),
            vectors: Vectors::default(),
            index: Bytes::new(),
        }),
    })
}

fn print_plan(
    brief: &Brief,
    structure: &StructureAnswer,
    modules: &[Vec<SessionAnswer>],
    dates: &Schedule,
) {
    println!("# {}\n\n{}\n", structure.title, structure.summary);
    println!("Goal: {}", brief.goal);
    if let Some(wishes) = &brief.special_requirements {
        println!("Wishes: {wishes}");
    }
    if let Some(date) = dates.feasible_date {
        println!("Warning: not possible before {date}");
    }
    structure.unmet.iter().for_each(|wish| println!("Warning: not understood: {wish}"));
    for part in &structure.omitted {
        println!("Left out: {:?} for “{}”", part.chunk_range, part.reason);
    }
    let mut next = dates.dates.iter();
    for (module, sessions) in structure.modules.iter().zip(modules) {
        let marks = [(module.optional, " (optional)"), (module.stressed, " (for the goal)")];
        let marks: String = marks.iter().filter(|mark| mark.0).map(|mark| mark.1).collect();
        println!("\n## {}{marks}\n{}", module.title, module.description);
        for session in sessions {
            let date = next.next().map_or_else(String::new, ToString::to_string);
            let chunks = &brief.materials[module.material_index].bundle.chunks;
            let page = chunks[session.chunk_range.start as usize].page;
            let page = page.map_or_else(String::new, |page| format!(", p. {page}"));
            let optional = if session.optional { ", optional" } else { "" };
            println!(
                "- {date} · {} min · {}\n  {}\n  (passages {}-{}{page}{optional})",
                session.estimated_minutes,
                session.title,
                session.objective,
                session.chunk_range.start,
                session.chunk_range.end,
            );
        }
    }
}
