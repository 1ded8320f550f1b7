//! The limits of a queue: in `meta` what holds, in `limiter` what was started.

use std::time::Duration;

use async_trait::async_trait;

use super::{RedisQueue, scripts, wire};
use crate::backend::{Limit, Limits};
use crate::error::{QueueError, Result};
use crate::options::{RateLimit, check_concurrency, check_window};

#[async_trait]
impl Limit for RedisQueue {
    async fn limits(&self) -> Result<Limits> {
        let mut command = redis::cmd("HMGET");
        command.arg(&self.keys.meta).arg(&["max", "duration", "concurrency"]);
        let [max, duration, concurrency] =
            wire::tuple(self.link.command("limits", &command).await?)?;
        // As in the scripts, one without the other limits nothing.
        let rate = match (wire::number(max)?, wire::number(duration)?) {
            (Some(max), Some(ms)) => Some(RateLimit::new(max, Duration::from_millis(ms))),
            _ => None,
        };
        Ok(Limits { rate, concurrency: wire::number(concurrency)? })
    }

    async fn set_rate(&self, rate: Option<RateLimit>) -> Result<()> {
        rate.as_ref().map_or(Ok(()), RateLimit::check)?;
        let [max, duration] = match rate {
            Some(rate) => [rate.max.to_string(), rate.duration_ms().to_string()],
            None => [String::new(), String::new()],
        };
        self.set_limits("set rate", &[("max", max), ("duration", duration)]).await
    }

    async fn set_concurrency(&self, concurrency: Option<u64>) -> Result<()> {
        check_concurrency(concurrency)?;
        let most = concurrency.map_or_else(String::new, |most| most.to_string());
        self.set_limits("set concurrency", &[("concurrency", most)]).await
    }

    async fn rate_limit(&self, duration: Duration) -> Result<()> {
        check_window(duration)?;
        let mut command = redis::cmd("SET");
        command.arg(self.keys.limiter()).arg(RateLimit::MAX);
        command.arg("PX").arg(u64::try_from(duration.as_millis()).unwrap_or(RateLimit::MAX));
        self.link.command("rate limit", &command).await.map(drop)
    }

    async fn end_rate_limit(&self) -> Result<()> {
        let mut command = redis::cmd("DEL");
        command.arg(self.keys.limiter());
        self.link.command("end rate limit", &command).await?;
        // Who waits here for the end of the window need not wait longer.
        self.wake.nudge();
        Ok(())
    }

    async fn rate_limit_left(&self, max: Option<u64>) -> Result<Option<Duration>> {
        let mut pipeline = redis::pipe();
        pipeline.cmd("GET").arg(self.keys.limiter());
        pipeline.cmd("PTTL").arg(self.keys.limiter());
        pipeline.cmd("HGET").arg(&self.keys.meta).arg("max");
        let replies = self.link.pipeline("rate limit left", &pipeline).await?;
        let [starts, left, global] = wire::replies(replies)?;
        let max = max.or(wire::number(global)?);
        let starts = wire::number(starts)?.unwrap_or(0);
        let left = wire::number(left)?.filter(|left| *left > 0);
        Ok(left.filter(|_| max.is_none_or(|max| starts >= max)).map(Duration::from_millis))
    }

    async fn is_maxed(&self) -> Result<bool> {
        let mut pipeline = redis::pipe();
        pipeline.cmd("HGET").arg(&self.keys.meta).arg("concurrency");
        pipeline.cmd("LLEN").arg(self.keys.state(crate::job::JobState::Active));
        let [most, active] = wire::replies(self.link.pipeline("is maxed", &pipeline).await?)?;
        let active = wire::number(active)?.unwrap_or(0);
        Ok(wire::number(most)?.is_some_and(|most| active >= most))
    }
}

impl RedisQueue {
    /// Writes fields of `meta`; an empty value removes its field.
    async fn set_limits(
        &self,
        operation: &'static str,
        fields: &[(&str, String)],
    ) -> Result<(), QueueError> {
        let mut call = self.call(&scripts::SET_LIMITS);
        for (field, value) in fields {
            call.arg(*field).arg(value);
        }
        self.link.script(operation, &call).await?;
        self.wake.nudge();
        Ok(())
    }
}
