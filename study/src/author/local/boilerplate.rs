//! Tells by its heading which part of a document is about the document: its licence, its
//! contents, its changes.

/// English headings that say so as a whole, in lower case.
const WHOLE: &[&str] = &[
    "about the author",
    "about the authors",
    "about this book",
    "about this document",
    "about this guide",
    "about this manual",
    "acknowledgement",
    "acknowledgements",
    "acknowledgment",
    "acknowledgments",
    "author",
    "authors",
    "bibliography",
    "change log",
    "changelog",
    "changes",
    "colophon",
    "contents",
    "contributors",
    "copying",
    "copyright",
    "copyright notice",
    "credits",
    "dedication",
    "document history",
    "feedback",
    "history",
    "imprint",
    "index",
    "indexes",
    "indices",
    "legal notice",
    "legal notices",
    "legalnotice",
    "licence",
    "license",
    "list of figures",
    "list of tables",
    "trademarks",
    "references",
    "release notes",
    "revision history",
    "table of contents",
    "typographic conventions",
    "감사의 글",
    "감사의 말",
    "개정 이력",
    "기여자",
    "라이선스",
    "라이센스",
    "목차",
    "문서 정보",
    "변경 기록",
    "변경 내역",
    "변경 이력",
    "색인",
    "이 문서에 대하여",
    "이 책에 대하여",
    "저자",
    "저작권",
    "저작권 공지",
    "찾아보기",
    "차례",
    "참고 문헌",
    "참고문헌",
];

/// Words that say so wherever they stand in a heading, in lower case.
const ANYWHERE: &[&str] = &[
    "general public license",
    "general public licence",
    "free documentation license",
    "documentation licence",
    "creative commons",
    "copyright and licen",
    "copyrights and licen",
    "license agreement",
    "일반 공중 사용",
    "자유 문서 사용",
    "저작권과 라이",
    "저작권 및 라이",
];

/// Tells whether a heading heads such a part.
pub(super) fn is_boilerplate(title: &str) -> bool {
    let lower = super::wording::without_number(title).to_lowercase();
    let plain = lower.trim_matches(|c: char| !c.is_alphanumeric());
    WHOLE.contains(&plain) || ANYWHERE.iter().any(|words| plain.contains(words))
}

#[cfg(test)]
mod tests {
    use super::is_boilerplate;

    #[test]
    fn parts_about_the_document_are_told_by_their_heading() {
        for title in [
            "Copyright",
            "1. License",
            "Appendix F. GNU General Public License",
            "Table of Contents",
            "차례",
            "부록 F. GNU 일반 공중 사용 허가서",
            "INDEX",
        ] {
            assert!(is_boilerplate(title), "{title}");
        }
        for title in [
            "Indexes and keys",
            "License server setup",
            "차례로 실행하기",
            "Introduction",
            "History of Unix",
        ] {
            assert!(!is_boilerplate(title), "{title}");
        }
    }
}
