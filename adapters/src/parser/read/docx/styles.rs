//! The styles of a document: which of them are headings, which are code.

use std::collections::HashMap;
use std::io::BufRead;

use quick_xml::events::BytesStart;

use super::super::ReadError;
use super::xml::{self, Visitor};

/// How far a style is followed to the one that it is based on.
const MAX_ANCESTRY: usize = 20;

/// The styles of a document.
const MAX_STYLES: usize = 20_000;

/// What a style makes of a paragraph.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    Text,
    Heading(u8),
    Title,
    Code,
    Item,
    /// A line of a table of contents.
    Contents,
}

/// The styles of a document by their id.
#[derive(Default)]
pub(super) struct Styles(HashMap<String, Style>);

#[derive(Default)]
struct Style {
    name: String,
    based_on: Option<String>,
    outline_level: Option<u8>,
    is_list: bool,
}

impl Styles {
    /// Reads the part that holds them.
    pub(super) fn read(part: impl BufRead) -> Result<Self, ReadError> {
        let mut collector = Collector::default();
        xml::visit(part, &mut collector)?;
        Ok(Self(collector.styles))
    }

    /// Returns the role of a style: its own, or that of the nearest ancestor that has one.
    pub(super) fn role(&self, id: &str) -> Role {
        let mut id = id;
        for _ in 0..MAX_ANCESTRY {
            let Some(style) = self.0.get(id) else { return named_role(id) };
            match style.role() {
                Role::Text => {}
                role => return role,
            }
            let Some(parent) = &style.based_on else { return Role::Text };
            id = parent;
        }
        Role::Text
    }
}

impl Style {
    fn role(&self) -> Role {
        match (self.outline_level, named_role(&self.name)) {
            (_, role @ (Role::Title | Role::Contents | Role::Code)) => role,
            (Some(level @ 0..=8), _) => Role::Heading(level + 1),
            (_, Role::Text) if self.is_list => Role::Item,
            (_, role) => role,
        }
    }
}

/// Tells a role by the name of a style; the built-in ones are named alike in all languages but by
/// some older programs.
fn named_role(name: &str) -> Role {
    let name = name.to_lowercase();
    let number = |prefix: &str| {
        let rest = name.strip_prefix(prefix)?.trim();
        rest.parse::<u8>().ok().filter(|level| (1..=9).contains(level))
    };
    let heading = ["heading", "제목", "überschrift", "titre", "見出し", "标题"];
    if let Some(level) = heading.iter().find_map(|prefix| number(prefix)) {
        return Role::Heading(level);
    }
    match name.as_str() {
        "title" | "제목" => Role::Title,
        "toc heading" | "table of figures" => Role::Contents,
        name if name.starts_with("toc ") || name.starts_with("목차 ") => Role::Contents,
        "source code" | "sourcecode" | "html preformatted" | "macro" | "code"
        | "preformatted text" | "verbatim" => Role::Code,
        name if name.starts_with("list ") => Role::Item,
        _ => Role::Text,
    }
}

#[derive(Default)]
struct Collector {
    styles: HashMap<String, Style>,
    open: Option<(String, Style)>,
}

impl Visitor for Collector {
    fn start(&mut self, element: &BytesStart<'_>) -> Result<(), ReadError> {
        let name = element.local_name();
        let name: &str = name.as_ref();
        if name == "style" {
            self.open = xml::attribute(element, "styleId").map(|id| (id, Style::default()));
            return Ok(());
        }
        let Some((_, style)) = &mut self.open else { return Ok(()) };
        let value = || xml::attribute(element, "val");
        match name {
            "name" => style.name = value().unwrap_or_default(),
            "basedOn" => style.based_on = value(),
            "outlineLvl" => style.outline_level = value().and_then(|level| level.parse().ok()),
            "numPr" => style.is_list = true,
            _ => {}
        }
        Ok(())
    }

    fn end(&mut self, name: &str) -> Result<(), ReadError> {
        if name == "style"
            && let Some((id, style)) = self.open.take()
        {
            self.styles.insert(id, style);
        }
        if self.styles.len() > MAX_STYLES { Err(ReadError::TooComplex) } else { Ok(()) }
    }

    fn text(&mut self, _: &str) -> Result<(), ReadError> {
        Ok(())
    }
}
