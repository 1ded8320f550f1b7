//! Writing an object: into a file of its own, synced, then given its name if that is free.

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use oxherd_study::ports::ObjectWriter;
use oxherd_study::{Result, StudyError};
use tempfile::NamedTempFile;

use super::{Store, folder};

/// How often a folder may vanish under a writer, because its last object was deleted.
const TRIES: usize = 5;

/// An object that is being written; its file is removed when this is dropped.
pub(super) struct LocalWriter {
    store: Arc<Store>,
    path: PathBuf,
    /// Absent after a write that failed: what is missing then can never be finished.
    file: Option<NamedTempFile>,
}

impl LocalWriter {
    pub(super) async fn begin(store: Arc<Store>, path: PathBuf) -> Result<Self> {
        let within = Arc::clone(&store);
        let file = store.must(move || within.incoming.file()).await?;
        Ok(Self { store, path, file: Some(file) })
    }

    fn take(&mut self) -> Result<NamedTempFile> {
        let broken = || StudyError::storage("an earlier write of this file failed: send it again");
        self.file.take().ok_or_else(broken)
    }
}

#[async_trait]
impl ObjectWriter for LocalWriter {
    async fn write(&mut self, bytes: Bytes) -> Result<()> {
        let mut file = self.take()?;
        let write = move || file.as_file_mut().write_all(&bytes).map(|()| file);
        self.file = Some(self.store.must(write).await?);
        Ok(())
    }

    async fn finish_if_absent(mut self: Box<Self>) -> Result<bool> {
        let (file, path) = (self.take()?, self.path);
        self.store.must(move || publish(file, &path)).await
    }
}

/// Gives the file its name; `false` when the name is taken.
fn publish(mut file: NamedTempFile, path: &Path) -> io::Result<bool> {
    file.as_file().sync_all()?;
    let above = path.parent().unwrap_or(Path::new("."));
    for _ in 0..TRIES {
        match folder::make(above) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            made => made?,
        }
        match file.persist_noclobber(path) {
            Ok(_) => {
                folder::sync(above)?;
                return Ok(true);
            }
            Err(refused) if refused.error.kind() == io::ErrorKind::AlreadyExists => {
                return Ok(false);
            }
            Err(refused) if refused.error.kind() == io::ErrorKind::NotFound => file = refused.file,
            Err(refused) => return Err(refused.error),
        }
    }
    Err(io::ErrorKind::NotFound.into())
}
