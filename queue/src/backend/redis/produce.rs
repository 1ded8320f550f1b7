//! Putting jobs in, and changing jobs that nobody runs.

use async_trait::async_trait;
use redis::Value;

use super::coalesce::{self, Entry, Placing};
use super::{RedisQueue, scripts, wire};
use crate::backend::{Added, Cancelled, Produce, Submitted};
use crate::error::{QueueError, Result};
use crate::event::Position;
use crate::job::{JobId, JobState, NewJob, generation_of};
use crate::outcome::Failure;

/// From this time on (September 2039) the score of a delayed job would lose its order.
const DUE_END_MS: u64 = 1 << 41;
/// The most jobs in one call of the submit script.
const SUBMIT_MAX: usize = 100;
/// How long an active job's mark to stop holds without anyone taking note: two days, longer than
/// any job of the service may live.
const MARK_MS: u64 = 2 * 24 * 60 * 60 * 1000;

#[async_trait]
impl Produce for RedisQueue {
    async fn add(&self, jobs: Vec<NewJob>) -> Result<Vec<Added>> {
        if jobs.is_empty() {
            return Ok(Vec::new());
        }
        let entries = self.entries(jobs)?;
        self.adder.add(entries).await
    }

    async fn submit(&self, jobs: Vec<NewJob>) -> Result<Vec<Submitted>> {
        jobs.iter().try_for_each(NewJob::check_submitted)?;
        let generations: Vec<u64> = jobs.iter().map(|job| generation_of(&job.data)).collect();
        let entries = self.entries(jobs)?;
        let mut submitted = Vec::with_capacity(entries.len());
        for chunk in coalesce::chunks(&entries).into_iter().flat_map(|c| c.chunks(SUBMIT_MAX)) {
            let from = submitted.len();
            submitted.extend(self.submit_chunk(chunk, &generations[from..]).await?);
        }
        Ok(submitted)
    }

    async fn retry(&self, id: &JobId, reset_attempts: bool) -> Result<Position> {
        let mut call = self.call_with_marks(&scripts::RETRY);
        call.arg(self.link.now_ms()).arg(id.as_str()).arg(u8::from(reset_attempts));
        let reply = self.link.script("retry", &call).await?;
        moved(reply, id, "retry", "completed or failed")
    }

    async fn remove(&self, id: &JobId) -> Result<bool> {
        let mut call = self.call_with_marks(&scripts::REMOVE);
        call.arg(self.link.now_ms()).arg(id.as_str());
        match self.link.script("remove", &call).await? {
            Value::Int(1) => Ok(true),
            Value::Int(0) => Ok(false),
            Value::Int(-8) => Err(QueueError::ArmedRun(id.clone())),
            _ => Err(QueueError::WrongState {
                id: id.clone(),
                state: JobState::Active,
                operation: "remove",
                needs: "a job that no worker holds",
            }),
        }
    }

    async fn cancel(&self, id: &JobId) -> Result<Cancelled> {
        let mut call = self.call_with_marks(&scripts::CANCEL);
        call.arg(self.link.now_ms()).arg(id.as_str());
        call.arg(Failure::cancelled().to_string()).arg(MARK_MS);
        let reply = self.link.script("cancel", &call).await?;
        if reply == Value::Nil {
            return Ok(Cancelled::Unknown);
        }
        if reply == Value::Int(-8) {
            return Err(QueueError::ArmedRun(id.clone()));
        }
        let [state, version, holder] = wire::tuple(reply)?;
        let word = wire::text(state)?.unwrap_or_default();
        match word.parse() {
            Ok(state @ (JobState::Completed | JobState::Failed)) => {
                Ok(Cancelled::AlreadyFinished { state })
            }
            Ok(JobState::Active) => {
                let holder = wire::text(holder)?;
                let foreign = holder.is_none_or(|token| !is_ours(&token));
                Ok(Cancelled::Requested { version: wire::position(version)?, foreign })
            }
            _ => Ok(Cancelled::Ended { version: wire::position(version)? }),
        }
    }

    async fn promote(&self, id: &JobId) -> Result<Position> {
        let mut call = self.call(&scripts::PROMOTE);
        call.arg(self.link.now_ms()).arg(id.as_str());
        moved(self.link.script("promote", &call).await?, id, "promote", "delayed")
    }

    async fn pause(&self) -> Result<()> {
        self.link.script("pause", &self.call(&scripts::PAUSE)).await.map(drop)
    }

    async fn resume(&self) -> Result<()> {
        let mut goes_on = 0;
        loop {
            let mut call = self.call(&scripts::RESUME);
            call.arg(goes_on);
            let left = self.link.script("resume", &call).await?;
            if wire::number(left)?.unwrap_or(0) == 0 {
                return Ok(());
            }
            goes_on = 1;
        }
    }
}

impl RedisQueue {
    /// Checks jobs and writes them as the scripts want them.
    fn entries(&self, jobs: Vec<NewJob>) -> Result<Vec<Entry>> {
        let now_ms = self.link.now_ms();
        jobs.into_iter().map(|job| entry(job, now_ms)).collect()
    }

    async fn submit_chunk(&self, chunk: &[Entry], generations: &[u64]) -> Result<Vec<Submitted>> {
        let mut call = self.call_with_marks(&scripts::SUBMIT);
        call.arg(self.link.now_ms()).arg(chunk.len());
        for (entry, generation) in chunk.iter().zip(generations) {
            call.arg(entry.id.as_ref().map_or("", JobId::as_str));
            call.arg(&entry.name).arg(entry.data.as_str()).arg(&entry.options);
            call.arg(entry.timestamp_ms).arg(entry.delay_ms).arg(*generation);
            call.arg(entry.placing.priority).arg(u8::from(entry.placing.front));
        }
        let mut reply = wire::list(self.link.script("submit", &call).await?)?.into_iter();
        let mut submitted = Vec::with_capacity(chunk.len());
        while let (Some(word), Some(value)) = (reply.next(), reply.next()) {
            submitted.push(match wire::text(word)?.as_deref() {
                Some("added") => Submitted::Added { version: wire::position(value)? },
                Some("again") => Submitted::Again { version: wire::position(value)? },
                _ => {
                    Submitted::Unchanged { state: wire::text(value)?.unwrap_or_default().parse()? }
                }
            });
        }
        Ok(submitted)
    }
}

fn entry(job: NewJob, now_ms: u64) -> Result<Entry> {
    job.check()?;
    let timestamp_ms = job.options.timestamp_ms.unwrap_or(now_ms);
    let delay_ms = job.options.delay_ms;
    check_due(timestamp_ms, delay_ms)?;
    let options = job.options.to_wire(job.id.as_ref().map(JobId::as_str)).to_string();
    let placing = Placing { priority: job.options.priority, front: job.options.is_front() };
    let deduplication = job.options.deduplication;
    let NewJob { id, name, data, .. } = job;
    Ok(Entry { id, name, data, options, timestamp_ms, delay_ms, placing, deduplication })
}

/// Refuses a time that the order of delayed jobs has no room for.
pub(super) fn check_due(from_ms: u64, delay_ms: u64) -> Result<()> {
    if from_ms.saturating_add(delay_ms) < DUE_END_MS {
        return Ok(());
    }
    let why = format!("{from_ms} + {delay_ms} ms is due after September 2039");
    Err(QueueError::Invalid { what: "delay", why })
}

/// Reads the answer of a script that moves one job: nil, or its state and a position.
pub(super) fn moved(
    reply: Value,
    id: &JobId,
    operation: &'static str,
    needs: &'static str,
) -> Result<Position> {
    if reply == Value::Nil {
        return Err(QueueError::NoSuchJob(id.clone()));
    }
    let [state, version] = wire::tuple(reply)?;
    let version = wire::text(version)?.unwrap_or_default();
    if !version.is_empty() {
        return wire::position(Value::SimpleString(version));
    }
    let word = wire::text(state)?.unwrap_or_default();
    let state = word.parse().map_err(|_| {
        QueueError::Corrupt(format!("job {id} stands in no structure of its queue"))
    })?;
    Err(QueueError::WrongState { id: id.clone(), state, operation, needs })
}

/// Tells whether a lock's token has the form of ours, a plain UUID; BullMQ's have a number after it.
fn is_ours(token: &str) -> bool {
    token.len() == 36 && token.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::job::{Payload, Token};
    use crate::options::JobOptions;

    #[test]
    fn our_tokens_are_told_from_those_of_bullmq() {
        let ours = Token::unique();
        assert!(is_ours(ours.as_str()));
        assert!(!is_ours(&format!("{}:0", ours.as_str())));
        assert!(!is_ours("tok"));
    }

    #[test]
    fn data_over_the_limit_and_far_delays_are_refused() {
        let job = |bytes: usize, delay_ms: u64| {
            let data = Payload::from_store("1".repeat(bytes));
            let options = JobOptions { delay_ms, ..JobOptions::bare() };
            entry(NewJob::new("x", data).with_options(options), 1_795_500_000_000)
        };
        assert!(job(NewJob::DATA_MAX, 0).is_ok());
        assert!(job(NewJob::DATA_MAX + 1, 0).is_err());
        assert!(job(1, DUE_END_MS).is_err());
    }
}
