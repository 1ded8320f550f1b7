//! Which answers are refused.

use super::{validate_sessions, validate_structure};
use crate::author::testing::{brief, module, session, structure};
use crate::author::{Brief, Omission, StructureAnswer};
use crate::outline::ChunkRange;

/// A brief of two materials of 10 and 4 chunks, and an answer that passes.
fn good() -> (Brief, StructureAnswer) {
    let modules =
        vec![module("B", 1, 0, 3, 1), module("A", 0, 0, 5, 2), module("A, second", 0, 6, 9, 1)];
    (brief(&[10, 4]), structure(modules))
}

fn check(change: impl FnOnce(&mut StructureAnswer), expected: &[&str]) {
    let (brief, mut answer) = good();
    change(&mut answer);
    let found: Vec<String> =
        validate_structure(&brief, &answer).iter().map(ToString::to_string).collect();
    assert_eq!(found, expected);
}

#[test]
fn a_good_structure_passes() {
    check(|_| (), &[]);
}

#[test]
fn every_chunk_is_covered_exactly_once() {
    check(
        |answer| answer.modules[2].chunk_range.start = 7,
        &["modules leaves out chunks 6 to 6 of material 0"],
    );
    check(
        |answer| answer.modules[2].chunk_range.start = 5,
        &["modules[2].chunkRange covers chunk 5 of material 0 again"],
    );
    check(
        |answer| drop(answer.modules.remove(0)),
        &["modules leaves out chunks 0 to 3 of material 1"],
    );
}

#[test]
fn an_omission_covers_what_was_asked_to_be_left_out() {
    check(
        |answer| {
            let part = answer.modules.remove(2);
            answer.omitted.push(Omission {
                material_index: 0,
                chunk_range: part.chunk_range,
                reason: "skip it".to_owned(),
            });
        },
        &[],
    );
}

#[test]
fn modules_keep_the_order_of_their_material() {
    check(
        |answer| answer.modules.swap(1, 2),
        &["modules[2].chunkRange begins with 0, after chunk 9"],
    );
}

#[test]
fn ranges_lie_inside_the_material() {
    check(
        |answer| answer.modules[2].chunk_range.end = 10,
        &["modules[2].chunkRange is 6 to 10: the material has 10 chunks, from 0"],
    );
    check(
        |answer| answer.modules[0].material_index = 2,
        &["modules[0].materialIndex is 2: there are 2 materials, from 0"],
    );
    check(
        |answer| answer.modules[0].chunk_range = ChunkRange { start: 3, end: u32::MAX },
        &["modules[0].chunkRange is 3 to 4294967295: the material has 4 chunks, from 0"],
    );
}

#[test]
fn texts_are_plain_and_of_the_right_length() {
    check(|answer| answer.title = String::new(), &["title has 0 characters: 1 to 100"]);
    check(|answer| answer.title = "가".repeat(100), &[]);
    check(|answer| answer.title = "가".repeat(101), &["title has 101 characters: 1 to 100"]);
    check(|answer| answer.summary = " ".to_owned(), &["summary is blank"]);
    check(
        |answer| answer.modules[1].title = "see www.example.org".to_owned(),
        &["modules[1].title holds a link"],
    );
    check(
        |answer| answer.modules[1].description = "d".repeat(201),
        &["modules[1].description has 201 characters: 0 to 200"],
    );
}

#[test]
fn a_plan_without_modules_is_no_plan() {
    let (brief, mut answer) = good();
    answer.modules.clear();
    let found = validate_structure(&brief, &answer);
    assert_eq!(found[0].to_string(), "modules is empty: a plan needs at least one");
}

#[test]
fn a_module_has_no_more_sessions_than_chunks() {
    check(
        |answer| answer.modules[0].session_count = 5,
        &["modules[0].sessionCount is 5: it has to be 1 to 4, the number of chunks"],
    );
    check(
        |answer| answer.modules[0].session_count = 0,
        &["modules[0].sessionCount is 0: it has to be 1 to 4, the number of chunks"],
    );
}

#[test]
fn sessions_cover_their_module_exactly_once_and_in_order() {
    let brief = brief(&[10]);
    let module = module("A", 0, 2, 9, 2);
    let check = |sessions: &[(u32, u32)], expected: &[&str]| {
        let sessions: Vec<_> = sessions.iter().map(|&(start, end)| session(start, end)).collect();
        let found = validate_sessions(&brief, &module, &sessions);
        assert_eq!(found.iter().map(ToString::to_string).collect::<Vec<_>>(), expected);
    };
    check(&[(2, 5), (6, 9)], &[]);
    check(&[(2, 5), (7, 9)], &["sessions[1].chunkRange is 7 to 9: it has to begin with 6"]);
    check(&[(2, 5), (5, 9)], &["sessions[1].chunkRange is 5 to 9: it has to begin with 6"]);
    check(&[(2, 5), (6, 8)], &["sessions end with chunk 8, not with 9"]);
    check(&[(2, 9)], &["sessions has 1 entries, asked were 2"]);
}

#[test]
fn sessions_take_25_to_50_minutes() {
    let brief = brief(&[2]);
    let module = module("A", 0, 0, 1, 1);
    for (minutes, passes) in [(24, false), (25, true), (50, true), (51, false)] {
        let mut session = session(0, 1);
        session.estimated_minutes = minutes;
        assert_eq!(validate_sessions(&brief, &module, &[session]).is_empty(), passes, "{minutes}");
    }
}
