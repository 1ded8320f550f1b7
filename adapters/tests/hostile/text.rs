//! Hostile plain text and Markdown, and what is too small to be anything.

use oxherd_study::document::DocumentKind;
use oxherd_study::error::ErrorCode;

use super::Hostile;

/// The largest upload.
const LARGEST: usize = 50 << 20;

pub(crate) fn all() -> Vec<Hostile> {
    let text = |name, bytes: Vec<u8>| Hostile::new(name, DocumentKind::Text, bytes);
    let markdown = |name, text: String| Hostile::new(name, DocumentKind::Markdown, text);
    let mut all = vec![
        text("one line of 50 MB", b"x".repeat(LARGEST)).expecting(ErrorCode::MaterialParseFailed),
        text("50 MB of short lines", b"a b\n".repeat(LARGEST / 4))
            .expecting(ErrorCode::MaterialParseFailed),
        text("50 MB of one-letter paragraphs", b"a\n\n".repeat(LARGEST / 3))
            .expecting(ErrorCode::MaterialParseFailed),
        text("50 MB of zero bytes", vec![0; LARGEST]).expecting(ErrorCode::MaterialNoText),
        text("a byte more than the largest", vec![b'x'; LARGEST + 1])
            .expecting(ErrorCode::MaterialParseFailed),
        text("escape sequences without end", b"\x1b[1".repeat(1_000_000)),
        text("backspaces", b"a\x08".repeat(1_000_000)).expecting(ErrorCode::MaterialNoText),
        text("two thousand pages", b"word\x0c".repeat(2_000))
            .expecting(ErrorCode::MaterialPageLimit),
        text("marks that hide and reorder", "\u{202e}\u{200b}\u{e0041}".repeat(100_000).into())
            .expecting(ErrorCode::MaterialNoText),
        text("joined marks", ("a".to_owned() + &"\u{301}".repeat(2_000_000)).into()),
        markdown("quotes in quotes", ">".repeat(100_000) + " words"),
        markdown("lists in lists", (0..5_000).map(|n| " ".repeat(2 * n) + "- a\n").collect()),
        markdown("brackets", "[".repeat(200_000) + "words"),
        markdown("links in links", "[a](".repeat(100_000)),
        markdown("emphasis", "*a **b ".repeat(100_000)),
        markdown("backticks", (1..1_500).map(|n| "`".repeat(n) + " ").collect()),
        markdown("references", "[a]: b\n".repeat(300_000) + &"[a] ".repeat(100_000)),
    ];
    for kind in DocumentKind::ALL {
        let code = match kind {
            DocumentKind::Pdf | DocumentKind::Docx => ErrorCode::MaterialParseFailed,
            _ => ErrorCode::MaterialNoText,
        };
        all.push(Hostile::new("empty", kind, Vec::new()).expecting(code));
        all.push(Hostile::new("one byte", kind, vec![b' ']).expecting(code));
        let noise: Vec<u8> =
            (0_u32..100_000).map(|n| (n.wrapping_mul(2_246_822_519) >> 11) as u8).collect();
        all.push(Hostile::new("noise", kind, noise));
    }
    all
}
