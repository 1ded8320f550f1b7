//! Upkeep that any process does for all.

use std::time::Duration;

use async_trait::async_trait;

use super::{RedisQueue, scripts, wire};
use crate::backend::Maintain;
use crate::error::Result;
use crate::job::{JobId, JobState};
use crate::options::JobOptions;
use crate::outcome::{Failure, STALLED_REASON};

/// The most jobs that one call of the script promotes.
const PROMOTE_MAX: u64 = 1000;

#[async_trait]
impl Maintain for RedisQueue {
    async fn sweep_stalled(&self, interval: Duration, stalled_max: u32) -> Result<Vec<JobId>> {
        if !self.has_active_jobs().await? {
            return Ok(Vec::new());
        }
        let interval_ms = u64::try_from(interval.as_millis()).unwrap_or(u64::MAX).max(1);
        let mut recovered = Vec::new();
        let mut goes_on = 0;
        loop {
            let mut call = self.call_with_marks(&scripts::SWEEP);
            call.arg(self.link.now_ms()).arg(interval_ms).arg(stalled_max);
            call.arg(STALLED_REASON).arg(Failure::cancelled().to_string()).arg(goes_on);
            let [ids, more] = wire::tuple(self.link.script("sweep", &call).await?)?;
            recovered.extend(wire::ids(ids)?);
            if wire::number(more)? != Some(1) {
                return Ok(recovered);
            }
            goes_on = 1;
        }
    }

    async fn promote_due(&self) -> Result<(u64, Option<u64>)> {
        let mut total = 0;
        loop {
            let mut call = self.call_with_marks(&scripts::TURN);
            call.arg(self.link.now_ms()).arg(0).arg("").arg(0).arg("").arg(0).arg("").arg(0);
            let reply = self.link.script("promote due", &call).await?;
            let [_, _, next_due, promoted, _] = wire::tuple(reply)?;
            let promoted = wire::number(promoted)?.unwrap_or(0);
            total += promoted;
            if promoted < PROMOTE_MAX {
                return Ok((total, wire::number(next_due)?));
            }
        }
    }

    async fn oldest_waiting_ms(&self) -> Result<Option<u64>> {
        let mut heads = redis::pipe();
        heads.cmd("LINDEX").arg(self.keys.state(JobState::Waiting)).arg(-1);
        heads.cmd("ZRANGE").arg(self.keys.state(JobState::Prioritized)).arg(0).arg(0);
        let [listed, ranked] = wire::replies(self.link.pipeline("oldest", &heads).await?)?;
        let mut ids = wire::ids(ranked)?;
        ids.extend(wire::text(listed)?.map(JobId::from_store));
        if ids.is_empty() {
            return Ok(None);
        }
        let mut hashes = redis::pipe();
        for id in &ids {
            let names = ["timestamp", "processedOn", "opts"];
            hashes.cmd("HMGET").arg(self.keys.job(id)).arg(&names);
        }
        let now_ms = self.link.now_ms();
        let mut oldest = None;
        for hash in self.link.pipeline("oldest", &hashes).await? {
            let [created, started, opts] = wire::tuple(hash)?;
            let Some(created) = wire::number(created)? else { continue };
            // A job waits since it was added, was due, or was last started: whichever is latest.
            let due = created.saturating_add(delay_of(wire::text(opts)?.as_deref()));
            let since = due.max(wire::number(started)?.unwrap_or(0));
            oldest = oldest.max(Some(now_ms.saturating_sub(since)));
        }
        Ok(oldest)
    }
}

impl RedisQueue {
    /// Tells whether there is anything that could have stalled, for the price of one command.
    async fn has_active_jobs(&self) -> Result<bool> {
        let mut exists = redis::cmd("EXISTS");
        exists.arg(self.keys.state(JobState::Active)).arg(self.keys.stalled());
        Ok(wire::number(self.link.command("sweep", &exists).await?)?.unwrap_or(0) > 0)
    }
}

/// Returns the delay that a producer asked for.
fn delay_of(opts: Option<&str>) -> u64 {
    opts.and_then(|text| serde_json::from_str(text).ok())
        .and_then(|wire| JobOptions::from_wire(wire).ok())
        .map_or(0, |options| options.delay_ms)
}
