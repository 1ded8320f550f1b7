//! All scenarios, by the part of the queue that they are about.

use crate::scenario::Scenario;

mod add;
mod clear;
mod deduplication;
mod flows;
mod life;
mod limits;
mod order;
mod pause;
mod progress;
mod retention;
mod retry;
mod stalled;

/// Returns all scenarios that can be played.
pub(crate) fn all() -> Vec<Scenario> {
    [
        add::all(),
        clear::all(),
        deduplication::all(),
        flows::all(),
        life::all(),
        limits::all(),
        order::all(),
        pause::all(),
        progress::all(),
        retention::all(),
        retry::all(),
        stalled::all(),
    ]
    .into_iter()
    .flatten()
    .collect()
}
