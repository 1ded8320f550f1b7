//! What a text of an answer may look like: plain words of a bounded length.
//!
//! Documents are not trusted, and an answer may repeat them: no links, no markup, nothing that
//! changes how the text around it is shown.

use std::ops::RangeInclusive;

use super::{Violation, violation};

/// Checks one text; lengths are in characters.
pub(super) fn check(path: &str, text: &str, lengths: RangeInclusive<usize>) -> Option<Violation> {
    let length = text.chars().count();
    if !lengths.contains(&length) {
        let (least, most) = (lengths.start(), lengths.end());
        return Some(violation(path, format!("has {length} characters: {least} to {most}")));
    }
    if *lengths.start() > 0 && text.trim().is_empty() {
        return Some(violation(path, "is blank"));
    }
    unwanted(text).map(|what| violation(path, format!("holds {what}")))
}

/// Names what a text holds that may not be there, if anything.
#[must_use]
pub(in crate::author) fn unwanted(text: &str) -> Option<&'static str> {
    if text.chars().any(is_control) {
        return Some("a control character");
    }
    if has_link(text) {
        return Some("a link");
    }
    if has_tag(text) {
        return Some("an HTML tag");
    }
    text.contains("](").then_some("a Markdown link")
}

/// Tells whether a character is invisible and changes what is around it: controls, and the marks
/// that turn the direction of writing.
#[must_use]
pub(in crate::author) fn is_control(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}' | '\u{FEFF}')
}

fn has_link(text: &str) -> bool {
    let lower = text.to_lowercase();
    let scheme = lower.match_indices("://").any(|(at, _)| {
        lower[..at].ends_with(|c: char| c.is_ascii_alphanumeric())
            && lower[at + 3..].starts_with(|c: char| c.is_alphanumeric() || c == '/' || c == '[')
    });
    let bare = lower.match_indices("www.").any(|(at, _)| {
        !lower[..at].ends_with(|c: char| c.is_alphanumeric())
            && lower[at + 4..].starts_with(|c: char| c.is_alphanumeric())
    });
    scheme || bare || lower.contains("javascript:") || lower.contains("mailto:")
}

/// Finds an opening or closing tag by the names of HTML, so that `vector<int>` and `<fstab>` pass.
fn has_tag(text: &str) -> bool {
    text.match_indices('<').any(|(at, _)| {
        let rest = text[at + 1..].trim_start_matches('/');
        let name: String =
            rest.chars().take_while(char::is_ascii_alphanumeric).collect::<String>().to_lowercase();
        let after = rest[name.len()..].chars().next();
        TAGS.contains(&name.as_str())
            && after.is_some_and(|c| c == '>' || c == '/' || c.is_whitespace())
            && rest.contains('>')
    }) || text.contains("<!--")
}

const TAGS: &[&str] = &[
    "a",
    "abbr",
    "article",
    "audio",
    "b",
    "base",
    "blockquote",
    "body",
    "br",
    "button",
    "canvas",
    "center",
    "code",
    "details",
    "div",
    "em",
    "embed",
    "font",
    "footer",
    "form",
    "frame",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "head",
    "header",
    "hr",
    "html",
    "i",
    "iframe",
    "img",
    "input",
    "li",
    "link",
    "main",
    "math",
    "meta",
    "nav",
    "object",
    "ol",
    "option",
    "p",
    "pre",
    "s",
    "script",
    "section",
    "select",
    "small",
    "span",
    "strong",
    "style",
    "sub",
    "sup",
    "svg",
    "table",
    "tbody",
    "td",
    "template",
    "textarea",
    "th",
    "thead",
    "title",
    "tr",
    "u",
    "ul",
    "video",
];

#[cfg(test)]
mod tests {
    use super::unwanted;

    #[test]
    fn links_markup_and_invisible_characters_are_found() {
        for text in [
            "see https://example.org",
            "FTP://host/file",
            "go to www.example.org",
            "javascript:alert(1)",
            "a <script>x</script>",
            "<IMG src=x>",
            "</p>",
            "[text](target)",
            "![image](target)",
            "line\nbreak",
            "turned \u{202E}around",
        ] {
            assert!(unwanted(text).is_some(), "{text:?}");
        }
    }

    #[test]
    fn the_words_of_technical_titles_pass() {
        for text in [
            "std::vector<int> and <fstab>",
            "If a < b and c > d",
            "TCP/IP, C++ & co.",
            "설치 준비: /etc/fstab",
            "The www directory",
            "array[0] (first)",
            "What :// means",
        ] {
            assert_eq!(unwanted(text), None, "{text:?}");
        }
    }
}
