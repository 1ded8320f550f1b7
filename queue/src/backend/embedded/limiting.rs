//! How many jobs of a queue may be started now, and how callers set that.
//!
//! The part on the state is pure: the answer depends on the state and the operation alone.

use std::time::Duration;

use async_trait::async_trait;

use crate::backend::{Claim, Limit, Limits};
use crate::error::Result;
use crate::options::{RateLimit, check_concurrency, check_window};

use super::encoding::{Decode, Encode, Input, Malformed, encoded_struct};
use super::operation::{Operation, Outcome, millis};
use super::queue_handle::QueueHandle;
use super::queue_state::QueueState;

impl Encode for RateLimit {
    fn encode(&self, out: &mut Vec<u8>) {
        self.max.encode(out);
        self.duration_ms().encode(out);
    }
}

impl Decode for RateLimit {
    fn decode(input: &mut Input<'_>) -> Result<Self, Malformed> {
        let max = Decode::decode(input)?;
        Ok(Self { max, duration: Duration::from_millis(Decode::decode(input)?) })
    }
}

/// What holds the jobs of a queue back.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Limiting {
    rate: Option<RateLimit>,
    concurrency: Option<u64>,
    /// The starts in the window that ends at `until_ms`.
    starts: u64,
    until_ms: u64,
    /// Until when a claim found the limit reached: there is no use in asking before.
    reached_until_ms: u64,
}

encoded_struct!(Limiting { rate, concurrency, starts, until_ms, reached_until_ms });

/// What a claim may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Room {
    pub(super) jobs: usize,
    /// When the rate limit ends that is reached.
    pub(super) again_ms: Option<u64>,
}

impl Limiting {
    /// The limit that holds for a claim: the number of the queue before its own, its own window
    /// before that of the queue.
    fn rate_for(&self, claim: &Claim) -> Option<RateLimit> {
        let max = self.rate.or(claim.rate)?.max;
        let duration = claim.rate.or(self.rate)?.duration;
        Some(RateLimit { max, duration })
    }

    fn starts_at(&self, now_ms: u64) -> u64 {
        if self.until_ms > now_ms { self.starts } else { 0 }
    }

    /// Counts jobs that a claim started.
    fn count(&mut self, claim: &Claim, jobs: u64, now_ms: u64) {
        let Some(rate) = self.rate_for(claim).filter(|_| jobs > 0) else { return };
        if self.until_ms <= now_ms {
            self.starts = 0;
            self.until_ms = now_ms.saturating_add(rate.duration_ms());
        }
        self.starts = self.starts.saturating_add(jobs);
        if self.starts >= rate.max {
            self.reached_until_ms = self.until_ms;
        }
    }

    /// Lets nothing start until then; in the past it opens a new window.
    fn close_until(&mut self, until_ms: u64) {
        self.starts = RateLimit::MAX;
        self.until_ms = until_ms;
        self.reached_until_ms = 0;
    }

    fn left_ms(&self, max: Option<u64>, now_ms: u64) -> Option<u64> {
        let max = max.or(self.rate.map(|rate| rate.max));
        let left_ms = self.until_ms.saturating_sub(now_ms);
        (left_ms > 0 && max.is_none_or(|max| self.starts >= max)).then_some(left_ms)
    }
}

impl QueueState {
    /// Tells whether as many jobs run as may at a time.
    pub(super) fn is_maxed(&self) -> bool {
        self.limiting.concurrency.is_some_and(|most| self.active.len() as u64 >= most)
    }

    /// Returns what a claim may take; after a run that was told off, `told_off`, an open window
    /// counts for a claim without a limit too.
    pub(super) fn room(&self, claim: &Claim, told_off: bool, now_ms: u64) -> Room {
        let mut jobs = claim.max;
        let narrow = |jobs: usize, left: u64| jobs.min(usize::try_from(left).unwrap_or(usize::MAX));
        if let Some(most) = self.limiting.concurrency {
            jobs = narrow(jobs, most.saturating_sub(self.active.len() as u64));
        }
        let starts = self.limiting.starts_at(now_ms);
        let reached = match self.limiting.rate_for(claim) {
            Some(rate) => {
                jobs = narrow(jobs, rate.max.saturating_sub(starts));
                starts >= rate.max
            }
            None => told_off && self.limiting.until_ms > now_ms,
        };
        if reached {
            return Room { jobs: 0, again_ms: Some(self.limiting.until_ms) };
        }
        Room { jobs, again_ms: None }
    }

    /// Tells whether a claim would neither take anything nor learn anything new.
    pub(super) fn has_no_room(&self, claim: &Claim, now_ms: u64) -> bool {
        let room = self.room(claim, false, now_ms);
        let known = room.again_ms.is_none_or(|again| again == self.limiting.reached_until_ms);
        room.jobs == 0 && known
    }

    /// Returns when there is a reason to claim again, for a claim that has just been made.
    pub(super) fn next_reason_ms(&self, claim: Option<&Claim>, now_ms: u64) -> Option<u64> {
        let again_ms = claim.and_then(|claim| self.room(claim, false, now_ms).again_ms);
        self.next_due_ms().into_iter().chain(again_ms).min()
    }

    /// Takes note of what a claim found and started.
    pub(super) fn note_starts(&mut self, claim: &Claim, room: Room, jobs: u64, now_ms: u64) {
        if let Some(again_ms) = room.again_ms {
            self.limiting.reached_until_ms = again_ms;
        }
        self.limiting.count(claim, jobs, now_ms);
    }

    /// Returns when a claim may find something, as far as is known; nothing while no time alone
    /// would change that.
    pub(super) fn next_chance_ms(&self, now_ms: u64) -> Option<u64> {
        if self.paused || self.is_maxed() {
            return None;
        }
        let next_ms = if self.has_ready() { Some(now_ms) } else { self.next_due_ms() };
        next_ms.map(|at| at.max(self.limiting.reached_until_ms))
    }

    pub(super) fn set_rate(&mut self, rate: Option<RateLimit>) -> Outcome {
        self.limiting.rate = rate;
        self.limiting.reached_until_ms = 0;
        Outcome::Done
    }

    pub(super) fn set_concurrency(&mut self, concurrency: Option<u64>) -> Outcome {
        self.limiting.concurrency = concurrency;
        Outcome::Done
    }

    pub(super) fn rate_limit(&mut self, duration_ms: u64, now_ms: u64) -> Outcome {
        self.limiting.close_until(now_ms.saturating_add(duration_ms));
        Outcome::Done
    }
}

#[async_trait]
impl Limit for QueueHandle {
    async fn limits(&self) -> Result<Limits> {
        self.look(|queue| {
            let Limiting { rate, concurrency, .. } = queue.limiting;
            Limits { rate, concurrency }
        })
    }

    async fn set_rate(&self, rate: Option<RateLimit>) -> Result<()> {
        rate.as_ref().map_or(Ok(()), RateLimit::check)?;
        self.operate("set rate", Operation::SetRate { rate }).await.map(drop)
    }

    async fn set_concurrency(&self, concurrency: Option<u64>) -> Result<()> {
        check_concurrency(concurrency)?;
        let operation = Operation::SetConcurrency { concurrency };
        self.operate("set concurrency", operation).await.map(drop)
    }

    async fn rate_limit(&self, duration: Duration) -> Result<()> {
        check_window(duration)?;
        let operation = Operation::RateLimit { duration_ms: millis(duration) };
        self.operate("rate limit", operation).await.map(drop)
    }

    async fn end_rate_limit(&self) -> Result<()> {
        let operation = Operation::RateLimit { duration_ms: 0 };
        self.operate("end rate limit", operation).await.map(drop)
    }

    async fn rate_limit_left(&self, max: Option<u64>) -> Result<Option<Duration>> {
        let now_ms = self.door.clock.now_ms();
        self.look(|queue| queue.limiting.left_ms(max, now_ms).map(Duration::from_millis))
    }

    async fn is_maxed(&self) -> Result<bool> {
        self.look(QueueState::is_maxed)
    }
}
