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
/// phrases.
pub(crate) fn flat(document_title: Option<&str>, chunks: &[Chunk]) -> Vec<OutlineNode> {
    let language = Language::of_all(chunks.iter().map(|chunk| chunk.text.as_str()));
    let vocabulary = vocabulary(chunks);
    let count = chunks.len().div_ceil(PART_CHUNKS);
    let bounds = |part: usize| part * chunks.len() / count;
    (0..count)
        .map(|part| {
            let range = bounds(part)..bounds(part + 1);
            let keywords = vocabulary.keyphrases(range.clone(), KEYWORDS_MAX);
            let title = match document_title.map(str::trim).filter(|title| !title.is_empty()) {
                Some(title) if count == 1 => title.to_owned(),
                _ => part_title(part, &chunks[range.clone()], &keywords, language),
            };
            let mut node = node(&title, 1, chunks[range.start].page, range.clone());
            node.chunk_range.end = to_index(range.end - 1);
            node.keywords = keywords;
            node
        })
        .collect()
}

fn part_title(part: usize, chunks: &[Chunk], keywords: &[String], language: Language) -> String {
    let first = chunks.first().and_then(|chunk| chunk.page);
    let last = chunks.last().and_then(|chunk| chunk.page_end);
    let number = part + 1;
    let about = keywords.iter().take(2).cloned().collect::<Vec<_>>().join(", ");
    match (first, last, language) {
        (Some(first), Some(last), Language::English) if first == last => format!("Page {first}"),
        (Some(first), Some(last), Language::English) => format!("Pages {first}-{last}"),
        (Some(first), Some(last), Language::Korean) if first == last => format!("{first}쪽"),
        (Some(first), Some(last), Language::Korean) => format!("{first}-{last}쪽"),
        (.., Language::English) if about.is_empty() => format!("Part {number}"),
        (.., Language::English) => format!("Part {number}: {about}"),
        (.., Language::Korean) if about.is_empty() => format!("{number}부"),
        (.., Language::Korean) => format!("{number}부: {about}"),
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
