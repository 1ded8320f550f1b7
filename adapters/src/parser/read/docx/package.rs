//! The zip around the parts: opened with bounds on everything that a bomb would lie about.

use std::io::{BufReader, Cursor, Read, Take};

use zip::ZipArchive;
use zip::read::ZipFile;
use zip::result::ZipError;

use super::super::ReadError;
use super::xml;

/// The parts of a package; a book with a thousand pictures has two thousand.
const MAX_PARTS: u64 = 20_000;

/// The bytes of a part, unpacked.
const MAX_PART: u64 = 200 << 20;

/// How much a part may unpack to for each of its bytes, once it is large.
const MAX_RATIO: u64 = 200;

/// The size below which the ratio is nobody's concern.
const SMALL_PART: u64 = 8 << 20;

/// How an encrypted document begins: it is no zip but the container of older programs.
const COMPOUND: &[u8] = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1";

/// A part that is being unpacked.
pub(super) type Part<'a> = BufReader<Take<ZipFile<'a, Cursor<Vec<u8>>>>>;

/// An open package.
pub(super) struct Package {
    zip: ZipArchive<Cursor<Vec<u8>>>,
}

impl Package {
    /// Opens a package.
    pub(super) fn open(bytes: Vec<u8>) -> Result<Self, ReadError> {
        if bytes.starts_with(COMPOUND) {
            return Err(ReadError::Encrypted);
        }
        if declared_parts(&bytes).is_some_and(|parts| parts > MAX_PARTS) {
            return Err(ReadError::TooComplex);
        }
        let zip = ZipArchive::new(Cursor::new(bytes)).map_err(|_| ReadError::Damaged)?;
        Ok(Self { zip })
    }

    /// Opens a part; `None` when there is none of that name.
    pub(super) fn part(&mut self, name: &str) -> Result<Option<Part<'_>>, ReadError> {
        let file = match self.zip.by_name(name) {
            Ok(file) => file,
            Err(ZipError::FileNotFound) => return Ok(None),
            Err(ZipError::UnsupportedArchive(ZipError::PASSWORD_REQUIRED)) => {
                return Err(ReadError::Encrypted);
            }
            Err(_) => return Err(ReadError::Damaged),
        };
        // The size that it declares is not believed: so much is read and no more.
        let most = MAX_PART.min((file.compressed_size() * MAX_RATIO).max(SMALL_PART));
        if file.size() > most {
            return Err(ReadError::TooComplex);
        }
        Ok(Some(BufReader::new(file.take(most))))
    }

    /// Returns the name of the part that holds the text.
    pub(super) fn main_part(&mut self) -> Result<String, ReadError> {
        const USUAL: &str = "word/document.xml";
        if self.zip.index_for_name(USUAL).is_some() {
            return Ok(USUAL.to_owned());
        }
        let part = self.part("_rels/.rels")?.ok_or(ReadError::Damaged)?;
        let target = xml::relationship(part, "/officeDocument")?.ok_or(ReadError::Damaged)?;
        Ok(target.trim_start_matches('/').to_owned())
    }
}

/// Returns the number of parts that the end of the file declares: it is looked at before room is
/// made for them.
fn declared_parts(bytes: &[u8]) -> Option<u64> {
    let tail = &bytes[bytes.len().saturating_sub(66_000)..];
    let at = tail.windows(4).rposition(|window| window == b"PK\x05\x06")?;
    let count = u16::from_le_bytes(tail.get(at + 10..at + 12)?.try_into().ok()?);
    if count < u16::MAX {
        return Some(u64::from(count));
    }
    let at = tail.windows(4).rposition(|window| window == b"PK\x06\x06")?;
    Some(u64::from_le_bytes(tail.get(at + 32..at + 40)?.try_into().ok()?))
}
