//! Opaque, time-ordered ids with a type prefix, and the user id in a type of its own.
//!
//! An id holds 48 bits of time and 74 random bits of a UUIDv7 plus 32 more random bits, so that
//! more than 96 of its bits cannot be guessed. It never holds a `:`.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// A text that cannot be an id of its kind.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{text:?} is not an id of the form {prefix}…")]
pub struct NotAnId {
    prefix: &'static str,
    text: String,
}

fn random(prefix: &str) -> Arc<str> {
    let time = uuid::Uuid::now_v7().simple().to_string();
    let more = uuid::Uuid::new_v4().simple().to_string();
    format!("{prefix}{time}{}", &more[..8]).into()
}

macro_rules! id {
    ($name:ident, $prefix:literal, $what:literal) => {
        #[doc = concat!("Names ", $what, ": `", $prefix, "` and 40 hexadecimal digits.")]
        #[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(Arc<str>);

        impl $name {
            /// The prefix of every such id.
            pub const PREFIX: &'static str = $prefix;

            /// Makes an id that was never used before.
            #[must_use]
            pub fn random() -> Self {
                Self(random(Self::PREFIX))
            }

            /// Reads an id that a client or a store wrote.
            ///
            /// # Errors
            /// When it does not have the form of such an id.
            pub fn parse(text: &str) -> std::result::Result<Self, NotAnId> {
                let hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
                match text.strip_prefix(Self::PREFIX) {
                    Some(rest) if rest.len() == 40 && rest.bytes().all(hex) => {
                        Ok(Self(text.into()))
                    }
                    _ => Err(NotAnId { prefix: Self::PREFIX, text: text.to_owned() }),
                }
            }

            /// Returns the id as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl TryFrom<String> for $name {
            type Error = NotAnId;

            fn try_from(text: String) -> std::result::Result<Self, NotAnId> {
                Self::parse(&text)
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> Self {
                id.0.to_string()
            }
        }
    };
}

id!(MaterialId, "mat_", "a material");
id!(PlanId, "pln_", "a plan");
id!(UploadId, "upl_", "an upload");

/// Names a session of a plan: `ses_` and 40 hexadecimal digits, derived from the plan, the run
/// that made it and its place, so that a repeated run makes the same ids.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SessionId(Arc<str>);

impl SessionId {
    /// Derives the id of the `index`-th session (0-based, over the whole plan) of a run.
    #[must_use]
    pub fn derive(plan: &PlanId, generation: u64, index: usize) -> Self {
        use sha2::{Digest as _, Sha256};
        let digest = Sha256::digest(format!("{plan}/{generation}/{index}"));
        let hex: String = digest[..20].iter().map(|byte| format!("{byte:02x}")).collect();
        Self(format!("ses_{hex}").into())
    }

    /// Takes an id that a client or a store wrote; an unknown one simply is not found.
    #[must_use]
    pub fn from_text(text: &str) -> Self {
        Self(text.into())
    }

    /// Returns the id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Names the person whose materials and plans these are; every catalog call asks for it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct UserId(Arc<str>);

impl UserId {
    /// Everyone, when the service runs without identities.
    #[must_use]
    pub fn local() -> Self {
        Self("local".into())
    }

    /// Takes the subject of a verified token.
    #[must_use]
    pub fn new(subject: &str) -> Self {
        Self(subject.into())
    }

    /// Returns the id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for UserId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_read_back_and_are_ordered_by_time() {
        let first = MaterialId::random();
        std::thread::yield_now();
        let later = MaterialId::random();
        assert_eq!(MaterialId::parse(first.as_str()).unwrap(), first);
        assert!(first.as_str()[..16] <= later.as_str()[..16]);
    }

    #[test]
    fn an_id_of_another_kind_is_refused() {
        let plan = PlanId::random();
        for text in
            ["", "mat_", "mat_1", plan.as_str(), "mat_0123:5678901234567890123456789012345678"]
        {
            assert!(MaterialId::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_repeated_run_derives_the_same_session_ids() {
        let plan = PlanId::random();
        assert_eq!(SessionId::derive(&plan, 1, 0), SessionId::derive(&plan, 1, 0));
        assert_ne!(SessionId::derive(&plan, 1, 0), SessionId::derive(&plan, 2, 0));
    }
}
