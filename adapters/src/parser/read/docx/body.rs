//! The text of a document, in one pass over its elements.

use std::io::BufRead;

use oxherd_study::document::BlockKind;
use quick_xml::events::BytesStart;

use super::super::draft::Draft;
use super::super::{Progress, ReadError};
use super::paragraph::{self, Paragraph};
use super::styles::{Role, Styles};
use super::table::Table;
use super::xml::{self, Visitor};

/// How often progress is told, in paragraphs.
const PROGRESS_EVERY: u32 = 500;

/// How deep paragraphs may stand in each other.
const MAX_NESTING: usize = 1_000;

/// Reads the part that holds the text.
pub(super) fn read(
    part: impl BufRead,
    styles: &Styles,
    draft: &mut Draft,
    progress: Progress<'_>,
) -> Result<(), ReadError> {
    let mut body = Body {
        styles,
        draft,
        progress,
        paragraphs: 0,
        open: Vec::new(),
        is_text: false,
        is_hidden: false,
        skipped: 0,
        table: None,
        table_depth: 0,
        code: String::new(),
        page: 1,
    };
    xml::visit(part, &mut body)?;
    body.finish()
}

struct Body<'a> {
    styles: &'a Styles,
    draft: &'a mut Draft,
    progress: Progress<'a>,
    paragraphs: u32,
    /// The paragraphs that are open, the innermost last.
    open: Vec<Paragraph>,
    is_text: bool,
    is_hidden: bool,
    /// The depth below an element that is left out; 0 outside of one.
    skipped: u32,
    table: Option<Table>,
    table_depth: u32,
    /// Paragraphs of code that follow each other.
    code: String,
    page: u32,
}

impl Visitor for Body<'_> {
    fn start(&mut self, element: &BytesStart<'_>) -> Result<(), ReadError> {
        let name = element.local_name();
        let name: &str = name.as_ref();
        if self.skipped > 0 || is_left_out(name) {
            self.skipped += 1;
            return Ok(());
        }
        match name {
            "p" => self.begin_paragraph()?,
            "r" => self.is_hidden = false,
            "t" => self.is_text = true,
            "tbl" => self.begin_table()?,
            "tr" => self.in_outer_table(Table::begin_row),
            "tc" => self.in_outer_table(Table::begin_cell),
            "lastRenderedPageBreak" => self.page += 1,
            _ => self.property(name, element),
        }
        Ok(())
    }

    fn end(&mut self, name: &str) -> Result<(), ReadError> {
        if self.skipped > 0 {
            self.skipped -= 1;
            return Ok(());
        }
        match name {
            "p" => self.end_paragraph(),
            "t" => {
                self.is_text = false;
                Ok(())
            }
            "tbl" => self.end_table(),
            _ => Ok(()),
        }
    }

    fn text(&mut self, text: &str) -> Result<(), ReadError> {
        if self.is_text && !self.is_hidden && self.skipped == 0 {
            self.push(text);
        }
        Ok(())
    }
}

impl Body<'_> {
    fn begin_paragraph(&mut self) -> Result<(), ReadError> {
        if self.open.len() >= MAX_NESTING {
            return Err(ReadError::TooComplex);
        }
        // A text box stands before the text around it, which goes on behind it.
        self.open.push(Paragraph::default());
        self.paragraphs += 1;
        if self.paragraphs.is_multiple_of(PROGRESS_EVERY) {
            (self.progress)(self.paragraphs, None);
        }
        Ok(())
    }

    fn end_paragraph(&mut self) -> Result<(), ReadError> {
        let Some(paragraph) = self.open.pop() else { return Ok(()) };
        let role = paragraph.role(self.styles);
        let Some(kind) = paragraph::kind(role) else { return Ok(()) };
        if role == Role::Title {
            self.draft.set_title(&paragraph.text);
        }
        if let Some(table) = &mut self.table {
            table.add(kind, paragraph.text);
            return Ok(());
        }
        if kind == BlockKind::Code {
            self.code.push_str(&paragraph.text);
            self.code.push('\n');
            return Ok(());
        }
        self.flush_code()?;
        self.draft.set_page(self.page);
        self.draft.add(kind, &paragraph.text)
    }

    fn begin_table(&mut self) -> Result<(), ReadError> {
        self.table_depth += 1;
        if self.table_depth == 1 {
            self.flush_code()?;
            self.draft.set_page(self.page);
            self.table = Some(Table::default());
        }
        Ok(())
    }

    fn end_table(&mut self) -> Result<(), ReadError> {
        self.table_depth = self.table_depth.saturating_sub(1);
        match self.table.take() {
            Some(table) if self.table_depth == 0 => table.write(self.draft),
            inner => {
                self.table = inner;
                Ok(())
            }
        }
    }

    fn in_outer_table(&mut self, begin: fn(&mut Table)) {
        if self.table_depth == 1
            && let Some(table) = &mut self.table
        {
            begin(table);
        }
    }

    /// Properties of the paragraph and of its runs, and signs that are elements.
    fn property(&mut self, name: &str, element: &BytesStart<'_>) {
        let value = || xml::attribute(element, "val");
        match name {
            "br" | "cr" => self.push("\n"),
            "tab" => self.push("\t"),
            "noBreakHyphen" => self.push("-"),
            "vanish" => self.is_hidden = value().is_none_or(|value| value != "0"),
            _ => {
                let Some(paragraph) = self.open.last_mut() else { return };
                match name {
                    "pStyle" => paragraph.style = value(),
                    "outlineLvl" => {
                        paragraph.outline_level = value().and_then(|level| level.parse().ok());
                    }
                    "numId" => paragraph.is_item = value().is_some_and(|value| value != "0"),
                    _ => {}
                }
            }
        }
    }

    fn push(&mut self, text: &str) {
        if let Some(paragraph) = self.open.last_mut() {
            paragraph.text.push_str(text);
        }
    }

    fn flush_code(&mut self) -> Result<(), ReadError> {
        let code = std::mem::take(&mut self.code);
        self.draft.set_page(self.page);
        self.draft.add(BlockKind::Code, &code)
    }

    fn finish(mut self) -> Result<(), ReadError> {
        while !self.open.is_empty() {
            self.end_paragraph()?;
        }
        self.flush_code()?;
        if let Some(table) = self.table.take() {
            table.write(self.draft)?;
        }
        // Without a break that was saved, the pages of this document are not known.
        if self.page == 1 {
            self.draft.forget_pages();
        }
        Ok(())
    }
}

/// What is no text of the document: deletions, the second version of what is there twice,
/// instructions of fields, properties as they were before a change.
fn is_left_out(name: &str) -> bool {
    matches!(
        name,
        "del"
            | "moveFrom"
            | "Fallback"
            | "instrText"
            | "delText"
            | "pPrChange"
            | "rPrChange"
            | "sectPr"
            | "tblPr"
            | "annotationRef"
    )
}
