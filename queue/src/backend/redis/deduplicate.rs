//! Telling and freeing deduplication ids.

use async_trait::async_trait;
use redis::Value;

use super::{RedisQueue, scripts, wire};
use crate::backend::Deduplicate;
use crate::error::Result;
use crate::job::JobId;

#[async_trait]
impl Deduplicate for RedisQueue {
    async fn deduplication_owner(&self, deduplication_id: &str) -> Result<Option<JobId>> {
        let mut command = redis::cmd("GET");
        command.arg(self.keys.deduplication(deduplication_id));
        let owner = self.link.command("deduplication owner", &command).await?;
        Ok(wire::text(owner)?.map(JobId::from_store))
    }

    async fn free_deduplication(
        &self,
        deduplication_id: &str,
        owner: Option<&JobId>,
    ) -> Result<bool> {
        let mut call = self.call(&scripts::FREE_DEDUPLICATION);
        call.arg(deduplication_id).arg(owner.map_or("", JobId::as_str));
        Ok(self.link.script("free deduplication", &call).await? == Value::Int(1))
    }
}
