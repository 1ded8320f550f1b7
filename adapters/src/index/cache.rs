//! Indexes that are open, the least recently used dropped beyond a bound of bytes.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tantivy::{IndexReader, ReloadPolicy, Searcher};

use super::archive;

/// Open indexes by the key of their bundle. A key names one content for ever, so nothing here
/// becomes stale.
pub(super) struct OpenedIndexes {
    bytes_max: usize,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    bytes: usize,
    /// Counts uses; the higher, the more recent.
    uses: u64,
    indexes: HashMap<String, Opened>,
}

struct Opened {
    reader: Arc<IndexReader>,
    bytes: usize,
    last_use: u64,
}

impl OpenedIndexes {
    pub(super) fn new(bytes_max: usize) -> Self {
        Self { bytes_max, state: Mutex::default() }
    }

    /// Returns the index of a bundle. Two that open it at once both do; that is cheap and rare.
    pub(super) fn open(&self, key: &str, archive: &[u8]) -> tantivy::Result<Searcher> {
        if let Some(reader) = self.lock().touch(key) {
            return Ok(reader.searcher());
        }
        let index = archive::open(archive)?;
        let reader = index.reader_builder().reload_policy(ReloadPolicy::Manual).try_into()?;
        let reader: Arc<IndexReader> = Arc::new(reader);
        self.lock().insert(key, Arc::clone(&reader), archive.len(), self.bytes_max);
        Ok(reader.searcher())
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn touch(&mut self, key: &str) -> Option<Arc<IndexReader>> {
        self.uses += 1;
        let opened = self.indexes.get_mut(key)?;
        opened.last_use = self.uses;
        Some(Arc::clone(&opened.reader))
    }

    fn insert(&mut self, key: &str, reader: Arc<IndexReader>, bytes: usize, bytes_max: usize) {
        let opened = Opened { reader, bytes, last_use: self.uses };
        self.bytes += bytes;
        if let Some(before) = self.indexes.insert(key.to_owned(), opened) {
            self.bytes -= before.bytes;
        }
        while self.bytes > bytes_max && self.indexes.len() > 1 {
            let oldest = self.indexes.iter().min_by_key(|(_, opened)| opened.last_use);
            let Some(oldest) = oldest.map(|(key, _)| key.clone()) else { return };
            if let Some(dropped) = self.indexes.remove(&oldest) {
                self.bytes -= dropped.bytes;
            }
        }
    }
}
