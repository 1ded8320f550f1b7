//! Job schedulers of a queue of the embedded store as callers hold them.
//!
//! Computes what depends on the calendar before an operation is written down, so that the journal
//! repeats it. Never decides which run is armed.

use async_trait::async_trait;

use crate::error::{QueueError, Result};
use crate::job::ClaimedJob;
use crate::outcome::Failure;
use crate::scheduler::{Armed, NewScheduler, Schedule, Scheduler, first, following, scheduler_of};

use super::operation::{Operation, Outcome};
use super::queue_handle::{QueueHandle, unexpected};
use super::scheduling::{Following, SchedulerBody};

/// The most schedulers in a page.
const PAGE_MAX: u64 = 1000;

#[async_trait]
impl Schedule for QueueHandle {
    async fn upsert_scheduler(&self, scheduler: NewScheduler) -> Result<Option<Armed>> {
        let Some(plan) = first(&scheduler, self.door.clock.now_ms())? else { return Ok(None) };
        let body = Box::new(SchedulerBody::new(&scheduler));
        let operation = Operation::Schedule { body, plan: Box::new(plan) };
        match self.operate("upsert scheduler", operation).await? {
            Outcome::Scheduled(armed) => Ok(Some(armed)),
            Outcome::SlotTaken => Err(QueueError::SlotTaken {
                scheduler: scheduler.id,
                why: "jobs stand in its next time slots",
            }),
            other => unexpected(&other),
        }
    }

    async fn scheduler(&self, id: &str) -> Result<Option<Scheduler>> {
        self.look(|queue| queue.schedulers.get(id).map(SchedulerBody::to_scheduler))
    }

    async fn schedulers(&self, skip: u64, limit: u64) -> Result<Vec<Scheduler>> {
        let mut all: Vec<_> = self
            .look(|queue| queue.schedulers.values().map(SchedulerBody::to_scheduler).collect())?;
        all.sort_by(|a: &Scheduler, b| (a.next_ms, &a.id).cmp(&(b.next_ms, &b.id)));
        let skip = usize::try_from(skip).unwrap_or(usize::MAX);
        let limit = usize::try_from(limit.min(PAGE_MAX)).unwrap_or(usize::MAX);
        Ok(all.into_iter().skip(skip).take(limit).collect())
    }

    async fn remove_scheduler(&self, id: &str) -> Result<bool> {
        let operation = Operation::Unschedule { id: id.to_owned() };
        match self.operate("remove scheduler", operation).await? {
            Outcome::Removed(removed) => Ok(removed),
            other => unexpected(&other),
        }
    }
}

impl QueueHandle {
    /// Arms the runs that follow the claimed runs of schedulers; other jobs cost nothing.
    ///
    /// A run whose successor could not be armed is not run now: its lock ends, and whoever takes it
    /// back arms the next.
    pub(super) async fn arm_following(&self, claimed: &mut Vec<ClaimedJob>) {
        if !claimed.iter().any(|job| scheduler_of(&job.job.id).is_some()) {
            return;
        }
        let now_ms = self.door.clock.now_ms();
        let mut followings = Vec::new();
        for job in claimed.iter_mut() {
            match following(&job.job, now_ms) {
                Ok(plan) => {
                    followings.extend(plan.map(|plan| Following { run: job.job.id.clone(), plan }))
                }
                Err(why) => {
                    let failure = Failure::new(Failure::SCHEDULER_UNREADABLE, why);
                    job.unreadable.get_or_insert_with(|| failure.to_string());
                }
            }
        }
        if followings.is_empty() {
            return;
        }
        let runs: Vec<_> = followings.iter().map(|following| following.run.clone()).collect();
        if let Err(error) = self.operate("arm", Operation::ArmFollowing { followings }).await {
            tracing::warn!(
                "{} runs of schedulers wait for their locks to end: {error}",
                runs.len()
            );
            claimed.retain(|job| !runs.contains(&job.job.id));
        }
    }
}
