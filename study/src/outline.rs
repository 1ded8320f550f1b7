//! The outline of a material: its headings as a tree over its chunks, or even parts when it has no
//! headings.

use serde::{Deserialize, Serialize};

use crate::chunk::{Chunk, Headed};
use crate::keyword::Vocabulary;
use crate::language::Language;

/// The most keywords of a node.
const KEYWORDS_MAX: usize = 8;
/// How many chunks a part of a document without headings has, about: ten minutes of reading.
const PART_CHUNKS: usize = 8;
/// The most parts of a document without headings; more is a list and no overview.
const PARTS_MAX: usize = 24;

/// Inclusive, 0-based chunk indexes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChunkRange {
    /// The first chunk.
    pub start: u32,
    /// The last chunk.
    pub end: u32,
}

impl ChunkRange {
    /// Returns the number of chunks.
    #[must_use]
    pub fn count(self) -> u32 {
        (self.end + 1).saturating_sub(self.start)
    }
}

/// A heading and what stands under it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OutlineNode {
    /// The heading as the document writes it.
    pub title: String,
    /// 1 is the highest.
    pub level: u8,
    /// The 1-based page of the heading, for documents with pages.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub page: Option<u32>,
    /// The chunks under it, its children's included.
    pub chunk_range: ChunkRange,
    /// The words that tell this part from the others, most telling first, at most 8.
    pub keywords: Vec<String>,
    /// The headings under it.
    pub children: Vec<OutlineNode>,
}

/// Builds the tree of a document with headings; its first heading begins with the first chunk.
pub(crate) fn tree(headed: &[Headed], chunks: &[Chunk]) -> Vec<OutlineNode> {
    let vocabulary = vocabulary(chunks);
    // Nodes whose end is not known yet, the deepest last.
    let mut open: Vec<OutlineNode> = Vec::new();
    let mut roots = Vec::new();
    for heading in headed {
        close(&mut open, &mut roots, heading.depth, heading.start, &vocabulary);
        open.push(node(&heading.title, heading.depth, heading.page, heading.start..heading.start));
    }
    close(&mut open, &mut roots, 1, chunks.len(), &vocabulary);
    roots
}

/// Ends the open nodes at `depth` and below before the chunk `end`.
fn close(
    open: &mut Vec<OutlineNode>,
    roots: &mut Vec<OutlineNode>,
    depth: usize,
    end: usize,
    vocabulary: &Vocabulary,
) {
    while open.len() >= depth
        && let Some(mut node) = open.pop()
    {
        let start = node.chunk_range.start;
        node.chunk_range.end = to_index(end).saturating_sub(1).max(start);
        node.keywords = vocabulary.keyphrases(start as usize..end, KEYWORDS_MAX);
        match open.last_mut() {
            Some(parent) => parent.children.push(node),
            None => roots.push(node),
        }
    }
}

/// Divides a document without headings into even parts, named by their pages, else by their key
/// phrases; a single part is named like the document.
pub(crate) fn flat(document_title: Option<&str>, chunks: &[Chunk]) -> Vec<OutlineNode> {
    let language = Language::of_all(chunks.iter().map(|chunk| chunk.text.as_str()));
    let vocabulary = vocabulary(chunks);
    let count = chunks.len().div_ceil(PART_CHUNKS).min(PARTS_MAX);
    let bounds = |part: usize| part * chunks.len() / count;
    let part_node = |part: usize| {
        let range = bounds(part)..bounds(part + 1);
        let keywords = vocabulary.keyphrases(range.clone(), KEYWORDS_MAX);
        let pages = page_title(&chunks[range.clone()], language);
        let title =
            pages.unwrap_or_else(|| phrase_title((count > 1).then_some(part), &keywords, language));
        let end = to_index(range.end - 1);
        let mut node = node(&title, 1, chunks[range.start].page, range);
        node.chunk_range.end = end;
        node.keywords = keywords;
        node
    };
    let mut parts: Vec<OutlineNode> = (0..count).map(part_node).collect();
    let document_title = document_title.map(str::trim).filter(|title| !title.is_empty());
    if let ([only], Some(title)) = (parts.as_mut_slice(), document_title) {
        only.title = title.to_owned();
    }
    parts
}

fn page_title(chunks: &[Chunk], language: Language) -> Option<String> {
    let first = chunks.first()?.page?;
    let last = chunks.last()?.page_end?;
    Some(match language {
        Language::English if first == last => format!("Page {first}"),
        Language::English => format!("Pages {first}-{last}"),
        Language::Korean if first == last => format!("{first}쪽"),
        Language::Korean => format!("{first}-{last}쪽"),
    })
}

/// Names a part by its number, if it has one, and what it is about, if that is known.
fn phrase_title(part: Option<usize>, keywords: &[String], language: Language) -> String {
    let number = part.map(|part| match language {
        Language::English => format!("Part {}", part + 1),
        Language::Korean => format!("{}부", part + 1),
    });
    let about = keywords.iter().take(2).map(String::as_str).collect::<Vec<_>>().join(", ");
    match (number, about.is_empty(), language) {
        (Some(number), true, _) => number,
        (Some(number), false, _) => format!("{number}: {about}"),
        (None, false, _) => about,
        (None, true, Language::English) => "Text".to_owned(),
        (None, true, Language::Korean) => "본문".to_owned(),
    }
}

fn vocabulary(chunks: &[Chunk]) -> Vocabulary {
    let texts: Vec<&str> = chunks.iter().map(|chunk| chunk.text.as_str()).collect();
    Vocabulary::of(&texts)
}

fn node(
    title: &str,
    depth: usize,
    page: Option<u32>,
    range: std::ops::Range<usize>,
) -> OutlineNode {
    OutlineNode {
        title: title.to_owned(),
        level: u8::try_from(depth).unwrap_or(u8::MAX),
        page,
        chunk_range: ChunkRange { start: to_index(range.start), end: to_index(range.end) },
        keywords: Vec::new(),
        children: Vec::new(),
    }
}

fn to_index(index: usize) -> u32 {
    u32::try_from(index).unwrap_or(u32::MAX)
}
