//! Keys that make a repeated request harmless: a lease while it is under way, then its answer.

use oxherd_study::StudyError;
use oxherd_study::accept::{Accepted, IdempotencyKey, Reservation};
use oxherd_study::error::ErrorCode;

use super::database::{Connection, Outcome, number};
use super::rows::Columns;

/// How long an answer is kept: a day.
pub(super) const KEPT_MS: u64 = 24 * 60 * 60 * 1000;
/// How long a key is in flight: a minute.
pub(super) const LEASE_MS: u64 = 60 * 1000;

struct Held {
    fingerprint: String,
    reply: Option<Accepted>,
}

/// Looks a key up; a lapsed one is as good as none.
async fn held(tx: &mut Connection, key: &IdempotencyKey, now_ms: u64) -> Outcome<Option<Held>> {
    let found = "SELECT fingerprint, reply FROM idempotency
                 WHERE user_id = $1 AND route = $2 AND key = $3 AND until_ms > $4";
    let row = sqlx::query(found)
        .bind(key.user.as_str())
        .bind(&key.route)
        .bind(&key.key)
        .bind(number(now_ms))
        .fetch_optional(tx)
        .await?;
    let Some(row) = row else { return Ok(None) };
    let columns = Columns(&row);
    let reply = columns.text_if_any("reply")?;
    Ok(Some(Held {
        fingerprint: columns.text("fingerprint")?,
        reply: reply.map(|json| serde_json::from_str(&json)).transpose()?,
    }))
}

async fn put(
    tx: &mut Connection,
    key: &IdempotencyKey,
    reply: Option<&Accepted>,
    until_ms: u64,
) -> Outcome<()> {
    let upsert = "INSERT INTO idempotency (user_id, route, key, fingerprint, reply, until_ms)
                  VALUES ($1, $2, $3, $4, $5, $6)
                  ON CONFLICT (user_id, route, key) DO UPDATE SET
                      fingerprint = excluded.fingerprint, reply = excluded.reply,
                      until_ms = excluded.until_ms";
    sqlx::query(upsert)
        .bind(key.user.as_str())
        .bind(&key.route)
        .bind(&key.key)
        .bind(&key.fingerprint)
        .bind(reply.map(serde_json::to_string).transpose()?)
        .bind(number(until_ms))
        .execute(tx)
        .await?;
    Ok(())
}

/// Returns the kept answer, if the same request was accepted before. A lease of the same content
/// is this request's own: two requests never carry out the same intent at the same time.
pub(super) async fn replay(
    tx: &mut Connection,
    key: &IdempotencyKey,
    now_ms: u64,
) -> Outcome<Option<Accepted>> {
    let Some(held) = held(tx, key, now_ms).await? else { return Ok(None) };
    if !held.fingerprint.is_empty() && held.fingerprint != key.fingerprint {
        let message = "this Idempotency-Key was used with another request: use a new key";
        return Err(StudyError::permanent(ErrorCode::IdempotencyKeyReused, message).into());
    }
    Ok(held.reply.map(|reply| Accepted { replayed: true, ..reply }))
}

/// Keeps an answer for a day.
pub(super) async fn keep(
    tx: &mut Connection,
    key: &IdempotencyKey,
    reply: &Accepted,
    now_ms: u64,
) -> Outcome<()> {
    put(tx, key, Some(reply), now_ms.saturating_add(KEPT_MS)).await
}

/// Takes the key for a minute, unless it is taken. An empty fingerprint is one that is not known
/// yet: what was accepted under the key is then compared by the commit.
pub(super) async fn reserve(
    tx: &mut Connection,
    key: &IdempotencyKey,
    now_ms: u64,
) -> Outcome<Reservation> {
    let Some(held) = held(tx, key, now_ms).await? else {
        put(tx, key, None, now_ms.saturating_add(LEASE_MS)).await?;
        return Ok(Reservation::Fresh);
    };
    let known = !key.fingerprint.is_empty() && !held.fingerprint.is_empty();
    if known && held.fingerprint != key.fingerprint {
        return Ok(Reservation::Reused);
    }
    Ok(match held.reply {
        Some(_) if !known => Reservation::Fresh,
        Some(reply) => Reservation::Replay(Accepted { replayed: true, ..reply }),
        None => Reservation::InFlight,
    })
}

/// Frees a key that is in flight for this content.
pub(super) async fn release(tx: &mut Connection, key: &IdempotencyKey) -> Outcome<()> {
    let freed = "DELETE FROM idempotency
                 WHERE user_id = $1 AND route = $2 AND key = $3 AND reply IS NULL
                   AND fingerprint IN ($4, '')";
    sqlx::query(freed)
        .bind(key.user.as_str())
        .bind(&key.route)
        .bind(&key.key)
        .bind(&key.fingerprint)
        .execute(tx)
        .await?;
    Ok(())
}
