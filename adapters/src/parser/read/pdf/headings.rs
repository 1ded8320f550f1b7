//! Which lines are headings: those that bookmarks name, or else those that look like it.

use unicode_normalization::UnicodeNormalization;

use super::super::conventions;
use super::super::words::Words;
use super::PageLines;
use super::bookmarks::Bookmark;
use super::lines::Line;
use super::sizes;

/// A heading that takes more lines than this is none.
const MAX_LINES: usize = 4;

/// A heading and the lines that it takes.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Heading {
    /// The page, as an index.
    pub page: usize,
    /// The line before which it stands, as an index.
    pub line: usize,
    /// The lines that it takes from there; 0 when the page does not show it.
    pub taken: usize,
    /// 1 is the highest.
    pub level: u8,
    /// Its text.
    pub title: String,
}

/// The headings of a document in order, and the title that its first page shows.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Headings {
    /// The headings.
    pub all: Vec<Heading>,
    /// The title, when it was found by its size.
    pub title: Option<String>,
}

/// Finds the headings.
pub(super) fn find(pages: &[PageLines], bookmarks: &[Bookmark], words: &Words) -> Headings {
    let pointed: std::collections::HashSet<u32> =
        bookmarks.iter().map(|bookmark| bookmark.page).collect();
    // Bookmarks that all point to one page, or a single one, are no outline of the document.
    let is_outline = bookmarks.len() >= 2 && (pointed.len() >= 2 || pages.len() == 1);
    if is_outline {
        return Headings { all: by_bookmarks(pages, bookmarks), title: None };
    }
    sizes::find(pages, words)
}

fn by_bookmarks(pages: &[PageLines], bookmarks: &[Bookmark]) -> Vec<Heading> {
    let mut headings: Vec<Heading> = Vec::with_capacity(bookmarks.len());
    // What the last heading took: headings do not go back, and no line is taken twice.
    let mut free = (0, 0);
    for bookmark in bookmarks {
        if conventions::is_contents(&bookmark.title) {
            continue;
        }
        let index = bookmark.page as usize - 1;
        let Some(page) = pages.get(index) else { continue };
        let from = if free.0 == index { free.1 } else { 0 };
        let (line, taken) = locate(page, from, bookmark);
        headings.push(Heading {
            page: index,
            line,
            taken,
            level: bookmark.level.min(6),
            title: bookmark.title.clone(),
        });
        if (index, line + taken) > free {
            free = (index, line + taken);
        }
    }
    headings.sort_by_key(|heading| (heading.page, heading.line));
    headings
}

/// Finds a bookmark on its page: the lines that say its title, else the height to which it points,
/// else the first line that is free.
fn locate(page: &PageLines, from: usize, bookmark: &Bookmark) -> (usize, usize) {
    let wanted = folded(&bookmark.title);
    let height = bookmark.top.map(|top| page.height - top);
    let distance = |line: &Line| height.map_or(0.0, |height| (line.y - height).abs());
    let found = (from..page.lines.len())
        .filter_map(|line| Some((line, lines_saying(&page.lines[line..], &wanted)?)))
        // The nearest to the place; a title that is a word of the text has a larger size.
        .min_by(|(a, _), (b, _)| {
            let (a, b) = (&page.lines[*a], &page.lines[*b]);
            distance(a).total_cmp(&distance(b)).then(b.size.total_cmp(&a.size))
        });
    if let Some(found) = found {
        return found;
    }
    let at_height = height.and_then(|height| {
        let below = |line: &Line| line.y >= height - 1.0;
        (from..page.lines.len()).find(|&line| below(&page.lines[line]))
    });
    (at_height.unwrap_or(from), 0)
}

/// Returns how many lines from the first one say a title, alone or after its number.
fn lines_saying(lines: &[Line], wanted: &str) -> Option<usize> {
    let mut said = String::new();
    for (count, line) in (1..=MAX_LINES).zip(lines) {
        said.push_str(&folded(&line.text));
        // A number that only one of the two has is no difference.
        if said == wanted || said.strip_suffix(wanted).is_some_and(is_numbering) {
            return Some(count);
        }
        if wanted.strip_suffix(said.as_str()).is_some_and(is_numbering) && said.len() > 3 {
            return Some(count);
        }
        if said.len() > wanted.len() + 24 {
            return None;
        }
    }
    None
}

/// Tells what stands before a title: "3", "chapter3", "제3장", "appendixa".
fn is_numbering(text: &str) -> bool {
    let words = ["chapter", "appendix", "part", "section", "제", "장", "절", "부록", "第", "章"];
    let mut rest = text.to_owned();
    for word in words {
        rest = rest.replacen(word, "", 1);
    }
    let is_roman = rest.bytes().all(|byte| b"ivxlc".contains(&byte));
    rest.chars().count() <= 6 && (is_roman || rest.chars().filter(|c| !c.is_numeric()).count() <= 1)
}

/// Letters and digits alone, in one spelling, to compare texts that were typeset with texts that
/// were typed.
fn folded(text: &str) -> String {
    text.nfkc().flat_map(char::to_lowercase).filter(|c| c.is_alphanumeric()).collect()
}

#[cfg(test)]
mod tests {
    use super::super::glyphs::Turn;
    use super::*;

    fn page(texts: &[&str]) -> PageLines {
        let line = |(index, text): (usize, &&str)| Line {
            text: (*text).to_owned(),
            x: 0.0,
            x_end: 100.0,
            y: 100.0 + 20.0 * index as f32,
            size: 10.0,
            is_bold: false,
            is_typewriter: None,
            turn: Turn::Right,
            first_word: 10.0,
        };
        PageLines { number: 1, height: 800.0, lines: texts.iter().enumerate().map(line).collect() }
    }

    fn bookmark(title: &str, top: Option<f32>) -> Bookmark {
        Bookmark { title: title.to_owned(), level: 1, page: 1, top }
    }

    #[test]
    fn a_title_is_found_after_its_number_and_over_several_lines() {
        let page = page(&["text", "Chapter 3", "How to install", "a system", "text"]);

        let found = locate(&page, 0, &bookmark("How to install a system", None));

        assert_eq!(found, (1, 3));
    }

    #[test]
    fn of_equal_lines_the_nearest_to_the_place_is_taken() {
        let page = page(&["Notes", "text", "Notes", "text"]);

        let found = locate(&page, 0, &bookmark("Notes", Some(655.0)));

        assert_eq!(found, (2, 1));
    }

    #[test]
    fn a_title_that_is_not_shown_stands_at_its_height() {
        let page = page(&["one", "two", "three"]);

        let found = locate(&page, 0, &bookmark("Elsewhere", Some(685.0)));

        assert_eq!(found, (1, 0));
    }
}
