//! The glyphs of a page, as its program shows them.

use hayro_interpret::font::{Glyph as ShownGlyph, GlyphRun};
use hayro_interpret::hayro_cmap::{BfString, WritingMode};
use hayro_interpret::kurbo::{Affine, BezPath, Point, Rect};
use hayro_interpret::{
    BlendMode, ClipPath, Device, DrawMode, DrawProps, Image, ImageDrawProps, SoftMask,
};
use hayro_syntax::object::Dict;

/// The glyphs of a page; a dense page of small print has 20,000.
const MAX_GLYPHS: usize = 500_000;

/// The units in which fonts measure, per size.
const UNITS: f64 = 1_000.0;

/// A character at its place, in points from the top left corner of the page, turned so that its
/// line runs from left to right.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Glyph {
    /// The character; U+FFFD when the document does not tell.
    pub character: char,
    /// Where it begins along its line.
    pub x: f32,
    /// Where its line is.
    pub y: f32,
    /// How far it reaches along its line.
    pub width: f32,
    /// The size of its font.
    pub size: f32,
    /// Its font is bold.
    pub is_bold: bool,
    /// How its line was turned.
    pub turn: Turn,
}

/// The direction in which a line ran on the page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Turn {
    Right,
    Down,
    Left,
    Up,
    /// Columns of upright characters.
    Vertical,
}

/// Collects glyphs and ignores everything else that is drawn.
pub(super) struct Collector {
    glyphs: Vec<Glyph>,
    page: Rect,
    /// The depth of marked content, and the depth at which an artifact began.
    marked: u32,
    artifact_at: Option<u32>,
    last_run: Option<(char, Point, usize)>,
}

impl Collector {
    /// Begins a page with these bounds.
    pub(super) fn new(page: Rect) -> Self {
        Self { glyphs: Vec::new(), page, marked: 0, artifact_at: None, last_run: None }
    }

    /// Returns the glyphs in the order in which they were shown.
    pub(super) fn finish(self) -> Vec<Glyph> {
        self.glyphs
    }

    fn add(&mut self, text: &str, width: f64, place: Affine, style: Style) {
        let Some((turn, position)) = turned(place, style.mode) else { return };
        let size = size(place);
        // A character that nobody can see is none: off the page, or of no size.
        let origin = place * Point::ZERO;
        if size < 0.5 || !self.page.inflate(size, size).contains(origin) {
            return;
        }
        let count = text.chars().count().max(1);
        let width = width * size / UNITS / count as f64;
        for (index, character) in text.chars().enumerate() {
            if self.glyphs.len() >= MAX_GLYPHS {
                return;
            }
            self.glyphs.push(Glyph {
                character,
                x: (position.x + index as f64 * width) as f32,
                y: position.y as f32,
                width: width as f32,
                size: size as f32,
                is_bold: style.is_bold,
                turn,
            });
        }
    }

    /// Tells a run that was shown a moment ago at the same place: outlines over fillings, shadows,
    /// the poor man's bold.
    fn is_repeated(&mut self, run: &[(String, Affine)]) -> bool {
        let Some((text, place)) = run.first() else { return true };
        let first = text.chars().next().unwrap_or_default();
        let origin = *place * Point::ZERO;
        let is_repeated = self.last_run.is_some_and(|(character, at, length)| {
            character == first && length == run.len() && at.distance(origin) < size(*place) * 0.12
        });
        self.last_run = Some((first, origin, run.len()));
        is_repeated
    }
}

#[derive(Clone, Copy)]
struct Style {
    is_bold: bool,
    mode: WritingMode,
}

impl<'a> Device<'a> for Collector {
    fn draw_glyph_run(&mut self, run: &GlyphRun<'_, 'a>, props: DrawProps<'a>, _: &DrawMode) {
        if self.artifact_at.is_some() {
            return;
        }
        let texts: Vec<(String, Affine)> = run
            .glyphs()
            .iter()
            .map(|glyph| (text_of(glyph), props.transform * glyph.transform()))
            .collect();
        if self.is_repeated(&texts) {
            return;
        }
        let style = Style {
            is_bold: run.glyphs().first().is_some_and(|glyph| is_bold(glyph)),
            mode: run.writing_mode(),
        };
        for ((text, place), glyph) in texts.iter().zip(run.glyphs()) {
            let width = match run.writing_mode() {
                WritingMode::Horizontal => advance(glyph) * stretch(*place),
                WritingMode::Vertical => UNITS,
            };
            self.add(text, width, *place, style);
        }
    }

    fn begin_marked_content(&mut self, tag: &[u8], _: Option<&Dict<'_>>) {
        self.marked += 1;
        // Page headers and footers, in documents that say so.
        if tag == b"Artifact" && self.artifact_at.is_none() {
            self.artifact_at = Some(self.marked);
        }
    }

    fn end_marked_content(&mut self) {
        if self.artifact_at == Some(self.marked) {
            self.artifact_at = None;
        }
        self.marked = self.marked.saturating_sub(1);
    }

    fn draw_path(&mut self, _: &BezPath, _: DrawProps<'a>, _: &DrawMode) {}
    fn draw_rect(&mut self, _: &Rect, _: DrawProps<'a>, _: &DrawMode) {}
    fn push_clip_path(&mut self, _: &ClipPath) {}
    fn push_clip_rect(&mut self, _: &Rect) {}
    fn push_transparency_group(&mut self, _: f32, _: Option<SoftMask<'a>>, _: BlendMode) {}
    fn draw_image(&mut self, _: Image<'a, '_>, _: ImageDrawProps<'a>) {}
    fn pop_clip(&mut self) {}
    fn pop_transparency_group(&mut self) {}
}

fn text_of(glyph: &ShownGlyph<'_>) -> String {
    let text = match glyph.as_unicode() {
        Some(BfString::Char(c)) => c.to_string(),
        Some(BfString::String(text)) => text,
        None => return char::REPLACEMENT_CHARACTER.to_string(),
    };
    text.chars().flat_map(spelled).collect()
}

/// Spells out what only a typesetter writes in one piece, and replaces what has no meaning outside
/// of one font.
fn spelled(c: char) -> impl Iterator<Item = char> {
    let spelled: &[char] = match c {
        'ﬀ' => &['f', 'f'],
        'ﬁ' => &['f', 'i'],
        'ﬂ' => &['f', 'l'],
        'ﬃ' => &['f', 'f', 'i'],
        'ﬄ' => &['f', 'f', 'l'],
        'ﬅ' | 'ﬆ' => &['s', 't'],
        '\u{a0}' | '\t' | '\n' | '\r' => &[' '],
        '\u{e000}'..='\u{f8ff}' | '\u{f0000}'.. => &[char::REPLACEMENT_CHARACTER],
        c if c.is_control() => &[char::REPLACEMENT_CHARACTER],
        _ => &[],
    };
    let other = spelled.is_empty().then_some(c);
    spelled.iter().copied().chain(other)
}

fn advance(glyph: &ShownGlyph<'_>) -> f64 {
    let advance = match glyph {
        ShownGlyph::Outline(glyph) => glyph.advance_width(),
        ShownGlyph::Type3(glyph) => glyph.advance_width(),
    };
    // Half a square is the width of a letter of a font that does not say.
    f64::from(advance.unwrap_or(500.0)).clamp(0.0, 4.0 * UNITS)
}

fn is_bold(glyph: &ShownGlyph<'_>) -> bool {
    let ShownGlyph::Outline(glyph) = glyph else { return false };
    let Some(font) = glyph.font_data() else { return false };
    let is_named_bold = font.postscript_name.is_some_and(|name| {
        ["Bold", "bold", "Black", "Heavy", "BOLD"].iter().any(|word| name.contains(word))
    });
    is_named_bold || font.weight.is_some_and(|weight| weight >= 600)
}

fn size(place: Affine) -> f64 {
    let [_, _, c, d, _, _] = place.as_coeffs();
    c.hypot(d) * UNITS
}

/// How much wider than high the glyphs are drawn.
fn stretch(place: Affine) -> f64 {
    let [a, b, c, d, _, _] = place.as_coeffs();
    let height = c.hypot(d);
    if height > 0.0 { (a.hypot(b) / height).clamp(0.0, 10.0) } else { 1.0 }
}

/// Turns a place so that its line runs to the right; `None` for slanting lines: they are stamps
/// over a page, not its text.
fn turned(place: Affine, mode: WritingMode) -> Option<(Turn, Point)> {
    let [a, b, ..] = place.as_coeffs();
    let Point { x, y } = place * Point::ZERO;
    if !x.is_finite() || !y.is_finite() {
        return None;
    }
    if mode == WritingMode::Vertical {
        return Some((Turn::Vertical, Point::new(y, -x)));
    }
    let is_axis = |along: f64, across: f64| along.abs() > across.abs() * 5.0;
    match (is_axis(a, b), is_axis(b, a)) {
        (true, _) if a > 0.0 => Some((Turn::Right, Point::new(x, y))),
        (true, _) => Some((Turn::Left, Point::new(-x, -y))),
        (_, true) if b > 0.0 => Some((Turn::Down, Point::new(y, -x))),
        (_, true) => Some((Turn::Up, Point::new(-y, x))),
        _ => None,
    }
}
