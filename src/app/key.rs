//! The key that signs upload links and stream tokens: configured, or made once in the data folder.

use std::fs;
use std::io::Write as _;

use anyhow::{Context as _, ensure};

use crate::config::Config;

/// The bytes of a key that is made here.
const LENGTH: usize = 32;

/// Returns the signing key.
///
/// # Errors
/// When it cannot be read or written, or the file was damaged.
pub(crate) fn signing_key(config: &Config) -> anyhow::Result<Vec<u8>> {
    if !config.auth.signing_key.is_empty() {
        return Ok(config.auth.signing_key.clone().into_bytes());
    }
    let path = config.data_dir.join("signing.key");
    let shown = path.display().to_string();
    if path.exists() {
        let key = fs::read(&path).with_context(|| format!("cannot read {shown}"))?;
        ensure!(key.len() >= LENGTH, "{shown} is damaged; remove it, open links will end");
        return Ok(key);
    }
    let key: [u8; LENGTH] = rand::random();
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(&path).with_context(|| format!("cannot write {shown}"))?;
    file.write_all(&key).and_then(|()| file.sync_all()).with_context(|| shown.clone())?;
    Ok(key.to_vec())
}
