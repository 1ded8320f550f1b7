//! What the rows of documents and of plans share: their buttons, the question before something is
//! removed for good, and the way to older rows.

use maud::{Markup, html};

use super::words::Words;
use crate::extract::QueryPairs;

/// The most rows that a list grows to.
const ROWS_MAX: u32 = 2_000;

/// How many rows of a list are asked for; it grows by `step` with each "more".
pub(super) fn wanted(query: &QueryPairs, list: &str, step: u32) -> u32 {
    let given = query.get(list).and_then(|text| text.parse().ok());
    given.unwrap_or(step).clamp(step, ROWS_MAX)
}

/// The link that lets a list grow by `step`.
pub(super) fn more(words: &Words, list: &str, wanted: u32, step: u32) -> Markup {
    let address = format!("/?{list}={}#{list}", wanted.saturating_add(step));
    html! {
        @if wanted < ROWS_MAX { a class="more" data-list=(list) href=(address) { (words.more) } }
    }
}

/// A button that posts at once.
pub(super) fn button(address: &str, word: &str, title: &str) -> Markup {
    html! {
        form method="post" action=(address) {
            button class="quiet" aria-label=(format!("{word}: {title}")) { (word) }
        }
    }
}

/// A button that asks first. It opens in place, with or without scripts; where "Remove" stood
/// stands "Keep" then, so that a double click removes nothing.
pub(super) fn remove(words: &Words, address: &str, question: &str, title: &str) -> Markup {
    html! {
        details class="confirm" {
            summary class="quiet" {
                span class="closed" { (words.remove) }
                span class="opened" { (words.keep) }
                span class="unseen" { ": " (title) }
            }
            form method="post" action=(address) {
                span { (question) }
                button class="danger" aria-label=(format!("{}: {title}", words.remove)) { (words.remove) }
            }
        }
    }
}
