//! What stands on pages and is not their text: running headers and footers, page numbers, the
//! lines of tables of contents.

mod contents;
mod running;

use std::collections::HashMap;

use super::PageLines;
use super::lines::Line;

/// How many lines at the top and at the bottom of a page may be furniture.
const DEPTH: usize = 3;

/// The part of a page, at its top and at its bottom, in which furniture stands.
const MARGIN: f32 = 0.14;

/// Removes it.
pub(super) fn remove(pages: &mut [PageLines]) {
    let repeated = repeated(pages);
    let running = running::Running::find(pages);
    for page in pages.iter_mut() {
        let edges = edges(page);
        let mut dropped = vec![false; page.lines.len()];
        running.drop(page, &mut dropped);
        for &(index, edge) in &edges {
            let line = &page.lines[index];
            let count = repeated.get(&key(line, edge)).copied().unwrap_or(0);
            dropped[index] |= count >= 3 || is_page_number(&line.text);
        }
        contents::drop(page, &mut dropped);
        let mut index = 0;
        page.lines.retain(|_| {
            index += 1;
            !dropped[index - 1]
        });
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Edge {
    Top,
    Bottom,
}

type Key = (Edge, i32, String);

/// Counts on how many pages a line of the edges is seen, at one height and but for its numbers.
fn repeated(pages: &[PageLines]) -> HashMap<Key, usize> {
    let mut counts = HashMap::new();
    for page in pages {
        for (index, edge) in edges(page) {
            *counts.entry(key(&page.lines[index], edge)).or_insert(0) += 1;
        }
    }
    counts
}

/// Finds the lines at the edges of a page.
fn edges(page: &PageLines) -> Vec<(usize, Edge)> {
    let mut by_height: Vec<usize> = (0..page.lines.len()).collect();
    by_height.sort_by(|&a, &b| page.lines[a].y.total_cmp(&page.lines[b].y));
    let is_top = |&index: &usize| page.lines[index].y < page.height * MARGIN;
    let is_bottom = |&index: &usize| page.lines[index].y > page.height * (1.0 - MARGIN);
    let top = by_height.iter().copied().take(DEPTH).filter(is_top);
    let bottom = by_height.iter().copied().rev().take(DEPTH).filter(is_bottom);
    top.map(|index| (index, Edge::Top)).chain(bottom.map(|index| (index, Edge::Bottom))).collect()
}

fn key(line: &Line, edge: Edge) -> Key {
    let mut text = String::new();
    let words = line.text.split_whitespace().filter(|word| !is_page_number(word));
    for c in words.flat_map(str::chars) {
        match c {
            c if c.is_numeric() && text.ends_with('#') => {}
            c if c.is_numeric() => text.push('#'),
            c => text.push(c),
        }
    }
    (edge, (line.y / 4.0).round() as i32, text)
}

/// Tells "12", "xii", "- 12 -", "Page 12 of 80", "12 / 80".
fn is_page_number(text: &str) -> bool {
    let text = text.trim_matches(|c: char| c.is_whitespace() || "-–—|[]()".contains(c));
    if text.is_empty() || text.chars().count() > 20 {
        return false;
    }
    let is_roman = text.len() <= 6 && text.bytes().all(|byte| b"ivxlc".contains(&byte));
    let words = |word: &str| {
        word.bytes().all(|byte| byte.is_ascii_digit())
            || matches!(word.to_lowercase().as_str(), "page" | "of" | "/" | "쪽" | "페이지")
    };
    let has_digit = text.contains(|c: char| c.is_ascii_digit());
    is_roman || has_digit && text.split([' ', '/']).all(words)
}

#[cfg(test)]
mod tests {
    use super::super::glyphs::Turn;
    use super::*;

    fn line(text: &str, y: f32) -> Line {
        Line {
            text: text.to_owned(),
            x: 0.0,
            x_end: 100.0,
            y,
            size: 10.0,
            is_bold: false,
            is_typewriter: None,
            turn: Turn::Right,
            first_word: 10.0,
        }
    }

    fn texts(pages: &[PageLines]) -> Vec<Vec<&str>> {
        pages.iter().map(|page| page.lines.iter().map(|line| &*line.text).collect()).collect()
    }

    #[test]
    fn headers_and_page_numbers_go_and_text_stays() {
        let page = |number: u32| PageLines {
            number,
            height: 800.0,
            lines: vec![
                line(&format!("{number} Chapter one"), 50.0),
                line("first line", 80.0 + number as f32 * 9.0),
                line(&format!("last line {number}"), 400.0),
                line(&format!("- {number} -"), 780.0),
            ],
        };
        let mut pages: Vec<_> = (1..=4).map(page).collect();

        remove(&mut pages);

        assert_eq!(texts(&pages)[2], ["first line", "last line 3"]);
    }

    #[test]
    fn lines_of_contents_go() {
        let lines = ["1 Start . . . . . 3", "1.1 More ........ 12", "See 1.2"]
            .map(|text| line(text, 300.0));
        let mut pages = [PageLines { number: 1, height: 800.0, lines: lines.into() }];

        remove(&mut pages);

        assert_eq!(texts(&pages)[0], ["See 1.2"]);
    }
}
