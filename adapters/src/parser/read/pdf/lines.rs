//! From glyphs to lines of text.

use super::glyphs::{Glyph, Turn};

/// A gap of more than this part of the size is a space.
const SPACE: f32 = 0.11;

/// A gap of more than this many times the size parts the cells of a table.
const CELL: f32 = 1.6;

/// How many lines back a piece of the same line is looked for.
const LOOK_BACK: usize = 48;

/// A line of text.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Line {
    /// Its text, with single spaces and tabs in wide gaps; lines of a typewriter font keep their
    /// gaps as so many spaces.
    pub text: String,
    /// Its left end, in points.
    pub x: f32,
    /// Its right end.
    pub x_end: f32,
    /// Its baseline, from the top.
    pub y: f32,
    /// The size of most of its characters.
    pub size: f32,
    /// Most of its characters are bold.
    pub is_bold: bool,
    /// All letters are of one width; `None` when the letters do not tell.
    pub is_typewriter: Option<bool>,
    /// The direction in which it ran.
    pub turn: Turn,
    /// The width of its first word.
    pub first_word: f32,
}

/// Builds the lines of a page in the order in which they were shown.
pub(super) fn build(glyphs: Vec<Glyph>) -> Vec<Line> {
    let mut pieces: Vec<Piece> = Vec::new();
    for glyph in glyphs {
        match pieces.last_mut() {
            Some(piece) if piece.continues_with(&glyph) => piece.add(glyph),
            _ => pieces.push(Piece::begin(glyph)),
        }
    }
    join(pieces).iter().filter_map(Piece::line).collect()
}

/// Joins pieces of one line that were shown at different times, as programs do that draw one font
/// after the other.
fn join(pieces: Vec<Piece>) -> Vec<Piece> {
    let mut joined: Vec<Piece> = Vec::with_capacity(pieces.len());
    for piece in pieces {
        let start = joined.len().saturating_sub(LOOK_BACK);
        match joined[start..].iter_mut().rev().find(|other| other.touches(&piece)) {
            Some(other) => {
                other.glyphs.extend(piece.glyphs);
                other.glyphs.sort_by(|a, b| a.x.total_cmp(&b.x));
                other.end = other.end.max(piece.end);
            }
            None => joined.push(piece),
        }
    }
    joined
}

/// Glyphs that follow each other on a baseline.
struct Piece {
    glyphs: Vec<Glyph>,
    y: f32,
    size: f32,
    start: f32,
    end: f32,
}

impl Piece {
    fn begin(glyph: Glyph) -> Self {
        let Glyph { x, y, size, width, .. } = glyph;
        Self { glyphs: vec![glyph], y, size, start: x, end: x + width }
    }

    fn turn(&self) -> Turn {
        self.glyphs[0].turn
    }

    fn continues_with(&self, glyph: &Glyph) -> bool {
        let larger = self.size.max(glyph.size);
        let is_same_size = self.size.min(glyph.size) > larger * 0.85;
        // Indices and footnote marks stand off the baseline.
        let drift = if is_same_size { 0.35 } else { 0.55 };
        glyph.turn == self.turn()
            && (glyph.y - self.y).abs() <= drift * larger
            && glyph.x >= self.end - 0.6 * larger
    }

    fn add(&mut self, glyph: Glyph) {
        // The baseline is that of the larger letters.
        if glyph.size > self.size {
            self.size = glyph.size;
            self.y = glyph.y;
        }
        self.end = self.end.max(glyph.x + glyph.width);
        self.glyphs.push(glyph);
    }

    /// Tells a piece that stands right beside this one.
    fn touches(&self, other: &Self) -> bool {
        let larger = self.size.max(other.size);
        let gap = (other.start - self.end).max(self.start - other.end);
        self.turn() == other.turn()
            && (self.y - other.y).abs() <= 0.1 * larger
            && (-0.1 * larger..=0.8 * larger).contains(&gap)
    }

    fn line(&self) -> Option<Line> {
        let size = self.common_size();
        let is_typewriter = is_typewriter(&self.glyphs);
        let pitch = match is_typewriter {
            Some(true) => self.latin().next().map(|glyph| glyph.width),
            _ => None,
        };
        let (text, first_word) = self.text(pitch);
        let bold = self.letters().filter(|glyph| glyph.is_bold).count();
        if text.is_empty() {
            return None;
        }
        let shown = || self.glyphs.iter().filter(|glyph| !glyph.character.is_whitespace());
        Some(Line {
            text,
            x: shown().map(|glyph| glyph.x).fold(f32::INFINITY, f32::min),
            x_end: shown().map(|glyph| glyph.x + glyph.width).fold(0.0, f32::max),
            y: self.y,
            size,
            is_bold: bold * 2 > self.letters().count(),
            is_typewriter,
            turn: self.turn(),
            first_word,
        })
    }

    fn letters(&self) -> impl Iterator<Item = &Glyph> {
        self.glyphs.iter().filter(|glyph| glyph.character.is_alphanumeric())
    }

    fn latin(&self) -> impl Iterator<Item = &Glyph> {
        self.glyphs.iter().filter(|glyph| glyph.character.is_ascii_alphabetic())
    }

    /// Returns the size of most characters, to a tenth of a point.
    fn common_size(&self) -> f32 {
        let mut sizes: Vec<(i32, usize)> = Vec::new();
        for glyph in self.glyphs.iter().filter(|glyph| !glyph.character.is_whitespace()) {
            let tenths = (glyph.size * 10.0).round() as i32;
            if let Some((_, count)) = sizes.iter_mut().find(|(size, _)| *size == tenths) {
                *count += 1;
            } else if sizes.len() < 64 {
                sizes.push((tenths, 1));
            }
        }
        let most = sizes.iter().max_by_key(|(size, count)| (*count, *size));
        most.map_or(self.size, |(size, _)| *size as f32 / 10.0)
    }

    /// Writes the characters with the spaces that are shown or only left free; `pitch` is the width
    /// of a typewriter's characters. Returns also the width of the first word.
    fn text(&self, pitch: Option<f32>) -> (String, f32) {
        let spacing = self.usual_gap();
        let mut text = String::with_capacity(self.glyphs.len());
        let mut end: Option<f32> = None;
        let mut first_word = None;
        for glyph in &self.glyphs {
            if glyph.character.is_whitespace() {
                continue;
            }
            let gap = end.map_or(0.0, |end| glyph.x - end);
            let spaces = match pitch {
                Some(pitch) if pitch > 0.0 => (gap / pitch).round().clamp(0.0, 120.0) as usize,
                _ => usize::from(gap > SPACE * glyph.size + spacing),
            };
            if spaces > 0 && end.is_some() {
                first_word.get_or_insert(end.unwrap_or(0.0));
                let is_cell = pitch.is_none() && gap > CELL * glyph.size;
                let sign = if is_cell { '\t' } else { ' ' };
                text.extend(std::iter::repeat_n(sign, spaces));
            }
            if glyph.character != char::REPLACEMENT_CHARACTER {
                text.push(glyph.character);
            }
            end = Some(end.unwrap_or(f32::MIN).max(glyph.x + glyph.width));
        }
        let first_word = first_word.or(end).unwrap_or(0.0) - self.start;
        (text.trim().to_owned(), first_word)
    }

    /// Returns the gap between characters of a word: not zero where words are spaced out.
    fn usual_gap(&self) -> f32 {
        let shown: Vec<&Glyph> =
            self.glyphs.iter().filter(|glyph| !glyph.character.is_whitespace()).collect();
        // Short lines have too few gaps to tell words from letters.
        if shown.len() < 8 {
            return 0.0;
        }
        let mut gaps: Vec<f32> =
            shown.windows(2).map(|pair| pair[1].x - pair[0].x - pair[0].width).collect();
        // Of a line of short words half of the gaps may be spaces, but not three quarters.
        let quarter = gaps.len() / 4;
        let (_, gap, _) = gaps.select_nth_unstable_by(quarter, f32::total_cmp);
        gap.max(0.0)
    }
}

/// Tells a typewriter font by an `i` as wide as an `m`, in lines that are Latin for the most part:
/// a path in a Korean sentence makes no program of it.
fn is_typewriter(glyphs: &[Glyph]) -> Option<bool> {
    let is_latin = |glyph: &&Glyph| glyph.character.is_ascii_alphabetic();
    let letters = glyphs.iter().filter(|glyph| glyph.character.is_alphabetic()).count();
    if glyphs.iter().filter(is_latin).count() * 4 < letters * 3 {
        return Some(false);
    }
    let mut narrow: Option<f32> = None;
    let mut other: Option<f32> = None;
    for glyph in glyphs.iter().filter(is_latin) {
        let width = glyph.width / glyph.size;
        if "iljtfrI".contains(glyph.character) {
            narrow = Some(narrow.map_or(width, |least| least.min(width)));
        } else {
            other = Some(other.map_or(width, |most| most.max(width)));
        }
    }
    Some((narrow? - other?).abs() < 0.01)
}
