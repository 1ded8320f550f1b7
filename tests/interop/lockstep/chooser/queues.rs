//! Makes up what is done to whole queues.

use rand::RngExt as _;
use rand::seq::IndexedRandom as _;
use serde_json::json;

use super::super::PLAIN;
use super::super::step::{HOUR_MS, Operation};
use super::{Chooser, DEDUPLICATIONS};

impl Chooser {
    /// Stops or starts a whole queue.
    pub(super) fn switch(&mut self) -> Operation {
        let method = if self.chance(35) { "pause" } else { "resume" };
        Operation::Call { queue: self.queue(), method, args: json!([]) }
    }

    pub(super) fn limit(&mut self) -> Operation {
        let (number, hours) =
            (self.dice.random_range(1..4), self.dice.random_range(1..3) * HOUR_MS);
        let (method, args) = match self.dice.random_range(0..6) {
            0 => ("setGlobalRateLimit", json!([number, hours])),
            1 => ("removeGlobalRateLimit", json!([])),
            2 => ("setGlobalConcurrency", json!([number])),
            3 => ("removeGlobalConcurrency", json!([])),
            4 => ("rateLimit", json!([hours])),
            _ => ("removeRateLimitKey", json!([])),
        };
        Operation::Call { queue: self.queue(), method, args }
    }

    /// Something about many jobs.
    pub(super) fn many(&mut self) -> Operation {
        let mut queue = self.queue();
        let (method, args) = match self.dice.random_range(0..24) {
            0..8 => {
                let states = ["completed", "failed", "wait", "delayed", "prioritized", "active"];
                let grace = self.dice.random_range(0..3) * HOUR_MS;
                let limit = self.dice.random_range(0..6);
                ("clean", json!([grace, limit, states.choose(&mut self.dice).unwrap()]))
            }
            8..11 => ("drain", json!([self.chance(50)])),
            11..15 => {
                PLAIN.clone_into(&mut queue);
                let state = if self.chance(50) { "completed" } else { "failed" };
                ("retryJobs", json!([{ "state": state }]))
            }
            15..19 => {
                PLAIN.clone_into(&mut queue);
                ("promoteJobs", json!([]))
            }
            19..23 => {
                let id = DEDUPLICATIONS.choose(&mut self.dice).unwrap();
                ("removeDeduplicationKey", json!([id]))
            }
            _ => ("obliterate", json!([{ "force": self.chance(50) }])),
        };
        Operation::Call { queue, method, args }
    }
}
