//! The headings of a material as a flat list in reading order, each with the chunks it heads.

use crate::bundle::Bundle;
use crate::outline::OutlineNode;

/// A heading and the chunks under it, its sub-headings' included.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Heading {
    /// As the document writes it, on one line.
    pub title: String,
    /// Its depth in the tree; the roots have 0.
    pub depth: usize,
    /// Its first chunk.
    pub start: u32,
    /// Its last chunk, never before the first.
    pub end: u32,
    /// The words that tell this part from the others.
    pub keywords: Vec<String>,
    /// The place of the heading above it in the list.
    pub parent: Option<usize>,
}

impl Heading {
    /// Tells whether a chunk is under it.
    pub(super) fn holds(&self, chunk: u32) -> bool {
        (self.start..=self.end).contains(&chunk)
    }
}

/// Returns the headings of a material in reading order.
///
/// A document without headings has an outline of even parts, which the document knows nothing of:
/// its list is empty. Otherwise the ranges are made to agree with each
/// other whatever the outline says: no heading begins before the one above it in the list, and each
/// ends where the next of its depth or higher begins.
pub(super) fn headings(bundle: &Bundle) -> Vec<Heading> {
    let mut list = Vec::new();
    if bundle.outline.iter().all(is_made_up) {
        return list;
    }
    for root in &bundle.outline {
        flatten(root, 0, None, &mut list);
    }
    let last = u32::try_from(bundle.chunks.len()).unwrap_or(u32::MAX).saturating_sub(1);
    let mut reached = 0;
    for heading in &mut list {
        reached = heading.start.clamp(reached, last);
        heading.start = reached;
    }
    set_ends(&mut list, last);
    list
}

/// Tells whether a node was made for a document without headings: `Part 2: disks, files`,
/// `Pages 3-9`, `2부: 디스크`, `3-9쪽`.
fn is_made_up(node: &OutlineNode) -> bool {
    let is_number = |text: &str| {
        !text.is_empty() && text.chars().all(|c| c.is_ascii_digit() || c == '-' || c == '–')
    };
    let head = node.title.split(':').next().unwrap_or_default();
    let english = ["Part ", "Page ", "Pages "].iter().find_map(|word| head.strip_prefix(word));
    let korean = ["부", "쪽"].iter().find_map(|word| head.strip_suffix(word));
    node.children.is_empty() && english.or(korean).is_some_and(is_number)
}

fn flatten(node: &OutlineNode, depth: usize, parent: Option<usize>, list: &mut Vec<Heading>) {
    let place = list.len();
    list.push(Heading {
        title: on_one_line(&node.title),
        depth,
        start: node.chunk_range.start,
        end: node.chunk_range.end,
        keywords: node.keywords.clone(),
        parent,
    });
    for child in &node.children {
        flatten(child, depth + 1, Some(place), list);
    }
}

fn set_ends(list: &mut [Heading], last: u32) {
    // The headings that are still open, by depth; each closes when its depth comes again.
    let mut open: Vec<usize> = Vec::new();
    for place in 0..list.len() {
        while let Some(&before) = open.last().filter(|&&o| list[o].depth >= list[place].depth) {
            list[before].end = list[before].start.max(list[place].start.saturating_sub(1));
            open.pop();
        }
        open.push(place);
    }
    for place in open {
        list[place].end = last;
    }
}

fn on_one_line(title: &str) -> String {
    title.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::headings;
    use crate::author::testing::{bundle, chunk, node};

    #[test]
    fn headings_are_listed_in_reading_order_with_the_chunks_they_head() {
        let chunks = (0..10).map(|index| chunk(index, "text")).collect();
        let outline = vec![
            node(
                "One",
                1,
                0,
                5,
                vec![node("One\n point one", 2, 2, 3, vec![]), node("1.2", 2, 4, 5, vec![])],
            ),
            node("Two", 1, 6, 9, vec![]),
        ];
        let list = headings(&bundle(chunks, outline));
        let seen: Vec<_> =
            list.iter().map(|h| (h.title.as_str(), h.depth, h.start, h.end, h.parent)).collect();
        assert_eq!(
            seen,
            [
                ("One", 0, 0, 5, None),
                ("One point one", 1, 2, 3, Some(0)),
                ("1.2", 1, 4, 5, Some(0)),
                ("Two", 0, 6, 9, None),
            ]
        );
    }

    #[test]
    fn even_parts_of_a_document_without_headings_are_no_headings() {
        let chunks = (0..4).map(|index| chunk(index, "text")).collect();
        let outline =
            vec![node("Part 1: disks", 1, 0, 1, vec![]), node("Part 2: files", 1, 2, 3, vec![])];
        assert_eq!(headings(&bundle(chunks, outline)), []);
    }

    #[test]
    fn ranges_that_disagree_are_put_in_order() {
        let chunks = (0..4).map(|index| chunk(index, "text")).collect();
        let outline = vec![node("A", 1, 2, 9, vec![]), node("B", 1, 1, 1, vec![])];
        let list = headings(&bundle(chunks, outline));
        assert_eq!((list[0].start, list[0].end), (2, 2));
        assert_eq!((list[1].start, list[1].end), (2, 3));
    }
}
