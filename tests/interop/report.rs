//! The table of results, as it is kept in the repository.
//!
//! Never decides whether something held.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

use crate::catalog::CATALOG;
use crate::row::Roles;
use crate::scenario::numbers;

/// What became of a scenario in one role with one major version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It held, and the keyspace is the one that BullMQ leaves.
    Green,
    /// It held; the keyspace differs for this reason.
    Differs(&'static str),
    /// It did not hold.
    Red(String),
}

impl Outcome {
    pub(crate) fn word(&self) -> &'static str {
        match self {
            Self::Green => "green",
            Self::Differs(_) => "green (differs)",
            Self::Red(_) => "RED",
        }
    }
}

/// The outcomes by scenario, role and major version.
pub(crate) type Results = BTreeMap<(&'static str, Roles, u8), Outcome>;

/// Prints how many rows held.
pub(crate) fn summary(results: &Results, took: Duration) {
    println!(
        "interop: {} rows in {:.1} s: {:?}",
        results.len(),
        took.as_secs_f64(),
        numbers(results)
    );
}

/// Writes the table.
pub(crate) fn write(results: &Results, path: &Path) {
    let mut text = String::from(
        "# Interoperability with BullMQ\n\nWritten by `cargo test --release -p oxherd-queue --test interop`: each scenario in its roles,\n\
         with BullMQ 6 and 5. Green: what Node sees is right, and the keyspace is the one that BullMQ\n\
         alone leaves (mixed rows have no model). `O` is Oxherd, `N` is Node: `O>N` ours adds and Node\n\
         works, `O:N` ours acts and Node observes, `mix` both do everything.\n\n",
    );
    let played: BTreeSet<_> = results.keys().map(|(id, ..)| *id).collect();
    let _ = writeln!(text, "{} of {} scenarios are played.\n", played.len(), CATALOG.len());
    text.push_str("| scenario | | roles | BullMQ 6 | BullMQ 5 |\n|---|---|---|---|---|\n");
    let mut reasons = BTreeMap::new();
    for entry in &CATALOG {
        for &roles in entry.roles {
            let cell = |major: u8| match results.get(&(entry.id, roles, major)) {
                Some(outcome) => outcome.word(),
                None if entry.majors.contains(&major) => "not yet",
                None => "",
            };
            let (title, roles_word) = (entry.title, word(roles));
            let (six, five) = (cell(6), cell(5));
            let _ = writeln!(text, "| {} | {title} | {roles_word} | {six} | {five} |", entry.id);
        }
        let first = results.iter().find(|((id, ..), _)| *id == entry.id);
        if let Some((_, Outcome::Differs(reason))) = first {
            reasons.insert(entry.id, *reason);
        }
    }
    if !reasons.is_empty() {
        text.push_str("\n## Differences of the keyspace\n\n");
        for (id, reason) in reasons {
            let _ = writeln!(text, "- {id}: {reason}");
        }
    }
    std::fs::write(path, text).unwrap();
}

fn word(roles: Roles) -> &'static str {
    match roles {
        Roles::Model => "N",
        Roles::OursToNode => "O>N",
        Roles::NodeToOurs => "N>O",
        Roles::OursActs => "O:N",
        Roles::NodeActs => "N:O",
        Roles::Mixed => "mix",
    }
}
