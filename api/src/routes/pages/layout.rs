//! The frame of every page: head, policy, language.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use maud::{DOCTYPE, Markup, html};

use super::words::{EN, KO, Words};
use crate::error::ApiError;
use crate::settings::Api;

/// No script, style or picture from elsewhere; no frame around the pages.
const POLICY: &str = "default-src 'self'; style-src 'self'; script-src 'self'; img-src 'self' \
                      data:; base-uri 'none'; frame-ancestors 'none'; form-action 'self'";

/// The words of the reader: the cookie, else the browser's wish.
#[derive(Clone, Copy)]
pub(in crate::routes) struct Reader(pub(super) &'static Words);

impl FromRequestParts<Api> for Reader {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &Api) -> Result<Self, ApiError> {
        let text = |name| parts.headers.get(name).and_then(|value| value.to_str().ok());
        let chosen = text(header::COOKIE)
            .and_then(|cookies| cookies.split(';').find_map(|c| c.trim().strip_prefix("lang=")));
        let wished = || text(header::ACCEPT_LANGUAGE).map(|list| &list[..list.len().min(2)]);
        Ok(Self(if chosen.or_else(wished) == Some("ko") { &KO } else { &EN }))
    }
}

/// Wraps a body into a page.
pub(super) fn page(words: &Words, title: &str, script: Option<&str>, body: Markup) -> Response {
    let page = html! {
        (DOCTYPE)
        html lang=(words.code) {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (title) }
                link rel="icon" href="/assets/icon.svg" type="image/svg+xml";
                link rel="stylesheet" href="/assets/tokens.css";
                link rel="stylesheet" href="/assets/study.css";
                script src="/assets/theme.js" {}
                @if let Some(script) = script { script type="module" src=(script) {} }
            }
            (body)
        }
    };
    respond(StatusCode::OK, page)
}

/// Answers with markup under the policy.
pub(super) fn respond(status: StatusCode, markup: Markup) -> Response {
    let mut response = (status, markup).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("same-origin"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
