//! Web pages: the tree that browsers build, walked once for its text.
//!
//! The walk keeps its own stack, so that no nesting overflows ours; building the tree can be made
//! quadratic by nesting, so that it has a time of its own.

mod boilerplate;
mod tables;
mod walk;

use std::time::{Duration, Instant};

use encoding_rs::Encoding;
use html5ever::tendril::{StrTendril, TendrilSink};
use html5ever::{ParseOpts, parse_document};
use markup5ever_rcdom::RcDom;

use super::draft::Draft;
use super::{Progress, ReadError, encoding};

/// How long building a tree may take; a page of 10 MB takes a second.
const BUILD_MAX: Duration = Duration::from_secs(8);

/// The text that is given to the tree builder between two looks at the clock.
const PIECE: usize = 16 * 1024;

/// The bytes in which a page says its encoding.
const DECLARATION: usize = 4 * 1024;

/// Reads a page.
pub(super) fn read(
    bytes: &[u8],
    draft: &mut Draft,
    progress: Progress<'_>,
) -> Result<(), ReadError> {
    let text = encoding::decode(bytes, declared(bytes));
    let dom = build(&text, progress)?;
    drop(text);
    let read = walk::walk(&dom.document, draft);
    // The process ends soon: taking a large tree apart first would be for nothing.
    std::mem::forget(dom);
    read
}

fn build(text: &str, progress: Progress<'_>) -> Result<RcDom, ReadError> {
    let started = Instant::now();
    let pieces = u32::try_from(text.len() / PIECE + 1).unwrap_or(u32::MAX);
    let mut parser = parse_document(RcDom::default(), ParseOpts::default());
    let mut rest = text;
    for piece in 1..=pieces {
        let (head, tail) = rest.split_at(rest.floor_char_boundary(PIECE));
        parser.process(StrTendril::from_slice(head));
        rest = tail;
        if started.elapsed() > BUILD_MAX {
            return Err(ReadError::TooComplex);
        }
        if piece % 16 == 0 {
            progress(piece, Some(pieces));
        }
    }
    parser.process(StrTendril::from_slice(rest));
    Ok(parser.finish())
}

/// Finds the encoding that a page declares in a `meta` element or in its XML declaration.
fn declared(bytes: &[u8]) -> Option<&'static Encoding> {
    let head = bytes[..bytes.len().min(DECLARATION)].to_ascii_lowercase();
    let mut rest = head.as_slice();
    loop {
        let (at, length) = [b"charset".as_slice(), b"encoding"]
            .iter()
            .filter_map(|key| Some((find(rest, key)?, key.len())))
            .min()?;
        rest = &rest[at + length..];
        let value = rest.trim_ascii_start();
        let Some(value) = value.strip_prefix(b"=") else { continue };
        let value = value.trim_ascii_start();
        let value = value.strip_prefix(b"\"").or(value.strip_prefix(b"'")).unwrap_or(value);
        let end = value
            .iter()
            .position(|byte| !byte.is_ascii_alphanumeric() && !b"-_:.".contains(byte))
            .unwrap_or(value.len());
        if let Some(encoding) = Encoding::for_label(&value[..end]) {
            return Some(encoding);
        }
    }
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).position(|window| window == needle)
}

#[cfg(test)]
mod tests {
    use oxherd_study::document::{BlockKind, ParsedDocument};

    use super::*;

    fn parsed(page: &[u8]) -> ParsedDocument {
        let mut draft = Draft::new(1 << 20);
        read(page, &mut draft, &mut |_, _| {}).unwrap();
        draft.finish().unwrap()
    }

    fn blocks(page: &str) -> Vec<(BlockKind, String)> {
        parsed(page.as_bytes()).blocks.into_iter().map(|block| (block.kind, block.text)).collect()
    }

    fn check(page: &str, expect: &[(BlockKind, &str)]) {
        let expect: Vec<_> = expect.iter().map(|&(kind, text)| (kind, text.to_owned())).collect();
        assert_eq!(blocks(page), expect);
    }

    #[test]
    fn structure_is_kept() {
        check(
            "<title>T</title><h1>운영체제</h1><p>첫 <b>문</b>단<br>둘째</p><h3>Sub</h3>\
             <ul><li>one<li><p>two</p></ul><pre>a\n  b</pre>\
             <table><tr><th>k<th>v<tr><td>1<td>2</table>tail",
            &[
                (BlockKind::Heading { level: 1 }, "운영체제"),
                (BlockKind::Paragraph, "첫 문단 둘째"),
                (BlockKind::Heading { level: 3 }, "Sub"),
                (BlockKind::ListItem, "one"),
                (BlockKind::ListItem, "two"),
                (BlockKind::Code, "a\n  b"),
                (BlockKind::Table, "k | v\n1 | 2"),
                (BlockKind::Paragraph, "tail"),
            ],
        );
    }

    #[test]
    fn what_surrounds_the_text_is_left_out() {
        check(
            "<header><a>Home</a></header><nav><h2>Menu</h2></nav>\
             <div class='navheader'><table><tr><td>Prev</table></div>\
             <script>let x</script><style>p{}</style><div role=navigation>nav</div>\
             <main><header><h1>Title<a class=headerlink href=#t>¶</a></h1></header>\
             <p>Text</p><p hidden>no</p></main><footer>2024</footer>",
            &[(BlockKind::Heading { level: 1 }, "Title"), (BlockKind::Paragraph, "Text")],
        );
    }

    #[test]
    fn a_table_that_lays_out_a_page_is_no_table() {
        check(
            "<table><tr><td><h2>Part</h2><p>Text</p></td></tr></table>",
            &[(BlockKind::Heading { level: 2 }, "Part"), (BlockKind::Paragraph, "Text")],
        );
    }

    #[test]
    fn the_declared_encoding_is_used() {
        let page = "<meta charset=\"euc-kr\"><h1>한</h1>";
        let page = encoding_rs::EUC_KR.encode(page).0;

        assert_eq!(parsed(&page).blocks[0].text, "한");
    }

    #[test]
    fn the_title_is_the_documents() {
        let document = parsed(b"<title> A  book </title><h1>Chapter</h1>");

        assert_eq!(document.title.as_deref(), Some("A book"));
    }

    #[test]
    fn nesting_is_read_however_deep() {
        let page = "<div>".repeat(20_000) + "text" + &"</div>".repeat(20_000);

        check(&page, &[(BlockKind::Paragraph, "text")]);
    }
}
