//! The words over a plan and its modules: title, summary, descriptions.

use super::boilerplate::is_boilerplate;
use super::heading::Heading;
use super::part::Part;
use super::wording;
use crate::author::{Brief, ModuleAnswer, validation};
use crate::bundle::Bundle;
use crate::outline::ChunkRange;
use crate::summary::summarize;

/// Names the goal and what it is reached with.
pub(super) fn title(brief: &Brief) -> String {
    let goal = wording::plain(&wording::wanted(&brief.goal), validation::TITLE_MAX);
    let material = match brief.materials.as_slice() {
        [only] => wording::plain(wording::without_extension(&only.title), 60),
        _ => String::new(),
    };
    let both = format!("{goal}: {material}");
    let named = goal.to_lowercase().contains(&material.to_lowercase());
    if goal.is_empty() {
        let first = brief.materials.first().map_or("", |material| material.title.as_str());
        let first = wording::plain(first, validation::TITLE_MAX);
        let untitled = wording::untitled(brief.language).to_owned();
        return if first.is_empty() { untitled } else { first };
    }
    if named || both.chars().count() > validation::TITLE_MAX { goal } else { both }
}

/// Says how large the plan is, from what it is made and what it stresses.
pub(super) fn summary(brief: &Brief, modules: &[ModuleAnswer]) -> String {
    let materials: Vec<String> = brief
        .materials
        .iter()
        .map(|m| wording::plain(wording::without_extension(&m.title), 60))
        .collect();
    let sessions = modules.iter().map(|module| module.session_count).sum();
    let stressed: Vec<String> = modules
        .iter()
        .filter(|module| module.stressed)
        .map(|module| wording::plain(wording::without_number(&module.title), 50))
        .take(3)
        .collect();
    let size = wording::Size {
        modules: modules.len(),
        sessions,
        optional: modules.iter().filter(|module| module.optional).count(),
    };
    let text = wording::summary(brief.language, &materials, &size, &stressed);
    wording::shorten(&text, validation::SUMMARY_MAX)
}

/// Says what a module holds: its sub-headings, or a sentence of it when it has none.
pub(super) fn description(
    bundle: &Bundle,
    headings: &[Heading],
    part: &Part,
    range: ChunkRange,
) -> String {
    if part.boilerplate {
        return wording::about_document(bundle.language).to_owned();
    }
    let inside: Vec<&Heading> = headings
        .iter()
        .filter(|heading| (range.start..=range.end).contains(&heading.start))
        .collect();
    // A part made of several chapters holds those chapters; a chapter holds its sections.
    let own = part.heading.map(|own| &headings[own]);
    let beside = inside.iter().any(|heading| own.is_some_and(|own| is_beside(own, heading)));
    let listed = |heading: &&&Heading| beside || Some(**heading) != own;
    let highest = inside.iter().filter(listed).map(|heading| heading.depth).min();
    let mut topics: Vec<String> = Vec::new();
    for heading in inside.iter().filter(listed).filter(|heading| Some(heading.depth) == highest) {
        let topic = wording::plain(wording::without_number(&heading.title), 80);
        if !topic.is_empty() && !topics.contains(&topic) && !is_boilerplate(&heading.title) {
            topics.push(topic);
        }
    }
    let own = own.map(|own| wording::plain(wording::without_number(&own.title), 80));
    if topics.iter().all(|topic| Some(topic) == own.as_ref()) {
        let chunks = &bundle.chunks[range.start as usize..=range.end as usize];
        return wording::plain(&summarize(chunks), validation::DESCRIPTION_MAX);
    }
    wording::covers(bundle.language, &topics, validation::DESCRIPTION_MAX)
}

/// Tells whether a heading stands beside another one or above it, not below.
fn is_beside(own: &Heading, other: &Heading) -> bool {
    own != other && other.depth <= own.depth && !other.holds(own.start)
}
