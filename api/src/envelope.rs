//! The outermost layer: request ids, error bodies, CORS, panics, the access log, HTTP metrics.

use std::time::Instant;

use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use futures::FutureExt as _;

use crate::error::ApiError;
use crate::identity::is_allowed_origin;
use crate::settings::Api;

/// The id of a request, echoed on the reply and carried into jobs and log lines.
#[derive(Debug, Clone)]
pub(crate) struct RequestId(pub(crate) String);

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const EXPOSED: &str = "Location, Retry-After, ETag, x-request-id, Idempotent-Replayed, RateLimit, \
                       RateLimit-Policy";

/// Wraps every request of a listener.
pub(crate) async fn envelope(State(api): State<Api>, mut request: Request, next: Next) -> Response {
    let started = Instant::now();
    let id = request_id(request.headers());
    request.extensions_mut().insert(RequestId(id.clone()));
    let method = request.method().clone();
    let path = request.uri().path().to_owned();
    let origin = request.headers().get(header::ORIGIN).cloned();
    let wants = request.headers().get(header::ACCESS_CONTROL_REQUEST_METHOD).cloned();
    let host = request.headers().get(header::HOST).cloned();
    let response = match std::panic::AssertUnwindSafe(next.run(request)).catch_unwind().await {
        Ok(response) => response,
        Err(_) => {
            tracing::error!(request.id = %id, "a handler panicked on {method} {path}");
            ApiError::internal().into_response()
        }
    };
    let mut response = finish(response, &method, &id, wants.is_some());
    cors(&api, response.headers_mut(), origin.as_ref(), host.as_ref());
    let status = response.status().as_u16();
    let route = response.extensions().get::<Route>().map_or("unmatched", |route| route.0.as_str());
    metrics::counter!("oxherd_http_requests_total", "method" => method.as_str().to_owned(),
        "route" => route.to_owned(), "status" => status.to_string())
    .increment(1);
    metrics::histogram!("oxherd_http_request_seconds", "route" => route.to_owned())
        .record(started.elapsed().as_secs_f64());
    tracing::debug!(request.id = %id, %method, path, status, "answered {status}");
    response
}

/// The route pattern that matched, for metrics with few labels.
#[derive(Debug, Clone)]
pub(crate) struct Route(String);

/// Notes which route matched; runs inside the router.
pub(crate) async fn note_route(
    path: Option<MatchedPath>,
    request: Request,
    next: Next,
) -> Response {
    let mut response = next.run(request).await;
    if let Some(path) = path {
        response.extensions_mut().insert(Route(path.as_str().to_owned()));
    }
    response
}

fn request_id(headers: &HeaderMap) -> String {
    let fits = |text: &str| {
        (1..=64).contains(&text.len())
            && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-')
    };
    match headers.get(REQUEST_ID).and_then(|value| value.to_str().ok()) {
        Some(text) if fits(text) => text.to_owned(),
        _ => format!("req_{}", uuid::Uuid::now_v7().simple()),
    }
}

fn finish(mut response: Response, method: &Method, id: &str, preflight: bool) -> Response {
    if response.status() == StatusCode::METHOD_NOT_ALLOWED
        && response.extensions().get::<ApiError>().is_none()
    {
        response = method_not_allowed(&response, method, preflight);
    }
    if let Some(error) = response.extensions().get::<ApiError>() {
        let body = error.body(id).to_string();
        let (mut parts, _) = response.into_parts();
        parts.headers.remove(header::CONTENT_LENGTH);
        let json = HeaderValue::from_static("application/json");
        parts.headers.insert(header::CONTENT_TYPE, json);
        response = Response::from_parts(parts, body.into());
    }
    if let Ok(value) = HeaderValue::from_str(id) {
        response.headers_mut().insert(REQUEST_ID, value);
    }
    let nosniff = HeaderValue::from_static("nosniff");
    response.headers_mut().insert(header::X_CONTENT_TYPE_OPTIONS, nosniff);
    response
}

/// Answers a method that the route does not have; `OPTIONS` stands wherever a route does.
fn method_not_allowed(response: &Response, method: &Method, preflight: bool) -> Response {
    let allowed = response.headers().get(header::ALLOW).and_then(|value| value.to_str().ok());
    let allow = format!("{},OPTIONS", allowed.unwrap_or_default()).trim_matches(',').to_owned();
    let mut answer = if method == Method::OPTIONS {
        StatusCode::NO_CONTENT.into_response()
    } else {
        ApiError::new(405, "METHOD_NOT_ALLOWED", format!("use one of {allow} here")).into_response()
    };
    if let Ok(value) = HeaderValue::from_str(&allow) {
        if preflight {
            answer.headers_mut().insert(header::ACCESS_CONTROL_ALLOW_METHODS, value.clone());
        }
        answer.headers_mut().insert(header::ALLOW, value);
    }
    answer
}

fn cors(
    api: &Api,
    headers: &mut HeaderMap,
    origin: Option<&HeaderValue>,
    host: Option<&HeaderValue>,
) {
    headers.append(header::VARY, HeaderValue::from_static("origin"));
    let Some(origin) = origin else { return };
    let host = host.and_then(|host| host.to_str().ok()).unwrap_or_default();
    if !origin.to_str().is_ok_and(|text| is_allowed_origin(&api.parts.settings, text, host)) {
        return;
    }
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
    let mut put = |name: HeaderName, value: &'static str| {
        headers.insert(name, HeaderValue::from_static(value));
    };
    put(header::ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED);
    put(
        header::ACCESS_CONTROL_ALLOW_HEADERS,
        "authorization, content-type, idempotency-key, if-none-match, last-event-id, prefer, \
         traceparent, x-request-id",
    );
    put(header::ACCESS_CONTROL_MAX_AGE, "600");
}
