//! A document as a list of sections: a heading, and the text between it and the next one.

use super::contents::drop_contents;
use crate::document::{Block, BlockKind, ParsedDocument};
use crate::language::Language;
use crate::material::TITLE_MAX;

/// Text before the first heading that is shorter than this is a title page: it opens the first
/// section instead of getting a heading that the document does not have.
const TITLE_PAGE_MAX: usize = 400;

/// A heading and the text between it and the next one.
pub(super) struct Section {
    /// `None` only when the document has no headings; then it is the only section.
    pub(super) heading: Option<Heading>,
    /// The text; empty only when the headings below have some.
    pub(super) blocks: Vec<Block>,
}

/// A heading.
#[derive(Clone)]
pub(super) struct Heading {
    pub(super) title: String,
    /// 1 is the highest; levels may be left out.
    pub(super) level: u8,
    pub(super) page: Option<u32>,
}

/// Finds the sections, in order. Headings that head no text are text of the section before: a
/// table of contents is full of them.
pub(super) fn sections(document: &ParsedDocument) -> Vec<Section> {
    let mut sections = fold_empty(split(&document.blocks));
    drop_contents(&mut sections);
    if sections[0].blocks.is_empty() {
        sections.remove(0);
    } else if sections.len() > 1 {
        settle_preamble(&mut sections, document.title.as_deref());
    }
    sections
}

/// One section per heading, after one for the text before the first heading.
fn split(blocks: &[Block]) -> Vec<Section> {
    let mut sections = Vec::new();
    let mut current = Section { heading: None, blocks: Vec::new() };
    for block in blocks.iter().filter(|block| !block.text.trim().is_empty()) {
        match heading_of(block) {
            Some(heading) => {
                let next = Section { heading: Some(heading), blocks: Vec::new() };
                sections.push(std::mem::replace(&mut current, next));
            }
            None => current.blocks.push(block.clone()),
        }
    }
    sections.push(current);
    sections
}

/// A heading that is longer than a title can be is a paragraph that looks like one.
fn heading_of(block: &Block) -> Option<Heading> {
    let BlockKind::Heading { level } = block.kind else { return None };
    let title = block.text.split_whitespace().collect::<Vec<_>>().join(" ");
    (title.chars().count() <= TITLE_MAX).then_some(Heading { title, level, page: block.page })
}

/// Makes text of the headings that neither own text nor have headings below that do.
fn fold_empty(sections: Vec<Section>) -> Vec<Section> {
    let keeps = sections_to_keep(&sections);
    let mut kept: Vec<Section> = Vec::with_capacity(sections.len());
    for (section, keep) in sections.into_iter().zip(keeps) {
        match (section.heading, kept.last_mut()) {
            (Some(heading), Some(before)) if !keep => before.blocks.push(Block {
                kind: BlockKind::Paragraph,
                text: heading.title,
                page: heading.page,
                page_turns: Vec::new(),
            }),
            (heading, _) => kept.push(Section { heading, blocks: section.blocks }),
        }
    }
    kept
}

/// Reads backwards: `lowest` is the level of the highest kept heading since the last one above it.
fn sections_to_keep(sections: &[Section]) -> Vec<bool> {
    let mut keeps = vec![true; sections.len()];
    let mut below: Option<u8> = None;
    for (keep, section) in keeps.iter_mut().zip(sections).rev() {
        let Some(heading) = &section.heading else { continue };
        let heads_text = below.is_some_and(|level| level > heading.level);
        *keep = !section.blocks.is_empty() || heads_text;
        if *keep {
            below = Some(heading.level);
        }
    }
    keeps
}

/// Gives the text before the first heading a place in the outline.
fn settle_preamble(sections: &mut Vec<Section>, document_title: Option<&str>) {
    let length: usize = sections[0].blocks.iter().map(|block| block.text.chars().count()).sum();
    if length < TITLE_PAGE_MAX {
        let mut blocks = sections.remove(0).blocks;
        blocks.append(&mut sections[0].blocks);
        sections[0].blocks = blocks;
        return;
    }
    let title = preamble_title(sections, document_title);
    let level = sections[1].heading.as_ref().map_or(1, |next| next.level);
    let page = sections[0].blocks[0].page;
    sections[0].heading = Some(Heading { title, level, page });
}

/// The document's title, unless a heading has it already.
fn preamble_title(sections: &[Section], document_title: Option<&str>) -> String {
    let is_taken = |title: &str| {
        let mut headings = sections.iter().filter_map(|section| section.heading.as_ref());
        headings.any(|heading| heading.title.eq_ignore_ascii_case(title))
    };
    let own = document_title.map(str::trim).filter(|title| !title.is_empty() && !is_taken(title));
    match own {
        Some(title) => title.chars().take(TITLE_MAX).collect(),
        None => {
            match Language::of_all(sections[0].blocks.iter().map(|block| block.text.as_str())) {
                Language::Korean => "들어가며".to_owned(),
                Language::English => "Introduction".to_owned(),
            }
        }
    }
}
