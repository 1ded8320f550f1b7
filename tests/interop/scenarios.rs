//! All scenarios, by the part of the queue that they are about.

use crate::scenario::Scenario;

mod add;
mod flows;
mod large;
mod life;
mod pause;
mod progress;
mod retention;
mod retry;
mod stalled;

/// Returns the scenarios that mostly wait.
pub(crate) fn all() -> Vec<Scenario> {
    [
        add::all(),
        life::all(),
        retry::all(),
        progress::all(),
        retention::all(),
        pause::all(),
        stalled::all(),
        flows::all(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// Returns those that need the machine for themselves.
pub(crate) fn heavy() -> Vec<Scenario> {
    large::all()
}
