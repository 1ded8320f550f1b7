//! All scenarios, by the part of the queue that they are about.

use crate::scenario::Scenario;

mod add;
mod boards;
mod clear;
mod cluster;
mod deduplication;
mod end;
mod flows;
mod large;
mod life;
mod limits;
mod observe;
mod order;
mod pause;
mod progress;
mod retention;
mod retry;
mod schedulers;
mod stalled;

/// Returns the scenarios that mostly wait.
pub(crate) fn all() -> Vec<Scenario> {
    [
        add::all(),
        clear::all(),
        deduplication::all(),
        end::all(),
        flows::all(),
        life::all(),
        limits::all(),
        observe::all(),
        order::all(),
        pause::all(),
        progress::all(),
        retention::all(),
        retry::all(),
        stalled::all(),
        schedulers::all(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// Returns the scenario of a number.
fn numbered(id: &str) -> Scenario {
    let mut all = all().into_iter().chain(heavy());
    all.find(|scenario| scenario.id() == id).unwrap()
}

/// Returns those that need the machine for themselves.
pub(crate) fn heavy() -> Vec<Scenario> {
    [boards::all(), cluster::all(), large::all()].into_iter().flatten().collect()
}
