//! The checks that every author's answer has to pass before it is used.
//!
//! Pure: it never mends an answer, it names what is wrong.

pub(super) mod text;

use std::fmt;

use super::{Brief, ModuleAnswer, SessionAnswer, StructureAnswer};
use crate::outline::ChunkRange;

/// The shortest and the longest session in minutes.
pub const MINUTES: std::ops::RangeInclusive<u32> = 25..=50;
/// The longest title of a plan or module in characters.
pub const TITLE_MAX: usize = 100;
/// The longest summary of a plan in characters.
pub const SUMMARY_MAX: usize = 300;
/// The longest description of a module in characters.
pub const DESCRIPTION_MAX: usize = 200;
/// The longest title of a session in characters.
pub const SESSION_TITLE_MAX: usize = 120;
/// The longest objective of a session in characters.
pub const OBJECTIVE_MAX: usize = 300;

/// Something in an answer that may not be so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// Where in the answer, e.g. `modules[2].chunkRange`.
    pub path: String,
    /// What is wrong, with the value that is.
    pub problem: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.path, self.problem)
    }
}

fn violation(path: impl Into<String>, problem: impl Into<String>) -> Violation {
    Violation { path: path.into(), problem: problem.into() }
}

/// Checks the outline of a plan: texts, ranges, and that the modules and omissions cover every
/// chunk of every material exactly once, the modules of a material in its order.
#[must_use]
pub fn validate_structure(brief: &Brief, answer: &StructureAnswer) -> Vec<Violation> {
    let mut found = Vec::new();
    found.extend(text::check("title", &answer.title, 1..=TITLE_MAX));
    found.extend(text::check("summary", &answer.summary, 1..=SUMMARY_MAX));
    if answer.modules.is_empty() {
        found.push(violation("modules", "is empty: a plan needs at least one"));
    }
    for (index, module) in answer.modules.iter().enumerate() {
        let path = format!("modules[{index}]");
        found.extend(text::check(&format!("{path}.title"), &module.title, 1..=TITLE_MAX));
        let description = format!("{path}.description");
        found.extend(text::check(&description, &module.description, 0..=DESCRIPTION_MAX));
        if !(1..=module.chunk_range.count().max(1)).contains(&module.session_count) {
            let (count, chunks) = (module.session_count, module.chunk_range.count());
            let problem = format!("is {count}: it has to be 1 to {chunks}, the number of chunks");
            found.push(violation(format!("{path}.sessionCount"), problem));
        }
    }
    let ranges = found.len();
    let modules = answer.modules.iter().enumerate().map(|(index, module)| {
        (format!("modules[{index}]"), module.material_index, module.chunk_range)
    });
    let omitted =
        answer.omitted.iter().enumerate().map(|(index, part)| {
            (format!("omitted[{index}]"), part.material_index, part.chunk_range)
        });
    let parts: Vec<Part> = modules.chain(omitted).collect();
    found.extend(parts.iter().filter_map(|part| out_of_range(brief, part)));
    if found.len() == ranges {
        found.extend(order_violations(&parts[..answer.modules.len()]));
        found.extend(coverage_violations(brief, parts));
    }
    found
}

/// Checks the sessions of a module: texts, minutes, their number, and that they cover the chunks
/// of the module exactly once, in order.
#[must_use]
pub fn validate_sessions(
    brief: &Brief,
    module: &ModuleAnswer,
    sessions: &[SessionAnswer],
) -> Vec<Violation> {
    let mut found = Vec::new();
    if sessions.len() != module.session_count as usize {
        let (is, asked) = (sessions.len(), module.session_count);
        found.push(violation("sessions", format!("has {is} entries, asked were {asked}")));
    }
    let mut next = module.chunk_range.start;
    for (index, session) in sessions.iter().enumerate() {
        let path = format!("sessions[{index}]");
        let title = format!("{path}.title");
        found.extend(text::check(&title, &session.title, 1..=SESSION_TITLE_MAX));
        let objective = format!("{path}.objective");
        found.extend(text::check(&objective, &session.objective, 1..=OBJECTIVE_MAX));
        if !MINUTES.contains(&session.estimated_minutes) {
            let problem = format!("is {}: it has to be 25 to 50", session.estimated_minutes);
            found.push(violation(format!("{path}.estimatedMinutes"), problem));
        }
        let ChunkRange { start, end } = session.chunk_range;
        if start != next || end < start {
            let problem = format!("is {start} to {end}: it has to begin with {next}");
            found.push(violation(format!("{path}.chunkRange"), problem));
        }
        next = end.saturating_add(1);
    }
    let end = module.chunk_range.end;
    if next != end.saturating_add(1) {
        let reached = next.saturating_sub(1);
        found.push(violation("sessions", format!("end with chunk {reached}, not with {end}")));
    }
    let chunks = brief.materials.get(module.material_index).map_or(0, |m| m.bundle.chunks.len());
    if end as usize >= chunks {
        found.push(violation("module.chunkRange", format!("ends with {end} of {chunks} chunks")));
    }
    found
}

/// A part of a material in an answer: its path, its material, its chunks.
type Part = (String, usize, ChunkRange);

fn out_of_range(brief: &Brief, (path, material, range): &Part) -> Option<Violation> {
    let Some(known) = brief.materials.get(*material) else {
        let materials = brief.materials.len();
        let problem = format!("is {material}: there are {materials} materials, from 0");
        return Some(violation(format!("{path}.materialIndex"), problem));
    };
    let chunks = known.bundle.chunks.len();
    (range.start > range.end || range.end as usize >= chunks).then(|| {
        let ChunkRange { start, end } = *range;
        let problem = format!("is {start} to {end}: the material has {chunks} chunks, from 0");
        violation(format!("{path}.chunkRange"), problem)
    })
}

/// Finds modules that stand before an earlier part of their material.
fn order_violations(modules: &[Part]) -> Vec<Violation> {
    let mut found = Vec::new();
    let mut reached: Vec<(usize, u32)> = Vec::new();
    for (path, material, range) in modules {
        match reached.iter_mut().find(|(known, _)| known == material) {
            Some((_, end)) if range.start < *end => {
                let problem = format!("begins with {}, after chunk {end}", range.start);
                found.push(violation(format!("{path}.chunkRange"), problem));
            }
            Some((_, end)) => *end = range.end,
            None => reached.push((*material, range.end)),
        }
    }
    found
}

/// Finds chunks that no part covers, or two.
fn coverage_violations(brief: &Brief, mut parts: Vec<Part>) -> Vec<Violation> {
    parts.sort_by_key(|(_, material, range)| (*material, range.start));
    let mut found = Vec::new();
    for (index, material) in brief.materials.iter().enumerate() {
        let mut next = 0;
        let uncovered = |next: u32, until: u32| {
            let problem = format!("leaves out chunks {next} to {until} of material {index}");
            violation("modules", problem)
        };
        for (path, _, range) in parts.iter().filter(|part| part.1 == index) {
            if range.start > next {
                found.push(uncovered(next, range.start - 1));
            }
            if range.start < next {
                let problem = format!("covers chunk {} of material {index} again", range.start);
                found.push(violation(format!("{path}.chunkRange"), problem));
            }
            next = next.max(range.end + 1);
        }
        let chunks = u32::try_from(material.bundle.chunks.len()).unwrap_or(u32::MAX);
        if next < chunks {
            found.push(uncovered(next, chunks - 1));
        }
    }
    found
}

#[cfg(test)]
mod tests;
