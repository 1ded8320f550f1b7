//! Markdown: CommonMark with tables, by its events.

use oxherd_study::document::BlockKind;
use pulldown_cmark::{Event, HeadingLevel, Options, Parser, Tag, TagEnd};

use super::ReadError;
use super::draft::Draft;
use super::encoding;

/// Reads a Markdown text.
pub(super) fn read(bytes: &[u8], draft: &mut Draft) -> Result<(), ReadError> {
    let text = encoding::decode(bytes, None);
    let text = text.replace('\0', "");
    let options = Options::ENABLE_TABLES
        | Options::ENABLE_FOOTNOTES
        | Options::ENABLE_STRIKETHROUGH
        | Options::ENABLE_TASKLISTS
        | Options::ENABLE_YAML_STYLE_METADATA_BLOCKS;
    let (text_of_block, within) = (String::new(), Markup::default());
    let mut walk = Walk { draft, text: text_of_block, list_depth: 0, is_metadata: false, within };
    for event in Parser::new_ext(&text, options) {
        walk.event(event)?;
    }
    walk.flush(BlockKind::Paragraph)
}

/// The text that waits for the end of its block.
struct Walk<'a> {
    draft: &'a mut Draft,
    text: String,
    list_depth: u32,
    is_metadata: bool,
    within: Markup,
}

/// What the end of the last line of HTML was in; a comment may go over many lines.
#[derive(Default, Clone, Copy)]
enum Markup {
    #[default]
    Text,
    Tag,
    Comment,
}

impl Walk<'_> {
    fn event(&mut self, event: Event<'_>) -> Result<(), ReadError> {
        match event {
            Event::Start(tag) => return self.start(&tag),
            Event::End(tag) => return self.end(tag),
            Event::Text(text) | Event::Code(text) => self.text.push_str(&text),
            Event::SoftBreak | Event::HardBreak => self.text.push('\n'),
            // A line of HTML in a Markdown text: its tags are not text, its comments neither.
            Event::Html(html) | Event::InlineHtml(html) => self.html(&html),
            Event::InlineMath(math) | Event::DisplayMath(math) => self.text.push_str(&math),
            Event::FootnoteReference(_) | Event::Rule | Event::TaskListMarker(_) => {}
        }
        Ok(())
    }

    fn start(&mut self, tag: &Tag<'_>) -> Result<(), ReadError> {
        match tag {
            Tag::List(_) => {
                self.flush(self.running())?;
                self.list_depth += 1;
            }
            Tag::MetadataBlock(_) => self.is_metadata = true,
            Tag::Heading { .. } | Tag::CodeBlock(_) | Tag::Table(_) | Tag::Item => {
                self.flush(self.running())?;
            }
            _ => {}
        }
        Ok(())
    }

    fn end(&mut self, tag: TagEnd) -> Result<(), ReadError> {
        match tag {
            TagEnd::Heading(level) => self.flush(BlockKind::Heading { level: number(level) }),
            TagEnd::CodeBlock => self.flush(BlockKind::Code),
            TagEnd::Table => self.flush(BlockKind::Table),
            TagEnd::TableCell => {
                self.text.push_str(" | ");
                Ok(())
            }
            TagEnd::TableRow | TagEnd::TableHead => {
                self.text.truncate(self.text.trim_end_matches(" | ").len());
                self.text.push('\n');
                Ok(())
            }
            TagEnd::List(_) => {
                self.flush(BlockKind::ListItem)?;
                self.list_depth = self.list_depth.saturating_sub(1);
                Ok(())
            }
            TagEnd::Paragraph | TagEnd::Item | TagEnd::HtmlBlock | TagEnd::FootnoteDefinition => {
                self.within = Markup::Text;
                self.flush(self.running())
            }
            TagEnd::MetadataBlock(_) => {
                self.metadata();
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// Keeps what stands outside of tags and comments.
    fn html(&mut self, mut rest: &str) {
        loop {
            let end = match self.within {
                Markup::Text => "<",
                Markup::Tag => ">",
                Markup::Comment => "-->",
            };
            let found = rest.split_once(end);
            if let Markup::Text = self.within {
                self.text.push_str(found.map_or(rest, |(before, _)| before));
            }
            let Some((_, after)) = found else { return };
            (self.within, rest) = match (self.within, after.strip_prefix("!--")) {
                (Markup::Text, Some(comment)) => (Markup::Comment, comment),
                (Markup::Text, None) => (Markup::Tag, after),
                (Markup::Tag | Markup::Comment, _) => (Markup::Text, after),
            };
        }
    }

    fn running(&self) -> BlockKind {
        if self.list_depth > 0 { BlockKind::ListItem } else { BlockKind::Paragraph }
    }

    fn flush(&mut self, kind: BlockKind) -> Result<(), ReadError> {
        let added = self.draft.add(kind, &self.text);
        self.text.clear();
        added
    }

    /// Takes the title out of the block before the text; the rest of it is not text.
    fn metadata(&mut self) {
        if self.is_metadata {
            let title = self.text.lines().find_map(|line| line.strip_prefix("title:"));
            self.draft.set_title(title.unwrap_or_default().trim().trim_matches(['"', '\'']));
            self.text.clear();
            self.is_metadata = false;
        }
    }
}

fn number(level: HeadingLevel) -> u8 {
    match level {
        HeadingLevel::H1 => 1,
        HeadingLevel::H2 => 2,
        HeadingLevel::H3 => 3,
        HeadingLevel::H4 => 4,
        HeadingLevel::H5 => 5,
        HeadingLevel::H6 => 6,
    }
}

#[cfg(test)]
mod tests {
    use oxherd_study::document::{BlockKind, ParsedDocument};

    use super::*;

    fn parsed(text: &str) -> ParsedDocument {
        let mut draft = Draft::new(1 << 20);
        read(text.as_bytes(), &mut draft).unwrap();
        draft.finish().unwrap()
    }

    fn blocks(text: &str) -> Vec<(BlockKind, String)> {
        parsed(text).blocks.into_iter().map(|block| (block.kind, block.text)).collect()
    }

    #[test]
    fn headings_lists_code_and_tables_keep_what_they_are() {
        let text = "# 운영체제\n\n첫 *문단*\n둘째 줄\n\nSub\n---\n\n- one\n  - two\n- three\n\n```c\nint x;\n\
                    \n  y();\n```\n\n| a | b |\n|---|---|\n| 1 | 2 |\n";

        let blocks = blocks(text);

        let expect = [
            (BlockKind::Heading { level: 1 }, "운영체제"),
            (BlockKind::Paragraph, "첫 문단 둘째 줄"),
            (BlockKind::Heading { level: 2 }, "Sub"),
            (BlockKind::ListItem, "one"),
            (BlockKind::ListItem, "two"),
            (BlockKind::ListItem, "three"),
            (BlockKind::Code, "int x;\n\n  y();"),
            (BlockKind::Table, "a | b\n1 | 2"),
        ]
        .map(|(kind, text)| (kind, text.to_owned()));
        assert_eq!(blocks, expect);
    }

    #[test]
    fn a_hash_inside_code_is_no_heading() {
        let blocks = blocks("```\n# comment\n```\n");

        assert_eq!(blocks, [(BlockKind::Code, "# comment".to_owned())]);
    }

    #[test]
    fn the_title_comes_from_the_block_before_the_text() {
        let document = parsed("---\ntitle: \"My notes\"\ntags: x\n---\n\nText.\n");

        assert_eq!(document.title.as_deref(), Some("My notes"));
        assert_eq!(document.blocks.len(), 1);
    }

    #[test]
    fn tags_are_not_text() {
        let blocks =
            blocks("<div class=\"x\">\n<!-- note -->\nHello\n</div>\n\nA <b>bold</b> word.\n");

        assert_eq!(blocks[0].1, "Hello");
        assert_eq!(blocks[1].1, "A bold word.");
    }

    #[test]
    fn a_comment_over_many_lines_is_not_text() {
        let blocks = blocks("Before\n\n<!--\nhidden -> a > b\n\n# Hidden\n-->\n\nAfter < all\n");

        let texts: Vec<&str> = blocks.iter().map(|(_, text)| text.as_str()).collect();
        assert_eq!(texts, ["Before", "After < all"]);
    }
}
