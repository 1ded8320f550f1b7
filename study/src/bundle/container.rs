//! Named sections in one run of bytes, with a checksum over all of it.
//!
//! ```text
//! "OXHERDKB" format:u32 sections:u32 (name_length:u8 name length:u64)* payload* sha256:32 bytes
//! ```
//! Numbers are little-endian. It knows nothing of what is in the sections.

use sha2::{Digest as _, Sha256};

use super::DamagedBundle;

const MAGIC: &[u8; 8] = b"OXHERDKB";
const FORMAT: u32 = 1;
const CHECKSUM_LENGTH: usize = 32;

/// Writes sections.
#[derive(Default)]
pub(super) struct Writer {
    table: Vec<u8>,
    count: u32,
    payload: Vec<u8>,
}

impl Writer {
    /// Appends a section; its name has at most 255 bytes.
    pub(super) fn section(&mut self, name: &'static str, bytes: &[u8]) {
        let length = u8::try_from(name.len()).unwrap_or(u8::MAX);
        self.table.push(length);
        self.table.extend_from_slice(&name.as_bytes()[..usize::from(length)]);
        self.table.extend_from_slice(&(bytes.len() as u64).to_le_bytes());
        self.payload.extend_from_slice(bytes);
        self.count += 1;
    }

    /// Returns the whole.
    pub(super) fn finish(self) -> Vec<u8> {
        let mut all = Vec::with_capacity(64 + self.table.len() + self.payload.len());
        all.extend_from_slice(MAGIC);
        all.extend_from_slice(&FORMAT.to_le_bytes());
        all.extend_from_slice(&self.count.to_le_bytes());
        all.extend_from_slice(&self.table);
        all.extend_from_slice(&self.payload);
        let checksum = Sha256::digest(&all);
        all.extend_from_slice(&checksum);
        all
    }
}

/// Sections that were checked.
pub(super) struct Sections<'a>(Vec<(&'a [u8], &'a [u8])>);

impl<'a> Sections<'a> {
    /// Checks the whole and finds its sections.
    pub(super) fn open(bytes: &'a [u8]) -> Result<Self, DamagedBundle> {
        let mut reader = Reader(bytes.strip_prefix(MAGIC).ok_or(DamagedBundle::NotABundle)?);
        let format = reader.u32()?;
        if format != FORMAT {
            return Err(DamagedBundle::UnknownFormat(format));
        }
        let (body, checksum) = bytes
            .len()
            .checked_sub(CHECKSUM_LENGTH)
            .and_then(|end| bytes.split_at_checked(end))
            .ok_or(DamagedBundle::CutOff)?;
        if Sha256::digest(body).as_slice() != checksum {
            return Err(DamagedBundle::WrongChecksum);
        }
        let rest = reader.0.len().checked_sub(CHECKSUM_LENGTH).ok_or(DamagedBundle::CutOff)?;
        reader.0 = &reader.0[..rest];
        let mut table = Vec::new();
        for _ in 0..reader.u32()? {
            let length = reader.take(1)?[0];
            let name = reader.take(usize::from(length))?;
            table.push((name, reader.u64()?));
        }
        let mut sections = Vec::with_capacity(table.len());
        for (name, length) in table {
            let length = usize::try_from(length).map_err(|_| DamagedBundle::CutOff)?;
            sections.push((name, reader.take(length)?));
        }
        Ok(Self(sections))
    }

    /// Returns the bytes of a section.
    pub(super) fn get(&self, name: &'static str) -> Result<&'a [u8], DamagedBundle> {
        self.0
            .iter()
            .find(|(section, _)| *section == name.as_bytes())
            .map(|(_, bytes)| *bytes)
            .ok_or_else(|| super::unreadable(name, &"it is missing"))
    }
}

/// Takes bytes off the front.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, length: usize) -> Result<&'a [u8], DamagedBundle> {
        let (taken, rest) = self.0.split_at_checked(length).ok_or(DamagedBundle::CutOff)?;
        self.0 = rest;
        Ok(taken)
    }

    fn u32(&mut self) -> Result<u32, DamagedBundle> {
        let (four, rest) = self.0.split_first_chunk().ok_or(DamagedBundle::CutOff)?;
        self.0 = rest;
        Ok(u32::from_le_bytes(*four))
    }

    fn u64(&mut self) -> Result<u64, DamagedBundle> {
        let (eight, rest) = self.0.split_first_chunk().ok_or(DamagedBundle::CutOff)?;
        self.0 = rest;
        Ok(u64::from_le_bytes(*eight))
    }
}
