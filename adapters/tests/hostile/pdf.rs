//! Hostile PDF files, written object by object.

use std::fmt::Write;

use oxherd_study::document::DocumentKind;
use oxherd_study::error::ErrorCode;

use super::Hostile;
use super::package::deflated;

/// Objects that become a file with a table of their places.
#[derive(Default)]
struct File(Vec<Vec<u8>>);

impl File {
    /// Adds an object and returns its number.
    fn object(&mut self, text: impl AsRef<[u8]>) -> usize {
        self.0.push(text.as_ref().to_vec());
        self.0.len()
    }

    fn stream(&mut self, entries: &str, data: &[u8]) -> usize {
        let mut object = format!("<< {entries} /Length {} >>\nstream\n", data.len()).into_bytes();
        object.extend_from_slice(data);
        object.extend_from_slice(b"\nendstream");
        self.object(object)
    }

    /// Writes the file; the first object is the catalog.
    fn finish(self, trailer: &str) -> Vec<u8> {
        let mut file = b"%PDF-1.7\n".to_vec();
        let mut places = Vec::new();
        for (index, object) in self.0.iter().enumerate() {
            places.push(file.len());
            file.extend_from_slice(format!("{} 0 obj\n", index + 1).as_bytes());
            file.extend_from_slice(object);
            file.extend_from_slice(b"\nendobj\n");
        }
        let start = file.len();
        let mut table = format!("xref\n0 {}\n0000000000 65535 f \n", places.len() + 1);
        for place in &places {
            let _ = writeln!(table, "{place:010} 00000 n ");
        }
        let _ = write!(
            table,
            "trailer << /Size {} /Root 1 0 R {trailer} >>\nstartxref\n{start}\n%%EOF\n",
            places.len() + 1
        );
        file.extend_from_slice(table.as_bytes());
        file
    }
}

const FONT: &str = "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>";

/// A file of one page that shows `content`; `more` are entries of its resources.
fn page(content: &[u8], entries: &str, more: &str) -> File {
    let mut file = File::default();
    file.object("<< /Type /Catalog /Pages 2 0 R /Outlines 6 0 R >>");
    file.object("<< /Type /Pages /Kids [3 0 R] /Count 1 >>");
    file.object(format!(
        "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 600 800] /Contents 4 0 R \
         /Resources << /Font << /F 5 0 R >> {more} >> >>"
    ));
    file.stream(entries, content);
    file.object(FONT);
    file
}

const HELLO: &[u8] = b"BT /F 12 Tf 72 700 Td (Hello hostile world) Tj ET";

fn hostile(name: &'static str, bytes: Vec<u8>) -> Hostile {
    Hostile::new(name, DocumentKind::Pdf, bytes)
}

pub(crate) fn all() -> Vec<Hostile> {
    let mut all = vec![
        hostile("nested arrays", nested("[", "]")),
        hostile("nested dictionaries", nested("<< /A ", " >>")),
        hostile(
            "nested arrays in the page",
            page(&[b"[".repeat(50_000), HELLO.into()].concat(), "", "").finish(""),
        ),
        hostile(
            "nested states in the page",
            page(&[b"q ".repeat(1_000_000), HELLO.into()].concat(), "", "").finish(""),
        ),
        hostile("page tree that holds itself", page_tree("[2 0 R 3 0 R]")),
        hostile("page tree that goes back", page_tree("[4 0 R]")),
        hostile("tables of places in a ring", previous_loop()),
        hostile("object stream in itself", object_stream_in_itself()),
        hostile("form that draws itself", forms(1, 1)),
        hostile("forms that draw each other ten times", forms(12, 10)),
        hostile("flate bomb", bomb(1)),
        hostile("flate bomb in a flate bomb", bomb(2)),
        hostile("lengths that lie", lengths()),
        hostile("bookmarks in a ring", bookmarks()),
        hostile(
            "inline image without an end",
            page(b"BI /W 9999999 /H 9999999 ID xx", "", "").finish(""),
        ),
        hostile("fonts of garbage", garbage_font()),
        hostile(
            "numbers without end",
            page(&[b"9".repeat(100_000), b" 0 Td".to_vec()].concat(), "", "").finish(""),
        ),
        hostile("too many pages", many_pages(100_000)).expecting(ErrorCode::MaterialPageLimit),
        hostile("encrypted", encrypted()).expecting(ErrorCode::MaterialEncrypted),
        hostile("nothing but a header", b"%PDF-1.7\n".to_vec())
            .expecting(ErrorCode::MaterialParseFailed),
    ];
    let whole = page(HELLO, "", "").finish("");
    for tenth in 0..10 {
        all.push(hostile("truncated", whole[..whole.len() * tenth / 10].to_vec()));
    }
    all
}

fn nested(open: &str, close: &str) -> Vec<u8> {
    let depth = 10_380;
    let mut file = page(HELLO, "", "");
    let deep = format!("{}{}{}", open.repeat(depth), "null", close.repeat(depth));
    file.0[1] = format!("<< /Type /Pages /Kids [3 0 R] /Count 1 /Deep {deep} >>").into_bytes();
    file.0[2] = format!(
        "<< /Type /Page /Parent 2 0 R /Annots {deep} /MediaBox [0 0 600 800] /Contents 4 0 R >>"
    )
    .into_bytes();
    file.finish(&format!("/Info << /Title {deep} >>"))
}

fn page_tree(kids: &str) -> Vec<u8> {
    let mut file = page(HELLO, "", "");
    file.0[1] = format!("<< /Type /Pages /Kids {kids} /Count 1 >>").into_bytes();
    file.0[3] = b"<< /Type /Pages /Parent 2 0 R /Kids [2 0 R 4 0 R] /Count 9999999 >>".to_vec();
    file.finish("")
}

fn previous_loop() -> Vec<u8> {
    let file = page(HELLO, "", "").finish("/Prev 9");
    let text = String::from_utf8_lossy(&file).into_owned();
    let start = text.find("xref\n0").unwrap_or(0);
    text.replace("/Prev 9", &format!("/Prev {start}")).into_bytes()
}

fn object_stream_in_itself() -> Vec<u8> {
    let mut file = page(HELLO, "", "");
    file.stream("/Type /ObjStm /N 1 /First 4 /Extends 6 0 R", b"6 0 6 0 R");
    file.finish("")
}

/// `depth` forms, each of which draws the next one `times` times; the last draws the first.
fn forms(depth: usize, times: usize) -> Vec<u8> {
    let mut file = page(b"/X Do", "", "/XObject << /X 6 0 R >>");
    for index in 0..depth {
        let next = if index + 1 < depth { index + 7 } else { 6 };
        let entries = format!(
            "/Type /XObject /Subtype /Form /BBox [0 0 600 800] \
             /Resources << /Font << /F 5 0 R >> /XObject << /X {next} 0 R >> >>"
        );
        file.stream(&entries, &[b"/X Do ".repeat(times), HELLO.to_vec()].concat());
    }
    file.finish("")
}

fn bomb(rounds: usize) -> Vec<u8> {
    let mut data = b"BT /F 12 Tf 72 700 Td (a) Tj ET\n".repeat(12 << 20);
    for _ in 0..rounds {
        data = zlib(&data);
    }
    let filters = "/FlateDecode ".repeat(rounds);
    page(&data, &format!("/Filter [{filters}]"), "").finish("")
}

fn zlib(data: &[u8]) -> Vec<u8> {
    [b"\x78\x9c".to_vec(), deflated(data), vec![0; 4]].concat()
}

fn lengths() -> Vec<u8> {
    let file = page(HELLO, "", "").finish("");
    let text = String::from_utf8_lossy(&file).into_owned();
    text.replace("/Length 49", "/Length 9223372036854775807")
        .replace("/Count 1", "/Count -2147483648")
        .into_bytes()
}

fn bookmarks() -> Vec<u8> {
    let mut file = page(HELLO, "", "");
    file.object("<< /First 7 0 R /Last 7 0 R >>");
    file.object("<< /Title (A) /Next 8 0 R /First 6 0 R /Dest [3 0 R /Fit] >>");
    file.object("<< /Title (B) /Next 7 0 R /First 7 0 R /Dest (name) >>");
    file.finish("")
}

fn garbage_font() -> Vec<u8> {
    let noise: Vec<u8> =
        (0_u32..200_000).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    let mut file = page(HELLO, "", "");
    file.0[4] = b"<< /Type /Font /Subtype /TrueType /BaseFont /X /ToUnicode 8 0 R /FirstChar -5 \
                  /LastChar 99999999 /FontDescriptor 7 0 R >>"
        .to_vec();
    file.object("<< >>");
    file.object("<< /Type /FontDescriptor /FontFile2 9 0 R /FontFile3 9 0 R /FontFile 9 0 R >>");
    let ranges = "<0000> <FFFF> <0000>\n".repeat(50_000);
    file.stream("", format!("begincmap 50000 beginbfrange\n{ranges}endbfrange").as_bytes());
    file.stream("", &noise);
    file.finish("")
}

fn many_pages(count: usize) -> Vec<u8> {
    let mut file = File::default();
    file.object("<< /Type /Catalog /Pages 2 0 R >>");
    let kids = "3 0 R ".repeat(count / 1_000);
    file.object(format!("<< /Type /Pages /Kids [{kids}] /Count {count} >>"));
    file.object("<< /Type /Page /Parent 2 0 R /MediaBox [0 0 9 9] >>");
    // Pages that are named twice count once: these are all different.
    let numbers: String = (0..count).map(|index| format!("{} 0 R ", index + 4)).collect();
    file.0[1] = format!("<< /Type /Pages /Kids [{numbers}] /Count {count} >>").into_bytes();
    for _ in 0..count {
        file.object("<< /Type /Page /Parent 2 0 R /MediaBox [0 0 9 9] >>");
    }
    file.finish("")
}

fn encrypted() -> Vec<u8> {
    let key = "00".repeat(32);
    page(HELLO, "", "").finish(&format!(
        "/ID [<00> <00>] /Encrypt << /Filter /Standard /V 2 /R 3 /Length 128 /P -4 /O <{key}> /U <{key}> >>"
    ))
}
