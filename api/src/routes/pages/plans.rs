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
use super::row;
use super::words::Words;
use crate::error::ApiResult;
use crate::extract::QueryPairs;
use crate::identity::Caller;
use crate::settings::Api;

/// The plans that the page shows at first, and more with each wish for more.
const STEP: u32 = 20;

/// The plans of a page.
pub(super) struct Plans {
    rows: Vec<Plan>,
    wanted: u32,
    has_more: bool,
}

impl Plans {
    /// Tells whether one of them is being made.
    pub(super) fn is_busy(&self) -> bool {
        self.rows.iter().any(is_live)
    }
}

fn is_live(plan: &Plan) -> bool {
    !matches!(plan.generation_status, GenerationStatus::Ready | GenerationStatus::Failed)
}

/// The list alone, for the script.
pub(super) async fn fragment(
    State(api): State<Api>,
    Caller(user): Caller,
    Reader(words): Reader,
    query: QueryPairs,
) -> ApiResult<Response> {
    Ok(respond(StatusCode::OK, list(words, &load(&api, &user, &query).await?)))
}

/// Returns the plans, the open one (or the newest, if it is ready) with its modules.
pub(super) async fn load(api: &Api, user: &UserId, query: &QueryPairs) -> ApiResult<Plans> {
    let wanted = row::wanted(query, "plans", STEP);
    let catalog = &api.parts.ports.catalog;
    let (mut rows, mut cursor) = (Vec::<Plan>::new(), None);
    let mut left = wanted;
    while left > 0 {
        let page = PageRequest { limit: left.min(STEP), cursor };
        let found = catalog.plans(user, &PlanFilter::default(), &page).await?;
        left -= page.limit;
        rows.extend(found.rows);
        cursor = found.next_cursor;
        if cursor.is_none() {
            break;
        }
    }
    let named = query.get("plan").and_then(|id| PlanId::parse(id).ok());
    let newest = rows.first().filter(|plan| plan.generation_status == GenerationStatus::Ready);
    let open = named.or_else(|| newest.map(|plan| plan.id.clone()));
    if let Some(id) = open
        && let Some(whole) = catalog.plan(user, &id).await?
    {
        match rows.iter_mut().find(|plan| plan.id == id) {
            Some(plan) => *plan = whole,
            None => rows.insert(0, whole),
        }
    }
    Ok(Plans { rows, wanted, has_more: cursor.is_some() })
}

pub(super) fn list(words: &Words, plans: &Plans) -> Markup {
    html! {
        div id="plans" {
            @if !plans.rows.is_empty() { h2 { (words.plans) } }
            @for plan in &plans.rows { (article(words, plan)) }
            @if plans.has_more { (row::more(words, "plans", plans.wanted, STEP)) }
        }
    }
}

fn article(words: &Words, plan: &Plan) -> Markup {
    let live = is_live(plan);
    let stroke = match plan.generation_status {
        GenerationStatus::Waiting | GenerationStatus::Pending => Stroke::Waiting,
        GenerationStatus::Generating => Stroke::Running,
        GenerationStatus::Ready => Stroke::Done,
        GenerationStatus::Failed => Stroke::Failed,
    };
    let says = says(words, plan);
    let label = format!("{}: {says}", plan.title);
    html! {
        article class="plan" id=(plan.id) data-job=[live.then_some(plan.id.as_str())] data-kind="plan"
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
        (GenerationStatus::Failed, Some(error)) => words.failure(error).to_owned(),
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
    let address = |action: &str| format!("/study/plans/{}/{action}", plan.id);
    html! {
        div class="actions" {
            @if plan.generation_status == GenerationStatus::Failed {
                (row::button(&address("retry"), words.retry, &plan.title))
            }
            @if live {
                (row::button(&address("cancel"), words.cancel, &plan.title))
            } @else {
                (row::remove(words, &address("remove"), words.remove_plan, &plan.title))
            }
        }
    }
}
