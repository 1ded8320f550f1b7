//! The study page: drop documents, say a goal, follow the plan.

use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use jiff::civil::Date;
use maud::{Markup, html};

use super::documents::{self, Documents};
use super::layout::{self, Reader};
use super::plans::{self, Plans};
use super::words::{EN, KO, Words};
use crate::error::ApiResult;
use crate::extract::QueryPairs;
use crate::identity::Caller;
use crate::routes::plans::DEFAULT_ZONE;
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
    let documents = documents::load(&api, &user, &query).await?;
    let plans = plans::load(&api, &user, &query).await?;
    let busy = documents.is_busy() || plans.is_busy();
    if busy && query.get("watch").is_some() {
        return Ok(layout::page(words, "Oxherd", None, watched(words, &documents, &plans)));
    }
    let today = api.parts.ports.calendar.today(DEFAULT_ZONE);
    let body = html! {
        body data-uploading=(words.uploading) data-left=(words.time_left)
            data-failed=(words.failed_upload) data-unreached=(words.unreached)
            data-cancel=(words.cancel) data-retry=(words.retry) data-dismiss=(words.dismiss) {
            (top(words))
            main {
                h1 { (words.headline) }
                (drop_zone(words))
                p id="problem" class="problem" role="alert" tabindex="-1" hidden {}
                p id="offline" class="offline" role="status" hidden { (words.reconnecting) }
                p id="said" class="unseen" role="status" {}
                @if busy { noscript { p { a href="/?watch=1" { (words.watch) } } } }
                section aria-label=(words.documents) { (documents::list(words, &documents)) }
                (plan_form(words, today, documents.is_busy()))
                section aria-label=(words.plans) { (plans::list(words, &plans)) }
            }
            dialog id="sheet" aria-label=(words.passage) {
                form method="dialog" { button class="quiet" { (words.close) } }
                div id="passage" tabindex="0" {}
            }
            footer { a href="/docs" { (words.api) } }
        }
    };
    Ok(layout::page(words, "Oxherd", Some("/assets/study.js"), body))
}

/// The lists alone, fresh every few seconds: for browsers without scripts. It ends at the page
/// with the forms; those are not here, so nothing that was typed is lost.
fn watched(words: &Words, documents: &Documents, plans: &Plans) -> Markup {
    html! {
        body {
            meta http-equiv="refresh" content="5";
            (top(words))
            main {
                p { a href="/" { (words.back) } }
                section aria-label=(words.documents) { (documents::list(words, documents)) }
                section aria-label=(words.plans) { (plans::list(words, plans)) }
            }
        }
    }
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

fn top(words: &Words) -> Markup {
    html! {
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
    }
}

fn drop_zone(words: &Words) -> Markup {
    html! {
        form id="drop" class="drop" method="post" action="/study/documents"
            enctype="multipart/form-data" {
            p class="with-script" { (words.drop_here) }
            label class="button" for="files" { (words.choose) }
            input id="files" type="file" name="file" multiple
                accept=".pdf,.docx,.html,.htm,.md,.markdown,.txt";
            button class="primary without-script" { (words.send) }
            p class="says" { (words.types) }
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

fn plan_form(words: &Words, today: Date, busy: bool) -> Markup {
    html! {
        form id="plan-form" class="plan-form" method="post" action="/study/plans" {
            label class="wide" { (words.goal)
                input name="goal" required maxlength="500" placeholder=(words.goal_example);
            }
            label { (words.until) input type="date" name="targetDueDate" min=(today); }
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
