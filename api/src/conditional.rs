//! Conditional requests (RFC 9110) and `Prefer: wait` (RFC 7240).

use std::time::Duration;

use axum::http::{HeaderMap, header};
use oxherd_queue::Position;

/// The longest wait that a client may ask for.
const WAIT_MAX: u64 = 60;

/// Writes the weak ETag of a version.
pub(crate) fn etag(version: Position) -> String {
    format!("W/\"{version}\"")
}

/// Tells whether the client has this version already.
pub(crate) fn has_version(headers: &HeaderMap, version: Position) -> bool {
    if_none_match(headers)
        .is_some_and(|known| known.split(',').any(|tag| matches(tag.trim(), version)))
}

/// Returns `If-None-Match`, if it was sent.
pub(crate) fn if_none_match(headers: &HeaderMap) -> Option<&str> {
    headers.get(header::IF_NONE_MATCH).and_then(|value| value.to_str().ok())
}

fn matches(tag: &str, version: Position) -> bool {
    let opaque = tag.strip_prefix("W/").unwrap_or(tag);
    tag == "*" || opaque.trim_matches('"') == version.to_string()
}

/// Returns how long the client would wait for a change (`Prefer: wait=N`), 1 to 60 s.
pub(crate) fn preferred_wait(headers: &HeaderMap) -> Option<Duration> {
    let wishes = headers.get_all("prefer").iter().filter_map(|value| value.to_str().ok());
    let seconds = wishes
        .flat_map(|value| value.split([',', ';']))
        .find_map(|wish| wish.trim().strip_prefix("wait=")?.trim().parse::<u64>().ok())?;
    (seconds >= 1).then(|| Duration::from_secs(seconds.min(WAIT_MAX)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_weakly() {
        let version = Position { ms: 17, seq: 3 };
        let known = |text: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::IF_NONE_MATCH, axum::http::HeaderValue::from_static(text));
            has_version(&headers, version)
        };
        for tag in ["W/\"17-3\"", "\"17-3\"", "W/\"1-0\", W/\"17-3\"", "*"] {
            assert!(known(tag), "{tag}");
        }
        assert!(!known("W/\"17-30\""));
    }

    #[test]
    fn a_wait_is_bounded() {
        let wait = |text: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert("prefer", axum::http::HeaderValue::from_static(text));
            preferred_wait(&headers).map(|wait| wait.as_secs())
        };
        assert_eq!(wait("respond-async, wait=5"), Some(5));
        assert_eq!(wait("wait=900"), Some(60));
        assert_eq!(wait("wait=0"), None);
        assert_eq!(wait("wait=x"), None);
    }
}
