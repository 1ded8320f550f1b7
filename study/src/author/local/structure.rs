//! Decides the modules of a plan: which parts, in which order, how many sessions each.

use super::boilerplate::is_boilerplate;
use super::heading::{Heading, headings};
use super::interest::{Echo, Interest};
use super::part::{Cutter, Part};
use super::{effort, named_part, overview, session, wording};
use crate::author::{Brief, BriefMaterial, ModuleAnswer, Omission, StructureAnswer, validation};
use crate::language::Language;
use crate::outline::ChunkRange;
use crate::requirements::Wishes;

/// Material of so many sessions is large: parts of it that have nothing to do with the goal become
/// optional.
const LARGE_SESSIONS: u32 = 16;
/// A part without headings is cut into pieces of about so many minutes.
const PIECE_MINUTES: f32 = 250.0;

/// A material with everything that the decisions need.
struct Sketch<'a> {
    index: usize,
    material: &'a BriefMaterial,
    headings: Vec<Heading>,
    echo: Echo,
    omitted: Vec<Omission>,
    /// The chunks that the learner asks by name to stress.
    stressed: Vec<ChunkRange>,
    modules: Vec<ModuleAnswer>,
}

/// Writes the outline of a plan.
pub(super) fn structure(brief: &Brief) -> StructureAnswer {
    let wishes = brief.special_requirements.as_deref().map(Wishes::read).unwrap_or_default();
    let interest = Interest::of(&brief.goal, &wishes.stress);
    let mut sketches: Vec<Sketch<'_>> = brief
        .materials
        .iter()
        .enumerate()
        .map(|(index, material)| Sketch {
            index,
            material,
            headings: headings(&material.bundle),
            echo: interest.in_chunks(&material.bundle.chunks),
            omitted: Vec::new(),
            stressed: named_part::stressed(brief, index),
            modules: Vec::new(),
        })
        .collect();
    let mut unmet = wishes.unread;
    for wish in &wishes.omit {
        unmet.extend(omit(&mut sketches, wish));
    }
    unmet.extend(wishes.stress.iter().filter(|wish| is_unknown(&sketches, wish)).cloned());
    for sketch in &mut sketches {
        sketch.modules = modules(sketch, &interest);
    }
    order(&mut sketches);
    let (mut modules, mut omitted) = (Vec::new(), Vec::new());
    for sketch in sketches {
        modules.extend(sketch.modules);
        omitted.extend(sketch.omitted);
    }
    let (title, summary) = (overview::title(brief), overview::summary(brief, &modules));
    StructureAnswer { title, summary, modules, omitted, unmet }
}

/// Leaves out what a wish names; returns the names that no material answers to, and those after
/// which nothing else would be left.
fn omit(sketches: &mut [Sketch<'_>], wish: &str) -> Vec<String> {
    let outlines: Vec<Vec<Heading>> =
        sketches.iter().map(|sketch| sketch.headings.clone()).collect();
    let mut left: u32 = sketches.iter().map(Sketch::kept).sum();
    let mut unmet = Vec::new();
    for part in named_part::find(&outlines, wish) {
        let mut followed = false;
        for (material_index, chunk_range) in part.found {
            let sketch = &mut sketches[material_index];
            let overlaps = sketch.omitted.iter().any(|known| {
                known.chunk_range.start <= chunk_range.end
                    && chunk_range.start <= known.chunk_range.end
            });
            if !overlaps && chunk_range.count() < left {
                left -= chunk_range.count();
                let reason = wording::shorten(wish, 200);
                sketch.omitted.push(Omission { material_index, chunk_range, reason });
            }
            followed |= overlaps
                || sketch.omitted.last().is_some_and(|last| last.chunk_range == chunk_range);
        }
        if !followed {
            unmet.push(part.name);
        }
    }
    for sketch in sketches {
        sketch.omitted.sort_by_key(|omitted| omitted.chunk_range.start);
    }
    unmet
}

/// Tells whether no material speaks of what a wish asks to stress.
fn is_unknown(sketches: &[Sketch<'_>], wish: &str) -> bool {
    let interest = Interest::of("", &[wish.to_owned()]);
    let strength =
        |sketch: &Sketch<'_>| interest.in_chunks(&sketch.material.bundle.chunks).strength();
    sketches.iter().all(|sketch| sketch.stressed.is_empty() && strength(sketch) == 0.0)
}

impl Sketch<'_> {
    fn chunk_count(&self) -> u32 {
        u32::try_from(self.material.bundle.chunks.len()).unwrap_or(u32::MAX)
    }

    fn kept(&self) -> u32 {
        let omitted: u32 = self.omitted.iter().map(|omitted| omitted.chunk_range.count()).sum();
        self.chunk_count() - omitted
    }

    fn is_omitted(&self, chunk: u32) -> bool {
        let holds = |range: ChunkRange| (range.start..=range.end).contains(&chunk);
        self.omitted.iter().any(|omitted| holds(omitted.chunk_range))
    }
}

/// Puts the materials that speak most of the goal first; of those that are about equal, the
/// user's order counts.
fn order(sketches: &mut [Sketch<'_>]) {
    let most = sketches.iter().map(|sketch| sketch.echo.strength()).fold(0.0, f32::max);
    if most > 0.0 {
        // Steps of a factor of two: a small difference in wording is no reason to reorder.
        sketches.sort_by_key(|sketch| {
            let ratio = most / sketch.echo.strength().max(most / 16.0);
            ratio.log2().round() as u32
        });
    }
}

/// Returns the modules of a material.
fn modules(sketch: &Sketch<'_>, interest: &Interest) -> Vec<ModuleAnswer> {
    let bundle = &sketch.material.bundle;
    let minutes: Vec<f32> = bundle.chunks.iter().map(effort::minutes).collect();
    let boilerplate =
        sketch.headings.iter().map(|heading| is_boilerplate(&heading.title)).collect();
    let parts = Cutter::new(&sketch.headings, &minutes, boilerplate).parts();
    let parts: Vec<Part> = parts.iter().flat_map(|part| kept(sketch, part)).collect();
    let mut modules: Vec<ModuleAnswer> =
        parts.iter().flat_map(|part| answers(sketch, part, &minutes)).collect();
    weigh(sketch, &mut modules);
    for module in &mut modules {
        let ranges = session::ranges(bundle, &sketch.headings, module, &sketch.stressed);
        module.session_count = u32::try_from(ranges.len()).unwrap_or(u32::MAX);
    }
    let sessions: u32 = modules.iter().map(|module| module.session_count).sum();
    if sessions >= LARGE_SESSIONS && modules.iter().any(|module| module.stressed) {
        for module in &mut modules {
            module.optional |= is_unrelated(sketch, interest, module);
        }
    }
    modules
}

/// Returns what is left of a part, each piece under a heading that is left too.
fn kept(sketch: &Sketch<'_>, part: &Part) -> Vec<Part> {
    let mut kept = Vec::new();
    let mut start = part.range.start;
    let mut keep = |start: u32, end: u32| {
        let title = part.heading.map(|heading| &sketch.headings[heading]);
        let begins = |heading: &Heading| (start..=end).contains(&heading.start);
        let is_kept = title.is_some_and(|title| !sketch.is_omitted(title.start));
        let first = sketch.headings.iter().position(begins).filter(|_| !is_kept);
        let about = first.map(|first| is_boilerplate(&sketch.headings[first].title));
        let about = about.unwrap_or(part.boilerplate);
        kept.push(part.within(ChunkRange { start, end }, first.or(part.heading), about));
    };
    for omission in &sketch.omitted {
        let ChunkRange { start: from, end: to } = omission.chunk_range;
        if to < start || from > part.range.end {
            continue;
        }
        if from > start {
            keep(start, from - 1);
        }
        start = to + 1;
    }
    if start <= part.range.end {
        keep(start, part.range.end);
    }
    kept
}

/// Makes the module of a part, or several when it is very long and has no sub-headings.
fn answers(sketch: &Sketch<'_>, part: &Part, minutes: &[f32]) -> Vec<ModuleAnswer> {
    let inside =
        |heading: &&Heading| part.range.start < heading.start && heading.start <= part.range.end;
    let is_bare = !sketch.headings.iter().any(|heading| inside(&heading));
    let ranges = if is_bare && part.minutes > PIECE_MINUTES * 1.6 {
        pieces(part.range, minutes)
    } else {
        vec![part.range]
    };
    let title = match part.heading {
        Some(heading) => sketch.headings[heading].title.as_str(),
        None => wording::without_extension(&sketch.material.title),
    };
    let title = match wording::plain(title, validation::TITLE_MAX) {
        empty if empty.is_empty() => wording::untitled(sketch.material.bundle.language).to_owned(),
        title => title,
    };
    let of = ranges.len();
    ranges
        .into_iter()
        .enumerate()
        .map(|(piece, chunk_range)| ModuleAnswer {
            title: if of == 1 { title.clone() } else { wording::numbered(&title, piece + 1, of) },
            description: overview::description(
                &sketch.material.bundle,
                &sketch.headings,
                part,
                chunk_range,
            ),
            material_index: sketch.index,
            chunk_range,
            session_count: 1,
            optional: part.boilerplate,
            stressed: false,
        })
        .collect()
}

/// Cuts a long text without headings into pieces of about equal effort.
fn pieces(range: ChunkRange, minutes: &[f32]) -> Vec<ChunkRange> {
    let part = &minutes[range.start as usize..=range.end as usize];
    let total: f32 = part.iter().sum();
    let count = (total / PIECE_MINUTES).ceil().max(1.0);
    let (mut ranges, mut start, mut sum) = (Vec::new(), range.start, 0.0);
    for (index, minutes) in (range.start..).zip(part) {
        sum += minutes;
        if sum >= total / count && index < range.end {
            ranges.push(ChunkRange { start, end: index });
            (start, sum) = (index + 1, 0.0);
        }
    }
    ranges.push(ChunkRange { start, end: range.end });
    ranges
}

/// Marks the modules that the goal asks for: those that speak of it clearly more than the others
/// do, a third of them at most.
fn weigh(sketch: &Sketch<'_>, modules: &mut [ModuleAnswer]) {
    let relevance = |module: &ModuleAnswer| {
        let ChunkRange { start, end } = module.chunk_range;
        if module.optional { 0.0 } else { sketch.echo.relevance(start as usize..=end as usize) }
    };
    let scores: Vec<f32> = modules.iter().map(relevance).collect();
    let mean = scores.iter().sum::<f32>() / scores.len().max(1) as f32;
    let mut ranked = scores.clone();
    ranked.sort_by(|a, b| b.total_cmp(a));
    let third = ranked.get(modules.len().div_ceil(3)).copied().unwrap_or(0.0);
    for (module, score) in modules.iter_mut().zip(scores) {
        let is_clear = score > 0.0 && score > mean * 1.6 && score > third;
        let ChunkRange { start, end } = module.chunk_range;
        let is_named = sketch.stressed.iter().any(|part| part.start <= end && start <= part.end);
        module.stressed =
            is_named || is_clear && sketch.echo.is_subject(start as usize..=end as usize);
    }
}

/// Tells whether a module has nothing to do with the goal.
fn is_unrelated(sketch: &Sketch<'_>, interest: &Interest, module: &ModuleAnswer) -> bool {
    let ChunkRange { start, end } = module.chunk_range;
    let named = sketch
        .headings
        .iter()
        .filter(|heading| (start..=end).contains(&heading.start))
        .any(|heading| interest.names(&heading.title));
    let all = sketch.echo.relevance(0..=sketch.material.bundle.chunks.len() - 1);
    let own = sketch.echo.relevance(start as usize..=end as usize);
    !module.stressed && !named && own < all * 0.1
}

/// The language that a module's words are in.
pub(super) fn language(brief: &Brief, module: &ModuleAnswer) -> Language {
    brief.materials.get(module.material_index).map_or(brief.language, |m| m.bundle.language)
}

#[cfg(test)]
mod tests;
