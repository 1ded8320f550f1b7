//! The list of documents on the study page.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use maud::{Markup, html};
use oxherd_study::UserId;
use oxherd_study::material::{Material, MaterialStatus};
use oxherd_study::ports::{MaterialFilter, PageRequest};

use super::layout::{Reader, respond};
use super::ring::{Stroke, ring};
use super::words::Words;
use crate::error::ApiResult;
use crate::identity::Caller;
use crate::settings::Api;

/// The documents that the page shows.
const SHOWN: u32 = 50;

/// The list alone, for the script.
pub(super) async fn fragment(
    State(api): State<Api>,
    Caller(user): Caller,
    Reader(words): Reader,
) -> ApiResult<Response> {
    Ok(respond(StatusCode::OK, list(words, &load(&api, &user).await?)))
}

pub(super) async fn load(api: &Api, user: &UserId) -> ApiResult<Vec<Material>> {
    let page = PageRequest { limit: SHOWN, cursor: None };
    Ok(api.parts.ports.catalog.materials(user, &MaterialFilter::default(), &page).await?.rows)
}

pub(super) fn list(words: &Words, materials: &[Material]) -> Markup {
    html! {
        ul id="documents" class="rows" {
            @for material in materials { (row(words, material)) }
            @if materials.is_empty() { li class="empty" { (words.no_documents) } }
        }
    }
}

fn row(words: &Words, material: &Material) -> Markup {
    let live = !matches!(material.status, MaterialStatus::Ready | MaterialStatus::Failed);
    let stroke = match material.status {
        MaterialStatus::Pending => Stroke::Waiting,
        MaterialStatus::Processing => Stroke::Running,
        MaterialStatus::Ready => Stroke::Done,
        MaterialStatus::Failed => Stroke::Failed,
    };
    let says = says(words, material);
    let label = format!("{}: {says}", material.title);
    html! {
        li class="document" data-job=[live.then_some(material.id.as_str())]
            data-kind="material" data-title=(material.title) {
            (ring(material.progress.into(), stroke, &label))
            div class="what" {
                strong { (material.title) }
                span class="says" { (says) }
            }
            @if material.status != MaterialStatus::Failed {
                label class="use" title=(words.include) {
                    input type="checkbox" name="material" value=(material.id) form="plan-form"
                        checked aria-label=(format!("{}: {}", words.include, material.title));
                }
            }
            (actions(words, material, live))
        }
    }
}

fn says(words: &Words, material: &Material) -> String {
    match (material.status, &material.error) {
        (MaterialStatus::Failed, Some(error)) => {
            words.failure(&error.code).map_or_else(|| error.message.clone(), str::to_owned)
        }
        (MaterialStatus::Failed, None) => String::new(),
        (MaterialStatus::Pending, _) => words.waiting.to_owned(),
        (MaterialStatus::Processing, _) => words.material_step(material.step).to_owned(),
        (MaterialStatus::Ready, _) => {
            let mut says = words.ready.to_owned();
            if let Some(pages) = material.page_count {
                says.push_str(&format!(" · {pages} {}", words.pages));
            }
            if let Some(chunks) = material.chunk_count {
                says.push_str(&format!(" · {chunks} {}", words.parts));
            }
            says
        }
    }
}

fn actions(words: &Words, material: &Material, live: bool) -> Markup {
    let button = |action: &str, word: &str| {
        html! {
            form method="post" action=(format!("/study/documents/{}/{action}", material.id)) {
                button class="quiet" aria-label=(format!("{word}: {}", material.title)) { (word) }
            }
        }
    };
    html! {
        div class="actions" {
            @if material.status == MaterialStatus::Failed { (button("retry", words.retry)) }
            @if live { (button("cancel", words.cancel)) } @else { (button("remove", words.remove)) }
        }
    }
}
