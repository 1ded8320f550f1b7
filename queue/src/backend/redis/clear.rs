//! Treating many jobs at a time, a bounded number in each call of a script.

use std::time::Duration;

use async_trait::async_trait;

use super::{RedisQueue, scripts, wire};
use crate::backend::clear::{check_cleanable, check_ended, still_active};
use crate::backend::{Clear, Produce as _};
use crate::error::Result;
use crate::job::{JobId, JobState};

/// The most jobs that one call of a script removes or moves.
const STEP_MAX: u64 = 1000;

#[async_trait]
impl Clear for RedisQueue {
    async fn clean(&self, state: JobState, grace: Duration, limit: u64) -> Result<Vec<JobId>> {
        let grace_ms = u64::try_from(grace.as_millis()).unwrap_or(u64::MAX);
        let cutoff_ms = self.link.now_ms().saturating_sub(grace_ms);
        let limit = if limit == 0 { u64::MAX } else { limit };
        let mut removed = Vec::new();
        check_cleanable(state)?;
        for structure in structures(state) {
            let left = limit - removed.len() as u64;
            removed.extend(self.erase(structure, Some(cutoff_ms), left).await?);
        }
        let mut told = redis::cmd("XADD");
        told.arg(&self.keys.events).arg("*").arg("event").arg("cleaned");
        told.arg("count").arg(removed.len());
        self.link.command("clean", &told).await?;
        Ok(removed)
    }

    async fn drain(&self, delayed: bool) -> Result<u64> {
        let mut removed = 0;
        let delayed = delayed.then_some("delayed");
        let lines = ["wait", "paused"].into_iter().chain(delayed);
        for structure in lines.chain(["prioritized"]) {
            removed += self.erase(structure, None, u64::MAX).await?.len() as u64;
        }
        Ok(removed)
    }

    async fn obliterate(&self, force: bool) -> Result<()> {
        self.pause().await?;
        loop {
            let mut call = self.call_with_marks(&scripts::OBLITERATE);
            call.arg(self.link.now_ms()).arg(u8::from(force)).arg(STEP_MAX);
            let reply = self.link.script("obliterate", &call).await?;
            match reply {
                redis::Value::Int(0) => return Ok(()),
                redis::Value::Int(1) => {}
                active => return Err(still_active(wire::number(active)?.unwrap_or(0))),
            }
        }
    }

    async fn retry_all(&self, state: JobState, until_ms: Option<u64>) -> Result<u64> {
        check_ended(state)?;
        self.requeue(state, until_ms).await
    }

    async fn promote_all(&self) -> Result<u64> {
        self.requeue(JobState::Delayed, None).await
    }
}

impl RedisQueue {
    /// Removes jobs of a structure, the oldest first.
    async fn erase(
        &self,
        structure: &str,
        cutoff_ms: Option<u64>,
        limit: u64,
    ) -> Result<Vec<JobId>> {
        let (mut removed, mut skip) = (Vec::new(), 0);
        loop {
            // Only so many are looked at as may be removed, as in BullMQ.
            let most = limit.saturating_sub(removed.len() as u64 + skip).min(STEP_MAX);
            if most == 0 {
                return Ok(removed);
            }
            let mut call = self.call_with_marks(&scripts::ERASE);
            call.arg(self.link.now_ms()).arg(structure).arg(skip).arg(most);
            call.arg(cutoff_ms.map_or_else(String::new, |cutoff| cutoff.to_string()));
            let reply = self.link.script("remove many", &call).await?;
            let [ids, kept, more] = wire::tuple(reply)?;
            removed.extend(wire::ids(ids)?);
            skip += wire::number(kept)?.unwrap_or(0);
            if wire::number(more)? != Some(1) {
                return Ok(removed);
            }
        }
    }

    async fn requeue(&self, state: JobState, until_ms: Option<u64>) -> Result<u64> {
        let mut moved = 0;
        // What ends from now on is not meant.
        let until_ms = until_ms.unwrap_or_else(|| self.link.now_ms());
        loop {
            let mut call = self.call_with_marks(&scripts::REQUEUE);
            call.arg(self.link.now_ms()).arg(state.as_str()).arg(until_ms).arg(STEP_MAX);
            let some = wire::number(self.link.script("retry many", &call).await?)?.unwrap_or(0);
            moved += some;
            if some < STEP_MAX {
                return Ok(moved);
            }
        }
    }
}

/// The structures that hold the jobs of a state that can be cleaned.
fn structures(state: JobState) -> Vec<&'static str> {
    match state {
        JobState::Waiting => vec!["wait", "paused"],
        other => vec![other.as_str()],
    }
}
