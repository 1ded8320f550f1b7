//! Folders: made durably, removed when empty, listed in the order of keys.

use std::fs::{self, File};
use std::io;
use std::path::Path;
use std::time::SystemTime;

/// Makes a folder and those above it; each new name is on disk when this returns.
pub(super) fn make(path: &Path) -> io::Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    if let Some(above) = path.parent().filter(|above| !above.as_os_str().is_empty()) {
        make(above)?;
    }
    match fs::create_dir(path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
        _ => {}
    }
    path.parent().map_or(Ok(()), sync)
}

/// Brings the names in a folder to disk.
pub(super) fn sync(path: &Path) -> io::Result<()> {
    // Elsewhere a folder cannot be opened as a file, and names are written through.
    if cfg!(unix) {
        let path = if path.as_os_str().is_empty() { Path::new(".") } else { path };
        File::open(path)?.sync_all()?;
    }
    Ok(())
}

/// Removes a file, and the folders below `root` that become empty.
pub(super) fn remove(path: &Path, root: &Path) -> io::Result<()> {
    fs::remove_file(path)?;
    let mut above = path.parent();
    while let Some(folder) = above.filter(|folder| *folder != root && folder.starts_with(root)) {
        // Fails when it is not empty.
        if fs::remove_dir(folder).is_err() {
            return sync(folder);
        }
        above = folder.parent();
    }
    sync(root)
}

/// Lists at most `limit` files whose key begins with `prefix`, in key order after `after`.
pub(super) fn list(
    root: &Path,
    prefix: &str,
    after: &str,
    limit: usize,
) -> io::Result<Vec<(String, SystemTime)>> {
    let mut listed = Vec::new();
    walk(root, "", &Wanted { prefix, after, limit }, &mut listed)?;
    Ok(listed)
}

struct Wanted<'w> {
    prefix: &'w str,
    after: &'w str,
    limit: usize,
}

fn walk(
    folder: &Path,
    key: &str,
    wanted: &Wanted<'_>,
    listed: &mut Vec<(String, SystemTime)>,
) -> io::Result<()> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        entries => entries?,
    };
    let mut keys = Vec::new();
    for entry in entries {
        let entry = entry?;
        let Ok(name) = entry.file_name().into_string() else { continue };
        // A folder's slash takes part in the order of keys.
        let slash = if entry.file_type()?.is_dir() { "/" } else { "" };
        keys.push(format!("{key}{name}{slash}"));
    }
    keys.sort_unstable();
    for key in keys {
        if listed.len() >= wanted.limit {
            return Ok(());
        }
        let path = folder.join(key.trim_end_matches('/').rsplit('/').next().unwrap_or_default());
        if key.ends_with('/') {
            let leads = key.starts_with(wanted.prefix) || wanted.prefix.starts_with(&key);
            let is_behind = key.as_str() < wanted.after && !wanted.after.starts_with(&key);
            if leads && !is_behind {
                walk(&path, &key, wanted, listed)?;
            }
        } else if key.starts_with(wanted.prefix) && key.as_str() > wanted.after {
            match fs::metadata(&path).and_then(|found| found.modified()) {
                Ok(stored) => listed.push((key, stored)),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
    }
    Ok(())
}
