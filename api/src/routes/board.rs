//! bull-board's JSON contract (9.10), so that its page can be pointed at this service, on both stores.
//!
//! The page of `@bull-board/ui` with the base address `…/bull-board/` calls `…/bull-board/api/…`. The
//! contract is another product's: its errors are translation keys, its jobs have BullMQ's words. What
//! is done here goes through the same doors as the operators' own API.
//!
//! # Layout, in reading order
//! * `refusal`, `requests`, `job_body`: errors, bodies and queries, jobs, as bull-board spells them.
//! * `queues`, `jobs`, `many`, `flow`, `schedulers`, `limits`, `server`: the routes by subject.

mod flow;
mod job_body;
mod jobs;
mod limits;
mod many;
mod queues;
mod refusal;
mod requests;
mod schedulers;
mod server;

use axum::Router;
use axum::http::StatusCode;
use axum::middleware;
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, patch, post, put};
use serde_json::{Value, json};

use self::refusal::Refusal;
use crate::reply;
use crate::settings::Api;

type Answer = Result<Response, Refusal>;

/// The routes, as bull-board's server names them.
pub(super) fn routes() -> Router<Api> {
    let queues = Router::new()
        .route("/", get(queues::list))
        .route("/pause", put(queues::pause_all))
        .route("/resume", put(queues::resume_all))
        .route("/{queue}/metrics", get(queues::metrics))
        .route("/{queue}/default-job-options", get(queues::default_job_options))
        .route("/{queue}/job-data-schema", get(queues::job_data_schema))
        .route("/{queue}/workers", get(server::workers))
        .route("/{queue}/pause", put(queues::pause))
        .route("/{queue}/resume", put(queues::resume))
        .route("/{queue}/add", post(jobs::add))
        .route("/{queue}/retry/{status}", put(many::retry))
        .route("/{queue}/promote", put(many::promote))
        .route("/{queue}/clean/{status}", put(many::clean))
        .route("/{queue}/empty", put(many::empty))
        .route("/{queue}/obliterate", put(many::obliterate))
        .route("/{queue}/concurrency", put(limits::set_concurrency))
        .route("/{queue}/rate-limit", get(limits::rate).put(limits::set_rate))
        .route("/{queue}/rate-limit/release", put(limits::release))
        .route("/{queue}/job-schedulers/{scheduler}", patch(schedulers::change))
        .route("/{queue}/job-schedulers/{scheduler}/remove", put(schedulers::remove))
        .route("/{queue}/job-schedulers/{scheduler}/run", put(schedulers::run_now))
        .route("/{queue}/{job}", get(jobs::show))
        .route("/{queue}/{job}/logs", get(jobs::logs))
        .route("/{queue}/{job}/flow", get(flow::show))
        .route("/{queue}/{job}/retry", put(jobs::retry))
        .route("/{queue}/{job}/clean", put(jobs::remove))
        .route("/{queue}/{job}/promote", put(jobs::promote))
        .route("/{queue}/{job}/update-data", patch(jobs::change_data))
        .route("/{queue}/{job}/delay", patch(jobs::change_delay))
        .route("/{queue}/{job}/priority", patch(jobs::change_priority))
        .route(
            "/{queue}/{job}/remove-unprocessed-children",
            put(flow::remove_unprocessed_children),
        );
    let contract = Router::new()
        .route("/redis/stats", get(server::stats))
        .route("/job-schedulers", get(schedulers::list))
        .nest("/queues", queues);
    Router::new()
        .nest("/bull-board/api", contract)
        .layer(middleware::map_response(refusal::in_its_words))
}

fn body(value: &Value) -> Answer {
    Ok(reply::json(StatusCode::OK, value))
}

/// The answer of what was done, where bull-board's server says 200.
fn done() -> Answer {
    body(&json!({}))
}

/// The answer of what was done, where bull-board's server says 204.
fn done_silently() -> Answer {
    Ok(StatusCode::NO_CONTENT.into_response())
}
