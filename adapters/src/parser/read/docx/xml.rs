//! Reading XML as a stream.

use std::io::BufRead;

use quick_xml::Reader;
use quick_xml::events::{BytesRef, BytesStart, Event};

use super::super::ReadError;

/// The bytes of a single tag or text; a paragraph of a real document has a few thousand.
const MAX_EVENT: usize = 32 << 20;

/// Hears the events of a part.
pub(super) trait Visitor {
    /// An element begins.
    fn start(&mut self, element: &BytesStart<'_>) -> Result<(), ReadError>;
    /// An element ends.
    fn end(&mut self, name: &str) -> Result<(), ReadError>;
    /// A piece of text.
    fn text(&mut self, text: &str) -> Result<(), ReadError>;
}

/// Reads a part to its end.
pub(super) fn visit(part: impl BufRead, visitor: &mut impl Visitor) -> Result<(), ReadError> {
    let mut reader = Reader::from_reader(part);
    reader.config_mut().check_end_names = false;
    reader.config_mut().allow_unmatched_ends = true;
    let mut buffer = Vec::new();
    loop {
        match reader.read_event_into(&mut buffer).map_err(|_| ReadError::Damaged)? {
            Event::Start(element) => visitor.start(&element)?,
            Event::Empty(element) => {
                visitor.start(&element)?;
                visitor.end(element.local_name().as_ref())?;
            }
            Event::End(element) => visitor.end(element.local_name().as_ref())?,
            Event::Text(text) => visitor.text(&text.xml10_content())?,
            Event::CData(text) => visitor.text(&text.into_inner())?,
            Event::GeneralRef(reference) => visitor.text(&resolve(&reference))?,
            // A package has no document type: what declares entities is no text.
            Event::DocType(_) => return Err(ReadError::Damaged),
            Event::Eof => return Ok(()),
            Event::Decl(_) | Event::PI(_) | Event::Comment(_) => {}
        }
        if buffer.len() > MAX_EVENT {
            return Err(ReadError::TooComplex);
        }
        buffer.clear();
    }
}

/// Returns an attribute by its local name.
pub(super) fn attribute(element: &BytesStart<'_>, name: &str) -> Option<String> {
    // Without the check for repeated names, which compares each with each.
    let mut attributes = element.attributes();
    attributes
        .with_checks(false)
        .flatten()
        .find(|attribute| attribute.key.local_name().as_ref() == name)
        .map(|attribute| {
            let value = attribute.normalized_value(quick_xml::XmlVersion::default());
            value.map_or_else(|_| attribute.value.to_string(), std::borrow::Cow::into_owned)
        })
}

/// Returns the text of the first element of a name.
pub(super) fn first_text(part: impl BufRead, name: &str) -> Result<Option<String>, ReadError> {
    let mut search = FirstText { name, is_inside: false, found: String::new() };
    visit(part, &mut search)?;
    Ok((!search.found.is_empty()).then_some(search.found))
}

struct FirstText<'a> {
    name: &'a str,
    is_inside: bool,
    found: String,
}

impl Visitor for FirstText<'_> {
    fn start(&mut self, element: &BytesStart<'_>) -> Result<(), ReadError> {
        self.is_inside = self.found.is_empty() && element.local_name().as_ref() == self.name;
        Ok(())
    }

    fn end(&mut self, _: &str) -> Result<(), ReadError> {
        self.is_inside = false;
        Ok(())
    }

    fn text(&mut self, text: &str) -> Result<(), ReadError> {
        if self.is_inside {
            self.found.push_str(text);
        }
        Ok(())
    }
}

/// Returns the target of the first relationship whose type ends so.
pub(super) fn relationship(part: impl BufRead, kind: &str) -> Result<Option<String>, ReadError> {
    let mut search = Relationship { kind, target: None };
    visit(part, &mut search)?;
    Ok(search.target)
}

struct Relationship<'a> {
    kind: &'a str,
    target: Option<String>,
}

impl Visitor for Relationship<'_> {
    fn start(&mut self, element: &BytesStart<'_>) -> Result<(), ReadError> {
        let is_kind = attribute(element, "Type").is_some_and(|kind| kind.ends_with(self.kind));
        if is_kind && self.target.is_none() {
            self.target = attribute(element, "Target");
        }
        Ok(())
    }

    fn end(&mut self, _: &str) -> Result<(), ReadError> {
        Ok(())
    }

    fn text(&mut self, _: &str) -> Result<(), ReadError> {
        Ok(())
    }
}

/// Resolves a reference to a character or one of the five names of XML; any other is no text.
fn resolve(reference: &BytesRef<'_>) -> String {
    if let Ok(Some(character)) = reference.resolve_char_ref() {
        return character.to_string();
    }
    let text = match &*reference.xml10_content() {
        "lt" => "<",
        "gt" => ">",
        "amp" => "&",
        "quot" => "\"",
        "apos" => "'",
        _ => "",
    };
    text.to_owned()
}
