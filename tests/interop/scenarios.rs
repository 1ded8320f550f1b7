//! All scenarios, by the part of the queue that they are about.

use crate::scenario::Scenario;

mod add;
mod flows;
mod life;
mod pause;
mod progress;
mod retention;
mod retry;
mod schedulers;
mod stalled;

/// Returns all scenarios that can be played.
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
        schedulers::all(),
    ]
    .into_iter()
    .flatten()
    .collect()
}
