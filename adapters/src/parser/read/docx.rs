//! DOCX: a zip of XML parts, of which the text, its styles and its title are read as streams.
//!
//! No part is unpacked to a path, no relationship is followed out of the package, and no entity is
//! expanded but the five of XML.

mod body;
mod package;
mod paragraph;
mod styles;
mod table;
mod xml;

use super::draft::Draft;
use super::{Progress, ReadError};
use package::Package;
use styles::Styles;

/// Reads a DOCX.
pub(super) fn read(
    bytes: Vec<u8>,
    draft: &mut Draft,
    progress: Progress<'_>,
) -> Result<(), ReadError> {
    let mut package = Package::open(bytes)?;
    let styles = match package.part("word/styles.xml")? {
        Some(part) => Styles::read(part)?,
        None => Styles::default(),
    };
    if let Some(part) = package.part("docProps/core.xml")?
        && let Some(title) = xml::first_text(part, "title")?
    {
        draft.set_title(&title);
    }
    let main = package.main_part()?;
    let part = package.part(&main)?.ok_or(ReadError::Damaged)?;
    body::read(part, &styles, draft, progress)
}

#[cfg(test)]
mod tests {
    use std::io::{Cursor, Write};

    use oxherd_study::document::{BlockKind, ParsedDocument};
    use zip::ZipWriter;
    use zip::write::SimpleFileOptions;

    use super::*;

    const STYLES: &str = r#"<w:styles>
        <w:style w:type="paragraph" w:styleId="1"><w:name w:val="heading 1"/></w:style>
        <w:style w:type="paragraph" w:styleId="a5"><w:name w:val="제목 2"/></w:style>
        <w:style w:type="paragraph" w:styleId="X"><w:basedOn w:val="1"/></w:style>
        <w:style w:type="paragraph" w:styleId="Loop"><w:basedOn w:val="Loop"/></w:style>
        <w:style w:type="paragraph" w:styleId="Deep"><w:pPr><w:outlineLvl w:val="2"/></w:pPr></w:style>
        <w:style w:type="paragraph" w:styleId="Src"><w:name w:val="Source Code"/></w:style>
        <w:style w:type="paragraph" w:styleId="T1"><w:name w:val="toc 1"/></w:style>
        </w:styles>"#;

    fn package(body: &str) -> Vec<u8> {
        let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
        let parts = [
            ("word/document.xml", format!("<w:document><w:body>{body}</w:body></w:document>")),
            ("word/styles.xml", STYLES.to_owned()),
            ("docProps/core.xml", "<c><dc:title>A &amp; B</dc:title></c>".to_owned()),
        ];
        for (name, text) in parts {
            zip.start_file(name, SimpleFileOptions::default()).unwrap();
            zip.write_all(text.as_bytes()).unwrap();
        }
        zip.finish().unwrap().into_inner()
    }

    fn parsed(body: &str) -> ParsedDocument {
        let mut draft = Draft::new(1 << 20);
        read(package(body), &mut draft, &mut |_, _| {}).unwrap();
        draft.finish().unwrap()
    }

    fn styled(style: &str, text: &str) -> String {
        format!(
            "<w:p><w:pPr><w:pStyle w:val=\"{style}\"/></w:pPr><w:r><w:t>{text}</w:t></w:r></w:p>"
        )
    }

    fn plain(text: &str) -> String {
        format!("<w:p><w:r><w:t xml:space=\"preserve\">{text}</w:t></w:r></w:p>")
    }

    fn check(body: &str, expect: &[(BlockKind, &str)]) {
        let blocks: Vec<_> =
            parsed(body).blocks.into_iter().map(|block| (block.kind, block.text)).collect();
        let expect: Vec<_> = expect.iter().map(|&(kind, text)| (kind, text.to_owned())).collect();
        assert_eq!(blocks, expect);
    }

    #[test]
    fn headings_are_known_by_name_level_and_ancestry() {
        let body = [("1", "A"), ("a5", "B"), ("X", "C"), ("Deep", "D"), ("Heading3", "E")]
            .map(|(style, text)| styled(style, text))
            .concat();

        check(
            &(body + &styled("Loop", "text") + &styled("T1", "A 1")),
            &[
                (BlockKind::Heading { level: 1 }, "A"),
                (BlockKind::Heading { level: 2 }, "B"),
                (BlockKind::Heading { level: 1 }, "C"),
                (BlockKind::Heading { level: 3 }, "D"),
                (BlockKind::Heading { level: 3 }, "E"),
                (BlockKind::Paragraph, "text"),
            ],
        );
    }

    #[test]
    fn deleted_hidden_and_repeated_text_is_left_out() {
        check(
            "<w:p><w:r><w:t>kept</w:t></w:r><w:del><w:r><w:delText>x</w:delText><w:t>gone</w:t>\
             </w:r></w:del><w:ins><w:r><w:t> new</w:t></w:r></w:ins>\
             <w:r><w:rPr><w:vanish/></w:rPr><w:t>hidden</w:t></w:r></w:p>\
             <w:p><w:r><mc:AlternateContent><mc:Choice><w:txbxContent><w:p><w:r><w:t>box</w:t>\
             </w:r></w:p></w:txbxContent></mc:Choice><mc:Fallback><w:p><w:r><w:t>box</w:t></w:r>\
             </w:p></mc:Fallback></mc:AlternateContent></w:r><w:r><w:t>after &lt;</w:t></w:r></w:p>",
            &[
                (BlockKind::Paragraph, "kept new"),
                (BlockKind::Paragraph, "box"),
                (BlockKind::Paragraph, "after <"),
            ],
        );
    }

    #[test]
    fn tables_code_and_lists_keep_what_they_are() {
        let cell = |text: &str| format!("<w:tc>{}</w:tc>", plain(text));
        let row = |a: &str, b: &str| format!("<w:tr>{}{}</w:tr>", cell(a), cell(b));
        let item = "<w:p><w:pPr><w:numPr><w:numId w:val=\"1\"/></w:numPr></w:pPr><w:r><w:t>item\
                    </w:t></w:r></w:p>";
        let code =
            styled("Src", "a</w:t><w:br/><w:t xml:space=\"preserve\">  b") + &styled("Src", "c");

        check(
            &format!("<w:tbl>{}{}</w:tbl>{item}{code}", row("k", "v"), row("1", "2")),
            &[
                (BlockKind::Table, "k | v\n1 | 2"),
                (BlockKind::ListItem, "item"),
                (BlockKind::Code, "a\n  b\nc"),
            ],
        );
    }

    #[test]
    fn a_table_of_one_column_is_a_frame_around_text() {
        check(
            &format!("<w:tbl><w:tr><w:tc>{}{}</w:tc></w:tr></w:tbl>", styled("1", "H"), plain("t")),
            &[(BlockKind::Heading { level: 1 }, "H"), (BlockKind::Paragraph, "t")],
        );
    }

    #[test]
    fn pages_are_those_that_word_saved() {
        let broken = "<w:p><w:r><w:lastRenderedPageBreak/><w:t>two</w:t></w:r></w:p>";

        let with = parsed(&(plain("one") + broken));
        let without = parsed(&plain("one"));

        assert_eq!(with.blocks[1].page, Some(2));
        assert_eq!(with.page_count, Some(2));
        assert_eq!((without.blocks[0].page, without.page_count), (None, None));
    }

    #[test]
    fn the_title_is_in_the_properties() {
        assert_eq!(parsed(&plain("text")).title.as_deref(), Some("A & B"));
    }

    #[test]
    fn what_is_no_package_is_damaged() {
        let mut draft = Draft::new(1 << 20);
        let bytes = package("text")[..200].to_vec();

        assert_eq!(read(bytes, &mut draft, &mut |_, _| {}), Err(ReadError::Damaged));
    }
}
