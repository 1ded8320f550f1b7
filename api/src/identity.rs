//! Who asks, and from where.
//!
//! In tokenless mode everyone is the user `local`, and the place decides: only loopback hosts are
//! served, and unsafe requests must come from the listener's own pages or an allowed origin. That
//! stops DNS rebinding and cross-site requests from pages that the user happens to visit.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, header};
use oxherd_study::UserId;

use crate::error::ApiError;
use crate::settings::{Api, ApiSettings};

/// The user who asks; taking it as an argument is what protects a route.
#[derive(Debug, Clone)]
pub(crate) struct Caller(pub(crate) UserId);

/// Anyone who asks from an allowed place; for pages and routes with their own credential.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Visitor;

impl FromRequestParts<Api> for Visitor {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, ApiError> {
        check_place(&api.parts.settings, &parts.method, &parts.headers, &parts.uri)?;
        Ok(Self)
    }
}

impl FromRequestParts<Api> for Caller {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, ApiError> {
        Visitor::from_request_parts(parts, api).await?;
        if api.parts.settings.tokenless {
            return Ok(Self(UserId::local()));
        }
        Err(ApiError::new(401, "UNAUTHORIZED", "send a valid bearer token"))
    }
}

fn check_place(
    settings: &ApiSettings,
    method: &Method,
    headers: &HeaderMap,
    uri: &axum::http::Uri,
) -> Result<(), ApiError> {
    if !settings.tokenless {
        return Ok(());
    }
    let refuse = |why: &str| Err(ApiError::new(403, "ORIGIN_NOT_ALLOWED", why));
    let text = |name| headers.get(name).map(|value| value.to_str().unwrap_or("?"));
    let Some(host) = text(header::HOST).or_else(|| uri.authority().map(|a| a.as_str())) else {
        return refuse("the request names no host");
    };
    // A request in absolute form names its host twice; HTTP says that the address counts.
    let is_elsewhere = uri.authority().is_some_and(|a| !is_loopback_host(a.as_str()));
    let is_double = headers.get_all(header::HOST).iter().count() > 1;
    if is_double || is_elsewhere || !is_loopback_host(host) {
        return refuse("without tokens only localhost, 127.0.0.1 and [::1] are served");
    }
    if method.is_safe() {
        return Ok(());
    }
    if headers.get("sec-fetch-site").is_some_and(|site| site.as_bytes() == b"cross-site") {
        return refuse("the request comes from another site");
    }
    match text(header::ORIGIN) {
        Some(origin) if !is_allowed_origin(settings, origin, host) => {
            refuse("the request comes from a page that is not allowed")
        }
        _ => Ok(()),
    }
}

/// Tells whether a `Host` names this machine by its own name; any port.
fn is_loopback_host(host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(_) => host.split_inclusive(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    };
    let rest = &host[name.len()..];
    let port_fits =
        rest.is_empty() || rest.strip_prefix(':').is_some_and(|port| port.parse::<u16>().is_ok());
    port_fits && matches!(name.to_ascii_lowercase().as_str(), "localhost" | "127.0.0.1" | "[::1]")
}

/// Tells whether pages of an origin may call: the listener's own, a configured one, or, in
/// tokenless mode, any page served from this machine.
pub(crate) fn is_allowed_origin(settings: &ApiSettings, origin: &str, host: &str) -> bool {
    if settings.cors_origins.iter().any(|allowed| allowed == origin) {
        return true;
    }
    let Some(authority) = origin.strip_prefix("http://") else { return false };
    if authority.eq_ignore_ascii_case(host) {
        return true;
    }
    settings.tokenless && is_loopback_host(authority) && !authority.starts_with('[')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_of_this_machine_are_hosts() {
        for host in ["localhost", "LOCALHOST:80", "127.0.0.1:8080", "[::1]", "[::1]:9"] {
            assert!(is_loopback_host(host), "{host}");
        }
        for host in [
            "",
            "evil.example",
            "localhost.evil.example",
            "127.0.0.1.evil.example",
            "[::1",
            "localhost:x",
            "127.0.0.1@evil.example",
            "[::2]:80",
            "0.0.0.0",
            "localhost:80:80",
        ] {
            assert!(!is_loopback_host(host), "{host}");
        }
    }

    #[test]
    fn an_origin_is_allowed_by_place_or_by_name() {
        let mut settings = ApiSettings { tokenless: false, ..ApiSettings::default() };
        settings.cors_origins = vec!["https://app.example".to_owned()];
        assert!(is_allowed_origin(&settings, "https://app.example", "api.example"));
        assert!(is_allowed_origin(&settings, "http://api.example", "api.example"));
        assert!(!is_allowed_origin(&settings, "http://localhost:5173", "api.example"));
        settings.tokenless = true;
        assert!(is_allowed_origin(&settings, "http://localhost:5173", "127.0.0.1:8080"));
        for origin in
            ["null", "http://evil.example", "https://localhost:1", "http://localhost.evil"]
        {
            assert!(!is_allowed_origin(&settings, origin, "127.0.0.1:8080"), "{origin}");
        }
    }
}
