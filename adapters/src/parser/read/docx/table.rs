//! A table while it is being read; tables inside of its cells are part of them.

use oxherd_study::document::BlockKind;

use super::super::ReadError;
use super::super::draft::{self, Draft};

/// The outermost table around the current text.
#[derive(Default)]
pub(super) struct Table {
    rows: Vec<Vec<Cell>>,
}

/// The paragraphs of a cell.
type Cell = Vec<(BlockKind, String)>;

impl Table {
    /// Begins a row.
    pub(super) fn begin_row(&mut self) {
        self.rows.push(Vec::new());
    }

    /// Begins a cell.
    pub(super) fn begin_cell(&mut self) {
        if self.rows.is_empty() {
            self.begin_row();
        }
        if let Some(row) = self.rows.last_mut() {
            row.push(Cell::new());
        }
    }

    /// Adds a paragraph to the current cell.
    pub(super) fn add(&mut self, kind: BlockKind, text: String) {
        if self.rows.last().is_none_or(Vec::is_empty) {
            self.begin_cell();
        }
        if let Some(cell) = self.rows.last_mut().and_then(|row| row.last_mut()) {
            cell.push((kind, text));
        }
    }

    /// Writes it: as a table, or as what it frames when no row has two cells with text.
    pub(super) fn write(self, draft: &mut Draft) -> Result<(), ReadError> {
        let is_filled = |cell: &&Cell| cell.iter().any(|(_, text)| !text.trim().is_empty());
        let is_table = self.rows.iter().any(|row| row.iter().filter(is_filled).count() > 1);
        if is_table {
            let lines: Vec<String> = self.rows.iter().map(|row| line(row)).collect();
            return draft.add(BlockKind::Table, &lines.join("\n"));
        }
        for (kind, text) in self.rows.into_iter().flatten().flatten() {
            draft.add(kind, &text)?;
        }
        Ok(())
    }
}

fn line(row: &[Cell]) -> String {
    let text = |cell: &Cell| {
        let texts: Vec<String> = cell.iter().map(|(_, text)| draft::one_line(text)).collect();
        texts.join(" ").trim().to_owned()
    };
    let cells: Vec<String> = row.iter().map(text).collect();
    cells.join(" | ").trim_end_matches([' ', '|']).to_owned()
}
