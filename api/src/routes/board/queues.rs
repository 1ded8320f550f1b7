//! The list of queues with a page of one of them, and what is asked of a queue as a whole.

use std::sync::Arc;

use axum::extract::{Path, State};
use oxherd_actors::handles::QueueOverview;
use oxherd_queue::backend::{ListQuery, Metrics};
use oxherd_queue::{Backend, JobOptions, JobState};
use serde_json::{Value, json};

use super::job_body::job_body;
use super::refusal::Refusal;
use super::requests::Query;
use super::{Answer, body, done};
use crate::extract::QueryPairs;
use crate::identity::Visitor;
use crate::routes::admin::open;
use crate::settings::Api;

/// The most jobs of a page.
const PER_PAGE_MAX: u64 = 300;
/// The last page that can be asked for.
const PAGE_MAX: u64 = 1_000_000;
/// The most schedulers that are counted.
pub(super) const SCHEDULERS_MAX: u64 = 1000;
/// The tab that shows jobs of all states.
const LATEST: &str = "latest";
/// The states in the order of bull-board's tabs.
const TABS: [JobState; 7] = [
    JobState::Active,
    JobState::Waiting,
    JobState::WaitingChildren,
    JobState::Prioritized,
    JobState::Completed,
    JobState::Failed,
    JobState::Delayed,
];

/// What the page asked to see.
struct View {
    queue: Option<String>,
    /// The states of the tab; none for a tab that this service does not have.
    states: Vec<JobState>,
    page: u64,
    per_page: u64,
}

impl View {
    fn read(query: &Query) -> Result<Self, Refusal> {
        let states = match query.text("status") {
            None | Some(LATEST) => TABS.to_vec(),
            // The tab of a version that kept the jobs of a paused queue apart.
            Some("paused") => Vec::new(),
            Some(word) => match TABS.into_iter().find(|state| state.as_str() == word) {
                Some(state) => vec![state],
                None => return Err(Query::refuse("status")),
            },
        };
        Ok(Self {
            queue: query.text("activeQueue").map(str::to_owned),
            states,
            page: query.number("page", 1..=PAGE_MAX, 1)?,
            per_page: query.number("jobsPerPage", 1..=PER_PAGE_MAX, 10)?,
        })
    }

    fn is_latest(&self) -> bool {
        self.states.len() > 1
    }

    fn skip(&self) -> u64 {
        if self.is_latest() { 0 } else { (self.page - 1) * self.per_page }
    }

    fn pagination(&self, queue: &QueueOverview) -> Value {
        let counts = self.states.iter().map(|state| queue.counts.get(state.as_str()).unwrap_or(&0));
        let page_count =
            if self.is_latest() { 1 } else { counts.sum::<u64>().div_ceil(self.per_page) };
        let start = self.skip();
        json!({
            "pageCount": page_count,
            "range": { "start": start, "end": start + self.per_page - 1 },
        })
    }

    async fn jobs(&self, queue: &Arc<dyn Backend>) -> Result<Vec<Value>, Refusal> {
        let mut jobs = Vec::new();
        for state in &self.states {
            let query = ListQuery {
                state: *state,
                skip: self.skip(),
                limit: self.per_page,
                newest_first: true,
            };
            jobs.extend(queue.list(query).await?.iter().map(|found| job_body(&found.job)));
        }
        Ok(jobs)
    }
}

/// Lists the queues, and the jobs of the one that is shown.
pub(super) async fn list(State(api): State<Api>, _: Visitor, query: QueryPairs) -> Answer {
    let view = View::read(&Query(query))?;
    let mut queues = Vec::new();
    for overview in api.parts.tree.queues().await? {
        queues.push(queue_body(&api, &overview, &view).await?);
    }
    body(&json!({ "queues": queues }))
}

async fn queue_body(api: &Api, overview: &QueueOverview, view: &View) -> Result<Value, Refusal> {
    let queue = open(api, &overview.name).await?;
    let is_shown = view.queue.as_deref() == Some(&overview.name);
    let (shown, jobs) = if is_shown {
        (None, view.jobs(&queue).await?)
    } else {
        (Some(View { queue: None, states: TABS.to_vec(), ..*view }), Vec::new())
    };
    let limits = queue.limits().await?;
    let limited = queue.rate_limit_left(None).await?.map_or(0, |left| left.as_millis());
    let schedulers = queue.schedulers(0, SCHEDULERS_MAX).await?.len();
    let workers = queue.workers().await?;
    let statuses: Vec<_> =
        std::iter::once(LATEST).chain(TABS.into_iter().map(JobState::as_str)).collect();
    Ok(json!({
        "name": overview.name,
        "statuses": statuses,
        "counts": overview.counts,
        "jobs": jobs,
        "pagination": shown.as_ref().unwrap_or(view).pagination(overview),
        "readOnlyMode": false,
        "allowRetries": true,
        "allowCompletedRetries": true,
        "isPaused": overview.paused,
        "type": "bullmq",
        "delimiter": "",
        "globalConcurrency": limits.concurrency,
        "activeRateLimitTtl": u64::try_from(limited).unwrap_or(u64::MAX),
        "supportsGlobalRateLimit": true,
        "jobSchedulerCount": schedulers,
        "hasWorkers": workers.map(|workers| !workers.is_empty()),
    }))
}

/// Stops the claims of all queues.
pub(super) async fn pause_all(State(api): State<Api>, _: Visitor) -> Answer {
    for name in api.parts.tree.queue_names() {
        open(&api, &name).await?.pause().await?;
    }
    done()
}

/// Allows the claims of all queues.
pub(super) async fn resume_all(State(api): State<Api>, _: Visitor) -> Answer {
    for name in api.parts.tree.queue_names() {
        open(&api, &name).await?.resume().await?;
    }
    done()
}

/// Stops the claims of a queue.
pub(super) async fn pause(State(api): State<Api>, _: Visitor, Path(name): Path<String>) -> Answer {
    open(&api, &name).await?.pause().await?;
    done()
}

/// Allows the claims of a queue.
pub(super) async fn resume(State(api): State<Api>, _: Visitor, Path(name): Path<String>) -> Answer {
    open(&api, &name).await?.resume().await?;
    done()
}

/// Tells how many jobs ended by the minute, where the workers count them.
pub(super) async fn metrics(
    State(api): State<Api>,
    _: Visitor,
    Path(name): Path<String>,
) -> Answer {
    let queue = open(&api, &name).await?;
    let completed = queue.metrics(JobState::Completed, 0, Metrics::POINTS_MAX).await?;
    let failed = queue.metrics(JobState::Failed, 0, Metrics::POINTS_MAX).await?;
    body(&json!({ "completed": counted(&completed), "failed": counted(&failed) }))
}

fn counted(metrics: &Metrics) -> Value {
    json!({
        "meta": {
            "count": metrics.count,
            "prevTS": metrics.noted_ms.unwrap_or(0),
            "prevCount": metrics.noted_count,
        },
        "data": metrics.points,
        "count": metrics.length,
    })
}

/// Tells the options of a job that says none.
pub(super) async fn default_job_options(
    State(api): State<Api>,
    _: Visitor,
    Path(name): Path<String>,
) -> Answer {
    open(&api, &name).await?;
    body(&JobOptions::default().to_public())
}

/// Tells what the data of a job must be like: nothing is said of it.
pub(super) async fn job_data_schema(
    State(api): State<Api>,
    _: Visitor,
    Path(name): Path<String>,
) -> Answer {
    open(&api, &name).await?;
    done()
}
