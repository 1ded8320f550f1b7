//! The list of plans on the study page; one of them may be open.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use maud::{Markup, html};
use oxherd_study::plan::{GenerationStatus, Plan};
use oxherd_study::ports::{PageRequest, PlanFilter};
use oxherd_study::{PlanId, UserId};

use super::layout::{Reader, respond};
use super::plan_view;
use super::ring::{Stroke, ring};
use super::words::Words;
use crate::error::ApiResult;
use crate::extract::QueryPairs;
use crate::identity::Caller;
use crate::settings::Api;

/// The plans that the page shows.
const SHOWN: u32 = 20;

/// The list alone, for the script.
pub(super) async fn fragment(
    State(api): State<Api>,
    Caller(user): Caller,
    Reader(words): Reader,
    query: QueryPairs,
) -> ApiResult<Response> {
    let plans = load(&api, &user, query.get("plan")).await?;
    Ok(respond(StatusCode::OK, list(words, &plans)))
}

/// Returns the plans, the open one (or the newest that is ready) with its modules.
pub(super) async fn load(api: &Api, user: &UserId, open: Option<&str>) -> ApiResult<Vec<Plan>> {
    let page = PageRequest { limit: SHOWN, cursor: None };
    let catalog = &api.parts.ports.catalog;
    let mut plans = catalog.plans(user, &PlanFilter::default(), &page).await?.rows;
    let ready = |plan: &&mut Plan| plan.generation_status == GenerationStatus::Ready;
    let wanted = open.and_then(|id| PlanId::parse(id).ok());
    let shown = match wanted {
        Some(id) => plans.iter_mut().find(|plan| plan.id == id),
        None => plans.iter_mut().take(1).find(ready),
    };
    if let Some(plan) = shown
        && let Some(whole) = catalog.plan(user, &plan.id).await?
    {
        *plan = whole;
    }
    Ok(plans)
}

pub(super) fn list(words: &Words, plans: &[Plan]) -> Markup {
    html! {
        div id="plans" {
            @if !plans.is_empty() { h2 { (words.plans) } }
            @for plan in plans { (article(words, plan)) }
        }
    }
}

fn article(words: &Words, plan: &Plan) -> Markup {
    let live =
        !matches!(plan.generation_status, GenerationStatus::Ready | GenerationStatus::Failed);
    let stroke = match plan.generation_status {
        GenerationStatus::Waiting | GenerationStatus::Pending => Stroke::Waiting,
        GenerationStatus::Generating => Stroke::Running,
        GenerationStatus::Ready => Stroke::Done,
        GenerationStatus::Failed => Stroke::Failed,
    };
    let says = says(words, plan);
    let label = format!("{}: {says}", plan.title);
    html! {
        article class="plan" data-job=[live.then_some(plan.id.as_str())] data-kind="plan"
            data-plan=(plan.id) data-title=(plan.title) {
            header {
                (ring(plan.progress.into(), stroke, &label))
                div class="what" {
                    h3 { (plan.title) }
                    span class="says" { (says) }
                }
                (actions(words, plan, live))
            }
            @if !plan.modules.is_empty() {
                (plan_view::body(words, plan))
            } @else if plan.generation_status == GenerationStatus::Ready {
                p { a class="open" href=(format!("/?plan={}", plan.id)) { (words.show) } }
            }
        }
    }
}

fn says(words: &Words, plan: &Plan) -> String {
    match (plan.generation_status, &plan.error) {
        (GenerationStatus::Failed, Some(error)) => {
            words.failure(&error.code).map_or_else(|| error.message.clone(), str::to_owned)
        }
        (GenerationStatus::Failed, None) => String::new(),
        (GenerationStatus::Waiting, _) => words.waits_for_materials.to_owned(),
        (GenerationStatus::Pending, _) => words.waiting.to_owned(),
        (GenerationStatus::Generating, _) => words.plan_step(plan.step).to_owned(),
        (GenerationStatus::Ready, _) => format!(
            "{} {} {} {}",
            plan.completion.completed, words.done_of, plan.completion.total, words.done
        ),
    }
}

fn actions(words: &Words, plan: &Plan, live: bool) -> Markup {
    let button = |action: &str, word: &str| {
        html! {
            form method="post" action=(format!("/study/plans/{}/{action}", plan.id)) {
                button class="quiet" aria-label=(format!("{word}: {}", plan.title)) { (word) }
            }
        }
    };
    html! {
        div class="actions" {
            @if plan.generation_status == GenerationStatus::Failed { (button("retry", words.retry)) }
            @if live { (button("cancel", words.cancel)) } @else { (button("remove", words.remove)) }
        }
    }
}
