//! What a file is, told from its bytes alone: from its beginning and its end.
//!
//! It is no parser: a file that passes may still be broken.

use crate::document::DocumentKind;

/// The bytes of the beginning that are looked at.
pub(super) const HEAD_MAX: usize = 8 * 1024;
/// The bytes of the end that are looked at: the central directory of some thousand files.
pub(super) const TAIL_MAX: u64 = 256 * 1024;

/// Within how many bytes the mark of a PDF must begin.
const PDF_MARK_WITHIN: usize = 1024;

/// Tells the kind of a file from its first 8 KiB and its last 256 KiB (which may overlap);
/// `None` when it is none of the kinds. Markdown is not told from plain text.
#[must_use]
pub fn sniff(head: &[u8], tail: &[u8]) -> Option<DocumentKind> {
    if is_pdf(head, tail) {
        return Some(DocumentKind::Pdf);
    }
    if is_zip(head) {
        return holds_docx(head, tail).then_some(DocumentKind::Docx);
    }
    if is_utf16(head) {
        return Some(DocumentKind::Text);
    }
    if !is_text(head) {
        return None;
    }
    Some(if is_html(head) { DocumentKind::Html } else { DocumentKind::Text })
}

/// Tells whether the end of a file is needed to know it.
pub(super) fn needs_tail(head: &[u8]) -> bool {
    is_zip(head) || (!early_pdf_mark(head) && late_pdf_mark(head))
}

/// A PDF begins with its mark. Rubbish before it is tolerated when the file also ends like a PDF,
/// so that a text about PDF files stays a text.
fn is_pdf(head: &[u8], tail: &[u8]) -> bool {
    early_pdf_mark(head)
        || (late_pdf_mark(head) && (find(tail, b"startxref").is_some() || !is_text(head)))
}

fn early_pdf_mark(head: &[u8]) -> bool {
    without_mark(head).trim_ascii_start().starts_with(b"%PDF-")
}

fn late_pdf_mark(head: &[u8]) -> bool {
    let within = head.len().min(PDF_MARK_WITHIN + b"%PDF-".len());
    find(&head[..within], b"%PDF-").is_some()
}

fn is_zip(head: &[u8]) -> bool {
    head.starts_with(b"PK\x03\x04")
}

/// Looks for the main part of a Word document among the names of a ZIP file's entries: after the
/// signature of a local header (30 bytes before the name) or of the central directory (46 bytes).
fn holds_docx(head: &[u8], tail: &[u8]) -> bool {
    names_document(head, b"PK\x03\x04", 26, 30) || names_document(tail, b"PK\x01\x02", 28, 46)
}

fn names_document(bytes: &[u8], signature: &[u8], length_at: usize, name_at: usize) -> bool {
    const NAME: &[u8] = b"word/document.xml";
    let mut rest = bytes;
    while let Some(at) = find(rest, signature) {
        let entry = &rest[at..];
        let length = entry.get(length_at..length_at + 2).map(|b| u16::from_le_bytes([b[0], b[1]]));
        if length.map(usize::from) == Some(NAME.len())
            && entry.get(name_at..name_at + NAME.len()) == Some(NAME)
        {
            return true;
        }
        rest = &entry[signature.len()..];
    }
    false
}

/// Drops the byte order mark of UTF-8.
fn without_mark(head: &[u8]) -> &[u8] {
    head.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(head)
}

/// Tells whether bytes are text in an encoding whose units are bytes: no NUL, and control
/// characters so few that they may be accidents.
fn is_text(head: &[u8]) -> bool {
    let is_control = |byte: &&u8| matches!(**byte, 0x01..=0x07 | 0x0E..=0x1A | 0x1C..=0x1F | 0x7F);
    !head.contains(&0) && head.iter().filter(is_control).count() <= head.len() / 200
}

/// Tells whether bytes are UTF-16, with its mark or without.
fn is_utf16(head: &[u8]) -> bool {
    let (little, big) = (head.starts_with(b"\xFF\xFE"), head.starts_with(b"\xFE\xFF"));
    if !little && !big && !head.contains(&0) {
        return false;
    }
    let reads = |unit: fn([u8; 2]) -> u16| {
        let units = head.chunks_exact(2).map(|pair| unit([pair[0], pair[1]]));
        // The last unit may be the first half of a pair that the head cuts.
        let count = units.len().saturating_sub(1);
        char::decode_utf16(units.take(count))
            .all(|read| read.is_ok_and(|letter| !letter.is_control() || is_layout(letter)))
    };
    (!big && reads(u16::from_le_bytes)) || (!little && reads(u16::from_be_bytes))
}

fn is_layout(letter: char) -> bool {
    matches!(letter, '\t' | '\n' | '\r' | '\u{0C}')
}

fn is_html(head: &[u8]) -> bool {
    let mut rest = without_mark(head).trim_ascii_start();
    while let Some(comment) = rest.strip_prefix(b"<!--") {
        let Some(end) = find(comment, b"-->") else { return false };
        rest = comment[end + 3..].trim_ascii_start();
    }
    if begins(rest, b"<?xml") {
        return find(&rest[..rest.len().min(2048)], b"<html").is_some();
    }
    [&b"<!doctype html"[..], b"<html", b"<head", b"<body"].iter().any(|tag| begins(rest, tag))
}

fn begins(bytes: &[u8], word: &[u8]) -> bool {
    bytes.get(..word.len()).is_some_and(|start| start.eq_ignore_ascii_case(word))
}

fn find(bytes: &[u8], word: &[u8]) -> Option<usize> {
    bytes.windows(word.len()).position(|window| window == word)
}

#[cfg(test)]
mod tests {
    use super::{DocumentKind, sniff};

    fn check(what: &str, bytes: &[u8], expected: Option<DocumentKind>) {
        assert_eq!(sniff(bytes, bytes), expected, "{what}");
    }

    fn utf16(text: &str, to_bytes: fn(u16) -> [u8; 2]) -> Vec<u8> {
        text.encode_utf16().flat_map(to_bytes).collect()
    }

    fn zip_entry(name: &str) -> Vec<u8> {
        let mut local = b"PK\x03\x04".to_vec();
        local.extend([0; 22]);
        local.extend(u16::try_from(name.len()).unwrap().to_le_bytes());
        local.extend([0; 2]);
        local.extend(name.as_bytes());
        local
    }

    #[test]
    fn documents_are_told_from_their_bytes() {
        use DocumentKind::{Docx, Html, Pdf, Text};
        check("a PDF", b"%PDF-1.7\n%\xE2\xE3\xCF\xD3\n", Some(Pdf));
        check("a PDF after rubbish", b"\x00\x01junk\n%PDF-1.4\n...startxref\n9\n%%EOF", Some(Pdf));
        check(
            "a text about PDF",
            b"# Formats\n\nA file begins with %PDF-1.7 and so on",
            Some(Text),
        );
        check("a page", b"\n<!-- x -->\n<!DOCTYPE HTML><p>a", Some(Html));
        check("a page of XML", b"<?xml version='1.0'?>\n<html xmlns='x'>", Some(Html));
        check("Markdown", b"# Title\n\nText\n", Some(Text));
        check("Korean in UTF-8", "학습 계획".as_bytes(), Some(Text));
        check("Korean in EUC-KR", b"\xC7\xD1\xB1\xDB \xC5\xD8\xBD\xBA\xC6\xAE\n", Some(Text));
        check("Latin-1", b"caf\xE9\n", Some(Text));
        check("UTF-16 with its mark", &utf16("\u{FEFF}학습 계획\n", u16::to_le_bytes), Some(Text));
        check("UTF-16 without it", &utf16("Study plan, 학습\n", u16::to_be_bytes), Some(Text));
        check("a Word document", &zip_entry("word/document.xml"), Some(Docx));
    }

    #[test]
    fn binaries_are_none_of_the_kinds() {
        check("a program", b"MZ\x90\x00\x03\x00\x00\x00\x04\x00\x00\x00\xFF\xFF", None);
        check("an ELF file", b"\x7FELF\x02\x01\x01\x00\x00\x00\x00\x00", None);
        check("a picture", b"\x89PNG\r\n\x1A\n\x00\x00\x00\x0DIHDR", None);
        check("a spreadsheet", &zip_entry("xl/workbook.xml"), None);
        check("a lookalike", &zip_entry("word/document.xml.exe"), None);
        check("noise", &[0x01, 0x02, 0x03, 0x81, 0x90, 0x11, 0x12, 0x13], None);
    }
}
