//! The folder of what this process is writing, and the removal of what dead processes left.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use super::folder;

/// A folder of this process; its lock tells others that the process lives.
pub(super) struct Incoming {
    own: PathBuf,
    lock: PathBuf,
    _held: File,
}

impl Incoming {
    /// Sweeps the folder and makes this process's own part of it.
    pub(super) fn open(dir: &Path) -> io::Result<Self> {
        folder::make(dir)?;
        // Held for the sweep alone, so that no lock is seen between its making and its taking.
        let door = OpenOptions::new().create(true).append(true).open(dir.join("door"))?;
        door.lock()?;
        sweep(dir)?;
        let name = uuid::Uuid::new_v4().simple().to_string();
        let (own, lock) = (dir.join(&name), dir.join(format!("{name}.lock")));
        let held = File::create_new(&lock)?;
        held.lock()?;
        fs::create_dir(&own)?;
        Ok(Self { own, lock, _held: held })
    }

    /// Makes a file that is removed when it is dropped.
    pub(super) fn file(&self) -> io::Result<NamedTempFile> {
        NamedTempFile::new_in(&self.own)
    }
}

impl Drop for Incoming {
    fn drop(&mut self) {
        // What cannot be removed now, the next process removes.
        let _ = fs::remove_dir(&self.own);
        let _ = fs::remove_file(&self.lock);
    }
}

fn sweep(dir: &Path) -> io::Result<()> {
    for entry in fs::read_dir(dir)? {
        let lock = entry?.path();
        if lock.extension().is_none_or(|extension| extension != "lock") {
            continue;
        }
        let Ok(found) = OpenOptions::new().append(true).open(&lock) else { continue };
        if found.try_lock().is_ok() {
            match fs::remove_dir_all(lock.with_extension("")) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => fs::remove_file(&lock)?,
            }
        }
    }
    Ok(())
}
