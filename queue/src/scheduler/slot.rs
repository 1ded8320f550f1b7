//! The time slots of an interval, as BullMQ computes them.
//!
//! The same arithmetic stands in `backend/redis/lua/slot.lua`. Never looks at a clock.

/// The slots of an interval.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Slots {
    pub(crate) every_ms: u64,
    pub(crate) offset_ms: u64,
    pub(crate) start_ms: Option<u64>,
}

/// Returns the slot after `prev_ms`, or the first one: missed slots are skipped, never made up.
pub(crate) fn next_slot(slots: Slots, prev_ms: Option<u64>, now_ms: u64) -> u64 {
    let Slots { every_ms, offset_ms, start_ms } = slots;
    let every_ms = every_ms.max(1);
    let aligned = || {
        let slot = (now_ms / every_ms * every_ms).saturating_add(offset_ms);
        if slot > now_ms { slot } else { slot.saturating_add(every_ms) }
    };
    match (prev_ms, start_ms) {
        (Some(prev_ms), _) => {
            let slot = prev_ms.saturating_add(every_ms);
            if slot >= now_ms { slot } else { aligned() }
        }
        (None, Some(start_ms)) => start_ms.max(now_ms),
        (None, None) if offset_ms > 0 => aligned(),
        (None, None) => now_ms,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SLOTS: Slots = Slots { every_ms: 1_000, offset_ms: 0, start_ms: None };

    #[test]
    fn the_first_slot_is_now_or_the_start_or_the_next_with_the_offset() {
        assert_eq!(next_slot(SLOTS, None, 5_300), 5_300);
        assert_eq!(next_slot(Slots { start_ms: Some(9_000), ..SLOTS }, None, 5_300), 9_000);
        assert_eq!(next_slot(Slots { start_ms: Some(2_000), ..SLOTS }, None, 5_300), 5_300);
        assert_eq!(next_slot(Slots { offset_ms: 400, ..SLOTS }, None, 5_300), 5_400);
        assert_eq!(next_slot(Slots { offset_ms: 300, ..SLOTS }, None, 5_300), 6_300);
    }

    #[test]
    fn a_slot_follows_the_one_before_and_missed_ones_are_skipped() {
        let slots = Slots { offset_ms: 300, ..SLOTS };
        assert_eq!(next_slot(slots, Some(5_300), 5_350), 6_300);
        assert_eq!(next_slot(slots, Some(5_300), 6_300), 6_300);
        assert_eq!(next_slot(slots, Some(5_300), 99_100), 99_300);
        assert_eq!(next_slot(slots, Some(5_300), 99_300), 100_300);
    }
}
