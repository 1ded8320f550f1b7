//! Changing the time, the place in the line and the input of jobs.

use std::time::Duration;

use async_trait::async_trait;
use redis::{Cmd, Value};

use super::produce::{check_due, moved};
use super::{RedisQueue, scripts};
use crate::backend::Change;
use crate::error::{QueueError, Result};
use crate::event::Position;
use crate::job::{JobId, Payload, check_data};
use crate::options::check_priority;

#[async_trait]
impl Change for RedisQueue {
    async fn change_delay(&self, id: &JobId, delay: Duration) -> Result<Position> {
        let now_ms = self.link.now_ms();
        let delay_ms = u64::try_from(delay.as_millis()).unwrap_or(u64::MAX);
        check_due(now_ms, delay_ms)?;
        let mut call = self.call(&scripts::CHANGE_DELAY);
        call.arg(now_ms).arg(id.as_str()).arg(delay_ms);
        moved(self.link.script("change delay", &call).await?, id, "change delay", "delayed")
    }

    async fn change_priority(&self, id: &JobId, priority: u32, front: bool) -> Result<()> {
        check_priority(priority)?;
        let mut call = self.call(&scripts::CHANGE_PRIORITY);
        call.arg(id.as_str()).arg(priority).arg(u8::from(front));
        self.change("change priority", id, &call).await
    }

    async fn change_data(&self, id: &JobId, data: Payload) -> Result<()> {
        check_data(&data)?;
        let mut call = self.call(&scripts::CHANGE_DATA);
        call.arg(id.as_str()).arg(data.as_str());
        self.change("change data", id, &call).await
    }
}

impl RedisQueue {
    /// Runs a script that answers 0 when there is no such job.
    async fn change(&self, operation: &'static str, id: &JobId, call: &Cmd) -> Result<()> {
        match self.link.script(operation, call).await? {
            Value::Int(0) => Err(QueueError::NoSuchJob(id.clone())),
            _ => Ok(()),
        }
    }
}
