//! Plain text: paragraphs between blank lines, headings by the conventions of people who have no
//! other means, pages by form feeds.

mod paragraphs;
mod terminal;

use super::draft::Draft;
use super::{ReadError, encoding};

/// Reads a text in any encoding.
pub(super) fn read(bytes: &[u8], draft: &mut Draft) -> Result<(), ReadError> {
    let text = terminal::without_controls(&encoding::decode(bytes, None));
    let text = text.trim_end();
    let has_pages = text.contains('\u{c}');
    for (page, text) in (1..).zip(text.split('\u{c}')) {
        if has_pages {
            draft.set_page(page);
        }
        paragraphs::read(text, draft)?;
    }
    Ok(())
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

    fn check(text: &str, expect: &[(BlockKind, &str)]) {
        let blocks: Vec<_> =
            parsed(text).blocks.into_iter().map(|block| (block.kind, block.text)).collect();
        let expect: Vec<_> = expect.iter().map(|&(kind, text)| (kind, text.to_owned())).collect();
        assert_eq!(blocks, expect);
    }

    fn heading(level: u8) -> BlockKind {
        BlockKind::Heading { level }
    }

    #[test]
    fn underlined_and_numbered_lines_are_headings() {
        check(
            "Guide\n=====\n\nSome text\nin two lines.\n\nChapter 1. Start\n\nText.\n\n\
             1.1. First steps\n\nMore.\n\nPart\n----\nEnd.\n",
            &[
                (heading(1), "Guide"),
                (BlockKind::Paragraph, "Some text in two lines."),
                (heading(1), "Chapter 1. Start"),
                (BlockKind::Paragraph, "Text."),
                (heading(2), "1.1. First steps"),
                (BlockKind::Paragraph, "More."),
                (heading(2), "Part"),
                (BlockKind::Paragraph, "End."),
            ],
        );
    }

    #[test]
    fn korean_chapters_are_headings() {
        check(
            "제 1 장 시작\n\n본문입니다.\n\n제2절 설치\n\n본문.\n",
            &[
                (heading(1), "제 1 장 시작"),
                (BlockKind::Paragraph, "본문입니다."),
                (heading(2), "제2절 설치"),
                (BlockKind::Paragraph, "본문."),
            ],
        );
    }

    #[test]
    fn capitals_above_text_are_headings() {
        check(
            "NAME\n    ls - list\n\nSEE ALSO\n    dir\n",
            &[
                (heading(1), "NAME"),
                (BlockKind::Paragraph, "ls - list"),
                (heading(1), "SEE ALSO"),
                (BlockKind::Paragraph, "dir"),
            ],
        );
    }

    #[test]
    fn a_numbered_list_is_no_row_of_headings() {
        check(
            "Do this:\n\n1. Open the box\n\n2. Take the thing\n\n3. Close it\n",
            &[
                (BlockKind::Paragraph, "Do this:"),
                (BlockKind::ListItem, "1. Open the box"),
                (BlockKind::ListItem, "2. Take the thing"),
                (BlockKind::ListItem, "3. Close it"),
            ],
        );
    }

    #[test]
    fn bullets_are_items_and_indented_blocks_are_code() {
        check(
            "Text here.\n\n- one\n  goes on\n- two\n\n    $ make\n    $ make install\n\nText again.\n",
            &[
                (BlockKind::Paragraph, "Text here."),
                (BlockKind::ListItem, "- one goes on"),
                (BlockKind::ListItem, "- two"),
                (BlockKind::Code, "    $ make\n    $ make install"),
                (BlockKind::Paragraph, "Text again."),
            ],
        );
    }

    #[test]
    fn form_feeds_are_pages() {
        let document = parsed("one\n\u{c}two\n\u{c}");

        assert_eq!(document.blocks[1].page, Some(2));
        assert_eq!(document.page_count, Some(2));
    }

    #[test]
    fn terminal_output_is_read_as_it_looked() {
        check("\u{1b}[1mB\u{8}Bold\u{1b}[0m te\0xt\n", &[(BlockKind::Paragraph, "Bold text")]);
    }
}
