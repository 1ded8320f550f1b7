//! Which slot of a cluster a key belongs to.
//!
//! A cluster serves a script only if all its keys are in one slot. The part of a key between the
//! first `{` and the next `}`, its hash tag, decides alone; a key without one counts as a whole.
//!
//! Never talks to Redis.

/// The number of slots of a cluster.
const SLOTS: u16 = 16_384;

/// Returns the hash tag of a key, or of the beginning of one.
pub(super) fn tag(key: &str) -> Option<&str> {
    let (_, rest) = key.split_once('{')?;
    let (tag, _) = rest.split_once('}')?;
    (!tag.is_empty()).then_some(tag)
}

/// Returns the slot of a key.
pub(super) fn of(key: &str) -> u16 {
    checksum(tag(key).unwrap_or(key).as_bytes()) % SLOTS
}

/// CRC-16/XMODEM, which the cluster specification of Redis names.
fn checksum(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0, |sum, byte| {
        (0..8).fold(sum ^ (u16::from(*byte) << 8), |sum, _| {
            let shifted = sum << 1;
            if sum & 0x8000 == 0 { shifted } else { shifted ^ 0x1021 }
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_is_that_of_the_specification() {
        assert_eq!(checksum(b"123456789"), 0x31c3);
        assert_eq!(of("123456789"), 0x31c3 % SLOTS);
    }

    #[test]
    fn keys_with_one_tag_are_in_one_slot_whatever_else_they_say() {
        let slot = of("bull");
        for key in
            ["{bull}", "{bull}:mail:wait", "{bull}.oxherd:status:7", "x{bull}{y}", "a{bull}}"]
        {
            assert_eq!(of(key), slot, "{key}");
        }
        assert_ne!(of("bull:mail:wait"), of("bull:mail:active"));
    }

    #[test]
    fn an_empty_or_open_tag_is_none() {
        for key in ["bull:mail", "bull:{}x{mail}", "bull:a{b", "}{"] {
            assert_eq!(tag(key), None, "{key}");
        }
        assert_eq!(tag("bull:{mail}:7"), Some("mail"));
    }
}
