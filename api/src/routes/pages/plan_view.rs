//! A plan, opened: its parts as an outline, and the sessions under each.

use maud::{Markup, html};
use oxherd_study::plan::{Module, Plan, Session, SessionStatus, Source};

use super::ring::{Stroke, ring};
use super::words::Words;

pub(super) fn body(words: &Words, plan: &Plan) -> Markup {
    html! {
        @if let Some(summary) = &plan.summary { p class="summary" { (summary) } }
        @for warning in &plan.warnings { p class="warning" role="note" { (words.warning(warning)) } }
        ol class="modules" {
            @for (at, module) in plan.modules.iter().enumerate() {
                li { (module_view(words, plan, module, at)) }
            }
        }
    }
}

fn module_view(words: &Words, plan: &Plan, module: &Module, at: usize) -> Markup {
    let is_done = |session: &&Session| session.status == SessionStatus::Completed;
    let done = module.sessions.iter().filter(is_done).count();
    let total = module.sessions.len().max(1);
    let share = u32::try_from(done * 100 / total).unwrap_or(0);
    let stroke = if done == total { Stroke::Done } else { Stroke::Running };
    let says = words.count_sessions(module.sessions.len());
    html! {
        details open[at == 0] {
            summary {
                (ring(share, stroke, &format!("{}: {share} %", module.title)))
                span class="number" { (at + 1) }
                strong { (module.title) }
                span class="says" { (says) " · " (span(words, module)) }
            }
            @if !module.description.is_empty() { p class="description" { (module.description) } }
            ol class="sessions" {
                @for session in &module.sessions { li { (session_view(words, plan, session)) } }
            }
        }
    }
}

/// The days of a module, first to last.
fn span(words: &Words, module: &Module) -> String {
    let first = module.sessions.first().map(|session| session.scheduled_for_date);
    let last = module.sessions.last().map(|session| session.scheduled_for_date);
    first.zip(last).map(|(first, last)| words.days(first, last)).unwrap_or_default()
}

fn session_view(words: &Words, plan: &Plan, session: &Session) -> Markup {
    let done = session.status == SessionStatus::Completed;
    let address = format!("/study/plans/{}/sessions/{}", plan.id, session.id);
    html! {
        form class="mark" method="post" action=(address) {
            input type="hidden" name="status" value=(if done { "SCHEDULED" } else { "COMPLETED" });
            button class="check" aria-pressed=(done.to_string())
                aria-label=(format!("{}: {}", words.mark_done, session.title)) {
                @if done { "✓" }
            }
        }
        div class="session" {
            strong { (session.title) }
            @if session.optional { " " em { (words.optional) } }
            p { (session.objective) }
            p class="facts" {
                time datetime=(session.scheduled_for_date) { (words.day(session.scheduled_for_date)) }
                " · " (session.estimated_minutes) (words.minutes)
                @for source in &session.sources { " · " (source_link(words, plan, source)) }
            }
        }
    }
}

fn source_link(words: &Words, plan: &Plan, source: &Source) -> Markup {
    let range = source.chunk_range;
    let address = format!(
        "/study/passage?material={}&start={}&end={}",
        source.material_id, range.start, range.end
    );
    let material = plan.materials.iter().find(|m| m.id == source.material_id);
    let several = plan.materials.len() > 1;
    html! {
        a class="source" href=(address) {
            @if several { @if let Some(material) = material { (material.title) ", " } }
            @match source.page {
                Some(page) => { (words.page_number(page)) }
                None => { (words.passage) " " (range.start + 1) "–" (range.end + 1) }
            }
        }
    }
}
