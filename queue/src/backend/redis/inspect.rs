//! Looking, without changing.

use std::time::Duration;

use async_trait::async_trait;
use redis::Value;

use super::wire::Fields;
use super::{RedisQueue, scripts, stream, wire};
use crate::backend::clear::check_ended;
use crate::backend::{Counts, EventPage, Inspect, ListQuery, Metrics};
use crate::error::{QueueError, Result};
use crate::event::Position;
use crate::job::{JobId, JobSnapshot, JobState};

/// The most jobs read in one script call or pipeline.
const READ_MAX: usize = 100;
/// The most jobs in a page.
const PAGE_MAX: u64 = 1000;

#[async_trait]
impl Inspect for RedisQueue {
    async fn jobs(&self, ids: &[JobId]) -> Result<Vec<Option<JobSnapshot>>> {
        let mut found = Vec::with_capacity(ids.len());
        for chunk in ids.chunks(READ_MAX) {
            let mut call = self.call_with_marks(&scripts::READ);
            call.arg(chunk.len());
            for id in chunk {
                call.arg(id.as_str());
            }
            let reply = wire::list(self.link.script("jobs", &call).await?)?;
            for (id, item) in chunk.iter().zip(reply) {
                found.push(if item == Value::Nil { None } else { Some(snapshot(id, item)?) });
            }
        }
        Ok(found)
    }

    async fn counts(&self) -> Result<Counts> {
        let mut pipeline = redis::pipe();
        for state in JobState::ALL {
            pipeline.cmd(if is_list(state) { "LLEN" } else { "ZCARD" }).arg(self.keys.state(state));
        }
        pipeline.cmd("LLEN").arg(self.keys.legacy_paused());
        let mut replies = self.link.pipeline("counts", &pipeline).await?.into_iter();
        let mut counts = Counts::new();
        for state in JobState::ALL {
            let count = replies.next().map(wire::number).transpose()?.flatten();
            counts.insert(state.as_str(), count.unwrap_or(0));
        }
        let paused = replies.next().map(wire::number).transpose()?.flatten().unwrap_or(0);
        *counts.entry(JobState::Waiting.as_str()).or_default() += paused;
        Ok(counts)
    }

    async fn counts_by_priority(&self, priorities: &[u32]) -> Result<Vec<u64>> {
        let mut pipeline = redis::pipe();
        for priority in priorities {
            if *priority == 0 {
                pipeline.cmd("LLEN").arg(self.keys.state(JobState::Waiting));
            } else {
                let (first, last) = priority_scores(*priority);
                let key = self.keys.state(JobState::Prioritized);
                pipeline.cmd("ZCOUNT").arg(key).arg(first).arg(last);
            }
        }
        if priorities.is_empty() {
            return Ok(Vec::new());
        }
        let replies = self.link.pipeline("counts by priority", &pipeline).await?;
        replies.into_iter().map(|count| Ok(wire::number(count)?.unwrap_or(0))).collect()
    }

    async fn list(&self, query: ListQuery) -> Result<Vec<JobSnapshot>> {
        let ids = self.page(query).await?;
        let mut jobs = Vec::with_capacity(ids.len());
        for chunk in ids.chunks(READ_MAX) {
            jobs.extend(self.rows(chunk, query.state).await?);
        }
        Ok(jobs)
    }

    async fn logs(&self, id: &JobId, skip: u64, limit: u64) -> Result<(Vec<String>, u64)> {
        let key = self.keys.logs(id);
        let limit = limit.min(PAGE_MAX);
        let mut pipeline = redis::pipe();
        if limit > 0 {
            pipeline.cmd("LRANGE").arg(&key).arg(skip).arg(skip.saturating_add(limit - 1));
        } else {
            pipeline.cmd("LRANGE").arg(&key).arg(1).arg(0);
        }
        pipeline.cmd("LLEN").arg(&key);
        let [rows, count] = wire::replies(self.link.pipeline("logs", &pipeline).await?)?;
        let rows = wire::list(rows)?
            .into_iter()
            .map(|row| Ok(wire::text(row)?.unwrap_or_default()))
            .collect::<Result<_>>()?;
        Ok((rows, wire::number(count)?.unwrap_or(0)))
    }

    async fn is_paused(&self) -> Result<bool> {
        let mut command = redis::cmd("HEXISTS");
        command.arg(&self.keys.meta).arg("paused");
        Ok(wire::number(self.link.command("is paused", &command).await?)? == Some(1))
    }

    async fn metrics(&self, ended: JobState, skip: u64, limit: u64) -> Result<Metrics> {
        check_ended(ended)?;
        let key = self.keys.metrics(ended);
        let points = format!("{key}:data");
        let limit = limit.min(Metrics::POINTS_MAX);
        let mut pipeline = redis::pipe();
        pipeline.cmd("HMGET").arg(&key).arg(&["count", "prevTS", "prevCount"]);
        pipeline.cmd("LLEN").arg(&points);
        if limit > 0 {
            pipeline.cmd("LRANGE").arg(&points).arg(skip).arg(skip.saturating_add(limit - 1));
        } else {
            pipeline.cmd("LRANGE").arg(&points).arg(1).arg(0);
        }
        let replies = self.link.pipeline("metrics", &pipeline).await?;
        let [noted, length, points] = wire::replies(replies)?;
        let [count, noted_ms, noted_count] = wire::tuple(noted)?;
        let number = |value| Ok::<_, QueueError>(wire::number(value)?.unwrap_or(0));
        Ok(Metrics {
            count: number(count)?,
            noted_ms: wire::number(noted_ms)?,
            noted_count: number(noted_count)?,
            points: wire::list(points)?.into_iter().map(number).collect::<Result<_>>()?,
            length: number(length)?,
        })
    }

    async fn place(&self, id: &JobId) -> Result<Option<u64>> {
        let wait = self.keys.state(JobState::Waiting);
        let prioritized = self.keys.state(JobState::Prioritized);
        let mut pipeline = redis::pipe();
        pipeline.atomic();
        pipeline.cmd("LPOS").arg(&wait).arg(id.as_str()).arg("RANK").arg(-1);
        pipeline.cmd("LLEN").arg(&wait);
        pipeline.cmd("ZRANK").arg(&prioritized).arg(id.as_str());
        let replies = self.link.transaction("place", &pipeline).await?;
        let [index, length, rank] = wire::replies(replies)?;
        let length = wire::number(length)?.unwrap_or(0);
        if let Some(index) = wire::number(index)? {
            return Ok(Some(length.saturating_sub(index + 1)));
        }
        Ok(wire::number(rank)?.map(|rank| length + rank))
    }

    async fn events(&self, after: Position, limit: usize, block: Duration) -> Result<EventPage> {
        stream::events(self, after, limit, block).await
    }

    async fn last_position(&self) -> Result<Position> {
        let mut command = redis::cmd("XREVRANGE");
        command.arg(&self.keys.events).arg("+").arg("-").arg("COUNT").arg(1);
        let entries = wire::events(self.link.command("last position", &command).await?)?;
        Ok(entries.last().map_or(Position::START, |event| event.position))
    }
}

impl RedisQueue {
    /// Returns the ids of a page, in the order asked for.
    async fn page(&self, query: ListQuery) -> Result<Vec<JobId>> {
        let limit = i64::try_from(query.limit.min(PAGE_MAX)).unwrap_or(0);
        let skip = i64::try_from(query.skip).unwrap_or(i64::MAX - limit);
        if limit == 0 {
            return Ok(Vec::new());
        }
        let key = self.keys.state(query.state);
        let mut command = redis::cmd(match (is_list(query.state), query.newest_first) {
            (true, _) => "LRANGE",
            (false, true) => "ZREVRANGE",
            (false, false) => "ZRANGE",
        });
        command.arg(key);
        // The oldest job of a list stands at its tail.
        let from_tail = is_list(query.state) && !query.newest_first;
        if from_tail {
            command.arg(-skip - limit).arg(-skip - 1);
        } else {
            command.arg(skip).arg(skip + limit - 1);
        }
        let mut ids = wire::ids(self.link.command("list", &command).await?)?;
        if from_tail {
            ids.reverse();
        }
        Ok(ids)
    }

    /// Reads the hashes of jobs whose state is known; ids without one are left out.
    async fn rows(&self, ids: &[JobId], state: JobState) -> Result<Vec<JobSnapshot>> {
        let mut pipeline = redis::pipe();
        for id in ids {
            pipeline.cmd("HGETALL").arg(self.keys.job(id));
            match state {
                JobState::Delayed => {
                    pipeline.cmd("ZSCORE").arg(self.keys.state(state)).arg(id.as_str())
                }
                _ => pipeline.cmd("ZSCORE").arg(&self.keys.cancel_marks).arg(id.as_str()),
            };
        }
        let mut replies = self.link.pipeline("list", &pipeline).await?.into_iter();
        let mut jobs = Vec::with_capacity(ids.len());
        for id in ids {
            let (Some(row), Some(score)) = (replies.next(), replies.next()) else { break };
            if matches!(&row, Value::Array(fields) if fields.is_empty()) {
                continue;
            }
            let score = wire::number(score)?;
            jobs.push(JobSnapshot {
                job: Fields::from_pairs(row)?.into_job(id.clone()).job,
                state,
                due_ms: score.filter(|_| state == JobState::Delayed).map(due_of),
                cancel_requested: state != JobState::Delayed && score.is_some(),
            });
        }
        Ok(jobs)
    }
}

/// Makes a snapshot of the four values that the read script answers for a job.
fn snapshot(id: &JobId, item: Value) -> Result<JobSnapshot> {
    let [state, score, marked, row] = wire::tuple(item)?;
    let state = wire::text(state)?.unwrap_or_default().parse()?;
    let due_ms = wire::number(score)?.map(due_of);
    Ok(JobSnapshot {
        job: Fields::from_pairs(row)?.into_job(id.clone()).job,
        state,
        due_ms,
        cancel_requested: wire::number(marked)? == Some(1) && state == JobState::Active,
    })
}

/// Returns the lowest and the highest score that a job of a priority has in `prioritized`.
fn priority_scores(priority: u32) -> (u64, u64) {
    let first = u64::from(priority) << 32;
    (first, first + u64::from(u32::MAX))
}

/// Returns the due time that a score in `delayed` holds.
fn due_of(score: u64) -> u64 {
    score / 4096
}

fn is_list(state: JobState) -> bool {
    matches!(state, JobState::Waiting | JobState::Active)
}
