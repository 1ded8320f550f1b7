//! A queue whose connection can be cut: before a call, or after it took effect.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use oxherd_queue::backend::{
    Added, Attend, Attendance, Cancelled, Change, Claim, Claimed, Clear, Consume, Counts,
    Deduplicate, EventPage, Held, Inspect, Limit, Limits, ListQuery, Maintain, Metrics, Produce,
    Renewal, Submitted, Turn, Waited, WorkerClient,
};
use oxherd_queue::flow::{Children, ChildrenCounts, JobKey, Relate};
use oxherd_queue::job::JobSnapshot;
use oxherd_queue::outcome::Settlement;
use oxherd_queue::scheduler::{Armed, NewScheduler, Schedule, Scheduler};
use oxherd_queue::{Backend, JobId, JobState, NewJob, Payload, Position, QueueError, RateLimit};

type Result<T> = std::result::Result<T, QueueError>;

/// Passes on all calls, but for those of workers while it is cut.
pub(crate) struct Flaky {
    inner: Arc<dyn Backend>,
    refused: AtomicUsize,
    unanswered: AtomicUsize,
}

impl Flaky {
    pub(crate) fn new(inner: Arc<dyn Backend>) -> Self {
        Self { inner, refused: AtomicUsize::new(0), unanswered: AtomicUsize::new(0) }
    }

    /// Lets the next calls fail without effect.
    pub(crate) fn refuse(&self, calls: usize) {
        self.refused.store(calls, Ordering::SeqCst);
    }

    /// Lets the next calls take effect without an answer.
    pub(crate) fn leave_unanswered(&self, calls: usize) {
        self.unanswered.store(calls, Ordering::SeqCst);
    }

    async fn cut<T>(&self, call: impl Future<Output = Result<T>>) -> Result<T> {
        take_one(&self.refused)?;
        let answer = call.await;
        take_one(&self.unanswered)?;
        answer
    }
}

fn take_one(left: &AtomicUsize) -> Result<()> {
    let taken = left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1));
    match taken {
        Ok(_) => Err(QueueError::Unavailable { operation: "test", cause: "cut".to_owned() }),
        Err(_) => Ok(()),
    }
}

#[async_trait]
impl Consume for Flaky {
    async fn claim(&self, request: &Claim) -> Result<Claimed> {
        self.cut(self.inner.claim(request)).await
    }

    async fn settle(&self, settlements: Vec<Settlement>, next: Option<&Claim>) -> Result<Turn> {
        self.cut(self.inner.settle(settlements, next)).await
    }

    async fn renew(&self, held: &[Held], lock: Duration) -> Result<Renewal> {
        self.inner.renew(held, lock).await
    }

    async fn progress(&self, id: &JobId, progress: Payload) -> Result<Position> {
        self.inner.progress(id, progress).await
    }

    async fn log(&self, id: &JobId, row: &str, keep: Option<u64>) -> Result<()> {
        self.inner.log(id, row, keep).await
    }

    async fn wait(&self, timeout: Duration) -> Result<Waited> {
        self.inner.wait(timeout).await
    }
}

#[async_trait]
impl Produce for Flaky {
    async fn add(&self, jobs: Vec<NewJob>) -> Result<Vec<Added>> {
        self.inner.add(jobs).await
    }

    async fn submit(&self, jobs: Vec<NewJob>) -> Result<Vec<Submitted>> {
        self.inner.submit(jobs).await
    }

    async fn retry(&self, id: &JobId, reset_attempts: bool) -> Result<Position> {
        self.inner.retry(id, reset_attempts).await
    }

    async fn remove(&self, id: &JobId) -> Result<bool> {
        self.inner.remove(id).await
    }

    async fn cancel(&self, id: &JobId) -> Result<Cancelled> {
        self.inner.cancel(id).await
    }

    async fn promote(&self, id: &JobId) -> Result<Position> {
        self.inner.promote(id).await
    }

    async fn pause(&self) -> Result<()> {
        self.inner.pause().await
    }

    async fn resume(&self) -> Result<()> {
        self.inner.resume().await
    }
}

#[async_trait]
impl Change for Flaky {
    async fn change_delay(&self, id: &JobId, delay: Duration) -> Result<Position> {
        self.inner.change_delay(id, delay).await
    }

    async fn change_priority(&self, id: &JobId, priority: u32, front: bool) -> Result<()> {
        self.inner.change_priority(id, priority, front).await
    }

    async fn change_data(&self, id: &JobId, data: Payload) -> Result<()> {
        self.inner.change_data(id, data).await
    }
}

#[async_trait]
impl Deduplicate for Flaky {
    async fn deduplication_owner(&self, id: &str) -> Result<Option<JobId>> {
        self.inner.deduplication_owner(id).await
    }

    async fn free_deduplication(&self, id: &str, owner: Option<&JobId>) -> Result<bool> {
        self.inner.free_deduplication(id, owner).await
    }
}

#[async_trait]
impl Limit for Flaky {
    async fn limits(&self) -> Result<Limits> {
        self.inner.limits().await
    }

    async fn set_rate(&self, rate: Option<RateLimit>) -> Result<()> {
        self.inner.set_rate(rate).await
    }

    async fn set_concurrency(&self, concurrency: Option<u64>) -> Result<()> {
        self.inner.set_concurrency(concurrency).await
    }

    async fn rate_limit(&self, duration: Duration) -> Result<()> {
        self.inner.rate_limit(duration).await
    }

    async fn end_rate_limit(&self) -> Result<()> {
        self.inner.end_rate_limit().await
    }

    async fn rate_limit_left(&self, max: Option<u64>) -> Result<Option<Duration>> {
        self.inner.rate_limit_left(max).await
    }

    async fn is_maxed(&self) -> Result<bool> {
        self.inner.is_maxed().await
    }
}

#[async_trait]
impl Clear for Flaky {
    async fn clean(&self, state: JobState, grace: Duration, limit: u64) -> Result<Vec<JobId>> {
        self.inner.clean(state, grace, limit).await
    }

    async fn drain(&self, delayed: bool) -> Result<u64> {
        self.inner.drain(delayed).await
    }

    async fn obliterate(&self, force: bool) -> Result<()> {
        self.inner.obliterate(force).await
    }

    async fn retry_all(&self, state: JobState, until_ms: Option<u64>) -> Result<u64> {
        self.inner.retry_all(state, until_ms).await
    }

    async fn promote_all(&self) -> Result<u64> {
        self.inner.promote_all().await
    }
}

#[async_trait]
impl Inspect for Flaky {
    async fn jobs(&self, ids: &[JobId]) -> Result<Vec<Option<JobSnapshot>>> {
        self.inner.jobs(ids).await
    }

    async fn counts(&self) -> Result<Counts> {
        self.inner.counts().await
    }

    async fn counts_by_priority(&self, priorities: &[u32]) -> Result<Vec<u64>> {
        self.inner.counts_by_priority(priorities).await
    }

    async fn list(&self, query: ListQuery) -> Result<Vec<JobSnapshot>> {
        self.inner.list(query).await
    }

    async fn logs(&self, id: &JobId, skip: u64, limit: u64) -> Result<(Vec<String>, u64)> {
        self.inner.logs(id, skip, limit).await
    }

    async fn is_paused(&self) -> Result<bool> {
        self.inner.is_paused().await
    }

    async fn metrics(&self, ended: JobState, skip: u64, limit: u64) -> Result<Metrics> {
        self.inner.metrics(ended, skip, limit).await
    }

    async fn place(&self, id: &JobId) -> Result<Option<u64>> {
        self.inner.place(id).await
    }

    async fn events(&self, after: Position, limit: usize, block: Duration) -> Result<EventPage> {
        self.inner.events(after, limit, block).await
    }

    async fn last_position(&self) -> Result<Position> {
        self.inner.last_position().await
    }
}

#[async_trait]
impl Maintain for Flaky {
    async fn sweep_stalled(&self, interval: Duration, stalled_max: u32) -> Result<Vec<JobId>> {
        self.inner.sweep_stalled(interval, stalled_max).await
    }

    async fn promote_due(&self) -> Result<(u64, Option<u64>)> {
        self.inner.promote_due().await
    }

    async fn oldest_waiting_ms(&self) -> Result<Option<u64>> {
        self.inner.oldest_waiting_ms().await
    }
}

#[async_trait]
impl Schedule for Flaky {
    async fn upsert_scheduler(&self, scheduler: NewScheduler) -> Result<Option<Armed>> {
        self.inner.upsert_scheduler(scheduler).await
    }

    async fn scheduler(&self, id: &str) -> Result<Option<Scheduler>> {
        self.inner.scheduler(id).await
    }

    async fn schedulers(&self, skip: u64, limit: u64) -> Result<Vec<Scheduler>> {
        self.inner.schedulers(skip, limit).await
    }

    async fn remove_scheduler(&self, id: &str) -> Result<bool> {
        self.inner.remove_scheduler(id).await
    }
}

#[async_trait]
impl Relate for Flaky {
    async fn children(&self, parent: &JobId) -> Result<Children> {
        self.inner.children(parent).await
    }

    async fn children_counts(&self, parent: &JobId) -> Result<ChildrenCounts> {
        self.inner.children_counts(parent).await
    }

    async fn remove_tree(&self, id: &JobId) -> Result<bool> {
        self.inner.remove_tree(id).await
    }

    async fn remove_awaited_children(&self, id: &JobId) -> Result<()> {
        self.inner.remove_awaited_children(id).await
    }

    async fn parent(&self, child: &JobId) -> Result<Option<JobKey>> {
        self.inner.parent(child).await
    }

    async fn remove_child_dependency(&self, child: &JobId) -> Result<bool> {
        self.inner.remove_child_dependency(child).await
    }
}

#[async_trait]
impl Attend for Flaky {
    fn attend(&self, worker: Option<&str>) -> Attendance {
        self.inner.attend(worker)
    }

    async fn workers(&self) -> Result<Option<Vec<WorkerClient>>> {
        self.inner.workers().await
    }
}
