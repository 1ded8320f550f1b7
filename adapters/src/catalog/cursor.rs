//! Places in lists: the sort key and the id of the last row, opaque to clients.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use oxherd_study::StudyError;
use oxherd_study::error::ErrorCode;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// A place after a row.
#[derive(Serialize, Deserialize)]
struct Place<K> {
    /// The list and its order; a cursor fits no other.
    list: String,
    key: K,
    id: String,
}

pub(super) fn write<K: Serialize>(list: &str, key: K, id: &str) -> Option<String> {
    let place = Place { list: list.to_owned(), key, id: id.to_owned() };
    serde_json::to_vec(&place).ok().map(|json| URL_SAFE_NO_PAD.encode(json))
}

pub(super) fn read<K: DeserializeOwned>(
    list: &str,
    cursor: Option<&str>,
) -> Result<Option<(K, String)>, StudyError> {
    let Some(cursor) = cursor else { return Ok(None) };
    let place: Option<Place<K>> =
        URL_SAFE_NO_PAD.decode(cursor).ok().and_then(|json| serde_json::from_slice(&json).ok());
    match place {
        Some(place) if place.list == list => Ok(Some((place.key, place.id))),
        _ => {
            let message = "this cursor is not one of this list: begin again without a cursor";
            Err(StudyError::permanent(ErrorCode::InvalidCursor, message))
        }
    }
}

/// Cuts a page that was read with one row more; returns its last row if others follow.
pub(super) fn cut<T>(rows: &mut Vec<T>, limit: u32) -> Option<&T> {
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let more = rows.len() > limit;
    rows.truncate(limit);
    if more { rows.last() } else { None }
}
