//! The study page: drop documents, say a goal, follow the plan.

use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use maud::{Markup, html};
use oxherd_study::material::{Material, MaterialStatus};
use oxherd_study::plan::Plan;

use super::layout::{self, Reader};
use super::words::{EN, KO, Words};
use super::{documents, plans};
use crate::error::ApiResult;
use crate::extract::QueryPairs;
use crate::identity::Caller;
use crate::settings::Api;

pub(super) async fn page(
    State(api): State<Api>,
    Caller(user): Caller,
    Reader(words): Reader,
    query: QueryPairs,
) -> ApiResult<Response> {
    if let Some(language) = query.get("lang") {
        return Ok(switch(language));
    }
    let materials = documents::load(&api, &user).await?;
    let plans = plans::load(&api, &user, query.get("plan")).await?;
    Ok(layout::page(words, "Oxherd", Some("/assets/study.js"), body(words, &materials, &plans)))
}

/// Keeps the chosen language in a cookie and comes back to the page.
fn switch(language: &str) -> Response {
    let language = if language == "ko" { "ko" } else { "en" };
    let cookie = format!("lang={language}; Path=/; Max-Age=31536000; SameSite=Lax");
    let mut response = (StatusCode::SEE_OTHER, [(header::LOCATION, "/")]).into_response();
    if let Ok(cookie) = HeaderValue::from_str(&cookie) {
        response.headers_mut().insert(header::SET_COOKIE, cookie);
    }
    response
}

fn body(words: &Words, materials: &[Material], plans: &[Plan]) -> Markup {
    let busy = materials.iter().any(|material| {
        matches!(material.status, MaterialStatus::Pending | MaterialStatus::Processing)
    });
    html! {
        body data-uploading=(words.uploading) data-left=(words.time_left)
            data-failed=(words.failed_upload) data-cancel=(words.cancel) {
            header class="top" {
                a class="name" href="/" { "Oxherd" }
                nav {
                    a href="/?lang=ko" lang="ko" aria-current=[(words.code == KO.code).then_some("true")] { "한국어" }
                    a href="/?lang=en" lang="en" aria-current=[(words.code == EN.code).then_some("true")] { "EN" }
                    button type="button" id="theme" class="quiet" aria-label=(words.theme) {
                        svg viewBox="0 0 24 24" class="icon" aria-hidden="true" {
                            circle cx="12" cy="12" r="9" {}
                            path d="M12 3a9 9 0 0 1 0 18z" class="solid" {}
                        }
                    }
                }
            }
            main {
                h1 { (words.headline) }
                (drop_zone(words))
                p id="problem" class="problem" role="alert" hidden {}
                p id="offline" class="offline" role="status" hidden { (words.reconnecting) }
                section aria-label=(words.documents) { (documents::list(words, materials)) }
                (plan_form(words, busy))
                section aria-label=(words.plans) aria-live="polite" { (plans::list(words, plans)) }
            }
            dialog id="sheet" aria-label=(words.passage) {
                form method="dialog" { button class="quiet" { (words.close) } }
                div id="passage" tabindex="0" {}
            }
            footer { a href="/docs" { (words.api) } }
            noscript { meta http-equiv="refresh" content="5"; }
        }
    }
}

fn drop_zone(words: &Words) -> Markup {
    html! {
        form id="drop" class="drop" method="post" action="/study/documents"
            enctype="multipart/form-data" {
            p { (words.types) }
            label class="button" for="files" { (words.choose) }
            input id="files" type="file" name="file" multiple
                accept=".pdf,.docx,.html,.htm,.md,.markdown,.txt";
            button class="primary without-script" { (words.send) }
        }
        div class="samples" {
            (words.or_sample)
            @for (file, title) in &words.samples {
                form method="post" action=(format!("/study/samples/{file}")) {
                    button class="link" { (title) }
                }
            }
        }
    }
}

fn plan_form(words: &Words, busy: bool) -> Markup {
    html! {
        form id="plan-form" class="plan-form" method="post" action="/study/plans" {
            label class="wide" { (words.goal)
                input name="goal" required maxlength="500" placeholder=(words.goal_example);
            }
            label { (words.until) input type="date" name="targetDueDate"; }
            label { (words.per_week)
                input type="number" name="sessionsPerWeek" min="1" max="21" inputmode="numeric";
            }
            label class="wide" { (words.wishes)
                input name="specialRequirements" maxlength="2000" placeholder=(words.wishes_example);
            }
            input type="hidden" name="timezone" value="";
            button class="primary" { (words.make_plan) }
            p class="hint" hidden[!busy] { (words.waits_for) }
        }
    }
}
