//! The files of an index in one run of bytes: per file its name's length, its name, its length and
//! its bytes; numbers little-endian. The bundle around it carries the checksum.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use tantivy::directory::error::OpenReadError;
use tantivy::directory::{Directory, RamDirectory, TerminatingWrite as _};
use tantivy::{Index, TantivyError};

const META: &str = "meta.json";

/// Collects the files of an index.
pub(super) fn write(index: &Index, directory: &RamDirectory) -> tantivy::Result<Bytes> {
    let mut archive = Vec::new();
    let mut files: BTreeSet<PathBuf> =
        index.load_metas()?.list_segment_files().into_iter().collect();
    files.remove(Path::new(META));
    for path in &files {
        match directory.open_read(path) {
            Ok(file) => append(&mut archive, path, &file.read_bytes()?),
            // A segment without deletions lists files that it does not have.
            Err(OpenReadError::FileDoesNotExist(_)) => {}
            Err(error) => return Err(error.into()),
        }
    }
    append(&mut archive, Path::new(META), &directory.atomic_read(Path::new(META))?);
    Ok(archive.into())
}

fn append(archive: &mut Vec<u8>, path: &Path, bytes: &[u8]) {
    let name = path.to_string_lossy();
    archive.extend_from_slice(&(name.len() as u64).to_le_bytes());
    archive.extend_from_slice(name.as_bytes());
    archive.extend_from_slice(&(bytes.len() as u64).to_le_bytes());
    archive.extend_from_slice(bytes);
}

/// Opens an index in memory.
pub(super) fn open(archive: &[u8]) -> tantivy::Result<Index> {
    let directory = RamDirectory::create();
    let mut rest = archive;
    while !rest.is_empty() {
        let name = take(&mut rest)?;
        let path = PathBuf::from(String::from_utf8_lossy(name).into_owned());
        let bytes = take(&mut rest)?;
        if path == Path::new(META) {
            directory.atomic_write(&path, bytes)?;
        } else {
            let mut file = directory.open_write(&path)?;
            file.write_all(bytes)?;
            file.terminate()?;
        }
    }
    Index::open(directory)
}

/// Takes a length and so many bytes off the front.
fn take<'a>(rest: &mut &'a [u8]) -> tantivy::Result<&'a [u8]> {
    let cut_off = || TantivyError::InvalidArgument("the index in the bundle is cut off".to_owned());
    let (length, after) = rest.split_first_chunk().ok_or_else(cut_off)?;
    let length = usize::try_from(u64::from_le_bytes(*length)).map_err(|_| cut_off())?;
    let (taken, after) = after.split_at_checked(length).ok_or_else(cut_off)?;
    *rest = after;
    Ok(taken)
}
