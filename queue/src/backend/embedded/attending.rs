//! The workers of this process, by queue.
//!
//! In memory alone: who is here is known to nobody after the end of the process.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use async_trait::async_trait;

use crate::backend::{Attend, Attendance, WorkerClient};
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
    present: BTreeMap<u64, Present>,
}

#[derive(Debug)]
struct Present {
    queue: QueueNumber,
    name: Option<String>,
    since: Instant,
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
        let name = worker.map(str::to_owned);
        let present = Present { queue: self.number, name, since: Instant::now() };
        let number = {
            let mut entries = locked(&roll.0);
            entries.last += 1;
            let number = entries.last;
            entries.present.insert(number, present);
            number
        };
        Attendance::lasting(Entry { roll, number })
    }

    async fn workers(&self) -> Result<Option<Vec<WorkerClient>>> {
        let entries = locked(&self.door.shared.roll.0);
        let here = entries.present.iter().filter(|(_, present)| present.queue == self.number);
        let client = |(number, present): (&u64, &Present)| WorkerClient {
            id: number.to_string(),
            name: present.name.clone(),
            address: "this process".to_owned(),
            age: present.since.elapsed(),
        };
        Ok(Some(here.map(client).collect()))
    }
}
