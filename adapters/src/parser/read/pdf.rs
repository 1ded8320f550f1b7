//! PDF: from glyphs at places to lines, from lines to headings and paragraphs.
//!
//! ```text
//! page ─ glyphs ─► lines ─ furniture ─► text lines ─┬─ bookmarks, or sizes ─► headings ─┐
//!                                                   └─ paragraphs ─────────────────────┴─► blocks
//! ```
//! Nothing is drawn and no image is decoded. Text is taken in the order of the page's program,
//! which is the reading order in all but a few documents.

mod bookmarks;
mod furniture;
mod glyphs;
mod headings;
mod lines;
mod paragraphs;
mod sizes;
mod strings;

use hayro_interpret::kurbo::{Affine, Rect};
use hayro_interpret::{
    Context, InterpreterCache, InterpreterSettings, RenderContent, interpret_page,
};
use hayro_syntax::LoadPdfError;
use hayro_syntax::Pdf;
use hayro_syntax::page::Page;

use super::draft::Draft;
use super::words::Words;
use super::{MAX_PAGES, Progress, ReadError};
use glyphs::Collector;
use lines::Line;

/// After so many pages the fonts are loaded again: a cache for a whole document only grows.
const CACHE_PAGES: usize = 32;

/// The lines of a document; a page of a book has about 50.
const MAX_LINES: usize = 1_000_000;

/// A page and its lines in reading order.
struct PageLines {
    /// 1-based.
    pub number: u32,
    /// Its height in points.
    pub height: f32,
    /// Its lines.
    pub lines: Vec<Line>,
}

/// Reads a PDF.
pub(super) fn read(
    bytes: Vec<u8>,
    draft: &mut Draft,
    progress: Progress<'_>,
) -> Result<(), ReadError> {
    let pdf = Pdf::new(bytes).map_err(|error| match error {
        LoadPdfError::Decryption(_) => ReadError::Encrypted,
        LoadPdfError::Invalid => ReadError::Damaged,
    })?;
    let pages = u32::try_from(pdf.pages().len()).unwrap_or(u32::MAX);
    if pages > MAX_PAGES {
        return Err(ReadError::PageLimit { pages });
    }
    draft.set_page_count(pages);
    let title = pdf.metadata().title.as_deref().map(strings::text);
    if let Some(title) = title.filter(|title| !is_file_name(title)) {
        draft.set_title(&title);
    }
    let mut text = lines_of_pages(&pdf, pages, progress)?;
    furniture::remove(&mut text);
    let bookmarks = bookmarks::read(&pdf);
    let lines = text.iter().flat_map(|page| &page.lines).map(|line| &*line.text);
    let words = Words::count(lines);
    let headings = headings::find(&text, &bookmarks, &words);
    if let Some(title) = &headings.title {
        draft.set_title(title);
    }
    // The end of the process is near: taking the document apart would be for nothing.
    std::mem::forget(pdf);
    paragraphs::write(&text, &headings, &words, draft)
}

/// Tells what programs write when the author gave no title.
fn is_file_name(title: &str) -> bool {
    let title = title.trim().to_lowercase();
    let extensions =
        [".dvi", ".tex", ".doc", ".docx", ".hwp", ".hwpx", ".pdf", ".ps", ".fm", ".indd"];
    extensions.iter().any(|extension| title.ends_with(extension))
        || title.starts_with("microsoft word - ")
        || ["untitled", "title", "제목 없음", "無題"].contains(&title.as_str())
}

fn lines_of_pages(
    pdf: &Pdf,
    count: u32,
    progress: Progress<'_>,
) -> Result<Vec<PageLines>, ReadError> {
    let mut cache = InterpreterCache::new();
    let mut pages = Vec::new();
    let mut total = 0;
    for (index, page) in pdf.pages().iter().enumerate() {
        if index % CACHE_PAGES == CACHE_PAGES - 1 {
            cache = InterpreterCache::new();
        }
        let lines = lines::build(glyphs_of(pdf, page, &cache));
        total += lines.len();
        if total > MAX_LINES {
            return Err(ReadError::TooMuchText);
        }
        let number = u32::try_from(index + 1).unwrap_or(u32::MAX);
        pages.push(PageLines { number, height: page.render_dimensions().1, lines });
        progress(number, Some(count));
    }
    Ok(pages)
}

fn glyphs_of<'a>(
    pdf: &'a Pdf,
    page: &Page<'a>,
    cache: &InterpreterCache<'a>,
) -> Vec<glyphs::Glyph> {
    let (width, height) = page.render_dimensions();
    let bounds = Rect::new(0.0, 0.0, f64::from(width), f64::from(height));
    let transform = Affine::new(page.initial_transform(true).as_coeffs());
    let settings = InterpreterSettings {
        // What readers write into a document is not the document.
        render_content: RenderContent::PAGE,
        ..InterpreterSettings::default()
    };
    let mut context = Context::new(transform, bounds, cache, pdf.xref(), settings);
    let mut collector = Collector::new(bounds);
    interpret_page(page, &mut context, &mut collector);
    collector.finish()
}

#[cfg(test)]
mod tests;
