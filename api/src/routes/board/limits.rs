//! The limits of a queue: how many jobs may run at a time, how many may start in a time.

use std::time::Duration;

use axum::extract::{Path, State};
use oxherd_queue::RateLimit;
use serde_json::{Value, json};

use super::refusal::Refusal;
use super::requests::member;
use super::{Answer, body, done};
use crate::extract::JsonBody;
use crate::identity::Visitor;
use crate::routes::admin::open;
use crate::settings::Api;

/// Sets how many jobs may run at a time: `{concurrency}`; 0 removes the limit.
pub(super) async fn set_concurrency(
    State(api): State<Api>,
    _: Visitor,
    Path(name): Path<String>,
    request: JsonBody,
) -> Answer {
    let concurrency = request.value.get("concurrency").and_then(Value::as_u64);
    let concurrency = concurrency.ok_or_else(|| Refusal::invalid("INVALID_CONCURRENCY"))?;
    let limit = (concurrency > 0).then_some(concurrency);
    open(&api, &name).await?.set_concurrency(limit).await?;
    done()
}

/// Tells how many jobs may start in a time.
pub(super) async fn rate(State(api): State<Api>, _: Visitor, Path(name): Path<String>) -> Answer {
    let rate = open(&api, &name).await?.limits().await?.rate;
    let rate = rate.map(|rate| json!({ "max": rate.max, "duration": rate.duration.as_millis() }));
    body(&json!({ "supported": true, "rateLimit": rate }))
}

/// Sets how many jobs may start in a time: `{max, duration}`; without `max` removes the limit.
pub(super) async fn set_rate(
    State(api): State<Api>,
    _: Visitor,
    Path(name): Path<String>,
    request: JsonBody,
) -> Answer {
    let number = |name| request.value.get(name).and_then(Value::as_u64).filter(|n| *n > 0);
    let refuse = || Refusal::invalid("INVALID_RATE_LIMIT");
    if !request.value.is_object() {
        return Err(refuse());
    }
    let rate = match member(&request.value, "max") {
        None => None,
        Some(_) => {
            let (max, duration) = number("max").zip(number("duration")).ok_or_else(refuse)?;
            Some(RateLimit::new(max, Duration::from_millis(duration)))
        }
    };
    open(&api, &name).await?.set_rate(rate).await?;
    done()
}

/// Ends the window of a rate limit that is reached.
pub(super) async fn release(
    State(api): State<Api>,
    _: Visitor,
    Path(name): Path<String>,
) -> Answer {
    open(&api, &name).await?.end_rate_limit().await?;
    done()
}
