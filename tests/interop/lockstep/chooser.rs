//! Chooses the steps of a sequence at random, knowing what the steps before brought.
//!
//! Never looks into a store.

use std::collections::HashSet;

use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;
use rand::{RngExt as _, SeedableRng as _};
use serde_json::{Map, Value, json};

use super::QUEUES;
use super::step::{HOUR_MS, Operation, Step, Verdict};

/// When sequences begin: far from any time that a test machine shows.
const BEGIN_MS: u64 = 1_900_000_000_000;
/// The ids that producers choose; few, so that they meet.
const NAMES: [&str; 6] = ["a", "b", "c", "d", "e", "f"];
/// What the failure of a child means for its parent.
const POLICIES: [&str; 5] = [
    "",
    "failParentOnFailure",
    "continueParentOnFailure",
    "ignoreDependencyOnFailure",
    "removeDependencyOnFailure",
];
/// How many of the newest jobs are remembered.
const REMEMBERED: usize = 30;

/// Chooses an operation of a kind.
type Choose = fn(&mut Chooser) -> Operation;

/// How often which operation is chosen.
const TABLE: &[(u32, Choose)] = &[
    (240, Chooser::add),
    (50, Chooser::add_bulk),
    (250, Chooser::claim),
    (300, Chooser::settle),
    (20, Chooser::hours),
    (20, Chooser::renew),
    (15, Chooser::sweep),
    (60, Chooser::change),
    (20, Chooser::switch),
    (0, Chooser::limit),
    (0, Chooser::many),
    (0, Chooser::flow),
    (0, Chooser::schedule),
];

/// A job whose run has begun.
struct Run {
    queue: String,
    id: String,
    token: String,
    /// When its lock ends by itself.
    locked_until: u64,
}

/// Makes up a sequence.
pub(super) struct Chooser {
    dice: StdRng,
    now: u64,
    /// The newest jobs, with their queues.
    jobs: Vec<(String, String)>,
    runs: Vec<Run>,
    /// The jobs that have children, whose runs may end otherwise than they say.
    parents: HashSet<(String, String)>,
    tokens: u64,
    nodes: u64,
}

impl Chooser {
    pub(super) fn new(seed: u64) -> Self {
        let dice = StdRng::seed_from_u64(seed);
        Self {
            dice,
            now: BEGIN_MS,
            jobs: Vec::new(),
            runs: Vec::new(),
            parents: HashSet::new(),
            tokens: 0,
            nodes: 0,
        }
    }

    /// Chooses the next step.
    pub(super) fn next(&mut self) -> Step {
        self.now += self.dice.random_range(0..3_u64);
        let operation = self.operation();
        if let Operation::Hours { hours } = &operation {
            self.now += hours * HOUR_MS;
        }
        Step { now: self.now, operation }
    }

    /// Hears what a step brought.
    pub(super) fn learn(&mut self, step: &Step, answer: &Value) {
        match &step.operation {
            Operation::Flow { flow } if answer["error"].is_null() => self.learn_flow(flow, None),
            Operation::Call { queue, method: "obliterate", .. } => {
                for run in self.runs.iter_mut().filter(|run| run.queue == *queue) {
                    run.locked_until = 0;
                }
            }
            Operation::Call { queue, .. } => {
                for id in answer["ids"].as_array().into_iter().flatten() {
                    self.jobs.push((queue.clone(), id.as_str().unwrap().to_owned()));
                }
            }
            Operation::Claim { queue, token, lock }
            | Operation::Settle { queue, token, lock, .. } => {
                if let Operation::Settle { id, .. } = &step.operation {
                    self.forget_run(queue, id, token);
                }
                if let Some(id) = answer["claimed"].as_str() {
                    let (queue, token) = (queue.clone(), token.clone());
                    let locked_until = step.now + lock;
                    self.runs.push(Run { queue, id: id.to_owned(), token, locked_until });
                }
            }
            Operation::SettleLost { queue, id, token } => self.forget_run(queue, id, token),
            _ => {}
        }
        let forgotten = self.jobs.len().saturating_sub(REMEMBERED);
        self.jobs.drain(..forgotten);
    }

    fn forget_run(&mut self, queue: &str, id: &str, token: &str) {
        self.runs.retain(|run| (&*run.queue, &*run.id, &*run.token) != (queue, id, token));
    }

    fn learn_flow(&mut self, node: &Value, parent: Option<(String, String)>) {
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let job = (text(&node["queueName"]), text(&node["opts"]["jobId"]));
        if let Value::Object(parent) = &node["opts"]["parent"] {
            let queue = text(&parent["queue"]).replace("bull:", "");
            self.parents.insert((queue, text(&parent["id"])));
        }
        self.jobs.push(job.clone());
        self.parents.extend(parent);
        for child in node["children"].as_array().into_iter().flatten() {
            self.learn_flow(child, Some(job.clone()));
        }
    }

    fn operation(&mut self) -> Operation {
        let total = TABLE.iter().map(|(weight, _)| weight).sum();
        let mut rest = self.dice.random_range(0..total);
        for (weight, choose) in TABLE {
            if rest < *weight {
                return choose(self);
            }
            rest -= weight;
        }
        self.claim()
    }

    fn queue(&mut self) -> String {
        (*QUEUES.choose(&mut self.dice).unwrap()).to_owned()
    }

    fn chance(&mut self, percent: u32) -> bool {
        self.dice.random_ratio(percent, 100)
    }

    fn add(&mut self) -> Operation {
        let job = self.job();
        let args = json!([job["name"], job["data"], job["opts"]]);
        Operation::Call { queue: self.queue(), method: "add", args }
    }

    fn add_bulk(&mut self) -> Operation {
        let jobs: Vec<Value> = (0..self.dice.random_range(1..5)).map(|_| self.job()).collect();
        Operation::Call { queue: self.queue(), method: "addBulk", args: json!([jobs]) }
    }

    fn job(&mut self) -> Value {
        let data = json!({ "n": self.dice.random_range(0..1000) });
        json!({ "name": "work", "data": data, "opts": self.options() })
    }

    fn options(&mut self) -> Value {
        let mut options = Map::new();
        let mut put = |name: &str, value: Value| {
            options.insert(name.to_owned(), value);
        };
        if self.chance(20) {
            put("jobId", (*NAMES.choose(&mut self.dice).unwrap()).into());
        }
        if self.chance(25) {
            put("delay", self.delay().into());
        }
        if self.chance(25) {
            put("priority", self.dice.random_range(1..4).into());
        }
        if self.chance(10) {
            put("lifo", true.into());
        }
        if self.chance(40) {
            put("attempts", self.dice.random_range(1..4).into());
        }
        if self.chance(30) {
            put("backoff", self.backoff());
        }
        if self.chance(50) {
            put("removeOnComplete", self.retention());
        }
        if self.chance(50) {
            put("removeOnFail", self.retention());
        }
        if self.chance(10) {
            put("stackTraceLimit", self.dice.random_range(0..3).into());
        }
        if self.chance(10) {
            put("timestamp", (self.now - self.dice.random_range(0..5000_u64)).into());
        }
        Value::Object(options)
    }

    fn delay(&mut self) -> u64 {
        match self.dice.random_range(0..3) {
            0 => self.dice.random_range(1..20),
            1 => self.dice.random_range(1..1000),
            _ => HOUR_MS * self.dice.random_range(1..4),
        }
    }

    fn backoff(&mut self) -> Value {
        let delay = self.delay();
        match self.dice.random_range(0..3) {
            0 => delay.into(),
            1 => json!({ "type": "fixed", "delay": delay }),
            _ => json!({ "type": "exponential", "delay": delay }),
        }
    }

    fn retention(&mut self) -> Value {
        // 0 is another word for true, which our options do not keep apart.
        let count = self.dice.random_range(1..8);
        match self.dice.random_range(0..5) {
            0 => true.into(),
            1 => false.into(),
            2 => count.into(),
            3 => json!({ "age": self.dice.random_range(0..4) * 3600 }),
            _ => json!({ "age": self.dice.random_range(1..4) * 3600, "count": count }),
        }
    }

    fn lock(&mut self) -> u64 {
        HOUR_MS * self.dice.random_range(1..4)
    }

    fn claim(&mut self) -> Operation {
        self.tokens += 1;
        let token = format!("token-{}", self.tokens);
        Operation::Claim { queue: self.queue(), token, lock: self.lock() }
    }

    fn settle(&mut self) -> Operation {
        if self.runs.is_empty() {
            return self.claim();
        }
        let which = self.dice.random_range(0..self.runs.len());
        let run = &self.runs[which];
        let (queue, id, token) = (run.queue.clone(), run.id.clone(), run.token.clone());
        if run.locked_until <= self.now {
            return Operation::SettleLost { queue, id, token };
        }
        let verdict = self.verdict();
        // A job that goes to `delayed` while another is fetched: the package then does not write
        // when it is due into `marker`, as its base marker wakes somebody who looks; ours always
        // does. The sequences do not play that, since the difference would stay.
        let ends = matches!(verdict, Verdict::Complete { .. } | Verdict::FailForGood { .. });
        let is_parent = self.parents.contains(&(queue.clone(), id.clone()));
        let fetch = ends && !is_parent && self.chance(50);
        Operation::Settle { queue, id, token, verdict, fetch, lock: self.lock() }
    }

    fn hours(&mut self) -> Operation {
        Operation::Hours { hours: self.dice.random_range(1..3) }
    }

    fn sweep(&mut self) -> Operation {
        Operation::Sweep { queue: self.queue() }
    }

    fn renew(&mut self) -> Operation {
        if self.runs.is_empty() {
            return self.claim();
        }
        let lock = self.lock();
        let which = self.dice.random_range(0..self.runs.len());
        let run = &mut self.runs[which];
        if run.locked_until > self.now {
            run.locked_until = self.now + lock;
        }
        let (queue, id, token) = (run.queue.clone(), run.id.clone(), run.token.clone());
        Operation::Renew { queue, id, token, lock }
    }

    /// Something about one job, whatever its state.
    fn change(&mut self) -> Operation {
        let Some((queue, id)) = self.jobs.choose(&mut self.dice).cloned() else {
            return self.add();
        };
        let number = self.dice.random_range(0..100);
        let (method, args) = match self.dice.random_range(0..8) {
            0 => ("updateProgress", json!([number])),
            1 => ("log", json!([format!("row {number}")])),
            2 => ("updateData", json!([{ "changed": number }])),
            3 => ("changeDelay", json!([self.delay()])),
            4 => {
                let priority = self.dice.random_range(0..4);
                ("changePriority", json!([{ "priority": priority, "lifo": self.chance(30) }]))
            }
            5 => ("promote", json!([])),
            6 => {
                let anew = self.chance(30);
                let reset = json!({ "resetAttemptsMade": anew, "resetAttemptsStarted": anew });
                ("retry", json!([null, reset]))
            }
            _ => ("remove", json!([{ "removeChildren": false }])),
        };
        Operation::Job { queue, id, method, args }
    }

    /// Stops or starts a whole queue.
    fn switch(&mut self) -> Operation {
        let method = if self.chance(35) { "pause" } else { "resume" };
        Operation::Call { queue: self.queue(), method, args: json!([]) }
    }

    fn limit(&mut self) -> Operation {
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
    fn many(&mut self) -> Operation {
        let (method, args) = match self.dice.random_range(0..20) {
            0..8 => {
                let states = ["completed", "failed", "wait", "delayed", "prioritized", "active"];
                let grace = self.dice.random_range(0..3) * HOUR_MS;
                let limit = self.dice.random_range(0..6);
                ("clean", json!([grace, limit, states.choose(&mut self.dice).unwrap()]))
            }
            8..11 => ("drain", json!([self.chance(50)])),
            11..15 => {
                let state = if self.chance(50) { "completed" } else { "failed" };
                ("retryJobs", json!([{ "state": state }]))
            }
            15..19 => ("promoteJobs", json!([])),
            _ => ("obliterate", json!([{ "force": self.chance(50) }])),
        };
        Operation::Call { queue: self.queue(), method, args }
    }

    fn flow(&mut self) -> Operation {
        let mut flow = self.node(0);
        if self.chance(20)
            && let Some((queue, id)) = self.jobs.choose(&mut self.dice).cloned()
        {
            flow["opts"]["parent"] = json!({ "queue": format!("bull:{queue}"), "id": id });
        }
        Operation::Flow { flow }
    }

    /// A job of a flow with those below it.
    fn node(&mut self, depth: u32) -> Value {
        let mut job = self.job();
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
        job["queueName"] = self.queue().into();
        let children = if depth > 1 { 0 } else { self.dice.random_range(0..3) };
        let children: Vec<Value> = (0..children).map(|_| self.node(depth + 1)).collect();
        if !children.is_empty() {
            job["children"] = children.into();
        }
        job
    }

    fn schedule(&mut self) -> Operation {
        let id = *["s", "t"].choose(&mut self.dice).unwrap();
        if self.chance(25) {
            let args = json!([id]);
            return Operation::Call { queue: self.queue(), method: "removeJobScheduler", args };
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
        }
        let mut template = self.job();
        let options = template["opts"].as_object_mut().unwrap();
        for own in ["jobId", "delay", "timestamp", "deduplication"] {
            options.remove(own);
        }
        let args = json!([id, repeat, template]);
        Operation::Call { queue: self.queue(), method: "upsertJobScheduler", args }
    }

    fn verdict(&mut self) -> Verdict {
        match self.dice.random_range(0..20) {
            0..9 => Verdict::Complete { value: json!({ "done": self.dice.random_range(0..9) }) },
            9..14 => Verdict::Fail { message: broken() },
            14..16 => Verdict::FailForGood { message: broken() },
            16 => Verdict::Delay { ms: self.delay() },
            17 => Verdict::Wait,
            18 => Verdict::Children,
            _ => Verdict::Limit { ms: HOUR_MS },
        }
    }
}

/// The error of a processor.
fn broken() -> String {
    "BROKEN: it broke".to_owned()
}
