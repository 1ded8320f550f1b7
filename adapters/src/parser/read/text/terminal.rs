//! Text that was written for a terminal: escape sequences, overstriking, zero bytes.

/// Removes what a terminal would not have shown; keeps line ends, tabs and form feeds.
pub(super) fn without_controls(text: &str) -> String {
    if !text.contains(|c: char| c.is_control() && !matches!(c, '\n' | '\t' | '\u{c}')) {
        return text.to_owned();
    }
    let mut kept = String::with_capacity(text.len());
    let mut characters = text.chars().peekable();
    while let Some(c) = characters.next() {
        match c {
            '\u{1b}' => skip_escape(&mut characters),
            // Bold is a letter over itself, underlined one over a line.
            '\u{8}' => {
                kept.pop();
            }
            '\r' => {
                characters.next_if_eq(&'\n');
                kept.push('\n');
            }
            '\n' | '\t' | '\u{c}' => kept.push(c),
            c if c.is_control() => {}
            c => kept.push(c),
        }
    }
    kept
}

/// Skips an escape sequence: `[` to its final letter, `]` to its bell, else one character. A
/// sequence that does not end within a line was none.
fn skip_escape(characters: &mut std::iter::Peekable<std::str::Chars<'_>>) {
    let is_last: fn(char) -> bool = match characters.next_if(|&c| c != '\n') {
        Some('[') => |c| ('@'..='~').contains(&c),
        Some(']') => |c| matches!(c, '\u{7}' | '\u{9c}' | '\\'),
        _ => return,
    };
    for _ in 0..256 {
        match characters.next_if(|&c| c != '\n') {
            Some(c) if !is_last(c) => {}
            _ => return,
        }
    }
}
