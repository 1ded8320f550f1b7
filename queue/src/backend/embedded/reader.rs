//! Reading the tables beside the writer.
//!
//! Never writes, and never runs on a thread of the async runtime.

use std::sync::Arc;

use rusqlite::Connection;

use crate::error::{QueueError, Result};
use crate::job::Payload;

use super::encoding::{Decode as _, Input};
use super::job_body::Record;
use super::shared::locked;
use super::tables::{self, store_error};
use super::writer::{SharedConnection, closed};

/// A connection that only reads.
#[derive(Debug)]
pub(super) struct Reader(SharedConnection);

impl Reader {
    pub(super) fn new(connection: SharedConnection) -> Self {
        Self(connection)
    }

    pub(super) fn close(&self) {
        locked(&self.0).take();
    }

    /// Reads on a thread that may block.
    pub(super) async fn read<T: Send + 'static>(
        &self,
        operation: &'static str,
        read: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T> {
        let connection = Arc::clone(&self.0);
        let reading = tokio::task::spawn_blocking(move || {
            let connection = locked(&connection);
            let connection = connection.as_ref().ok_or_else(|| closed(operation))?;
            read(connection).map_err(|error| store_error(operation, &error))
        });
        match reading.await {
            Ok(found) => found,
            Err(error) => Err(QueueError::Unavailable { operation, cause: error.to_string() }),
        }
    }
}

/// Returns the record of an ended job and its input; `None` when the rows are gone or damaged.
pub(super) fn ended_job(
    connection: &Connection,
    serial: u64,
) -> rusqlite::Result<Option<(Record, Payload)>> {
    let Some(body) = tables::read_record(connection, serial)? else { return Ok(None) };
    let Ok(record) = Record::decode(&mut Input::new(&body)) else { return Ok(None) };
    let data = match record.body.data.clone() {
        Some(data) => Some(data),
        None => tables::read_payload(connection, serial)?.map(Payload::from_store),
    };
    Ok(data.map(|data| (record, data)))
}
