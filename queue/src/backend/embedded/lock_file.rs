//! The lock that keeps a second process out, and the number of the last commit beside the journal.
//!
//! The number is written after each commit and not synced: it is never ahead of the journal, and
//! after the end of the process alone it is exact. So a journal that ends earlier has lost rows.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::Read as _;
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use crate::error::{QueueError, Result};

#[derive(Debug)]
pub(super) struct LockFile {
    file: File,
}

impl LockFile {
    /// Takes the lock; the operating system gives it back when the process ends.
    pub(super) fn take(path: &Path) -> Result<Self> {
        let unusable =
            |problem: String, fix: &str| QueueError::Unusable { problem, fix: fix.to_owned() };
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(path)
            .map_err(|error| {
                unusable(
                    format!("cannot open {}: {error}", path.display()),
                    "check that the data folder exists and may be written",
                )
            })?;
        match file.try_lock() {
            Ok(()) => Ok(Self { file }),
            Err(TryLockError::WouldBlock) => Err(unusable(
                format!("another process uses the queue ({} is locked)", path.display()),
                "stop it, or give this one another data folder",
            )),
            Err(TryLockError::Error(error)) => Err(unusable(
                format!("cannot lock {}: {error}", path.display()),
                "put the data folder on a file system with locks",
            )),
        }
    }

    /// Returns the number of the last commit; `None` when none is written there.
    pub(super) fn last_number(&self) -> Option<u64> {
        let mut text = String::new();
        let mut file = &self.file;
        file.read_to_string(&mut text).ok()?;
        text.trim().parse().ok()
    }

    /// Writes the number of a commit down.
    pub(super) fn note(&self, number: u64) {
        // A lost number only weakens a check; the commit itself has succeeded.
        if let Err(error) = self.file.write_all_at(format!("{number:020}\n").as_bytes(), 0) {
            tracing::warn!(%error, "cannot note the last commit beside the queue's journal");
        }
    }
}

impl Drop for LockFile {
    /// Gives the lock back by name: a child process that is just being started still shares the
    /// file, and closing it here alone would leave it locked until that child runs.
    fn drop(&mut self) {
        if let Err(error) = self.file.unlock() {
            tracing::warn!(%error, "the lock of the queue is left to the end of this process");
        }
    }
}
