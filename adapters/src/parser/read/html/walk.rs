//! The walk over the tree of a page: which element makes which block.

use markup5ever_rcdom::{Handle, NodeData};
use oxherd_study::document::BlockKind;

use super::super::ReadError;
use super::super::draft::Draft;
use super::{boilerplate, tables};

/// Walks a tree in document order.
pub(super) fn walk(document: &Handle, draft: &mut Draft) -> Result<(), ReadError> {
    let mut walk = Walk { draft, text: String::new(), places: Vec::new(), content_depth: 0 };
    let mut steps = vec![Step::Enter(document.clone())];
    while let Some(step) = steps.pop() {
        match step {
            Step::Enter(node) => walk.enter(&node, &mut steps)?,
            Step::Leave(element) => walk.leave(element)?,
        }
    }
    walk.flush()
}

enum Step {
    Enter(Handle),
    Leave(Element),
}

/// What an element does to the text in it.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Element {
    /// Nothing: its text belongs to the block around it.
    Inline,
    /// It is a block of its own kind, or, without one, only ends the block before it.
    Block(Option<BlockKind>),
    /// It is the content of the page, whose headers belong to it.
    Content,
    Row,
    Cell,
}

struct Walk<'a> {
    draft: &'a mut Draft,
    text: String,
    /// The kinds of the blocks around the current text, innermost last.
    places: Vec<BlockKind>,
    content_depth: u32,
}

impl Walk<'_> {
    fn enter(&mut self, node: &Handle, steps: &mut Vec<Step>) -> Result<(), ReadError> {
        match &node.data {
            NodeData::Text { contents } => self.text.push_str(&contents.borrow()),
            NodeData::Document => enter_children(node, steps),
            NodeData::Element { name, attrs, .. } => {
                let name = &*name.local;
                if name == "title" {
                    self.draft.set_title(&text_of(node));
                    return Ok(());
                }
                let is_frame = boilerplate::is_page_frame(name, node, self.content_depth > 0);
                if is_frame || boilerplate::is_silent(name, &attrs.borrow()) {
                    return Ok(());
                }
                let element = self.begin(name, node)?;
                steps.push(Step::Leave(element));
                enter_children(node, steps);
            }
            _ => {}
        }
        Ok(())
    }

    /// Begins an element and tells what is to be done at its end.
    fn begin(&mut self, name: &str, node: &Handle) -> Result<Element, ReadError> {
        let element = self.element(name, node);
        match element {
            Element::Block(kind) => {
                self.flush()?;
                self.places.extend(kind);
            }
            Element::Content => {
                self.flush()?;
                self.content_depth += 1;
            }
            Element::Inline if name == "br" => self.text.push('\n'),
            Element::Inline | Element::Row | Element::Cell => {}
        }
        Ok(element)
    }

    fn element(&self, name: &str, node: &Handle) -> Element {
        let place = self.places.last().copied();
        if place == Some(BlockKind::Table) {
            return match name {
                "tr" | "caption" => Element::Row,
                "td" | "th" => Element::Cell,
                _ => Element::Inline,
            };
        }
        if let Some(level) = heading_level(name) {
            return Element::Block(Some(BlockKind::Heading { level }));
        }
        // In a heading or in code, what else would be a block is part of the line.
        if matches!(place, Some(BlockKind::Heading { .. } | BlockKind::Code)) {
            return Element::Inline;
        }
        match name {
            "pre" | "listing" | "xmp" => Element::Block(Some(BlockKind::Code)),
            "li" | "dt" | "dd" => Element::Block(Some(BlockKind::ListItem)),
            "table" if tables::is_data(node) => Element::Block(Some(BlockKind::Table)),
            "main" | "article" | "section" => Element::Content,
            _ if is_block(name) => Element::Block(None),
            _ => Element::Inline,
        }
    }

    fn leave(&mut self, element: Element) -> Result<(), ReadError> {
        match element {
            Element::Inline => {}
            Element::Block(kind) => {
                self.flush()?;
                if kind.is_some() {
                    self.places.pop();
                }
            }
            Element::Content => {
                self.flush()?;
                self.content_depth -= 1;
            }
            Element::Cell => self.text.push('\u{1f}'),
            Element::Row => self.text.push('\u{1e}'),
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<(), ReadError> {
        let kind = self.places.last().copied().unwrap_or(BlockKind::Paragraph);
        let text = std::mem::take(&mut self.text);
        match kind {
            BlockKind::Table => self.draft.add(kind, &rows(&text)),
            BlockKind::Heading { .. } => self.draft.add(kind, text.trim().trim_end_matches('¶')),
            _ => self.draft.add(kind, &text),
        }
    }
}

/// Turns separated cells and rows into lines: white space inside a cell is one space.
fn rows(text: &str) -> String {
    let mut table = String::new();
    for row in text.split('\u{1e}') {
        let cells = row.split('\u{1f}').map(super::super::draft::one_line);
        let line = cells.collect::<Vec<_>>().join(" | ");
        table.push_str(line.trim_end_matches([' ', '|']));
        table.push('\n');
    }
    table
}

fn enter_children(node: &Handle, steps: &mut Vec<Step>) {
    steps.extend(node.children.borrow().iter().rev().cloned().map(Step::Enter));
}

fn text_of(node: &Handle) -> String {
    let children = node.children.borrow();
    let texts = children.iter().filter_map(|child| match &child.data {
        NodeData::Text { contents } => Some(contents.borrow().to_string()),
        _ => None,
    });
    texts.collect()
}

fn heading_level(name: &str) -> Option<u8> {
    match name.as_bytes() {
        [b'h', level @ b'1'..=b'6'] => Some(level - b'0'),
        _ => None,
    }
}

fn is_block(name: &str) -> bool {
    matches!(
        name,
        "p" | "div"
            | "body"
            | "ul"
            | "ol"
            | "dl"
            | "blockquote"
            | "address"
            | "figure"
            | "figcaption"
            | "hr"
            | "form"
            | "fieldset"
            | "legend"
            | "details"
            | "summary"
            | "table"
            | "caption"
            | "thead"
            | "tbody"
            | "tfoot"
            | "tr"
            | "td"
            | "th"
            | "center"
            | "header"
            | "footer"
            | "hgroup"
            | "dir"
    )
}
