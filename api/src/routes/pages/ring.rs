//! The ring: a job's progress as a brush stroke that closes, and the seal when it is done.

use maud::{Markup, html};

/// How a ring is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stroke {
    Waiting,
    Running,
    Failed,
    Done,
}

impl Stroke {
    fn class(self) -> &'static str {
        match self {
            Self::Waiting => "wait",
            Self::Running => "run",
            Self::Failed => "fail",
            Self::Done => "done",
        }
    }
}

/// Draws a ring; `label` says in words what it shows.
pub(super) fn ring(progress: u32, stroke: Stroke, label: &str) -> Markup {
    let shown = if stroke == Stroke::Failed { progress.max(8) } else { progress };
    html! {
        svg class=(format!("ring {}", stroke.class())) viewBox="0 0 24 24" role="progressbar"
            aria-valuemin="0" aria-valuemax="100" aria-valuenow=(progress) aria-label=(label) {
            circle class="track" cx="12" cy="12" r="9" {}
            circle class="stroke" cx="12" cy="12" r="9" pathLength="100"
                stroke-dasharray=(format!("{shown} 100")) {}
            @if stroke == Stroke::Done { rect class="seal" x="9" y="9" width="6" height="6" rx="1" {} }
            @if stroke == Stroke::Failed { path class="cross" d="M9 9l6 6M15 9l-6 6" {} }
        }
    }
}
