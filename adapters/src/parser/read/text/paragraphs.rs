//! Cutting plain text into blocks.

use oxherd_study::document::BlockKind;

use super::super::ReadError;
use super::super::conventions;
use super::super::draft::Draft;
use super::super::words::Words;

/// A block that is indented by so much more than the text is code.
const CODE_INDENT: usize = 4;

/// Adds the blocks of a text.
pub(super) fn read(text: &str, draft: &mut Draft) -> Result<(), ReadError> {
    let groups = groups(text);
    let layout = Layout {
        margin: margin(&groups),
        has_chapters: groups.iter().any(|group| is_chapter(group)),
        words: Words::count(text.lines()),
    };
    for (at, group) in groups.iter().enumerate() {
        let next = groups.get(at + 1).map(Vec::as_slice);
        layout.add(group, next, draft)?;
    }
    Ok(())
}

/// What the whole text tells about each of its blocks.
struct Layout {
    /// The usual indentation.
    margin: usize,
    /// Its parts are called chapters, so that "1. Something" begins an item.
    has_chapters: bool,
    words: Words,
}

/// Tells "Chapter 1. Something" and its like.
fn is_chapter(group: &[&str]) -> bool {
    let [title] = group else { return false };
    conventions::numbered_level(title) == Some(1) && conventions::item_number(title).is_none()
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

impl Layout {
    fn add(
        &self,
        mut group: &[&str],
        next: Option<&[&str]>,
        draft: &mut Draft,
    ) -> Result<(), ReadError> {
        while let Some((level, heading, used)) = self.leading_heading(group, next) {
            draft.add(BlockKind::Heading { level }, heading)?;
            group = &group[used..];
        }
        let Some(first) = group.first() else { return Ok(()) };
        // One indented line is rather a quotation or a formula than code.
        let is_indented = group_indent(group) >= self.margin + CODE_INDENT && group.len() > 1;
        if is_indented && !is_item_start(first) {
            return draft.add(BlockKind::Code, &group.join("\n"));
        }
        let mut text = String::new();
        let mut kind = BlockKind::Paragraph;
        for line in group {
            if is_item_start(line) {
                draft.add(kind, &std::mem::take(&mut text))?;
                kind = BlockKind::ListItem;
            }
            self.words.join(&mut text, line.trim());
        }
        draft.add(kind, &text)
    }

    /// Finds a heading at the beginning of a group: its level, its text and the lines it takes.
    fn leading_heading<'a>(
        &self,
        group: &[&'a str],
        next: Option<&[&str]>,
    ) -> Option<(u8, &'a str, usize)> {
        if let [overline, title, underline, ..] = group
            && overline.trim() == underline.trim()
            && let Some(level) = conventions::underline_level(underline, title)
        {
            return Some((level, title, 3));
        }
        let (title, rest) = group.split_first()?;
        if let Some(underline) = rest.first()
            && let Some(level) = conventions::underline_level(underline, title)
        {
            return Some((level, title, 2));
        }
        let below = rest.first().or(next.and_then(<[_]>::first));
        if conventions::is_capitals(title) && rest.first().is_none_or(|below| indent(below) > 0) {
            return below.map(|_| (1, *title, 1));
        }
        let is_item = conventions::item_number(title).is_some()
            && (self.has_chapters || is_in_enumeration(title, next));
        let is_alone = rest.is_empty() && indent(title) <= self.margin + 1;
        if !is_alone || is_item {
            return None;
        }
        conventions::numbered_level(title).map(|level| (level, *title, 1))
    }
}

/// Tells an item of a list with blank lines between its items: the next number follows at once.
fn is_in_enumeration(line: &str, next: Option<&[&str]>) -> bool {
    let Some(number) = conventions::item_number(line) else { return false };
    match next.and_then(<[_]>::first) {
        Some(next) => conventions::item_number(next) == Some(number + 1),
        // The last line of a text heads nothing.
        None => true,
    }
}

fn is_item_start(line: &str) -> bool {
    let line = line.trim_start();
    let is_bullet = line
        .strip_prefix(['-', '*', '+', '•', '◦', '·', '○', '●', '▪', '※'])
        .is_some_and(|rest| rest.starts_with([' ', '\t']));
    is_bullet || conventions::item_number(line).is_some()
}
