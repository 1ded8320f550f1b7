//! What a change of a material did to plans, carried to the relay and to their records.

use std::sync::Arc;

use oxherd_queue::clock::SharedClock;
use oxherd_queue::outcome::Failure;
use oxherd_queue::{JobId, Position};
use oxherd_study::error::ErrorCode;
use oxherd_study::ports::Effects;
use tokio::sync::Notify;

use crate::processors::EffectsObserver;
use crate::records::{Change, Records};

/// Wakes the relay for plans that may run, and shows those that failed.
pub(crate) struct EffectsHub {
    /// The records.
    pub(crate) records: Records,
    /// Wakes the relay.
    pub(crate) relay: Arc<Notify>,
    /// The time.
    pub(crate) clock: SharedClock,
}

impl EffectsObserver for EffectsHub {
    fn happened(&self, effects: &Effects) {
        for plan in &effects.failed {
            let message = "a material of the plan could not be processed";
            let change = Change::Failed {
                error: Failure::new(ErrorCode::PlanMaterialFailed.as_str(), message),
                at_ms: self.clock.now_ms(),
                attempts_made: None,
            };
            self.records.change(&JobId::from_store(plan.as_str()), &change, Position::START);
        }
        if !effects.woken.is_empty() {
            self.relay.notify_one();
        }
    }
}
