//! Tables of contents: the outline says the same, and nobody learns from page numbers.

use super::super::PageLines;

/// Drops the lines of a table of contents: a title, a row of dots and a page number. Where they
/// are the rule, lines that end in a number go as well.
pub(super) fn drop(page: &PageLines, dropped: &mut [bool]) {
    let led = page.lines.iter().filter(|line| is_led(&line.text)).count();
    let is_contents_page = led >= 5 && led * 2 >= page.lines.len();
    for (line, dropped) in page.lines.iter().zip(dropped) {
        let ends_in_number = line.text.ends_with(|c: char| c.is_ascii_digit());
        *dropped |= is_led(&line.text) || is_contents_page && ends_in_number;
    }
}

/// Tells a line with a row of dots before a page number.
fn is_led(text: &str) -> bool {
    let end = text.trim_end_matches(|c: char| c.is_ascii_digit() || "ivxlc".contains(c));
    if end.len() == text.len() {
        return false;
    }
    let leader: String =
        end.chars().rev().take_while(|c| matches!(c, '.' | ' ' | '\t' | '·' | '…')).collect();
    leader.chars().filter(|c| !c.is_whitespace()).count() >= 4 || leader.contains('…')
}
