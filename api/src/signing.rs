//! Signed links: upload addresses and stream tokens, scoped to one thing and a time.
//!
//! A token is `<base64url of "kind|user|subject|expiry">.<base64url of HMAC-SHA256>` (RFC 2104).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use oxherd_study::UserId;
use sha2::Sha256;

/// What a token is good for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// Sending the bytes of one upload.
    Upload,
    /// Listening to one job.
    Events,
}

/// Who may do what, as a token says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    /// Whose thing it is.
    pub user: UserId,
    /// The upload or the job.
    pub subject: String,
}

/// Why a token is not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadToken {
    /// Not made here, or changed, or for another purpose.
    #[error("the token is not valid")]
    Invalid,
    /// Its time is over.
    #[error("the token has expired")]
    Expired,
}

/// Signs and checks tokens with one key.
#[derive(Clone)]
pub struct Signer {
    key: Vec<u8>,
}

/// How long a stream token holds: 15 minutes.
pub const EVENTS_TOKEN_MS: u64 = 15 * 60 * 1000;

impl Signer {
    /// Takes the key, at least 32 bytes of which nobody else knows.
    #[must_use]
    pub fn new(key: Vec<u8>) -> Self {
        Self { key }
    }

    /// Signs a grant until a time (milliseconds since the epoch).
    #[must_use]
    pub fn issue(&self, scope: Scope, grant: &Grant, expires_ms: u64) -> String {
        let user = URL_SAFE_NO_PAD.encode(grant.user.as_str());
        let claim = format!("{}|{user}|{}|{expires_ms}", word(scope), grant.subject);
        let mac = URL_SAFE_NO_PAD.encode(self.mac(&claim));
        format!("{}.{mac}", URL_SAFE_NO_PAD.encode(claim))
    }

    /// Checks a token at a time (milliseconds since the epoch).
    ///
    /// # Errors
    /// [`BadToken`]; an expired one is told apart only when its signature is right.
    pub fn verify(&self, scope: Scope, token: &str, now_ms: u64) -> Result<Grant, BadToken> {
        let (claim, mac) = token.split_once('.').ok_or(BadToken::Invalid)?;
        let decode = |part: &str| URL_SAFE_NO_PAD.decode(part).map_err(|_| BadToken::Invalid);
        let claim = String::from_utf8(decode(claim)?).map_err(|_| BadToken::Invalid)?;
        self.check(&claim, &decode(mac)?)?;
        let parts: Vec<&str> = claim.split('|').collect();
        let [kind, user, subject, expires] = parts[..] else { return Err(BadToken::Invalid) };
        if kind != word(scope) {
            return Err(BadToken::Invalid);
        }
        let expires: u64 = expires.parse().map_err(|_| BadToken::Invalid)?;
        if now_ms >= expires {
            return Err(BadToken::Expired);
        }
        let user = String::from_utf8(decode(user)?).map_err(|_| BadToken::Invalid)?;
        Ok(Grant { user: UserId::new(&user), subject: subject.to_owned() })
    }

    fn mac(&self, claim: &str) -> Vec<u8> {
        match Hmac::<Sha256>::new_from_slice(&self.key) {
            Ok(mut mac) => {
                mac.update(claim.as_bytes());
                mac.finalize().into_bytes().to_vec()
            }
            Err(_) => Vec::new(),
        }
    }

    fn check(&self, claim: &str, signature: &[u8]) -> Result<(), BadToken> {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.key).map_err(|_| BadToken::Invalid)?;
        mac.update(claim.as_bytes());
        mac.verify_slice(signature).map_err(|_| BadToken::Invalid)
    }
}

fn word(scope: Scope) -> &'static str {
    match scope {
        Scope::Upload => "upload",
        Scope::Events => "events",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grant() -> Grant {
        Grant { user: UserId::new("al|ice"), subject: "mat_1".to_owned() }
    }

    #[test]
    fn a_token_tells_whose_and_what_until_its_time_is_over() {
        let signer = Signer::new(vec![7; 32]);
        let token = signer.issue(Scope::Events, &grant(), 1000);
        assert_eq!(signer.verify(Scope::Events, &token, 999), Ok(grant()));
        assert_eq!(signer.verify(Scope::Events, &token, 1000), Err(BadToken::Expired));
    }

    #[test]
    fn a_token_of_another_key_scope_or_content_is_refused() {
        let signer = Signer::new(vec![7; 32]);
        let token = signer.issue(Scope::Events, &grant(), 1000);
        assert_eq!(signer.verify(Scope::Upload, &token, 1), Err(BadToken::Invalid));
        assert!(Signer::new(vec![8; 32]).verify(Scope::Events, &token, 1).is_err());
        for at in 0..token.len() {
            let mut changed = token.clone().into_bytes();
            changed[at] ^= 1;
            let changed = String::from_utf8_lossy(&changed).into_owned();
            assert!(signer.verify(Scope::Events, &changed, 1).is_err(), "byte {at}");
        }
    }
}
