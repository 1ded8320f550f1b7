//! Objects as files of a folder: a key is a path in it.
//!
//! An object is seen whole or not at all, is on disk before its writer says so, and is never
//! overwritten. It holds nothing in memory but the piece that passes.
//!
//! ```text
//! <dir>/objects/<key>          what is stored
//! <dir>/incoming/<process>/…   what is being written, on the same file system
//! <dir>/incoming/<process>.lock, held while the process lives: what a dead one left is removed
//! ```

mod folder;
mod incoming;
mod writer;

use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use bytes::Bytes;
use oxherd_study::ports::{ByteStream, ObjectWriter, Objects, StoredObject};
use oxherd_study::{Result, StudyError};
use tokio::sync::Semaphore;
use tokio::time::timeout;

use incoming::Incoming;
use writer::LocalWriter;

/// The size of a piece that is read.
const PIECE: usize = 256 * 1024;
/// The longest wait for one operation of the disk.
const DISK_MAX: Duration = Duration::from_secs(30);
/// Operations of the disk at the same time; bounds the threads that wait for it.
const AT_ONCE: usize = 16;
/// The longest key in bytes.
const KEY_MAX: usize = 512;

/// Objects in a folder of this machine.
#[derive(Clone)]
pub struct LocalObjects {
    store: Arc<Store>,
}

/// The folder and the door to its disk.
struct Store {
    root: PathBuf,
    incoming: Incoming,
    at_once: Semaphore,
}

impl LocalObjects {
    /// Opens the folder, made if absent, and removes what dead processes had begun to write.
    ///
    /// # Errors
    /// When the folder cannot be used.
    pub async fn open(dir: &Path) -> Result<Arc<Self>> {
        let (root, incoming) = (dir.join("objects"), dir.join("incoming"));
        let made = root.clone();
        let open = move || {
            folder::make(&made)?;
            Incoming::open(&incoming)
        };
        let incoming = match tokio::task::spawn_blocking(open).await {
            Ok(Ok(incoming)) => incoming,
            Ok(Err(error)) => {
                let message = format!("cannot keep files in {}: {error}", dir.display());
                return Err(StudyError::storage(message));
            }
            Err(_) => return Err(StudyError::storage("opening the folder of files was given up")),
        };
        let store = Store { root, incoming, at_once: Semaphore::new(AT_ONCE) };
        Ok(Arc::new(Self { store: Arc::new(store) }))
    }

    fn path(&self, key: &str) -> Result<PathBuf> {
        check_key(key)?;
        Ok(self.store.root.join(key))
    }
}

/// Keys are made by the server; this keeps a mistake from leaving the folder.
fn check_key(key: &str) -> Result<()> {
    let is_letter =
        |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'.' | b'-' | b'/');
    let is_name = |name: &str| !matches!(name, "" | "." | "..");
    if key.len() <= KEY_MAX && key.bytes().all(is_letter) && key.split('/').all(is_name) {
        return Ok(());
    }
    Err(StudyError::permanent(
        oxherd_study::error::ErrorCode::InternalError,
        format!("{key:?} cannot be the key of an object"),
    ))
}

impl Store {
    /// Does something with the disk on a thread that may wait.
    async fn on_disk<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> io::Result<T> + Send + 'static,
    ) -> Result<io::Result<T>> {
        let done = timeout(DISK_MAX, async {
            // The semaphore is never closed.
            let _permit = self.at_once.acquire().await.ok();
            tokio::task::spawn_blocking(work).await
        });
        match done.await {
            Ok(Ok(done)) => Ok(done),
            Ok(Err(_)) => Err(StudyError::storage("an operation of the file store was given up")),
            Err(_) => Err(StudyError::storage("the disk of the file store does not answer")),
        }
    }

    /// The same, where any failure is one of the store.
    async fn must<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> io::Result<T> + Send + 'static,
    ) -> Result<T> {
        self.on_disk(work).await?.map_err(|error| failed(&error))
    }

    /// The same, where nothing may be there.
    async fn may_miss<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> io::Result<T> + Send + 'static,
    ) -> Result<Option<T>> {
        match self.on_disk(work).await? {
            Ok(done) => Ok(Some(done)),
            Err(error) if is_absent(&error) => Ok(None),
            Err(error) => Err(failed(&error)),
        }
    }
}

fn is_absent(error: &io::Error) -> bool {
    use io::ErrorKind::{IsADirectory, NotADirectory, NotFound};
    matches!(error.kind(), NotFound | IsADirectory | NotADirectory)
}

fn failed(error: &io::Error) -> StudyError {
    use io::ErrorKind::{FileTooLarge, QuotaExceeded, StorageFull};
    tracing::warn!(%error, "the file store failed");
    StudyError::storage(match error.kind() {
        StorageFull | QuotaExceeded | FileTooLarge => {
            "the disk of the file store is full: free some space and try again"
        }
        _ => "the file store does not work: try again in a moment",
    })
}

#[async_trait]
impl Objects for LocalObjects {
    async fn writer(&self, key: &str) -> Result<Box<dyn ObjectWriter>> {
        let path = self.path(key)?;
        let writer = LocalWriter::begin(Arc::clone(&self.store), path).await?;
        Ok(Box::new(writer))
    }

    async fn put_if_absent(&self, key: &str, bytes: Bytes) -> Result<bool> {
        let mut writer = self.writer(key).await?;
        writer.write(bytes).await?;
        writer.finish_if_absent().await
    }

    async fn read(&self, key: &str) -> Result<Option<ByteStream>> {
        let path = self.path(key)?;
        let Some(file) = self.store.may_miss(move || open(&path)).await? else { return Ok(None) };
        let store = Arc::clone(&self.store);
        let pieces = futures::stream::try_unfold((store, file), async |(store, mut file)| {
            let read = move || read_piece(&mut file, PIECE as u64).map(|piece| (piece, file));
            let (piece, file) = store.must(read).await?;
            Ok(if piece.is_empty() { None } else { Some((piece, (store, file))) })
        });
        Ok(Some(Box::pin(pieces)))
    }

    async fn read_range(&self, key: &str, range: Range<u64>) -> Result<Option<Bytes>> {
        let path = self.path(key)?;
        let read = move || {
            let mut file = open(&path)?;
            file.seek(SeekFrom::Start(range.start))?;
            read_piece(&mut file, range.end.saturating_sub(range.start))
        };
        self.store.may_miss(read).await
    }

    async fn get(&self, key: &str) -> Result<Option<Bytes>> {
        let path = self.path(key)?;
        self.store.may_miss(move || read_piece(&mut open(&path)?, u64::MAX)).await
    }

    async fn size(&self, key: &str) -> Result<Option<u64>> {
        let path = self.path(key)?;
        self.store.may_miss(move || Ok(open(&path)?.metadata()?.len())).await
    }

    async fn delete(&self, key: &str) -> Result<()> {
        let (path, root) = (self.path(key)?, self.store.root.clone());
        self.store.may_miss(move || folder::remove(&path, &root)).await?;
        Ok(())
    }

    async fn list(
        &self,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<StoredObject>> {
        let root = self.store.root.clone();
        let (prefix, after) = (prefix.to_owned(), after.unwrap_or_default().to_owned());
        let listed = self.store.must(move || folder::list(&root, &prefix, &after, limit)).await?;
        let stored = |(key, stored): (String, SystemTime)| {
            let since = stored.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
            StoredObject { key, stored_ms: u64::try_from(since.as_millis()).unwrap_or(u64::MAX) }
        };
        Ok(listed.into_iter().map(stored).collect())
    }
}

/// Opens a file; a folder is no object.
fn open(path: &Path) -> io::Result<File> {
    let file = File::open(path)?;
    if file.metadata()?.is_dir() {
        return Err(io::ErrorKind::IsADirectory.into());
    }
    Ok(file)
}

/// Reads up to `most` bytes; fewer at the end of the file.
fn read_piece(file: &mut File, most: u64) -> io::Result<Bytes> {
    let mut piece = Vec::new();
    file.take(most).read_to_end(&mut piece)?;
    Ok(piece.into())
}

#[cfg(test)]
mod tests;
