//! From lines to paragraphs, items and code.

use oxherd_study::document::{BlockKind, PageTurn};

use super::super::ReadError;
use super::super::draft::Draft;
use super::super::words::Words;
use super::PageLines;
use super::headings::Headings;
use super::lines::Line;

/// Signs before the items of a list.
const BULLETS: [char; 14] = ['•', '◦', '▪', '▫', '■', '□', '●', '○', '‣', '∙', '·', '–', '∗', '※'];

/// Writes the blocks of a document.
pub(super) fn write(
    pages: &[PageLines],
    headings: &Headings,
    words: &Words,
    draft: &mut Draft,
) -> Result<(), ReadError> {
    let mut writer = Writer { draft, words, open: None };
    let mut headings = headings.all.iter().peekable();
    for (index, page) in pages.iter().enumerate() {
        let margin = Margin::of(&page.lines);
        let mut line = 0;
        loop {
            while let Some(heading) =
                headings.next_if(|heading| heading.page == index && heading.line <= line)
            {
                writer.heading(page.number, heading.level, &heading.title)?;
                line = line.max(heading.line + heading.taken);
            }
            let Some(next) = page.lines.get(line) else { break };
            writer.line(page.number, next, &margin)?;
            line += 1;
        }
        // Headings of pages without a line.
        while let Some(heading) = headings.next_if(|heading| heading.page == index) {
            writer.heading(page.number, heading.level, &heading.title)?;
        }
    }
    writer.close()
}

/// Where the lines of a page end and how far apart they are.
struct Margin {
    right: f32,
    pitch: f32,
}

impl Margin {
    fn of(lines: &[Line]) -> Self {
        let right = lines.iter().map(|line| line.x_end).fold(0.0, f32::max);
        let mut pitches: Vec<f32> = lines
            .windows(2)
            .map(|pair| (pair[1].y - pair[0].y) / pair[0].size.max(1.0))
            .filter(|pitch| (0.8..2.2).contains(pitch))
            .collect();
        let middle = pitches.len() / 2;
        let pitch = if pitches.is_empty() {
            1.3
        } else {
            *pitches.select_nth_unstable_by(middle, f32::total_cmp).1
        };
        Self { right, pitch }
    }
}

/// A block to which lines are still added.
struct Open {
    kind: BlockKind,
    page: u32,
    text: String,
    last: Line,
    last_page: u32,
    turns: Vec<PageTurn>,
    lines: usize,
    left: f32,
    right: f32,
}

struct Writer<'a> {
    draft: &'a mut Draft,
    words: &'a Words,
    open: Option<Open>,
}

impl Writer<'_> {
    fn heading(&mut self, page: u32, level: u8, title: &str) -> Result<(), ReadError> {
        self.close()?;
        self.draft.set_page(page);
        self.draft.add(BlockKind::Heading { level }, title)
    }

    fn line(&mut self, page: u32, line: &Line, margin: &Margin) -> Result<(), ReadError> {
        let continues =
            self.open.as_ref().is_some_and(|open| open.continues_with(page, line, margin));
        if !continues {
            self.close()?;
            self.open = Some(Open::begin(page, line));
        } else if let Some(open) = &mut self.open {
            open.add(page, line, self.words);
        }
        Ok(())
    }

    fn close(&mut self) -> Result<(), ReadError> {
        let Some(open) = self.open.take() else { return Ok(()) };
        self.draft.set_page(open.page);
        // One row is a line with a wide gap.
        let is_row = open.kind == BlockKind::Table && open.lines == 1;
        let kind = if is_row { BlockKind::Paragraph } else { open.kind };
        let written = |text: &str| match kind {
            BlockKind::ListItem => text.trim_start_matches(BULLETS).to_owned(),
            BlockKind::Table => text.replace('\t', " | "),
            _ => text.to_owned(),
        };
        let before =
            |turn: &PageTurn| open.text.get(..turn.at).map_or(0, |text| written(text).len());
        let turns: Vec<PageTurn> =
            open.turns.iter().map(|turn| PageTurn { at: before(turn), ..*turn }).collect();
        self.draft.add_over_pages(kind, &written(&open.text), &turns)
    }
}

impl Open {
    fn begin(page: u32, line: &Line) -> Self {
        let kind = if is_item(&line.text) {
            BlockKind::ListItem
        } else if line.is_typewriter == Some(true) {
            BlockKind::Code
        } else if is_row(&line.text) {
            BlockKind::Table
        } else {
            BlockKind::Paragraph
        };
        Self {
            kind,
            page,
            text: line.text.clone(),
            last: line.clone(),
            last_page: page,
            turns: Vec::new(),
            lines: 1,
            left: line.x,
            right: line.x_end,
        }
    }

    fn continues_with(&self, page: u32, line: &Line, margin: &Margin) -> bool {
        let size = self.last.size.max(1.0);
        let is_code = self.kind == BlockKind::Code;
        let drop = line.y - self.last.y;
        if self.kind == BlockKind::Table || is_row(&line.text) && !is_code {
            let is_next = (0.0..2.2 * margin.pitch * size).contains(&drop);
            return self.kind == BlockKind::Table && is_row(&line.text) && is_next;
        }
        let is_same_face = (line.size - self.last.size).abs() <= 0.12 * size
            && line.turn == self.last.turn
            && line.is_typewriter.is_none_or(|is_typewriter| is_typewriter == is_code);
        if !is_same_face || is_item(&line.text) {
            return false;
        }
        // The next page or the next column: only a sentence that is not over goes on there.
        if page != self.last_page || drop < -size {
            return self.is_unfinished(margin) && is_continuation(&line.text) || is_code;
        }
        if is_code {
            return drop < 2.6 * margin.pitch * size;
        }
        drop <= 1.25 * margin.pitch * size && self.is_same_paragraph(line, margin)
    }

    /// Judges by indentation and by the room that was left at the end of the last line.
    fn is_same_paragraph(&self, line: &Line, margin: &Margin) -> bool {
        let size = self.last.size;
        let indent = line.x - self.last.x;
        // Words on the same line.
        if (line.y - self.last.y).abs() < 0.3 * size {
            return true;
        }
        let is_indented = indent > 0.8 * size;
        let is_outdented = indent < -0.8 * size && self.lines > 1;
        if is_outdented || is_indented && self.kind != BlockKind::ListItem {
            return false;
        }
        let edge = self.right.max(if line.x_end > margin.right * 0.6 { margin.right } else { 0.0 });
        let room = edge - self.last.x_end;
        room < line.first_word + 1.5 * size || !ends_sentence(&self.text) && room < 0.4 * edge
    }

    fn is_unfinished(&self, margin: &Margin) -> bool {
        !ends_sentence(&self.text) && self.last.x_end > 0.55 * margin.right
    }

    fn add(&mut self, page: u32, line: &Line, words: &Words) {
        if page != self.last_page {
            self.turns.push(PageTurn { at: self.text.len(), page });
        }
        if self.kind == BlockKind::Code {
            let pitch =
                (self.last.x_end - self.last.x) / self.last.text.chars().count().max(1) as f32;
            let gap = line.y - self.last.y;
            if page == self.last_page && gap > 1.7 * self.last.size {
                self.text.push('\n');
            }
            self.text.push('\n');
            let indent = ((line.x - self.left) / pitch.max(1.0)).round().clamp(0.0, 80.0);
            self.text.extend(std::iter::repeat_n(' ', indent as usize));
            self.text.push_str(&line.text);
        } else if self.kind == BlockKind::Table {
            self.text.push('\n');
            self.text.push_str(&line.text);
        } else {
            words.join(&mut self.text, &line.text);
            self.left = self.left.min(line.x);
        }
        self.right = self.right.max(line.x_end);
        self.lines += 1;
        self.last = line.clone();
        self.last_page = page;
    }
}

fn is_item(text: &str) -> bool {
    let mut characters = text.chars();
    let Some(first) = characters.next() else { return false };
    if BULLETS.contains(&first) {
        return characters.next().is_none_or(char::is_whitespace);
    }
    let (number, rest) = text.split_once([' ', '\t']).unwrap_or((text, ""));
    let stem = number.strip_suffix(['.', ')']).map(|stem| stem.trim_start_matches('('));
    !rest.is_empty()
        && stem.is_some_and(|stem| {
            (1..=2).contains(&stem.len())
                && (stem.bytes().all(|byte| byte.is_ascii_digit())
                    || number.ends_with(')') && stem.bytes().all(|byte| byte.is_ascii_alphabetic()))
        })
}

/// Tells a row of a table: cells with wide gaps between them.
fn is_row(text: &str) -> bool {
    text.contains('\t') && !is_item(text)
}

fn ends_sentence(text: &str) -> bool {
    let text = text.trim_end_matches(['"', '\'', ')', '”', '’', ']']);
    text.ends_with(['.', '!', '?', ':', '。', '！', '？', '：'])
}

fn is_continuation(text: &str) -> bool {
    !is_item(text) && text.chars().next().is_some_and(|c| !c.is_uppercase() || c.is_numeric())
}
