//! The embedded store: a state machine in memory with SQLite as its log.
//!
//! ```text
//! handle -> door -> writer: prepare -> commit (journal, tables) -> apply -> answer
//!                                          |                        |
//!                     checkpoint, in steps + state machine (memory) + wake-ups
//! handle -> look at the state, and read rows beside the writer
//! ```
//!
//! An acknowledged change survives the end of the process and a power cut; there is no other
//! mode. Living jobs are in memory without their inputs, ended jobs in tables; memory holds only
//! their ids in order. One process owns a store: the jobs that were active in the process before
//! are handed back at opening, and no lock is waited for.
//!
//! Never opens a network connection, and never knows what a job is about.

mod attending;
mod changing;
mod checkpoint;
mod clearing;
mod consuming;
mod deduplication;
mod door;
mod encoding;
mod ended_jobs;
mod event_ring;
mod families;
mod felling;
mod flows;
mod inspection;
mod job_body;
mod limiting;
mod lock_file;
mod log_rows;
mod machine;
mod metering;
mod opening;
mod operation;
mod packed_options;
mod preparing;
mod producing;
mod queue_handle;
mod queue_state;
mod reader;
mod recovery;
mod refusal;
mod request;
mod schedule_handle;
mod scheduling;
mod shared;
mod slots;
mod status;
mod tables;
mod writer;

#[cfg(test)]
mod tests;

use std::path::Path;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;

use crate::backend::{Backend, Store};
use crate::clock::SharedClock;
use crate::error::{QueueError, Result};
use crate::flow::{Flow, JobKey};
use crate::job::JobId;
use crate::status::{StatusRecord, StatusStore};

use self::checkpoint::Pace;
use self::door::Door;
use self::lock_file::LockFile;
use self::machine::STALLED_MAX;
use self::opening::Opened;
use self::operation::{Operation, Stamped};
use self::queue_handle::QueueHandle;
use self::reader::Reader;
use self::request::Request;
use self::shared::Shared;
use self::writer::Writer;

pub use self::shared::EmbeddedCounters;

/// The name of the file with the jobs, in the folder of the store.
const FILE: &str = "queue.sqlite";

/// The name of the lock beside it.
const LOCK: &str = "queue.lock";

/// Queues and job records in a folder of this machine.
pub struct EmbeddedStore {
    door: Arc<Door>,
}

impl EmbeddedStore {
    /// Opens the store in a folder, which is created if need be, and hands back the jobs that were
    /// active when the process before ended.
    ///
    /// # Errors
    /// [`QueueError::Unusable`] when another process has it open or the folder cannot be used,
    /// [`QueueError::Corrupt`] when the file is damaged.
    pub fn open(folder: &Path, clock: SharedClock) -> Result<Arc<Self>> {
        std::fs::create_dir_all(folder).map_err(|error| QueueError::Unusable {
            problem: format!("cannot create the folder {}: {error}", folder.display()),
            fix: "choose a data folder that may be written".to_owned(),
        })?;
        let (mut writer, reader) = open_files(folder, Pace::STEADY)?;
        hand_back(&mut writer, clock.now_ms());
        Ok(Arc::new(Self { door: Arc::new(Door::to_thread(writer, reader, clock)?) }))
    }

    /// Opens a store that lives in memory, for tests: it works in the caller's thread, so that it
    /// follows a clock that stands still.
    ///
    /// # Errors
    /// [`QueueError::Unavailable`] when there is no memory.
    pub fn in_memory(clock: SharedClock) -> Result<Arc<Self>> {
        let connection = tables::open_in_memory()?;
        let Opened { machine, checkpoint, number } = opening::load(&connection, Pace::STEADY)?;
        let connection = Arc::new(Mutex::new(Some(connection)));
        let reader = Reader::new(Arc::clone(&connection));
        let shared = Arc::new(Shared::new(machine));
        let writer = Writer::new(connection, shared, None, checkpoint, number);
        Ok(Arc::new(Self { door: Arc::new(Door::direct(writer, reader, clock)) }))
    }

    /// Returns what the store has counted since it was opened.
    #[must_use]
    pub fn counters(&self) -> EmbeddedCounters {
        self.door.shared.counters.read()
    }
}

/// Opens the files of a store and reads the state from them.
fn open_files(folder: &Path, pace: Pace) -> Result<(Writer, Reader)> {
    let lock_file = LockFile::take(&folder.join(LOCK))?;
    let path = folder.join(FILE);
    let connection = tables::open_writer(&path)?;
    let Opened { machine, checkpoint, number } = opening::load(&connection, pace)?;
    let lost = lock_file.last_number().unwrap_or_default().saturating_sub(number);
    let reader = Reader::new(Arc::new(Mutex::new(Some(tables::open_reader(&path)?))));
    let connection = Arc::new(Mutex::new(Some(connection)));
    let shared = Arc::new(Shared::new(machine));
    let mut writer = Writer::new(connection, shared, Some(lock_file), checkpoint, number);
    if lost > 0 {
        writer.report_lost(lost);
    }
    Ok((writer, reader))
}

/// Takes back the jobs that were active in the process before.
fn hand_back(writer: &mut Writer, now_ms: u64) {
    let queues: Vec<_> = shared::locked(&writer.shared().machine)
        .queues()
        .filter(|(_, queue)| !queue.active.is_empty())
        .map(|(number, _)| number)
        .collect();
    for queue in queues {
        let operation = Operation::Recover { stalled_max: STALLED_MAX };
        let stamped = Stamped { now_ms, queue, operation };
        writer.push(Request::Operate { stamped, log_row: None, reply: None });
    }
    writer.run_group();
}

#[async_trait]
impl Store for EmbeddedStore {
    async fn queue(&self, name: &str) -> Result<Arc<dyn Backend>> {
        let number = flows::open(&self.door, name).await?;
        Ok(Arc::new(QueueHandle::new(Arc::clone(&self.door), number)))
    }

    async fn add_flow(&self, flow: Flow) -> Result<Vec<JobKey>> {
        flows::add_flow(&self.door, flow).await
    }

    fn status(&self) -> Arc<dyn StatusStore> {
        Arc::new(StatusHandle { door: Arc::clone(&self.door) })
    }

    async fn installation(&self, id: &str) -> Result<String> {
        let id = id.to_owned();
        let write = move |connection: &rusqlite::Connection| {
            if let Some(found) = tables::meta(connection, "installation")? {
                return Ok(found);
            }
            tables::set_meta(connection, "installation", &id)?;
            Ok(id.clone())
        };
        self.door.write("installation", write).await
    }

    async fn ping(&self) -> Result<()> {
        self.door.write("ping", |_| Ok(())).await
    }

    async fn close(&self) {
        self.door.close().await;
    }
}

struct StatusHandle {
    door: Arc<Door>,
}

#[async_trait]
impl StatusStore for StatusHandle {
    async fn put(&self, records: Vec<StatusRecord>) -> Result<Vec<Option<StatusRecord>>> {
        if records.is_empty() {
            return Ok(Vec::new());
        }
        let write = move |connection: &rusqlite::Connection| status::put(connection, &records);
        self.door.write("status put", write).await
    }

    async fn get(&self, jobs: &[JobId]) -> Result<Vec<Option<StatusRecord>>> {
        let jobs = jobs.to_vec();
        let read = move |connection: &rusqlite::Connection| {
            jobs.iter().map(|job| status::get(connection, job)).collect()
        };
        self.door.reader.read("status get", read).await
    }

    async fn purge(&self) -> Result<u64> {
        let now_ms = self.door.clock.now_ms();
        let mut purged = 0;
        loop {
            let write = move |connection: &rusqlite::Connection| status::purge(connection, now_ms);
            let (some, more) = self.door.write("status purge", write).await?;
            purged += some;
            if !more {
                return Ok(purged);
            }
        }
    }
}
