//! The list of documents on the study page.

use std::collections::HashSet;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use maud::{Markup, html};
use oxherd_study::material::{Material, MaterialStatus};
use oxherd_study::plan::Plan;
use oxherd_study::ports::{MaterialFilter, PageRequest, PlanFilter};
use oxherd_study::{MaterialId, UserId};

use super::layout::{Reader, respond};
use super::ring::{Stroke, ring};
use super::row;
use super::words::Words;
use crate::error::ApiResult;
use crate::extract::QueryPairs;
use crate::identity::Caller;
use crate::settings::Api;

/// The documents that the page shows at first, and more with each wish for more.
const STEP: u32 = 50;
/// The most documents of one plan.
const TICKED_MAX: usize = 5;
/// The plans, newest first, whose documents count as used.
const PLANS_SEEN: u32 = 100;

/// The documents of a page.
pub(super) struct Documents {
    rows: Vec<Material>,
    /// Those that a new plan would be made of: the newest that no plan uses yet.
    ticked: HashSet<MaterialId>,
    wanted: u32,
    has_more: bool,
}

impl Documents {
    /// Tells whether one of them is being read.
    pub(super) fn is_busy(&self) -> bool {
        self.rows.iter().any(is_live)
    }
}

fn is_live(material: &Material) -> bool {
    matches!(material.status, MaterialStatus::Pending | MaterialStatus::Processing)
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

pub(super) async fn load(api: &Api, user: &UserId, query: &QueryPairs) -> ApiResult<Documents> {
    let wanted = row::wanted(query, "documents", STEP);
    let catalog = &api.parts.ports.catalog;
    let (mut rows, mut cursor) = (Vec::new(), None);
    let mut left = wanted;
    while left > 0 {
        let page = PageRequest { limit: left.min(STEP), cursor };
        let found = catalog.materials(user, &MaterialFilter::default(), &page).await?;
        left -= page.limit;
        rows.extend(found.rows);
        cursor = found.next_cursor;
        if cursor.is_none() {
            break;
        }
    }
    let newest = PageRequest { limit: PLANS_SEEN, cursor: None };
    let plans = catalog.plans(user, &PlanFilter::default(), &newest).await?.rows;
    let ticked = unused(&rows, &plans);
    Ok(Documents { rows, ticked, wanted, has_more: cursor.is_some() })
}

/// Picks the newest documents that no plan uses yet, as many as one plan takes.
fn unused(materials: &[Material], plans: &[Plan]) -> HashSet<MaterialId> {
    let used: HashSet<&MaterialId> =
        plans.iter().flat_map(|plan| &plan.request.materials).collect();
    let new = |material: &&Material| {
        material.status != MaterialStatus::Failed && !used.contains(&material.id)
    };
    materials.iter().filter(new).take(TICKED_MAX).map(|material| material.id.clone()).collect()
}

pub(super) fn list(words: &Words, documents: &Documents) -> Markup {
    html! {
        ul id="documents" class="rows" {
            @for material in &documents.rows {
                (row(words, material, documents.ticked.contains(&material.id)))
            }
            @if documents.rows.is_empty() { li class="empty" { (words.no_documents) } }
            @if documents.has_more {
                li class="rest" { (row::more(words, "documents", documents.wanted, STEP)) }
            }
        }
    }
}

fn row(words: &Words, material: &Material, ticked: bool) -> Markup {
    let live = is_live(material);
    let stroke = match material.status {
        MaterialStatus::Pending => Stroke::Waiting,
        MaterialStatus::Processing => Stroke::Running,
        MaterialStatus::Ready => Stroke::Done,
        MaterialStatus::Failed => Stroke::Failed,
    };
    let says = says(words, material);
    let label = format!("{}: {says}", material.title);
    html! {
        li class="document" id=(material.id) data-job=[live.then_some(material.id.as_str())]
            data-kind="material" data-title=(material.title) {
            (ring(material.progress.into(), stroke, &label))
            div class="what" {
                strong { (material.title) }
                span class="says" { (says) }
            }
            @if material.status != MaterialStatus::Failed {
                label class="use" {
                    input type="checkbox" name="material" value=(material.id) form="plan-form"
                        checked[ticked] aria-label=(format!("{}: {}", words.include, material.title));
                    (words.include)
                }
            }
            (actions(words, material, live))
        }
    }
}

fn says(words: &Words, material: &Material) -> String {
    match (material.status, &material.error) {
        (MaterialStatus::Failed, Some(error)) => words.failure(error).to_owned(),
        (MaterialStatus::Failed, None) => String::new(),
        (MaterialStatus::Pending, _) => words.waiting.to_owned(),
        (MaterialStatus::Processing, _) => words.material_step(material.step).to_owned(),
        (MaterialStatus::Ready, _) => {
            let mut says = words.ready.to_owned();
            if let Some(pages) = material.page_count {
                says.push_str(&format!(" · {}", words.count_pages(pages as usize)));
            }
            if let Some(chunks) = material.chunk_count {
                says.push_str(&format!(" · {}", words.count_passages(chunks as usize)));
            }
            says
        }
    }
}

fn actions(words: &Words, material: &Material, live: bool) -> Markup {
    let address = |action: &str| format!("/study/documents/{}/{action}", material.id);
    html! {
        div class="actions" {
            @if material.status == MaterialStatus::Failed {
                (row::button(&address("retry"), words.retry, &material.title))
            }
            @if live {
                (row::button(&address("cancel"), words.cancel, &material.title))
            } @else {
                (row::remove(words, &address("remove"), words.remove_document, &material.title))
            }
        }
    }
}
