//! The document while it is being read: text is cleaned and counted as it is added.
//!
//! It knows no format.

use oxherd_study::document::{Block, BlockKind, PageTurn, ParsedDocument};
use unicode_normalization::UnicodeNormalization;

use super::{MAX_PAGES, ReadError};

/// No document has more pieces than this.
const MAX_BLOCKS: usize = 400_000;

/// The characters of a title or a heading; what is longer is text that was styled as one.
const MAX_HEADING: usize = 300;

/// A document that grows.
pub(crate) struct Draft {
    document: ParsedDocument,
    text_left: usize,
    page: Option<u32>,
}

impl Draft {
    /// Begins a document of at most `text_max` bytes of text.
    pub(crate) fn new(text_max: usize) -> Self {
        Self { document: ParsedDocument::default(), text_left: text_max, page: None }
    }

    /// Sets the page on which the next blocks begin.
    pub(crate) fn set_page(&mut self, page: u32) {
        self.page = Some(page);
        self.document.page_count = self.document.page_count.max(Some(page));
    }

    /// Sets the number of pages.
    pub(crate) fn set_page_count(&mut self, pages: u32) {
        self.document.page_count = Some(pages);
    }

    /// Takes all pages back: they turned out to be unknown.
    pub(crate) fn forget_pages(&mut self) {
        self.document.page_count = None;
        for block in &mut self.document.blocks {
            block.page = None;
            block.page_turns.clear();
        }
    }

    /// Sets the title, unless there is one already or it is empty.
    pub(crate) fn set_title(&mut self, title: &str) {
        let title = one_line(title);
        if self.document.title.is_none() && !title.is_empty() {
            self.document.title = Some(title.chars().take(MAX_HEADING).collect());
        }
    }

    /// Adds a block, unless nothing is left of its text; over-long headings become paragraphs.
    pub(crate) fn add(&mut self, kind: BlockKind, text: &str) -> Result<(), ReadError> {
        self.add_over_pages(kind, text, &[])
    }

    /// The same for text that goes on on later pages; the turns count bytes of the text as given.
    pub(crate) fn add_over_pages(
        &mut self,
        kind: BlockKind,
        text: &str,
        turns: &[PageTurn],
    ) -> Result<(), ReadError> {
        let turns = turns.iter().map(|turn| PageTurn {
            at: clean(kind, text.get(..turn.at).unwrap_or(text)).len(),
            page: turn.page,
        });
        let (page_turns, text): (Vec<_>, _) = (turns.collect(), clean(kind, text));
        if text.is_empty() {
            return Ok(());
        }
        let kind = match kind {
            BlockKind::Heading { .. } if text.chars().nth(MAX_HEADING).is_some() => {
                BlockKind::Paragraph
            }
            BlockKind::Heading { level } => BlockKind::Heading { level: level.clamp(1, 6) },
            other => other,
        };
        self.text_left = self.text_left.checked_sub(text.len()).ok_or(ReadError::TooMuchText)?;
        if self.document.blocks.len() >= MAX_BLOCKS {
            return Err(ReadError::TooMuchText);
        }
        if let Some(turn) = page_turns.last() {
            self.document.page_count = self.document.page_count.max(Some(turn.page));
        }
        self.document.blocks.push(Block { kind, text, page: self.page, page_turns });
        Ok(())
    }

    /// Returns the document; `PageLimit` when it has too many pages, `NoText` when there is no letter or digit in it.
    pub(crate) fn finish(self) -> Result<ParsedDocument, ReadError> {
        if let Some(pages) = self.document.page_count.filter(|pages| *pages > MAX_PAGES) {
            return Err(ReadError::PageLimit { pages });
        }
        let has_words =
            self.document.blocks.iter().any(|block| block.text.contains(char::is_alphanumeric));
        if has_words { Ok(self.document) } else { Err(ReadError::NoText) }
    }
}

fn clean(kind: BlockKind, text: &str) -> String {
    match kind {
        BlockKind::Code | BlockKind::Table => lines(text),
        BlockKind::Heading { .. } | BlockKind::Paragraph | BlockKind::ListItem => one_line(text),
    }
}

/// Cleans running text: NFC, one space between words, nothing invisible.
pub(crate) fn one_line(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    for word in visible(text).split_whitespace() {
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    line
}

/// Cleans text whose lines and indentation matter.
fn lines(text: &str) -> String {
    let text = visible(text);
    let mut kept = String::with_capacity(text.len());
    for line in text.lines() {
        kept.push_str(line.trim_end());
        kept.push('\n');
    }
    kept.trim_end().trim_start_matches('\n').to_owned()
}

/// Drops what no reader sees, and composes what is left (NFC).
fn visible(text: &str) -> String {
    if text.is_ascii() {
        return text.chars().filter(|&c| !is_invisible(c)).collect();
    }
    text.chars().filter(|&c| !is_invisible(c)).nfc().collect()
}

/// Tells characters that carry no text: controls, the marks that reorder or hide text, soft
/// hyphens. Joiners stay, because some scripts need them.
fn is_invisible(c: char) -> bool {
    match c {
        '\n' | '\t' => false,
        '\r' | '\u{b}' | '\u{c}' | '\u{85}' => false,
        c if c.is_control() => true,
        '\u{ad}' | '\u{200b}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' => {
            true
        }
        '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' => true,
        '\u{e0000}'..='\u{e007f}' => true,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn added(kind: BlockKind, text: &str) -> Vec<Block> {
        let mut draft = Draft::new(1_000);
        draft.add(kind, text).unwrap();
        draft.document.blocks
    }

    #[test]
    fn running_text_is_composed_and_has_single_spaces() {
        let blocks =
            added(BlockKind::Paragraph, " \u{1112}\u{1161}\u{11ab}\n글\u{200b}  e\u{301} ");

        assert_eq!(blocks[0].text, "한 글 é");
    }

    #[test]
    fn code_keeps_its_lines_and_indentation() {
        let blocks = added(BlockKind::Code, "\nif x:\r\n    y\u{0}\u{1b}\n\n");

        assert_eq!(blocks[0].text, "if x:\n    y");
    }

    #[test]
    fn hidden_text_is_dropped() {
        let blocks = added(BlockKind::Paragraph, "a\u{202e}b\u{e0041}\u{ad}c");

        assert_eq!(blocks[0].text, "abc");
    }

    #[test]
    fn a_heading_of_a_page_of_text_is_a_paragraph() {
        let blocks = added(BlockKind::Heading { level: 1 }, &"long ".repeat(100));

        assert_eq!(blocks[0].kind, BlockKind::Paragraph);
    }

    #[test]
    fn text_past_the_bound_is_an_error() {
        let mut draft = Draft::new(10);

        let added = draft.add(BlockKind::Paragraph, "more than ten");

        assert_eq!(added, Err(ReadError::TooMuchText));
    }

    #[test]
    fn a_document_without_a_letter_has_no_text() {
        let mut draft = Draft::new(100);
        draft.add(BlockKind::Paragraph, "— · —").unwrap();

        assert_eq!(draft.finish(), Err(ReadError::NoText));
    }
}
