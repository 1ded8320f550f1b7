//! How requests are read: JSON bodies, query strings, idempotency keys; every error in the
//! contract's words and order.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::body::Body;
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use futures::StreamExt as _;
use oxherd_study::UserId;
use oxherd_study::accept::{Action, IdempotencyKey, Intent};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::envelope::RequestId;
use crate::error::{ApiError, ApiResult};
use crate::settings::Api;

/// How long a JSON body may take to arrive.
const BODY_TIMEOUT: Duration = Duration::from_secs(15);

/// A JSON object, as it was sent.
pub(crate) struct JsonBody {
    pub(crate) value: Value,
    pub(crate) fingerprint: String,
}

/// A JSON object that may be left out together with its content type.
pub(crate) struct OptionalJson(pub(crate) JsonBody);

impl FromRequest<Api> for JsonBody {
    type Rejection = ApiError;

    async fn from_request(request: Request, api: &Api) -> ApiResult<Self> {
        refuse_oversize(request.headers(), api)?;
        if !is_json(request.headers()) {
            return Err(ApiError::new(
                415,
                "UNSUPPORTED_MEDIA_TYPE",
                "send the body as application/json",
            ));
        }
        let bytes = read_body(request.into_body(), api.parts.settings.body_max).await?;
        Self::parse(&bytes)
    }
}

impl JsonBody {
    fn parse(bytes: &[u8]) -> ApiResult<Self> {
        let value = serde_json::from_slice(bytes).map_err(|error| {
            ApiError::new(400, "INVALID_JSON", format!("the body is not JSON: {error}"))
        })?;
        Ok(Self { value, fingerprint: hex(&Sha256::digest(bytes)) })
    }
}

impl FromRequest<Api> for OptionalJson {
    type Rejection = ApiError;

    async fn from_request(request: Request, api: &Api) -> ApiResult<Self> {
        if request.headers().contains_key(header::CONTENT_TYPE) {
            return JsonBody::from_request(request, api).await.map(Self);
        }
        refuse_oversize(request.headers(), api)?;
        let bytes = read_body(request.into_body(), api.parts.settings.body_max).await?;
        if !bytes.is_empty() {
            return Err(ApiError::new(
                415,
                "UNSUPPORTED_MEDIA_TYPE",
                "send the body as application/json",
            ));
        }
        JsonBody::parse(b"{}").map(Self)
    }
}

fn refuse_oversize(headers: &HeaderMap, api: &Api) -> ApiResult<()> {
    let declared = headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok());
    match declared.and_then(|length| length.parse::<usize>().ok()) {
        Some(length) if length > api.parts.settings.body_max => {
            Err(too_large(api.parts.settings.body_max))
        }
        _ => Ok(()),
    }
}

fn too_large(max: usize) -> ApiError {
    let message = format!("a JSON body has at most {} KiB", max / 1024);
    ApiError::new(413, "PAYLOAD_TOO_LARGE", message)
}

fn is_json(headers: &HeaderMap) -> bool {
    let Some(declared) = headers.get(header::CONTENT_TYPE) else { return false };
    let kind = declared.to_str().unwrap_or_default().split(';').next().unwrap_or_default().trim();
    kind.eq_ignore_ascii_case("application/json")
        || (kind.to_ascii_lowercase().starts_with("application/") && kind.ends_with("+json"))
}

async fn read_body(body: Body, max: usize) -> ApiResult<Vec<u8>> {
    let read = async {
        let mut stream = body.into_data_stream();
        let mut bytes = Vec::new();
        while let Some(piece) = stream.next().await {
            let piece = piece.map_err(|_| {
                ApiError::new(400, "INVALID_JSON", "the body broke off before its end")
            })?;
            if bytes.len() + piece.len() > max {
                return Err(too_large(max));
            }
            bytes.extend_from_slice(&piece);
        }
        Ok(bytes)
    };
    tokio::time::timeout(BODY_TIMEOUT, read)
        .await
        .map_err(|_| ApiError::new(408, "REQUEST_TIMEOUT", "the body took longer than 15 s"))?
}

/// The query string as decoded pairs, in order.
pub(crate) struct QueryPairs(pub(crate) Vec<(String, String)>);

impl FromRequestParts<Api> for QueryPairs {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &Api) -> ApiResult<Self> {
        let query = parts.uri.query().unwrap_or_default();
        Ok(Self(query.split('&').filter(|pair| !pair.is_empty()).map(decode_pair).collect()))
    }
}

impl QueryPairs {
    /// The first value of a parameter.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// All values of a parameter.
    pub(crate) fn all(&self, name: &str) -> Vec<&str> {
        self.0.iter().filter(|(key, _)| key == name).map(|(_, value)| value.as_str()).collect()
    }
}

/// Reads a form of `application/x-www-form-urlencoded`.
pub(crate) async fn read_form_text(request: Request, max: usize) -> ApiResult<QueryPairs> {
    let bytes = read_body(request.into_body(), max).await?;
    let text = String::from_utf8_lossy(&bytes).into_owned();
    Ok(QueryPairs(text.split('&').filter(|pair| !pair.is_empty()).map(decode_pair).collect()))
}

fn decode_pair(pair: &str) -> (String, String) {
    let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
    (decode(key), decode(value))
}

/// Decodes percent-encoding and `+`, with U+FFFD for what is not UTF-8.
fn decode(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let escaped = (bytes[at] == b'%')
            .then(|| text.get(at + 1..at + 3).and_then(|hex| u8::from_str_radix(hex, 16).ok()))
            .flatten();
        match (bytes[at], escaped) {
            (_, Some(byte)) => {
                decoded.push(byte);
                at += 2;
            }
            (b'+', None) => decoded.push(b' '),
            (byte, None) => decoded.push(byte),
        }
        at += 1;
    }
    String::from_utf8_lossy(&decoded).into_owned()
}

/// What every accepted request carries on: its ids and its idempotency key.
#[derive(Debug, Clone)]
pub(crate) struct Carried {
    pub(crate) request_id: String,
    trace_parent: Option<String>,
    idempotency_key: Option<String>,
    route: String,
}

impl FromRequestParts<Api> for Carried {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &Api) -> ApiResult<Self> {
        let request_id = parts.extensions.get::<RequestId>().map(|id| id.0.clone());
        let trace_parent = parts.headers.get("traceparent").and_then(|v| v.to_str().ok());
        Ok(Self {
            request_id: request_id.unwrap_or_default(),
            trace_parent: trace_parent.filter(|text| is_trace_parent(text)).map(str::to_owned),
            idempotency_key: idempotency_key(&parts.headers)?,
            route: format!("{} {}", parts.method, parts.uri.path()),
        })
    }
}

impl Carried {
    /// Builds the intent of a request whose content has this fingerprint.
    pub(crate) fn intent(
        &self,
        api: &Api,
        user: &UserId,
        fingerprint: &str,
        action: Action,
    ) -> Intent {
        let idempotency = self.idempotency_key.as_ref().map(|key| IdempotencyKey {
            user: user.clone(),
            route: self.route.clone(),
            key: key.clone(),
            fingerprint: fingerprint.to_owned(),
        });
        Intent {
            user: user.clone(),
            request_id: self.request_id.clone(),
            trace_parent: self.trace_parent.clone(),
            now_ms: api.now_ms(),
            idempotency,
            action,
        }
    }

    /// Marks the key as in flight while a long body is read.
    pub(crate) fn hold(&self, api: &Api, user: &UserId) -> ApiResult<Option<HeldKey>> {
        let Some(key) = &self.idempotency_key else { return Ok(None) };
        let name = format!("{user}\n{}\n{key}", self.route);
        if !lock(&api.in_flight.0).insert(name.clone()) {
            return Err(ApiError::new(
                409,
                "IDEMPOTENCY_IN_FLIGHT",
                "the same request is still under way; repeat it in a moment",
            ));
        }
        Ok(Some(HeldKey { keys: api.in_flight.clone(), name }))
    }
}

/// Idempotency keys of requests whose bodies are being read.
#[derive(Debug, Clone, Default)]
pub(crate) struct InFlight(Arc<Mutex<HashSet<String>>>);

/// A key that is in flight until this is dropped.
pub(crate) struct HeldKey {
    keys: InFlight,
    name: String,
}

impl Drop for HeldKey {
    fn drop(&mut self) {
        lock(&self.keys.0).remove(&self.name);
    }
}

fn lock(keys: &Mutex<HashSet<String>>) -> std::sync::MutexGuard<'_, HashSet<String>> {
    keys.lock().unwrap_or_else(PoisonError::into_inner)
}

fn idempotency_key(headers: &HeaderMap) -> ApiResult<Option<String>> {
    let Some(value) = headers.get("idempotency-key") else { return Ok(None) };
    let fits = (1..=255).contains(&value.len())
        && value.as_bytes().iter().all(|byte| (0x20..0x7f).contains(byte));
    match value.to_str() {
        Ok(key) if fits => Ok(Some(key.to_owned())),
        _ => Err(ApiError::new(
            400,
            "INVALID_IDEMPOTENCY_KEY",
            "an Idempotency-Key has 1 to 255 printable ASCII characters",
        )),
    }
}

/// Tells whether a text is a W3C `traceparent` of version 00.
fn is_trace_parent(text: &str) -> bool {
    let parts: Vec<&str> = text.split('-').collect();
    let hex = |part: &str, length: usize| {
        part.len() == length
            && part.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
    };
    matches!(parts[..], ["00", trace, span, flags]
        if hex(trace, 32) && hex(span, 16) && hex(flags, 2))
}

/// Writes bytes as lower-case hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn query_text_is_decoded() {
        assert_eq!(decode_pair("q=a%20b+c%zz%EA%B0%80"), ("q".into(), "a b c%zz가".into()));
        assert_eq!(decode_pair("flag"), ("flag".into(), String::new()));
    }

    #[test]
    fn a_key_is_printable_ascii() {
        let with = |value: &[u8]| {
            let mut headers = HeaderMap::new();
            let value = axum::http::HeaderValue::from_bytes(value).unwrap();
            headers.insert("idempotency-key", value);
            idempotency_key(&headers)
        };
        assert_eq!(with(b"a b~").unwrap().as_deref(), Some("a b~"));
        for bad in [&b""[..], "é".as_bytes(), &[b'x'; 256]] {
            assert_eq!(with(bad).unwrap_err().code, "INVALID_IDEMPOTENCY_KEY");
        }
    }
}
