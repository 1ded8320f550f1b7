//! Small documents, written by hand, through the whole reader.

use std::fmt::Write;

use encoding_rs::EUC_KR;
use oxherd_study::document::{BlockKind, ParsedDocument};

use super::*;

/// The objects of a document.
struct Objects(Vec<String>);

/// A document that has been begun with a catalog, a tree of pages and a font.
fn document(font: &str) -> Objects {
    Objects(vec![
        "<< /Type /Catalog /Pages 2 0 R /Outlines 3 0 R >>".to_owned(),
        String::new(),
        "<< >>".to_owned(),
        font.to_owned(),
    ])
}

fn helvetica() -> Objects {
    document("<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>")
}

impl Objects {
    /// Adds a page that shows lines, each at a size and a height.
    fn page(mut self, lines: &[(u32, u32, &str)]) -> Self {
        let mut content = String::new();
        for (size, height, text) in lines {
            let text = if text.starts_with('<') { (*text).to_owned() } else { format!("({text})") };
            let _ = writeln!(content, "BT /F {size} Tf 1 0 0 1 72 {height} Tm {text} Tj ET");
        }
        self.0.push(format!("<< /Length {} >>\nstream\n{content}\nendstream", content.len()));
        let stream = self.0.len();
        self.0.push(format!(
            "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 600 800] /Contents {stream} 0 R \
             /Resources << /Font << /F 4 0 R >> >> >>"
        ));
        self
    }

    /// Adds bookmarks: title, page from 1, height.
    fn bookmarks(mut self, bookmarks: &[(&str, usize, u32)]) -> Self {
        let first = self.0.len() + 1;
        self.0[2] = format!("<< /First {first} 0 R >>");
        for (index, (title, page, height)) in bookmarks.iter().enumerate() {
            let page = 4 + 2 * page;
            let next = if index + 1 < bookmarks.len() {
                format!("/Next {} 0 R", first + index + 1)
            } else {
                String::new()
            };
            self.0.push(format!(
                "<< /Title ({title}) /Dest [{page} 0 R /XYZ 72 {height} null] {next} >>"
            ));
        }
        self
    }

    fn parsed(mut self) -> ParsedDocument {
        let is_page = |object: &str| object.starts_with("<< /Type /Page ");
        let kids: String = (1..)
            .zip(&self.0)
            .filter(|(_, object)| is_page(object))
            .map(|(number, _)| format!("{number} 0 R "))
            .collect();
        self.0[1] = format!("<< /Type /Pages /Kids [{kids}] /Count 9 >>");
        let mut file = "%PDF-1.7\n".to_owned();
        for (number, object) in (1..).zip(&self.0) {
            let _ = writeln!(file, "{number} 0 obj\n{object}\nendobj");
        }
        // Without a table of places: the reader finds the objects itself.
        file.push_str("trailer << /Root 1 0 R >>\n%%EOF\n");
        let mut draft = Draft::new(1 << 20);
        read(file.into_bytes(), &mut draft, &mut |_, _| {}).unwrap();
        draft.finish().unwrap()
    }
}

fn blocks(document: ParsedDocument) -> Vec<(BlockKind, u32, String)> {
    let block =
        |block: oxherd_study::document::Block| (block.kind, block.page.unwrap_or(0), block.text);
    document.blocks.into_iter().map(block).collect()
}

fn check(objects: Objects, expect: &[(BlockKind, u32, &str)]) {
    let expect: Vec<_> =
        expect.iter().map(|&(kind, page, text)| (kind, page, text.to_owned())).collect();
    assert_eq!(blocks(objects.parsed()), expect);
}

const HEADING: BlockKind = BlockKind::Heading { level: 1 };

#[test]
fn lines_become_paragraphs_and_cut_words_are_joined() {
    let lines = [
        (
            10,
            700,
            "The first paragraph of this text goes on over the whole line and is cut in a data-",
        ),
        (10, 688, "base of words. Then it ends."),
        (10, 660, "The second paragraph."),
    ];

    check(
        helvetica().page(&lines),
        &[
            (
                BlockKind::Paragraph,
                1,
                "The first paragraph of this text goes on over the whole line and is cut in a \
                 database of words. Then it ends.",
            ),
            (BlockKind::Paragraph, 1, "The second paragraph."),
        ],
    );
}

#[test]
fn bookmarks_are_headings_where_they_point() {
    let first = [(10, 700, "Before."), (14, 650, "1 Start here"), (10, 620, "Text of the start.")];
    let second = [(10, 700, "More text."), (10, 600, "The end.")];
    let objects = helvetica().page(&first).page(&second);

    check(
        objects.bookmarks(&[("Start here", 1, 660), ("Hidden", 2, 620)]),
        &[
            (BlockKind::Paragraph, 1, "Before."),
            (HEADING, 1, "Start here"),
            (BlockKind::Paragraph, 1, "Text of the start."),
            (BlockKind::Paragraph, 2, "More text."),
            (HEADING, 2, "Hidden"),
            (BlockKind::Paragraph, 2, "The end."),
        ],
    );
}

#[test]
fn without_bookmarks_larger_lines_are_headings() {
    let text = "A line of text that is long enough to be the body of this small document here.";
    let lines = [
        (24, 740, "A Title"),
        (10, 700, text),
        (16, 660, "Chapter"),
        (10, 640, text),
        (13, 600, "Section"),
        (10, 580, text),
    ];

    let document = helvetica().page(&lines).parsed();

    assert_eq!(document.title.as_deref(), Some("A Title"));
    let headings: Vec<_> = blocks(document)
        .into_iter()
        .filter(|(kind, ..)| matches!(kind, BlockKind::Heading { .. }))
        .collect();
    let expect = [
        (HEADING, 1, "Chapter".to_owned()),
        (BlockKind::Heading { level: 2 }, 1, "Section".to_owned()),
    ];
    assert_eq!(headings, expect);
}

#[test]
fn korean_is_read_from_fonts_that_are_not_in_the_document() {
    let text = "한글문서를 읽는다";
    let hex = |bytes: &[u8]| {
        let digits: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        format!("<{digits}>")
    };
    let utf_16: Vec<u8> = text.encode_utf16().flat_map(u16::to_be_bytes).collect();
    let euc = EUC_KR.encode(text).0.into_owned();
    let encodings = [
        ("UniKS-UCS2-H", &utf_16),
        ("UniKS-UTF16-H", &utf_16),
        ("KSCms-UHC-H", &euc),
        ("KSC-EUC-H", &euc),
    ];
    for (encoding, bytes) in encodings {
        let font = format!(
            "<< /Type /Font /Subtype /Type0 /BaseFont /HYSMyeongJo-Medium /Encoding /{encoding} \
             /DescendantFonts [<< /Type /Font /Subtype /CIDFontType0 /BaseFont \
             /HYSMyeongJo-Medium /CIDSystemInfo << /Registry (Adobe) /Ordering (Korea1) \
             /Supplement 1 >> >>] >>"
        );

        let document = document(&font).page(&[(10, 700, &hex(bytes))]).parsed();

        assert_eq!(document.blocks[0].text, text, "{encoding}");
    }
}

#[test]
fn wide_gaps_in_rows_make_a_table() {
    let mut objects = helvetica().page(&[]);
    let mut content = String::new();
    for (row, (key, value)) in (0..).zip([("name", "meaning"), ("cat", "animal"), ("oak", "tree")])
    {
        let height = 700 - 12 * row;
        let _ = write!(content, "BT /F 10 Tf 1 0 0 1 72 {height} Tm ({key}) Tj ET ");
        let _ = write!(content, "BT /F 10 Tf 1 0 0 1 200 {height} Tm ({value}) Tj ET ");
    }
    objects.0[4] = format!("<< /Length {} >>\nstream\n{content}\nendstream", content.len());

    check(objects, &[(BlockKind::Table, 1, "name | meaning\ncat | animal\noak | tree")]);
}

#[test]
fn a_page_without_text_has_none() {
    let mut draft = Draft::new(100);
    let file = b"%PDF-1.4\n1 0 obj\n<< /Type /Catalog /Pages 2 0 R >>\nendobj\n2 0 obj\n\
        << /Type /Pages /Kids [3 0 R] /Count 1 >>\nendobj\n3 0 obj\n<< /Type /Page >>\nendobj\n\
        trailer << /Root 1 0 R >>\n";

    read(file.to_vec(), &mut draft, &mut |_, _| {}).unwrap();

    assert_eq!(draft.finish(), Err(ReadError::NoText));
}
