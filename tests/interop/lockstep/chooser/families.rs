//! Makes up flows and job schedulers.

use rand::RngExt as _;
use rand::seq::IndexedRandom as _;
use serde_json::{Value, json};

use super::super::step::{HOUR_MS, Operation};
use super::Chooser;

/// What the failure of a child means for its parent.
const POLICIES: [&str; 5] = [
    "",
    "failParentOnFailure",
    "continueParentOnFailure",
    "ignoreDependencyOnFailure",
    "removeDependencyOnFailure",
];

impl Chooser {
    pub(super) fn flow(&mut self) -> Operation {
        let mut flow = self.node(0);
        if self.chance(20)
            && let Some((queue, id)) = self.jobs.choose(&mut self.dice).cloned()
            && !id.contains(':')
        {
            flow["opts"]["parent"] = json!({ "queue": format!("bull:{queue}"), "id": id });
        }
        Operation::Flow { flow }
    }

    /// A job of a flow with those below it.
    fn node(&mut self, depth: u32) -> Value {
        let queue = self.queue();
        let mut job = self.job(&queue);
        let options = job["opts"].as_object_mut().unwrap();
        options.remove("deduplication");
        if !options.contains_key("jobId") {
            self.nodes += 1;
            options.insert("jobId".to_owned(), format!("n{}", self.nodes).into());
        }
        if depth > 0
            && let Some(policy) = POLICIES.choose(&mut self.dice)
            && !policy.is_empty()
        {
            options.insert((*policy).to_owned(), true.into());
        }
        job["queueName"] = queue.into();
        let most = [3, 3, 2, 0][depth as usize];
        let children = if most == 0 { 0 } else { self.dice.random_range(0..most) };
        let children: Vec<Value> = (0..children).map(|_| self.node(depth + 1)).collect();
        if !children.is_empty() {
            job["children"] = children.into();
        }
        job
    }

    pub(super) fn schedule(&mut self) -> Operation {
        let id = *["s", "t"].choose(&mut self.dice).unwrap();
        let queue = self.queue();
        if self.chance(25) {
            let args = json!([id]);
            return Operation::Call { queue, method: "removeJobScheduler", args };
        }
        let mut repeat = match self.dice.random_range(0..4) {
            0 => json!({ "every": self.dice.random_range(1..200) }),
            1 => json!({ "every": HOUR_MS / 2 * self.dice.random_range(1..5) }),
            2 => json!({ "pattern": "*/20 * * * *", "tz": "Europe/Berlin" }),
            _ => json!({ "pattern": "0 30 2 * * 1-5", "tz": "America/New_York" }),
        };
        if self.chance(20) {
            repeat["limit"] = self.dice.random_range(1..4).into();
        }
        if self.chance(15) {
            repeat["endDate"] = (self.now + 5 * HOUR_MS).into();
        }
        if self.chance(15) {
            repeat["startDate"] = (self.now + HOUR_MS).into();
        } else if self.chance(20) {
            repeat["immediately"] = true.into();
        }
        let mut template = self.job(&queue);
        let options = template["opts"].as_object_mut().unwrap();
        for own in ["jobId", "delay", "timestamp", "deduplication"] {
            options.remove(own);
        }
        // The first run keeps a bare number, which our options do not keep apart.
        options.retain(|option, value| option != "backoff" || !value.is_number());
        let args = json!([id, repeat, template]);
        Operation::Call { queue, method: "upsertJobScheduler", args }
    }
}
