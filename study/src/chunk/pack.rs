//! Packs the text of one section into chunks of even length.

use std::ops::Range;

use super::{LENGTH_AIM, LENGTH_MAX, LENGTH_MIN, sentences};
use crate::document::{Block, BlockKind};

/// The text of a chunk and where it stands.
#[derive(Debug)]
pub(super) struct Piece {
    pub(super) text: String,
    length: usize,
    pub(super) page: Option<u32>,
    pub(super) page_end: Option<u32>,
    last_kind: BlockKind,
}

/// Packs blocks, in order. The text of the section is divided by its own length, so that its last
/// chunk is not a crumb.
pub(super) fn pack(blocks: &[Block]) -> Vec<Piece> {
    let pieces: Vec<Piece> = blocks.iter().flat_map(split).collect();
    let total: usize = pieces.iter().map(|piece| piece.length).sum();
    let count = ((total + LENGTH_AIM / 2) / LENGTH_AIM).max(1);
    let aim = total.div_ceil(count);
    let mut packed: Vec<Piece> = Vec::with_capacity(count + 1);
    for piece in pieces {
        match packed.last_mut() {
            Some(last) if joins(last, &piece, aim) => last.append(piece),
            _ => packed.push(piece),
        }
    }
    join_crumb(&mut packed);
    packed
}

/// Tells whether a piece joins the chunk before it: while that comes nearer to the aim, after a
/// line that announces it, and when one of the two is too small to stand alone.
fn joins(chunk: &Piece, piece: &Piece, aim: usize) -> bool {
    let with = chunk.length + piece.length;
    if with > LENGTH_MAX {
        return false;
    }
    let comes_nearer = chunk.length < aim && with.abs_diff(aim) < aim - chunk.length;
    let is_small = chunk.length < LENGTH_MIN || piece.length < LENGTH_MIN / 4;
    comes_nearer || chunk.text.ends_with(':') || (is_small && with <= aim + LENGTH_MIN)
}

fn join_crumb(packed: &mut Vec<Piece>) {
    let [.., before, last] = packed.as_mut_slice() else { return };
    if last.length < LENGTH_MIN
        && before.length + last.length <= LENGTH_MAX
        && let Some(crumb) = packed.pop()
        && let Some(before) = packed.last_mut()
    {
        before.append(crumb);
    }
}

impl Piece {
    /// Takes a part of a block, by its bytes.
    fn of(block: &Block, part: Range<usize>) -> Self {
        let text = block.text[part.clone()].trim_end();
        Self {
            length: text.chars().count(),
            text: text.trim_start_matches('\n').to_owned(),
            page: block.page_at(part.start),
            page_end: block.page_at((part.start + text.len()).saturating_sub(1)),
            last_kind: block.kind,
        }
    }

    fn append(&mut self, next: Self) {
        let is_list =
            self.last_kind == BlockKind::ListItem && next.last_kind == BlockKind::ListItem;
        self.text.push_str(if is_list { "\n" } else { "\n\n" });
        self.text.push_str(&next.text);
        self.length += next.length;
        self.page = self.page.or(next.page);
        self.page_end = next.page_end.or(self.page_end);
        self.last_kind = next.last_kind;
    }
}

/// Splits a block that is too long for a chunk: code and tables between lines, running text
/// between sentences, and what is still too long between words.
fn split(block: &Block) -> Vec<Piece> {
    let text = &block.text;
    let length = text.chars().count();
    if length <= LENGTH_MAX {
        return vec![Piece::of(block, 0..text.len())];
    }
    let parts: Vec<&str> = match block.kind {
        BlockKind::Code | BlockKind::Table => text.split_inclusive('\n').collect(),
        _ => sentences(text),
    };
    let parts = parts.into_iter().flat_map(|part| cut(part, LENGTH_AIM, LENGTH_MAX));
    let pieces = gather(parts, length).into_iter().map(|part| Piece::of(block, part));
    pieces.filter(|piece| !piece.text.trim().is_empty()).collect()
}

/// Joins neighbours up to an even share of the whole; returns the bytes of each.
fn gather<'a>(parts: impl Iterator<Item = &'a str>, total: usize) -> Vec<Range<usize>> {
    let share = total.div_ceil(total.div_ceil(LENGTH_AIM));
    let mut gathered: Vec<(usize, Range<usize>)> = Vec::new();
    let mut at = 0;
    for part in parts {
        let (length, end) = (part.chars().count(), at + part.len());
        match gathered.last_mut() {
            Some((so_far, bytes))
                if *so_far + length / 2 <= share && *so_far + length <= LENGTH_MAX =>
            {
                bytes.end = end;
                *so_far += length;
            }
            _ => gathered.push((length, at..end)),
        }
        at = end;
    }
    gathered.into_iter().map(|(_, bytes)| bytes).collect()
}

/// Cuts a part that is longer than `max` characters into pieces of about `aim`, behind blanks
/// where there are some.
fn cut(part: &str, aim: usize, max: usize) -> Vec<&str> {
    let mut pieces = Vec::new();
    let mut rest = part;
    // Only as far as needed is looked ahead: a text of one word may have millions of letters.
    while rest.char_indices().nth(max).is_some() {
        let hard = rest.char_indices().nth(aim).map_or(rest.len(), |(at, _)| at);
        let soft = rest[..hard].rfind(char::is_whitespace).filter(|at| *at > hard / 2);
        let at = soft.map_or(hard, |at| at + rest[at..].chars().next().map_or(1, char::len_utf8));
        let (piece, next) = rest.split_at(at);
        pieces.push(piece);
        rest = next;
    }
    pieces.push(rest);
    pieces
}
