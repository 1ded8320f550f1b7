//! Hostile DOCX files.

use std::io::{Cursor, Read, Seek, SeekFrom, Write};

use oxherd_study::document::DocumentKind;
use oxherd_study::error::ErrorCode;
use zip::write::SimpleFileOptions;
use zip::{ZipArchive, ZipWriter};

use super::Hostile;

/// Compresses without a header.
pub(crate) fn deflated(data: &[u8]) -> Vec<u8> {
    let zip = zipped(&[("x", data)]);
    let mut archive = ZipArchive::new(Cursor::new(zip.clone())).unwrap();
    let file = archive.by_index(0).unwrap();
    let (start, length) = (file.data_start().unwrap(), file.compressed_size());
    drop(file);
    let mut cursor = Cursor::new(zip);
    cursor.seek(SeekFrom::Start(start)).unwrap();
    let mut compressed = Vec::new();
    cursor.take(length).read_to_end(&mut compressed).unwrap();
    compressed
}

fn zipped(parts: &[(&str, &[u8])]) -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, data) in parts {
        zip.start_file(*name, SimpleFileOptions::default()).unwrap();
        zip.write_all(data).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

fn document(xml: &str) -> Vec<u8> {
    zipped(&[("word/document.xml", xml.as_bytes())])
}

fn body(inside: &str) -> String {
    format!("<w:document><w:body>{inside}</w:body></w:document>")
}

const WORDS: &str = "<w:p><w:r><w:t>some words</w:t></w:r></w:p>";

fn hostile(name: &'static str, bytes: Vec<u8>) -> Hostile {
    Hostile::new(name, DocumentKind::Docx, bytes)
}

pub(crate) fn all() -> Vec<Hostile> {
    let tables =
        "<w:tbl><w:tr><w:tc>".repeat(60_000) + WORDS + &"</w:tc></w:tr></w:tbl>".repeat(60_000);
    let paragraphs = "<w:p>".repeat(200_000);
    let attributes: String = (0..1_000_000).map(|n| format!(" xmlns:a{n}=\"u\"")).collect();
    vec![
        hostile("nested tables", document(&body(&tables))),
        hostile("nested paragraphs", document(&body(&paragraphs)))
            .expecting(ErrorCode::MaterialParseFailed),
        hostile("a million attributes", document(&format!("<w:document{attributes}>{WORDS}"))),
        hostile(
            "a million attributes of a style",
            document(&body(&format!("<w:p><w:pStyle{attributes}/></w:p>{WORDS}"))),
        ),
        hostile("entities of entities", document(&laughs()))
            .expecting(ErrorCode::MaterialParseFailed),
        hostile(
            "entity of a file",
            document(&format!(
                "<!DOCTYPE d [<!ENTITY f SYSTEM \"file:///etc/passwd\">]><w:document>&f;{WORDS}"
            )),
        )
        .expecting(ErrorCode::MaterialParseFailed),
        hostile(
            "one text of 100 MB",
            document(&body(&format!(
                "<w:p><w:r><w:t>{}</w:t></w:r></w:p>",
                "words ".repeat(17_000_000)
            ))),
        )
        .expecting(ErrorCode::MaterialParseFailed),
        hostile("part that unpacks to 1 GB", document_of_spaces(1 << 30))
            .expecting(ErrorCode::MaterialParseFailed),
        hostile("part that lies about its size", lying_size())
            .expecting(ErrorCode::MaterialParseFailed),
        hostile("sixty thousand parts", many_parts()).expecting(ErrorCode::MaterialParseFailed),
        hostile("number of parts that lies", lying_count()),
        hostile("parts over each other", overlapping()),
        hostile(
            "main part outside of the package",
            zipped(&[(
                "_rels/.rels",
                b"<r><Relationship Type=\"x/officeDocument\" Target=\"../../../etc/passwd\"/></r>",
            )]),
        )
        .expecting(ErrorCode::MaterialParseFailed),
        hostile(
            "container of an encrypted document",
            b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1".repeat(100),
        )
        .expecting(ErrorCode::MaterialEncrypted),
        hostile("unclosed everything", document(&"<w:p><w:r><w:t>a".repeat(900))),
        hostile("half a package", document(&body(WORDS))[..100].to_vec())
            .expecting(ErrorCode::MaterialParseFailed),
        hostile("not a package", b"PK\x03\x04".to_vec()).expecting(ErrorCode::MaterialParseFailed),
    ]
}

fn laughs() -> String {
    let mut entities = "<!ENTITY l0 \"lol\">".to_owned();
    for level in 1..10 {
        let below = format!("&l{};", level - 1).repeat(10);
        entities += &format!("<!ENTITY l{level} \"{below}\">");
    }
    format!(
        "<!DOCTYPE d [{entities}]><w:document><w:p><w:r><w:t>&l9;</w:t></w:r></w:p></w:document>"
    )
}

fn document_of_spaces(length: usize) -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    zip.start_file("word/document.xml", SimpleFileOptions::default()).unwrap();
    zip.write_all(b"<w:document><w:p><w:r><w:t>words").unwrap();
    let spaces = vec![b' '; 1 << 20];
    for _ in 0..length >> 20 {
        zip.write_all(&spaces).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

/// Says in both of its headers that the part is 10 bytes long.
fn lying_size() -> Vec<u8> {
    let real = 64_u32 << 20;
    let mut bytes = document_of_spaces(real as usize);
    let size = (real + 32).to_le_bytes();
    while let Some(at) = bytes.windows(4).position(|window| window == size) {
        bytes[at..at + 4].copy_from_slice(&10_u32.to_le_bytes());
    }
    bytes
}

fn many_parts() -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for index in 0..60_000 {
        zip.start_file(format!("{index}"), SimpleFileOptions::default()).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

fn lying_count() -> Vec<u8> {
    let mut bytes = document(&body(WORDS));
    let end = bytes.len() - 22;
    bytes[end + 8..end + 12].copy_from_slice(&[0x00, 0x40, 0x00, 0x40]);
    bytes
}

/// Two entries of the directory that share the bytes of one part.
fn overlapping() -> Vec<u8> {
    let mut bytes = zipped(&[
        ("word/document.xml", body(WORDS).as_bytes()),
        ("word/abcdefgh.xml", body(WORDS).as_bytes()),
    ]);
    let entry = |bytes: &[u8], from: usize| {
        from + bytes[from..].windows(4).position(|window| window == b"PK\x01\x02").unwrap()
    };
    let first = entry(&bytes, 0);
    let second = entry(&bytes, first + 4);
    let place = bytes[first + 42..first + 46].to_vec();
    bytes[second + 42..second + 46].copy_from_slice(&place);
    bytes
}
