//! The workers of this process, by queue.
//!
//! In memory alone: who is here is known to nobody after the end of the process.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;

use crate::backend::{Attend, Attendance, WorkerSeen};
use crate::error::Result;

use super::operation::QueueNumber;
use super::queue_handle::QueueHandle;
use super::shared::locked;

/// Who is here, in the order in which they came.
#[derive(Debug, Default)]
pub(super) struct Roll(Mutex<Entries>);

#[derive(Debug, Default)]
struct Entries {
    last: u64,
    present: BTreeMap<u64, (QueueNumber, WorkerSeen)>,
}

/// Takes a worker off the roll when it is dropped.
struct Entry {
    roll: Arc<Roll>,
    number: u64,
}

impl Drop for Entry {
    fn drop(&mut self) {
        locked(&self.roll.0).present.remove(&self.number);
    }
}

#[async_trait]
impl Attend for QueueHandle {
    fn attend(&self, worker: Option<&str>) -> Attendance {
        let roll = Arc::clone(&self.door.shared.roll);
        let seen = WorkerSeen {
            name: worker.map(str::to_owned),
            address: None,
            since_ms: self.door.clock.now_ms(),
        };
        let number = {
            let mut entries = locked(&roll.0);
            entries.last += 1;
            let number = entries.last;
            entries.present.insert(number, (self.number, seen));
            number
        };
        Attendance::lasting(Entry { roll, number })
    }

    async fn workers(&self) -> Result<Vec<WorkerSeen>> {
        let entries = locked(&self.door.shared.roll.0);
        let here = entries.present.values().filter(|(queue, _)| *queue == self.number);
        Ok(here.map(|(_, seen)| seen.clone()).collect())
    }
}
