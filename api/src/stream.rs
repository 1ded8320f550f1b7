//! Server-sent events of jobs: a snapshot, then what changes, then the end.
//!
//! Each stream follows the newest record of its job. A slow reader skips what was overtaken; it
//! never sees an older version after a newer one. No buffer grows with the reader's slowness.

use std::sync::Arc;
use std::time::Duration;

use axum::response::IntoResponse as _;
use axum::response::Response;
use axum::response::sse::{Event, KeepAlive, Sse};
use futures::stream::{self, BoxStream, StreamExt as _};
use oxherd_queue::status::StatusRecord;
use oxherd_queue::{JobState, Position};
use serde_json::json;

use crate::routes::{job_body, step_of};
use crate::settings::Api;

/// How often a silent stream says that it lives.
const HEARTBEAT: Duration = Duration::from_secs(15);

/// One event of one job.
pub(crate) struct JobEvent {
    pub(crate) name: &'static str,
    pub(crate) record: Arc<StatusRecord>,
}

impl JobEvent {
    /// Returns what a client has heard of the job after this event; nothing new after the snapshot of
    /// an ended job, whose end is told next: a connection that breaks in between is to hear of it.
    pub(crate) fn heard(&self) -> Option<Position> {
        let end_follows = self.name == "snapshot" && self.record.state.is_final();
        (!end_follows).then_some(self.record.version)
    }
}

enum Phase {
    Begin,
    Follow(Arc<StatusRecord>),
    Last(Arc<StatusRecord>),
    End,
}

/// Follows one job from a record that was just read; leaves out what is not newer than `seen`.
pub(crate) fn follow(
    api: &Api,
    first: Arc<StatusRecord>,
    seen: Option<Position>,
) -> BoxStream<'static, JobEvent> {
    let watch = api.parts.status.watch(&first.job);
    let state = (api.clone(), watch, first, seen, Phase::Begin);
    stream::unfold(state, async |(api, mut watch, first, seen, phase)| {
        let (event, phase) = match phase {
            Phase::Begin if seen.is_none_or(|seen| first.version > seen) => {
                let next = after(&first);
                (JobEvent { name: "snapshot", record: Arc::clone(&first) }, next)
            }
            Phase::Begin => next_change(&mut watch, Arc::clone(&first)).await?,
            Phase::Follow(old) => next_change(&mut watch, old).await?,
            Phase::Last(record) => (JobEvent { name: last_name(&record), record }, Phase::End),
            Phase::End => return None,
        };
        Some((event, (api, watch, first, seen, phase)))
    })
    .boxed()
}

fn after(record: &Arc<StatusRecord>) -> Phase {
    let record = Arc::clone(record);
    if record.state.is_final() { Phase::Last(record) } else { Phase::Follow(record) }
}

fn last_name(record: &StatusRecord) -> &'static str {
    if record.state == JobState::Completed { "completed" } else { "failed" }
}

async fn next_change(
    watch: &mut tokio::sync::watch::Receiver<Option<Arc<StatusRecord>>>,
    old: Arc<StatusRecord>,
) -> Option<(JobEvent, Phase)> {
    let newer = |record: &Option<Arc<StatusRecord>>| {
        record.as_ref().is_some_and(|record| record.version > old.version)
    };
    let record = watch.wait_for(newer).await.ok()?.clone()?;
    if record.state.is_final() {
        return Some((JobEvent { name: last_name(&record), record }, Phase::End));
    }
    let same = record.state == old.state
        && record.generation == old.generation
        && record.attempts_made == old.attempts_made;
    let name = if same { "progress" } else { "status" };
    Some((JobEvent { name, record: Arc::clone(&record) }, Phase::Follow(record)))
}

/// Writes an event; `id` is what the client sends back as `Last-Event-ID`, the one before if none.
pub(crate) fn write(api: &Api, event: &JobEvent, id: Option<&str>) -> Event {
    let record = &event.record;
    let body = if event.name == "progress" {
        json!({
            "jobId": record.job,
            "progress": record.progress,
            "step": step_of(&record.queue, record.progress),
            "version": record.version,
        })
    } else {
        job_body(api, record, None)
    };
    let written = Event::default().event(event.name).data(body.to_string());
    match id {
        Some(id) => written.id(id),
        None => written,
    }
}

/// Sends events until their end, or until the process goes down: then the client is told to come
/// back soon.
pub(crate) fn respond(api: &Api, events: BoxStream<'static, Event>) -> Response {
    let drain = api.parts.drain.clone();
    let ended = Box::pin(async move { drain.begun().await });
    let goodbye =
        stream::once(async { Event::default().retry(Duration::from_secs(1)).comment("bye") });
    let events = events.take_until(ended).chain(goodbye).map(Ok::<_, std::convert::Infallible>);
    let mut response =
        Sse::new(events).keep_alive(KeepAlive::new().interval(HEARTBEAT).text("")).into_response();
    let headers = response.headers_mut();
    crate::reply::put(headers, axum::http::header::CACHE_CONTROL, "no-store");
    crate::reply::put(headers, axum::http::HeaderName::from_static("x-accel-buffering"), "no");
    response
}
