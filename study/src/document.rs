//! A document as a parser gives it: typed blocks in reading order, with pages where known.

use serde::{Deserialize, Serialize};

/// The kinds of documents that are accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DocumentKind {
    /// Portable Document Format.
    Pdf,
    /// Office Open XML text.
    Docx,
    /// A web page.
    Html,
    /// CommonMark.
    Markdown,
    /// Plain text in any of the usual encodings.
    Text,
}

impl DocumentKind {
    /// All kinds.
    pub const ALL: [Self; 5] = [Self::Pdf, Self::Docx, Self::Html, Self::Markdown, Self::Text];

    /// Returns the media type.
    #[must_use]
    pub fn mime_type(self) -> &'static str {
        match self {
            Self::Pdf => "application/pdf",
            Self::Docx => "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
            Self::Html => "text/html",
            Self::Markdown => "text/markdown",
            Self::Text => "text/plain",
        }
    }

    /// Returns the file name extensions, without the dot, in lower case.
    #[must_use]
    pub fn extensions(self) -> &'static [&'static str] {
        match self {
            Self::Pdf => &["pdf"],
            Self::Docx => &["docx"],
            Self::Html => &["html", "htm", "xhtml"],
            Self::Markdown => &["md", "markdown"],
            Self::Text => &["txt", "text"],
        }
    }

    /// Returns the word under which the kind is stored.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pdf => "pdf",
            Self::Docx => "docx",
            Self::Html => "html",
            Self::Markdown => "markdown",
            Self::Text => "text",
        }
    }

    /// Reads the word.
    #[must_use]
    pub fn from_text(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }
}

/// The text of a document in reading order.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct ParsedDocument {
    /// The title that the document gives itself.
    pub title: Option<String>,
    /// The number of pages, for kinds that have pages.
    pub page_count: Option<u32>,
    /// The text; headings stand before what they head.
    pub blocks: Vec<Block>,
}

impl ParsedDocument {
    /// Returns the title: the document's own, else its only heading of the highest level when the
    /// text begins with it.
    #[must_use]
    pub fn own_title(&self) -> Option<&str> {
        let top = BlockKind::Heading { level: 1 };
        let heads_all = || {
            let first = self.blocks.first().filter(|block| block.kind == top)?;
            let alone = self.blocks[1..].iter().all(|block| block.kind != top);
            alone.then_some(first.text.as_str())
        };
        self.title.as_deref().or_else(heads_all)
    }
}

/// A piece of text that is never cut but by the chunker.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Block {
    /// What it is.
    pub kind: BlockKind,
    /// Its text in NFC, without control characters; lines of code and rows of tables keep their
    /// line breaks.
    pub text: String,
    /// The 1-based page on which it begins.
    pub page: Option<u32>,
    /// The later pages over which it runs, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub page_turns: Vec<PageTurn>,
}

/// Where the text of a block goes on on another page.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct PageTurn {
    /// How many bytes of the text stand before it, to within a word.
    pub at: usize,
    /// The 1-based page that begins there.
    pub page: u32,
}

impl Block {
    /// Returns the page of the text at a byte.
    #[must_use]
    pub fn page_at(&self, byte: usize) -> Option<u32> {
        let turned = self.page_turns.iter().rev().find(|turn| turn.at <= byte);
        turned.map(|turn| turn.page).or(self.page)
    }
}

/// What a block is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum BlockKind {
    /// A heading; level 1 is the highest.
    Heading {
        /// 1 to 6.
        level: u8,
    },
    /// Running text.
    Paragraph,
    /// An item of a list.
    ListItem,
    /// Source code or terminal output.
    Code,
    /// A table, one row a line.
    Table,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document(title: Option<&str>, headings: &[&str]) -> ParsedDocument {
        let heading = |text: &&str| Block {
            kind: BlockKind::Heading { level: 1 },
            text: (*text).to_owned(),
            page: None,
            page_turns: Vec::new(),
        };
        ParsedDocument {
            title: title.map(str::to_owned),
            page_count: None,
            blocks: headings.iter().map(heading).collect(),
        }
    }

    #[test]
    fn the_only_top_heading_is_the_title_of_a_document_without_one() {
        assert_eq!(document(Some("T"), &["A"]).own_title(), Some("T"));
        assert_eq!(document(None, &["A"]).own_title(), Some("A"));
        assert_eq!(document(None, &["A", "B"]).own_title(), None);
        assert_eq!(document(None, &[]).own_title(), None);
    }
}
