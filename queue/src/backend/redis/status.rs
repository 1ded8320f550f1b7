//! The last known state of jobs, as records in Redis that expire by themselves.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use super::connection::Link;
use super::keys::Keyspace;
use super::{scripts, wire};
use crate::error::{QueueError, Result};
use crate::job::JobId;
use crate::status::{KEPT_AFTER_END, StatusRecord, StatusStore};

/// The most records in one script call.
const BATCH_MAX: usize = 500;
/// How long the record of a job that never ends is kept: a week, longer than any job may live.
const KEPT_ALIVE: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// Keeps job records beside the queues.
pub(super) struct RedisStatus {
    space: Keyspace,
    link: Arc<Link>,
}

impl RedisStatus {
    pub(super) fn new(space: Keyspace, link: Arc<Link>) -> Self {
        Self { space, link }
    }

    async fn put_chunk(&self, records: &[StatusRecord]) -> Result<Vec<Option<StatusRecord>>> {
        let mut call = redis::cmd("EVALSHA");
        call.arg(scripts::STATUS_PUT.get_hash()).arg(records.len());
        for record in records {
            call.arg(self.space.status(&record.job));
        }
        let now_ms = self.link.now_ms();
        for record in records {
            call.arg(record.generation).arg(record.version.ms).arg(record.version.seq);
            call.arg(record.state.as_str()).arg(u8::from(record.state.is_final()));
            call.arg(forgotten_ms(record, now_ms)).arg(encode(record)?);
        }
        let reply = wire::list(self.link.script("put status", &call).await?)?;
        reply.into_iter().map(decode).collect()
    }
}

#[async_trait]
impl StatusStore for RedisStatus {
    async fn put(&self, records: Vec<StatusRecord>) -> Result<Vec<Option<StatusRecord>>> {
        let mut stored = Vec::with_capacity(records.len());
        for chunk in records.chunks(BATCH_MAX) {
            stored.extend(self.put_chunk(chunk).await?);
        }
        Ok(stored)
    }

    async fn get(&self, jobs: &[JobId]) -> Result<Vec<Option<StatusRecord>>> {
        let mut records = Vec::with_capacity(jobs.len());
        for chunk in jobs.chunks(BATCH_MAX) {
            let mut pipeline = redis::pipe();
            for job in chunk {
                pipeline.cmd("HGET").arg(self.space.status(job)).arg("record");
            }
            for reply in self.link.pipeline("get status", &pipeline).await? {
                records.push(decode(reply)?);
            }
        }
        Ok(records)
    }

    /// Redis forgets expired records by itself.
    async fn purge(&self) -> Result<u64> {
        Ok(0)
    }
}

/// Returns when a record is to be forgotten, in milliseconds since the epoch.
fn forgotten_ms(record: &StatusRecord, now_ms: u64) -> u64 {
    let (from, kept) = if record.state.is_final() {
        (record.finished_ms.unwrap_or(now_ms), KEPT_AFTER_END)
    } else {
        (now_ms, KEPT_ALIVE)
    };
    from.saturating_add(u64::try_from(kept.as_millis()).unwrap_or(u64::MAX))
}

fn encode(record: &StatusRecord) -> Result<String> {
    serde_json::to_string(record)
        .map_err(|error| QueueError::Invalid { what: "status record", why: error.to_string() })
}

fn decode(reply: redis::Value) -> Result<Option<StatusRecord>> {
    let Some(text) = wire::text(reply)? else { return Ok(None) };
    serde_json::from_str(&text)
        .map(Some)
        .map_err(|error| QueueError::Corrupt(format!("a status record: {error}")))
}
