//! Open bundles by key, so that searches and plans read each object once.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::OnceCell;

use crate::bundle::Bundle;
use crate::error::{ErrorCode, Result, StudyError};
use crate::ports::Objects;

/// The bound of a cache that is made by default: 64 MiB.
const BYTES_MAX: usize = 64 << 20;

/// Open bundles by key, the least recently used dropped beyond a bound of bytes.
///
/// A key names one content for ever, so nothing here becomes stale.
pub struct BundleCache {
    bytes_max: usize,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    bytes: usize,
    /// Counts uses; the higher, the more recent.
    uses: u64,
    slots: HashMap<String, Slot>,
}

struct Slot {
    bundle: Arc<OnceCell<Arc<Bundle>>>,
    /// 0 until the bundle is open.
    bytes: usize,
    last_use: u64,
}

impl Default for BundleCache {
    fn default() -> Self {
        Self::with_bytes(BYTES_MAX)
    }
}

impl BundleCache {
    /// Makes an empty cache with a bound; a single larger bundle is kept until the next one comes.
    #[must_use]
    pub fn with_bytes(bytes_max: usize) -> Self {
        Self { bytes_max, state: Mutex::default() }
    }

    /// Returns the bundle under a key, read at most once at a time.
    ///
    /// # Errors
    /// When the object cannot be read (transient) or is not a whole bundle (permanent).
    pub async fn open(&self, objects: &dyn Objects, key: &str) -> Result<Arc<Bundle>> {
        let cell = self.lock().cell(key);
        let opened = cell.get_or_try_init(|| read(objects, key)).await.cloned();
        let mut state = self.lock();
        match &opened {
            Ok(bundle) => state.keep(key, &cell, bundle.memory(), self.bytes_max),
            Err(_) => state.forget(key, &cell),
        }
        opened
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// The place of a bundle, open or not; whoever comes first opens it.
    fn cell(&mut self, key: &str) -> Arc<OnceCell<Arc<Bundle>>> {
        self.uses += 1;
        if let Some(slot) = self.slots.get_mut(key) {
            slot.last_use = self.uses;
            return Arc::clone(&slot.bundle);
        }
        let slot = Slot { bundle: Arc::default(), bytes: 0, last_use: self.uses };
        let cell = Arc::clone(&slot.bundle);
        self.slots.insert(key.to_owned(), slot);
        cell
    }

    /// Counts an open bundle once, and drops others beyond the bound.
    fn keep(&mut self, key: &str, cell: &Arc<OnceCell<Arc<Bundle>>>, bytes: usize, max: usize) {
        match self.slots.get_mut(key) {
            Some(slot) if slot.bytes == 0 && Arc::ptr_eq(&slot.bundle, cell) => slot.bytes = bytes,
            _ => return,
        }
        self.bytes += bytes;
        while self.bytes > max {
            let open = self.slots.iter().filter(|(other, slot)| slot.bytes > 0 && *other != key);
            let oldest = open.min_by_key(|(_, slot)| slot.last_use).map(|(key, _)| key.clone());
            let Some(dropped) = oldest.and_then(|key| self.slots.remove(&key)) else { return };
            self.bytes -= dropped.bytes;
        }
    }

    /// Drops a place that nobody could open.
    fn forget(&mut self, key: &str, cell: &Arc<OnceCell<Arc<Bundle>>>) {
        let is_same = |slot: &Slot| slot.bytes == 0 && Arc::ptr_eq(&slot.bundle, cell);
        if !cell.initialized() && self.slots.get(key).is_some_and(is_same) {
            self.slots.remove(key);
        }
    }
}

async fn read(objects: &dyn Objects, key: &str) -> Result<Arc<Bundle>> {
    let Some(bytes) = objects.get(key).await? else {
        return Err(StudyError::storage(format!("the bundle {key} is not in the object store")));
    };
    let decoded = tokio::task::spawn_blocking(move || Bundle::decode(&bytes)).await;
    match decoded {
        Ok(Ok(bundle)) => Ok(Arc::new(bundle)),
        Ok(Err(damage)) => {
            let message = format!("{key}: {damage}; upload the document again");
            Err(StudyError::permanent(ErrorCode::InternalError, message))
        }
        Err(error) => {
            tracing::warn!(%error, key, "could not decode a bundle");
            let message = format!("the bundle {key} could not be decoded; try again");
            Err(StudyError::transient(ErrorCode::InternalError, message))
        }
    }
}
