//! What the local author makes of a document's structure.

use std::sync::Arc;

use proptest::prelude::*;

use super::structure;
use crate::author::local::session::sessions;
use crate::author::testing::{brief, bundle, chunk, node};
use crate::author::validation::{validate_sessions, validate_structure};
use crate::author::{Brief, BriefMaterial, StructureAnswer};
use crate::chunk::Chunk;
use crate::id::MaterialId;
use crate::language::Language;
use crate::outline::OutlineNode;

/// A chunk that takes about ten minutes to study.
fn ten_minutes(index: u32, words: &str) -> Chunk {
    chunk(index, &format!("{words}. ").repeat(6000 / (words.len() + 2)))
}

fn material(title: &str, chunks: Vec<Chunk>, outline: Vec<OutlineNode>) -> BriefMaterial {
    let bundle = Arc::new(bundle(chunks, outline));
    BriefMaterial { id: MaterialId::random(), title: title.to_owned(), bundle }
}

/// A book of chapters, each 12 chunks of ten minutes that speak of nothing but it.
fn book(title: &str, chapters: &[&str]) -> BriefMaterial {
    let chunks = (0..chapters.len() as u32 * 12)
        .map(|index| ten_minutes(index, &format!("All about {}", chapters[index as usize / 12])));
    let outline = (0..)
        .zip(chapters)
        .map(|(place, chapter)| node(chapter, 1, place * 12, place * 12 + 11, vec![]));
    material(title, chunks.collect(), outline.collect())
}

fn brief_of(goal: &str, requirements: Option<&str>, materials: Vec<BriefMaterial>) -> Brief {
    Brief {
        goal: goal.to_owned(),
        special_requirements: requirements.map(str::to_owned),
        language: Language::of(goal),
        materials,
        ..brief(&[1])
    }
}

fn titles(answer: &StructureAnswer) -> Vec<&str> {
    answer.modules.iter().map(|module| module.title.as_str()).collect()
}

fn assert_valid(brief: &Brief, answer: &StructureAnswer) {
    assert_eq!(validate_structure(brief, answer), []);
    for module in &answer.modules {
        assert_eq!(validate_sessions(brief, module, &sessions(brief, module)), []);
    }
}

#[test]
fn chapters_become_modules_in_their_order() {
    let brief = brief_of("Learn it", None, vec![book("Book", &["Disks", "Users", "Printers"])]);
    let answer = structure(&brief);
    assert_eq!(titles(&answer), ["Disks", "Users", "Printers"]);
    assert_valid(&brief, &answer);
}

#[test]
fn the_material_that_speaks_of_the_goal_comes_first() {
    let materials = || vec![book("One", &["Disks", "Users"]), book("Two", &["Printers"])];
    let brief = brief_of("Set up printers", None, materials());
    assert_eq!(titles(&structure(&brief)), ["Printers", "Disks", "Users"]);
    let brief = brief_of("Learn everything", None, materials());
    assert_eq!(titles(&structure(&brief)), ["Disks", "Users", "Printers"]);
}

#[test]
fn the_goal_gets_more_time_and_what_it_does_not_need_is_optional() {
    let chapters = ["Disks", "Users", "Printers", "Sound", "Video"];
    let brief = brief_of("Understand printers", None, vec![book("Book", &chapters)]);
    let answer = structure(&brief);
    let printers = &answer.modules[2];
    assert!(printers.stressed && !printers.optional);
    assert!(answer.modules.iter().all(|module| module.title == "Printers" || module.optional));
    assert!(printers.session_count > answer.modules[0].session_count);
    assert_valid(&brief, &answer);
}

#[test]
fn parts_are_left_out_on_request_only() {
    let book = || vec![book("Book", &["Disks", "Users", "Printers"])];
    let brief = brief_of("Learn it", Some("Skip users and focus on disks."), book());
    let answer = structure(&brief);
    assert_eq!(titles(&answer), ["Disks", "Printers"]);
    assert_eq!((answer.omitted[0].chunk_range.start, answer.omitted[0].chunk_range.end), (12, 23));
    assert!(answer.modules[0].stressed);
    assert_eq!(answer.unmet, Vec::<String>::new());
    assert_valid(&brief, &answer);

    let brief = brief_of("Learn it", Some("Skip quantum mechanics."), book());
    let answer = structure(&brief);
    assert_eq!(answer.omitted, []);
    assert_eq!(answer.unmet, ["quantum mechanics"]);
}

#[test]
fn a_section_that_is_to_be_stressed_gets_more_time_than_its_neighbours() {
    let plain = brief_of("Learn it", None, vec![book("Book", &["Disks", "Users"])]);
    let wish = Some("Focus on users");
    let stressed = brief_of("Learn it", wish, vec![book("Book", &["Disks", "Users"])]);
    let counts = |brief: &Brief| -> Vec<u32> {
        structure(brief).modules.iter().map(|module| module.session_count).collect()
    };
    let (plain, stressed) = (counts(&plain), counts(&stressed));
    assert_eq!(plain[0], stressed[0]);
    assert!(plain[1] < stressed[1], "{plain:?} {stressed:?}");
}

#[test]
fn a_wish_about_nothing_in_the_materials_is_named() {
    let materials = vec![book("Book", &["Disks", "Users"])];
    let brief = brief_of("Learn it", Some("Focus on painting. Skip disks and music."), materials);
    let answer = structure(&brief);
    assert_eq!(answer.unmet, ["music", "painting"]);
    assert_eq!(titles(&answer), ["Users"]);
}

#[test]
fn a_plan_is_never_left_without_modules() {
    let brief =
        brief_of("Learn it", Some("skip disks, users"), vec![book("B", &["Disks", "Users"])]);
    let answer = structure(&brief);
    assert_eq!(answer.modules.len(), 1);
    assert_valid(&brief, &answer);
}

#[test]
fn front_matter_is_optional_and_not_left_out() {
    let brief = brief_of("Learn it", None, vec![book("Book", &["Copyright", "Disks"])]);
    let answer = structure(&brief);
    assert!(answer.modules[0].optional && !answer.modules[1].optional);
    assert_valid(&brief, &answer);
}

#[test]
fn a_text_without_headings_is_named_after_its_material_and_its_words() {
    let chunks: Vec<Chunk> =
        (0..60).map(|index| ten_minutes(index, "Hard disks hold partitions and files")).collect();
    let outline = (0..6)
        .map(|part| node(&format!("Part {}: x", part + 1), 1, part * 10, part * 10 + 9, vec![]));
    let materials = vec![material("Notes.txt", chunks, outline.collect())];
    let brief = brief_of("Learn it", None, materials);
    let answer = structure(&brief);
    assert_eq!(titles(&answer), ["Notes (1/3)", "Notes (2/3)", "Notes (3/3)"]);
    let first = &sessions(&brief, &answer.modules[0])[0];
    assert!(first.title.contains("disk"), "{}", first.title);
    assert_valid(&brief, &answer);
}

#[test]
fn hostile_headings_become_plain_titles() {
    let chunks = vec![ten_minutes(0, "text")];
    let outline = vec![node("<script>x</script> https://evil.example\u{202E}", 1, 0, 0, vec![])];
    let brief = brief_of("<b>goal</b>", None, vec![material("[t](u)", chunks, outline)]);
    assert_valid(&brief, &structure(&brief));
}

#[test]
fn a_korean_document_gets_korean_words() {
    let chunks =
        (0..30).map(|index| chunk(index, &"파티션을 나누고 디스크를 준비한다. ".repeat(90)));
    let outline = vec![node("1장 준비", 1, 0, 14, vec![]), node("2장 설치", 1, 15, 29, vec![])];
    let materials = vec![material("설치 안내서", chunks.collect(), outline)];
    let brief = brief_of("데비안을 설치하고 싶어요", None, materials);
    let answer = structure(&brief);
    assert_eq!(titles(&answer), ["1장 준비", "2장 설치"]);
    assert_eq!(answer.title, "데비안 설치하기: 설치 안내서");
    let first = &sessions(&brief, &answer.modules[0])[0];
    assert!(first.objective.contains("설명할 수 있다"), "{}", first.objective);
    assert_valid(&brief, &answer);
}

#[test]
fn fifteen_hundred_chunks_are_planned_in_time() {
    let chapters: Vec<String> = (0..125).map(|chapter| format!("Chapter {chapter}")).collect();
    let chapters: Vec<&str> = chapters.iter().map(String::as_str).collect();
    let brief = brief_of("Learn it", None, vec![book("Book", &chapters)]);
    let start = std::time::Instant::now();
    assert_valid(&brief, &structure(&brief));
    assert!(start.elapsed().as_secs() < 20, "took {:?}", start.elapsed());
}

/// A tree of headings over so many chunks, from a list of depths.
fn outline(depths: &[u8], chunks: u32) -> Vec<OutlineNode> {
    let mut roots: Vec<OutlineNode> = Vec::new();
    for (place, depth) in depths.iter().enumerate() {
        let start = place as u32 * chunks / depths.len() as u32;
        let mut list = &mut roots;
        for _ in 0..*depth {
            if list.is_empty() {
                break;
            }
            list = &mut list.last_mut().unwrap().children;
        }
        list.push(node(&format!("Heading {place}"), depth + 1, start, chunks - 1, vec![]));
    }
    roots
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, ..ProptestConfig::default() })]

    #[test]
    fn every_answer_passes_the_checks(
        lengths in proptest::collection::vec(1_usize..1500, 1..60),
        depths in proptest::collection::vec(0_u8..4, 0..40),
        goal in ".{1,60}",
        wish in proptest::option::of("(skip|without|focus on) heading [0-9]{1,2}|.{0,40} 제외"),
        title in ".{0,130}",
    ) {
        let chunks: Vec<Chunk> = (0..).zip(&lengths)
            .map(|(index, length)| chunk(index, &"word ".repeat(*length)))
            .collect();
        let mut outline = outline(&depths, chunks.len() as u32);
        if let Some(root) = outline.first_mut() {
            root.title.clone_from(&title);
        }
        let materials = vec![material(&title, chunks, outline), book("B", &["Disks"])];
        let brief = brief_of(&goal, wish.as_deref(), materials);
        assert_valid(&brief, &structure(&brief));
    }
}
