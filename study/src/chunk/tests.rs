//! What the chunker promises, on small documents and on arbitrary ones.

use proptest::prelude::*;

use super::*;
use crate::document::{Block, BlockKind, PageTurn};

fn heading(level: u8, text: &str) -> Block {
    block(BlockKind::Heading { level }, text)
}

fn paragraph(text: &str) -> Block {
    block(BlockKind::Paragraph, text)
}

fn block(kind: BlockKind, text: &str) -> Block {
    Block { kind, text: text.to_owned(), page: None, page_turns: Vec::new() }
}

fn document(blocks: Vec<Block>) -> ParsedDocument {
    ParsedDocument { title: None, page_count: None, blocks }
}

/// A paragraph of exactly so many characters.
fn filler(length: usize) -> String {
    "Words of the text go on. ".chars().cycle().take(length - 1).chain(['x']).collect()
}

fn titles(nodes: &[OutlineNode]) -> Vec<String> {
    nodes.iter().map(|node| node.title.clone()).collect()
}

#[test]
fn chunks_stand_under_their_headings_and_never_reach_over_one() {
    let chunked = chunk_document(&document(vec![
        heading(1, "One"),
        paragraph("a"),
        heading(2, "One  and\na half"),
        paragraph("b"),
        heading(1, "Two"),
        paragraph("c"),
    ]));

    let texts: Vec<&str> = chunked.chunks.iter().map(|chunk| chunk.text.as_str()).collect();
    assert_eq!(texts, ["a", "b", "c"]);
    assert_eq!(chunked.chunks[1].heading_path, ["One", "One and a half"]);
    assert_eq!(titles(&chunked.outline), ["One", "Two"]);
    assert_eq!(titles(&chunked.outline[0].children), ["One and a half"]);
    assert_eq!((chunked.outline[0].chunk_range.start, chunked.outline[0].chunk_range.end), (0, 1));
    assert_eq!(chunked.outline[0].children[0].level, 2);
}

#[test]
fn a_table_of_contents_makes_no_empty_nodes_and_loses_no_text() {
    let chunked = chunk_document(&document(vec![
        heading(1, "Contents"),
        heading(2, "One"),
        heading(2, "Two"),
        heading(1, "One"),
        paragraph("a"),
        heading(1, "Two"),
        paragraph("b"),
        heading(1, "The end"),
    ]));

    assert_eq!(titles(&chunked.outline), ["One", "Two"]);
    assert_eq!(chunked.chunks[0].text, "Contents\n\nOne\n\nTwo\n\na");
    assert_eq!(chunked.chunks[1].text, "b\n\nThe end");
}

#[test]
fn long_text_before_the_first_heading_gets_a_place_of_its_own() {
    let blocks = vec![paragraph(&filler(500)), heading(2, "One"), paragraph("a")];

    let unnamed = chunk_document(&document(blocks.clone()));
    assert_eq!(titles(&unnamed.outline), ["Introduction", "One"]);

    let named = ParsedDocument { title: Some("The book".to_owned()), ..document(blocks.clone()) };
    assert_eq!(titles(&chunk_document(&named).outline), ["The book", "One"]);

    let taken = ParsedDocument { title: Some("ONE".to_owned()), ..document(blocks) };
    assert_eq!(titles(&chunk_document(&taken).outline), ["Introduction", "One"]);
}

#[test]
fn a_title_page_opens_the_first_section() {
    let chunked = chunk_document(&document(vec![
        paragraph("By A. Author"),
        heading(1, "One"),
        paragraph("a"),
    ]));
    assert_eq!(titles(&chunked.outline), ["One"]);
    assert_eq!(chunked.chunks[0].text, "By A. Author\n\na");
    assert_eq!(chunked.chunks[0].heading_path, ["One"]);
}

#[test]
fn a_document_without_headings_is_divided_evenly_and_named_by_pages() {
    let pages = (1..=20).map(|page| Block { page: Some(page), ..paragraph(&filler(1100)) });
    let chunked = chunk_document(&document(pages.collect()));
    assert_eq!(titles(&chunked.outline), ["Pages 1-6", "Pages 7-13", "Pages 14-20"]);
    assert!(chunked.chunks.iter().all(|chunk| chunk.heading_path.is_empty()));
}

#[test]
fn a_short_document_without_headings_is_named_by_its_title() {
    let titled =
        ParsedDocument { title: Some("Letter".to_owned()), ..document(vec![paragraph("Dear")]) };
    assert_eq!(titles(&chunk_document(&titled).outline), ["Letter"]);
}

#[test]
fn parts_without_pages_are_named_by_what_they_are_about() {
    let small_words = "and so on and on, as it goes, ".repeat(50);
    let about = |subject: &str| paragraph(&format!("The {subject} is here {small_words}"));
    let blocks = (0..8).map(|_| about("hard disk")).chain((0..8).map(|_| about("network card")));
    let chunked = chunk_document(&document(blocks.collect()));
    let titles = titles(&chunked.outline);
    assert!(titles[0].starts_with("Part 1: hard disk"), "{titles:?}");
    assert!(titles[1].starts_with("Part 2: network card"), "{titles:?}");
    assert_eq!(titles.len(), 2);

    let short = chunk_document(&document(vec![paragraph("The hard disk. The hard disk.")]));
    assert_eq!(short.outline[0].title, "hard disk");
}

#[test]
fn a_long_document_without_headings_has_an_outline_that_can_be_surveyed() {
    let blocks = (0..600).map(|_| paragraph(&filler(1200))).collect();
    assert_eq!(chunk_document(&document(blocks)).outline.len(), 24);
}

#[test]
fn sections_are_divided_evenly_and_leave_no_crumbs() {
    let paragraphs = (0..9).map(|_| paragraph(&filler(300))).chain([paragraph("The end.")]);
    let lengths: Vec<usize> = chunk_document(&document(paragraphs.collect()))
        .chunks
        .iter()
        .map(|chunk| chunk.text.chars().count())
        .collect();
    assert_eq!(lengths.len(), 2);
    assert!(lengths.iter().all(|length| (1000..2000).contains(length)), "{lengths:?}");
}

#[test]
fn long_paragraphs_split_between_sentences_and_code_between_lines() {
    let text = "이 문장은 여러 번 되풀이됩니다. ".repeat(200);
    for chunk in chunk_document(&document(vec![paragraph(&text)])).chunks {
        assert!(chunk.text.ends_with("됩니다."), "{}", chunk.text);
    }
    let code = "let x = f(1. 2);\n".repeat(300);
    for chunk in chunk_document(&document(vec![block(BlockKind::Code, &code)])).chunks {
        assert!(chunk.text.starts_with("let") && chunk.text.ends_with(';'));
    }
}

#[test]
fn a_hostile_document_takes_no_time() {
    let one_word = paragraph(&"x".repeat(15_000_000));
    let alike = "a".repeat(150);
    let headings = (0..1000).map(|place| heading(2, &format!("{alike}{}", "b".repeat(place % 40))));
    let blocks = headings.flat_map(|heading| [heading, paragraph(&alike.repeat(20))]);
    let document = document([one_word].into_iter().chain(blocks).collect());

    let started = std::time::Instant::now();
    let chunked = chunk_document(&document);

    assert!(chunked.chunks.len() > 10_000);
    assert!(started.elapsed().as_secs() < 30, "{:?}", started.elapsed());
}

#[test]
fn pages_follow_the_blocks() {
    let on = |page, text: &str| Block { page: Some(page), ..paragraph(text) };
    let chunked = chunk_document(&document(vec![on(3, "a"), paragraph("b"), on(4, "c")]));
    assert_eq!((chunked.chunks[0].page, chunked.chunks[0].page_end), (Some(3), Some(4)));
}

#[test]
fn a_block_over_a_page_break_ends_on_the_next_page() {
    let turn = PageTurn { at: 6, page: 4 };
    let short = Block { page: Some(3), page_turns: vec![turn], ..paragraph("first second") };
    let chunked = chunk_document(&document(vec![short]));
    assert_eq!((chunked.chunks[0].page, chunked.chunks[0].page_end), (Some(3), Some(4)));
}

#[test]
fn each_part_of_a_long_block_stands_on_its_own_pages() {
    let text = filler(5000);
    let turns = vec![PageTurn { at: 1500, page: 4 }, PageTurn { at: 3900, page: 6 }];
    let long = Block { page: Some(3), page_turns: turns, ..paragraph(&text) };

    let chunked = chunk_document(&document(vec![long]));

    let mut at = 0;
    for chunk in &chunked.chunks {
        let start = at + text[at..].find(&chunk.text).unwrap();
        at = start + chunk.text.len();
        let page = |byte: usize| {
            if byte < 1500 {
                3
            } else if byte < 3900 {
                4
            } else {
                6
            }
        };
        assert_eq!((chunk.page, chunk.page_end), (Some(page(start)), Some(page(at - 1))));
    }
}

#[test]
fn a_document_without_text_has_no_chunks_and_no_outline() {
    let chunked = chunk_document(&document(vec![paragraph(" \n ")]));
    assert!(chunked.chunks.is_empty() && chunked.outline.is_empty());
}

fn any_block() -> impl Strategy<Value = Block> {
    let kind = prop_oneof![
        (1_u8..=6).prop_map(|level| BlockKind::Heading { level }),
        Just(BlockKind::Paragraph),
        Just(BlockKind::ListItem),
        Just(BlockKind::Code),
        Just(BlockKind::Table),
    ];
    let text =
        prop_oneof!["[a-c가-다 .\n]{0,40}", "([a-z가-힣]{1,12}[.]? ){0,400}", "[a-z]{0,5000}",];
    (kind, text, proptest::option::of(1_u32..9)).prop_map(|(kind, text, page)| Block {
        kind,
        text,
        page,
        page_turns: Vec::new(),
    })
}

fn letters(text: &str) -> String {
    text.chars().filter(|c| !c.is_whitespace()).collect()
}

/// Walks the outline: ranges nest, follow each other, and lie in the parent's.
fn check_ranges(nodes: &[OutlineNode], within: std::ops::RangeInclusive<u32>) {
    let mut next = *within.start();
    for node in nodes {
        let range = node.chunk_range;
        assert!(range.start >= next && range.end >= range.start && range.end <= *within.end());
        check_ranges(&node.children, range.start..=range.end);
        next = range.end + 1;
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn every_text_is_in_one_chunk_in_order_and_the_outline_covers_all(
        mut blocks in prop::collection::vec(any_block(), 0..30),
    ) {
        // A heading's text is unlike any other, so that it is known whether it was kept.
        for (place, block) in blocks.iter_mut().enumerate() {
            if matches!(block.kind, BlockKind::Heading { .. }) {
                let letter = char::from_u32(0x0430 + place as u32).unwrap();
                block.text = format!("{letter}{letter}{letter}: {}", block.text);
            }
        }
        let document = document(blocks);
        let chunked = chunk_document(&document);

        // Texts, in order: all of them but the headings that became nodes.
        let kept: String = chunked.chunks.iter().map(|chunk| letters(&chunk.text)).collect();
        let mut rest = kept.as_str();
        for block in document.blocks.iter().filter(|block| !block.text.trim().is_empty()) {
            match rest.strip_prefix(letters(&block.text).as_str()) {
                Some(after) => rest = after,
                None => {
                    let is_heading = matches!(block.kind, BlockKind::Heading { .. });
                    prop_assert!(is_heading, "lost: {:?}", block);
                }
            }
        }
        prop_assert_eq!(rest, "");

        for (place, chunk) in chunked.chunks.iter().enumerate() {
            prop_assert_eq!(chunk.index as usize, place);
            prop_assert!(!chunk.text.trim().is_empty());
            prop_assert!(chunk.text.chars().count() <= LENGTH_MAX + 100);
        }
        if let Some(last) = chunked.chunks.last() {
            check_ranges(&chunked.outline, 0..=last.index);
            let mut next = 0;
            for root in &chunked.outline {
                prop_assert_eq!(root.chunk_range.start, next);
                next = root.chunk_range.end + 1;
            }
            prop_assert_eq!(next, last.index + 1);
        }
        prop_assert_eq!(chunk_document(&document), chunked);
    }
}
