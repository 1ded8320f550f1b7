//! Hostile web pages.

use oxherd_study::document::DocumentKind;
use oxherd_study::error::ErrorCode;

use super::Hostile;

fn hostile(name: &'static str, page: impl Into<Vec<u8>>) -> Hostile {
    Hostile::new(name, DocumentKind::Html, page)
}

pub(crate) fn all() -> Vec<Hostile> {
    let attributes: String = (0..300_000).map(|n| format!(" a{n}=1")).collect();
    vec![
        hostile("a million elements deep", "<div>".repeat(1_000_000) + "words"),
        hostile("a million tables deep", "<table><tr><td>".repeat(300_000) + "words"),
        hostile("a hundred thousand headers deep", "<header>".repeat(100_000) + "words"),
        hostile("formatting that never ends", "<b><i><a href=x><p>".repeat(50_000) + "words"),
        hostile("a third of a million attributes", format!("<p{attributes}>words")),
        hostile(
            "picture in its address",
            format!("<p>words<img src=\"data:{}\">", "A".repeat(45 << 20)),
        ),
        hostile(
            "encoding that changes",
            b"<meta charset=utf-16><meta charset=euc-kr>\xff\xfe\x00words".to_vec(),
        ),
        hostile("comment that never ends", "words<!--".to_owned() + &"x".repeat(20 << 20)),
        hostile("script alone", "<script>alert('words')</script><style>a{}</style>")
            .expecting(ErrorCode::MaterialNoText),
        hostile("zero bytes", vec![0; 1 << 20]).expecting(ErrorCode::MaterialNoText),
    ]
}
