//! What a file is said to be: by its name, by its declared media type, and by both together.

use crate::document::DocumentKind;
use crate::error::{ErrorCode, Result, StudyError};

/// Tells the kind of a document from its name and its declared media type.
///
/// The name decides where it has an extension; the declared type must not contradict it. Markdown
/// and HTML may be declared as plain text, which they are too.
///
/// # Errors
/// `MATERIAL_UNSUPPORTED_TYPE` when it is none of the kinds, or the two contradict each other.
pub fn declared_kind(filename: &str, mime_type: Option<&str>) -> Result<DocumentKind> {
    let declared = Declared::read(mime_type.unwrap_or_default());
    match (Extension::of(filename), declared) {
        (Extension::Known(kind), Declared::Nothing) => Ok(kind),
        (Extension::Known(kind), declared) if declared.fits(kind) => Ok(kind),
        (Extension::None, Declared::Kind(kind)) => Ok(kind),
        (Extension::Known(_), _) => Err(unsupported(
            "the name of the file and its declared type contradict each other: correct one of them",
        )),
        (Extension::None, _) => {
            Err(unsupported("the file has neither a known extension nor a supported type"))
        }
        (Extension::Foreign, _) => Err(unsupported(
            "files of this type are not supported: send a PDF, DOCX, HTML, Markdown or text file",
        )),
    }
}

/// Checks that bytes are of the kind that was declared; text-like kinds are one another's.
///
/// # Errors
/// `MATERIAL_UNSUPPORTED_TYPE` when they are not.
pub fn check_content(declared: DocumentKind, sniffed: Option<DocumentKind>) -> Result<()> {
    let fits = match sniffed {
        Some(found) => found == declared || (is_text_like(found) && is_text_like(declared)),
        None => false,
    };
    if fits {
        return Ok(());
    }
    let what = sniffed.map_or("of no supported type", DocumentKind::mime_type);
    let message =
        format!("the file was declared as {}, but its bytes are {what}", declared.mime_type());
    Err(unsupported(message))
}

fn is_text_like(kind: DocumentKind) -> bool {
    matches!(kind, DocumentKind::Html | DocumentKind::Markdown | DocumentKind::Text)
}

fn unsupported(message: impl Into<String>) -> StudyError {
    StudyError::permanent(ErrorCode::MaterialUnsupportedType, message)
}

/// What the extension of a name says.
enum Extension {
    None,
    Known(DocumentKind),
    Foreign,
}

impl Extension {
    /// Reads what follows the last dot. Digits alone (`chapter 1.2`) and anything but a short word
    /// (`notes of Dr. Kim`) are no extension.
    fn of(filename: &str) -> Self {
        let Some((stem, word)) = filename.trim().rsplit_once('.') else { return Self::None };
        let word = word.to_ascii_lowercase();
        let is_word = (1..=8).contains(&word.len())
            && word.bytes().all(|byte| byte.is_ascii_alphanumeric())
            && word.bytes().any(|byte| byte.is_ascii_alphabetic());
        if stem.is_empty() || !is_word {
            return Self::None;
        }
        let mut kinds = DocumentKind::ALL.into_iter();
        match kinds.find(|kind| kind.extensions().contains(&word.as_str())) {
            Some(kind) => Self::Known(kind),
            None => Self::Foreign,
        }
    }
}

/// What a declared media type says.
#[derive(Clone, Copy)]
enum Declared {
    Nothing,
    Kind(DocumentKind),
    /// A container that a kind is in, as systems without a registry of types call it.
    Zip,
    Foreign,
}

impl Declared {
    fn read(mime_type: &str) -> Self {
        let essence = mime_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        match essence.as_str() {
            "" | "application/octet-stream" | "binary/octet-stream" => Self::Nothing,
            "application/pdf"
            | "application/x-pdf"
            | "application/acrobat"
            | "text/pdf"
            | "text/x-pdf" => Self::Kind(DocumentKind::Pdf),
            "application/vnd.openxmlformats-officedocument.wordprocessingml.document" => {
                Self::Kind(DocumentKind::Docx)
            }
            "text/html" | "application/xhtml+xml" => Self::Kind(DocumentKind::Html),
            "text/markdown"
            | "text/x-markdown"
            | "text/x-web-markdown"
            | "text/md"
            | "application/markdown" => Self::Kind(DocumentKind::Markdown),
            "text/plain" => Self::Kind(DocumentKind::Text),
            "application/zip" | "application/x-zip-compressed" => Self::Zip,
            _ => Self::Foreign,
        }
    }

    fn fits(self, kind: DocumentKind) -> bool {
        match self {
            Self::Nothing => true,
            Self::Kind(DocumentKind::Text) => is_text_like(kind),
            Self::Kind(declared) => declared == kind,
            Self::Zip => kind == DocumentKind::Docx,
            Self::Foreign => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{DocumentKind, check_content, declared_kind};
    use crate::error::ErrorCode;

    fn check(name: &str, mime_type: Option<&str>, expected: Option<DocumentKind>) {
        let found = declared_kind(name, mime_type);
        assert_eq!(found.as_ref().ok(), expected.as_ref(), "{name} as {mime_type:?}: {found:?}");
        if let Err(error) = found {
            assert_eq!(error.code, ErrorCode::MaterialUnsupportedType);
        }
    }

    #[test]
    fn the_name_and_the_declared_type_agree_on_a_kind() {
        use DocumentKind::{Docx, Html, Markdown, Pdf, Text};
        check("a.pdf", Some("application/pdf"), Some(Pdf));
        check("a.PDF", Some("Application/X-PDF; version=1.7"), Some(Pdf));
        check("강의 자료.pdf", None, Some(Pdf));
        check("a.pdf", Some("application/octet-stream"), Some(Pdf));
        check("a.pdf", Some(""), Some(Pdf));
        check("thesis", Some("application/pdf"), Some(Pdf));
        check("chapter 1.2", Some("application/pdf"), Some(Pdf));
        check("notes of Dr. Kim", Some("text/plain"), Some(Text));
        check("a.docx", Some("application/zip"), Some(Docx));
        check("a.html", Some("text/plain; charset=euc-kr"), Some(Html));
        check("a.htm", Some("application/xhtml+xml"), Some(Html));
        check("README.md", Some("text/plain"), Some(Markdown));
        check("README.markdown", Some("text/x-markdown"), Some(Markdown));
        check("a.txt", Some("text/plain"), Some(Text));
    }

    #[test]
    fn a_contradiction_or_an_unknown_type_is_refused() {
        check("a.pdf", Some("text/plain"), None);
        check("a.txt", Some("application/pdf"), None);
        check("a.txt", Some("text/html"), None);
        check("a.md", Some("text/html"), None);
        check("a.docx", Some("application/pdf"), None);
        check("a.docx", Some("application/msword"), None);
        check("setup.exe", Some("application/pdf"), None);
        check("a.pdf.exe", None, None);
        check("a.pptx", None, None);
        check("a", None, None);
        check("a", Some("image/png"), None);
        check(".pdf", None, None);
        check("", None, None);
    }

    #[test]
    fn text_like_bytes_may_be_any_text_like_kind_and_nothing_else() {
        use DocumentKind::{Docx, Html, Markdown, Pdf, Text};
        for (declared, sniffed) in
            [(Markdown, Html), (Markdown, Text), (Html, Text), (Text, Html), (Pdf, Pdf)]
        {
            assert!(check_content(declared, Some(sniffed)).is_ok(), "{declared:?} {sniffed:?}");
        }
        for (declared, sniffed) in
            [(Pdf, Some(Text)), (Pdf, None), (Docx, Some(Pdf)), (Text, Some(Pdf)), (Text, None)]
        {
            assert!(check_content(declared, sniffed).is_err(), "{declared:?} {sniffed:?}");
        }
    }
}
