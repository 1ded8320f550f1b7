//! Cutting plain text into blocks.

use oxherd_study::document::BlockKind;

use super::super::ReadError;
use super::super::draft::Draft;
use super::headings;

/// A block that is indented by so much more than the text is code.
const CODE_INDENT: usize = 4;

/// Adds the blocks of a text.
pub(super) fn read(text: &str, draft: &mut Draft) -> Result<(), ReadError> {
    let groups = groups(text);
    let margin = margin(&groups);
    for (at, group) in groups.iter().enumerate() {
        let next = groups.get(at + 1).map(Vec::as_slice);
        add_group(group, next, margin, draft)?;
    }
    Ok(())
}

/// Cuts a text at its blank lines.
fn groups(text: &str) -> Vec<Vec<&str>> {
    let mut groups = Vec::new();
    let mut group = Vec::new();
    for line in text.lines() {
        if line.trim().is_empty() {
            if !group.is_empty() {
                groups.push(std::mem::take(&mut group));
            }
        } else {
            group.push(line);
        }
    }
    if !group.is_empty() {
        groups.push(group);
    }
    groups
}

/// Returns the indentation that most groups have: some texts are indented throughout.
fn margin(groups: &[Vec<&str>]) -> usize {
    let mut counts = [0_usize; 12];
    for group in groups {
        if let Some(count) = counts.get_mut(group_indent(group)) {
            *count += 1;
        }
    }
    let most = counts.iter().copied().max().unwrap_or(0);
    counts.iter().position(|&count| count == most).unwrap_or(0)
}

fn group_indent(group: &[&str]) -> usize {
    group.iter().map(|line| indent(line)).min().unwrap_or(0)
}

fn indent(line: &str) -> usize {
    line.chars().take_while(|c| c.is_whitespace()).map(|c| if c == '\t' { 8 } else { 1 }).sum()
}

fn add_group(
    mut group: &[&str],
    next: Option<&[&str]>,
    margin: usize,
    draft: &mut Draft,
) -> Result<(), ReadError> {
    while let Some((level, heading, used)) = leading_heading(group, next) {
        draft.add(BlockKind::Heading { level }, heading)?;
        group = &group[used..];
    }
    if group.is_empty() {
        return Ok(());
    }
    let is_item = is_item_start(group[0]);
    // One indented line is rather a quotation or a formula than code.
    if !is_item && group_indent(group) >= margin + CODE_INDENT && group.len() > 1 {
        return draft.add(BlockKind::Code, &group.join("\n"));
    }
    let mut item = String::new();
    let mut kind = BlockKind::Paragraph;
    for line in group {
        if is_item_start(line) {
            draft.add(kind, &std::mem::take(&mut item))?;
            kind = BlockKind::ListItem;
        }
        join_line(&mut item, line.trim());
    }
    draft.add(kind, &item)
}

/// Finds a heading at the beginning of a group: its level, its text and the lines it takes.
fn leading_heading<'a>(group: &[&'a str], next: Option<&[&str]>) -> Option<(u8, &'a str, usize)> {
    if let [overline, title, underline, ..] = group
        && overline.trim() == underline.trim()
        && let Some(level) = headings::underline_level(underline, title)
    {
        return Some((level, title, 3));
    }
    let (title, rest) = group.split_first()?;
    if let Some(underline) = rest.first()
        && let Some(level) = headings::underline_level(underline, title)
    {
        return Some((level, title, 2));
    }
    if headings::is_capitals(title) && rest.first().is_none_or(|below| indent(below) > 0) {
        return (rest.first().or(next.and_then(<[_]>::first)).is_some()).then_some((1, title, 1));
    }
    let is_alone = rest.is_empty();
    if is_alone && !is_in_enumeration(title, next) {
        return headings::numbered_level(title).map(|level| (level, *title, 1));
    }
    None
}

/// Tells an item of a list with blank lines between its items: the next number follows at once.
fn is_in_enumeration(line: &str, next: Option<&[&str]>) -> bool {
    let Some(number) = headings::item_number(line) else { return false };
    match next.and_then(<[_]>::first) {
        Some(next) => headings::item_number(next) == Some(number + 1),
        // The last line of a text heads nothing.
        None => true,
    }
}

fn is_item_start(line: &str) -> bool {
    let line = line.trim_start();
    let is_bullet = line
        .strip_prefix(['-', '*', '+', '•', '◦', '·', '○', '●', '▪', '※'])
        .is_some_and(|rest| rest.starts_with([' ', '\t']));
    is_bullet || headings::item_number(line).is_some()
}

/// Joins a wrapped line; scripts without spaces are joined without one.
fn join_line(text: &mut String, line: &str) {
    let is_spaceless = |c: char| matches!(c, '\u{3040}'..='\u{30ff}' | '\u{4e00}'..='\u{9fff}');
    let joins = text.chars().next_back().is_some_and(is_spaceless)
        && line.chars().next().is_some_and(is_spaceless);
    if !text.is_empty() && !joins {
        text.push(' ');
    }
    text.push_str(line);
}
