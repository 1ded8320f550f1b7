//! Telling tables that hold data from tables that lay out a page.

use markup5ever_rcdom::{Handle, NodeData};

/// What never stands in a cell of data, but in the cells of a layout.
const LAYOUT: [&str; 12] =
    ["table", "h1", "h2", "h3", "h4", "h5", "h6", "pre", "ul", "ol", "dl", "blockquote"];

/// Tells a table of data: some row has two cells, and no cell holds a structure of its own.
pub(super) fn is_data(table: &Handle) -> bool {
    let mut has_two_cells = false;
    let mut stack: Vec<Handle> = table.children.borrow().iter().rev().cloned().collect();
    while let Some(node) = stack.pop() {
        if let NodeData::Element { name, .. } = &node.data {
            if LAYOUT.contains(&&*name.local) {
                return false;
            }
            has_two_cells |= &*name.local == "tr" && cells(&node) > 1;
        }
        stack.extend(node.children.borrow().iter().rev().cloned());
    }
    has_two_cells
}

fn cells(row: &Handle) -> usize {
    let children = row.children.borrow();
    children
        .iter()
        .filter(|cell| {
            matches!(&cell.data, NodeData::Element { name, .. }
                if matches!(&*name.local, "td" | "th"))
        })
        .count()
}
