//! Chooses the steps of a sequence at random, knowing what the steps before brought.
//!
//! Never looks into a store.

mod families;
mod jobs;
mod queues;

use std::collections::{HashSet, VecDeque};

use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;
use rand::{RngExt as _, SeedableRng as _};
use serde_json::{Value, json};

use super::step::{HOUR_MS, Operation, Step, Verdict, Worker};
use super::{PLAIN, QUEUES};

pub(super) use self::jobs::DEDUPLICATIONS;

/// When sequences begin: far from any time that a test machine shows.
const BEGIN_MS: u64 = 1_900_000_000_000;
/// How many of the newest jobs are remembered.
const REMEMBERED: usize = 30;

/// Chooses an operation of a kind.
type Choose = fn(&mut Chooser) -> Operation;

/// How often which operation is chosen.
const TABLE: &[(u32, Choose)] = &[
    (240, Chooser::add),
    (50, Chooser::add_bulk),
    (260, Chooser::claim),
    (320, Chooser::settle),
    (25, Chooser::hours),
    (20, Chooser::renew),
    (25, Chooser::sweep),
    (90, Chooser::change),
    (25, Chooser::switch),
    (25, Chooser::limit),
    (30, Chooser::many),
    (40, Chooser::flow),
    (25, Chooser::schedule),
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
    /// Steps that are to come before anything else is chosen.
    planned: VecDeque<Operation>,
    /// The newest jobs, with their queues.
    jobs: Vec<(String, String)>,
    runs: Vec<Run>,
    /// The jobs that have lost their lock and were not taken back yet.
    abandoned: HashSet<(String, String)>,
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
            planned: VecDeque::new(),
            jobs: Vec::new(),
            runs: Vec::new(),
            abandoned: HashSet::new(),
            parents: HashSet::new(),
            tokens: 0,
            nodes: 0,
        }
    }

    /// Chooses the next step.
    pub(super) fn next(&mut self) -> Step {
        self.now += self.dice.random_range(0..3_u64);
        let operation = match self.planned.pop_front() {
            Some(planned) => planned,
            None => self.operation(),
        };
        if let Operation::Hours { hours } = &operation {
            let before = self.now;
            self.now += hours * HOUR_MS;
            let is_lost = |run: &&Run| (before + 1..=self.now).contains(&run.locked_until);
            let lost = self.runs.iter().filter(is_lost);
            self.abandoned.extend(lost.map(|run| (run.queue.clone(), run.id.clone())));
        }
        Step { now: self.now, operation }
    }

    /// Hears what a step brought.
    pub(super) fn learn(&mut self, step: &Step, answer: &Value) {
        match &step.operation {
            Operation::Flow { flow } if answer["error"].is_null() => self.learn_flow(flow, None),
            Operation::Call { method: "obliterate", .. }
                if !answer.is_object() || !answer["error"].is_null() => {}
            Operation::Call { queue, method: "obliterate", .. } => {
                for run in self.runs.iter_mut().filter(|run| run.queue == *queue) {
                    run.locked_until = 0;
                }
                self.abandoned.retain(|(of, _)| of != queue);
            }
            Operation::Job { queue, id, method: "remove", .. } if answer["error"].is_null() => {
                self.abandoned.remove(&(queue.clone(), id.clone()));
            }
            Operation::Call { queue, .. } => {
                for id in answer["cleaned"].as_array().into_iter().flatten() {
                    self.abandoned.remove(&(queue.clone(), id.as_str().unwrap().to_owned()));
                }
                for id in answer["ids"].as_array().into_iter().flatten() {
                    self.jobs.push((queue.clone(), id.as_str().unwrap().to_owned()));
                }
            }
            Operation::Sweep { queue, .. } => {
                for id in answer["recovered"].as_array().into_iter().flatten() {
                    self.abandoned.remove(&(queue.clone(), id.as_str().unwrap().to_owned()));
                }
            }
            Operation::Claim { queue, token, worker }
            | Operation::Settle { queue, token, worker, .. } => {
                if let Operation::Settle { id, .. } = &step.operation {
                    self.forget_run(queue, id, token);
                }
                if let Some(id) = answer["claimed"].as_str() {
                    let (queue, token) = (queue.clone(), token.clone());
                    self.jobs.push((queue.clone(), id.to_owned()));
                    let locked_until = step.now + worker.lock_duration;
                    self.abandoned.remove(&(queue.clone(), id.to_owned()));
                    // The token of a chain may have been that of an earlier run of the job.
                    self.forget_run(&queue, id, &token);
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

    fn lock(&mut self) -> u64 {
        HOUR_MS * self.dice.random_range(1..5)
    }

    fn worker(&mut self) -> Worker {
        let limiter = if self.chance(20) {
            let max = self.dice.random_range(1..5);
            json!({ "max": max, "duration": HOUR_MS * self.dice.random_range(1..3) })
        } else {
            Value::Null
        };
        let mut keep = || if self.chance(30) { self.worker_retention() } else { Value::Null };
        let (remove_on_complete, remove_on_fail) = (keep(), keep());
        let metrics = match self.chance(40) {
            true => json!({ "maxDataPoints": self.dice.random_range(1..5) }),
            false => Value::Null,
        };
        let lock_duration = self.lock();
        Worker { lock_duration, limiter, remove_on_complete, remove_on_fail, metrics }
    }

    fn claim(&mut self) -> Operation {
        self.tokens += 1;
        let token = format!("token-{}", self.tokens);
        Operation::Claim { queue: self.queue(), token, worker: self.worker() }
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
        let is_parent = self.parents.contains(&(queue.clone(), id.clone()));
        let fetch = !is_parent && self.chance(50);
        let mut worker = self.worker();
        if is_parent {
            // A parent that fails in place of completing is kept as it says itself, or for ever.
            worker.remove_on_fail = Value::Null;
        }
        Operation::Settle { queue, id, token, verdict, fetch, worker }
    }

    /// Lets time go by, after what lets at most one run of each queue be lost: a sweep takes the
    /// lost ones back in the order of a set, which is none.
    fn hours(&mut self) -> Operation {
        let hours = self.dice.random_range(1..3);
        let then = self.now + hours * HOUR_MS + HOUR_MS / 2;
        for queue in QUEUES {
            let mut lost = self.abandoned.iter().filter(|(of, _)| of == queue).count();
            for run in self.runs.iter_mut().filter(|run| run.queue == queue) {
                if run.locked_until <= self.now || run.locked_until > then {
                    continue;
                }
                lost += 1;
                if lost > 1 {
                    let lock = (hours + 1) * HOUR_MS;
                    run.locked_until = self.now + lock;
                    let (queue, id, token) = (run.queue.clone(), run.id.clone(), run.token.clone());
                    self.planned.push_back(Operation::Renew { queue, id, token, lock });
                }
            }
        }
        self.planned.push_back(Operation::Hours { hours });
        self.planned.pop_front().unwrap_or(Operation::Hours { hours })
    }

    fn sweep(&mut self) -> Operation {
        Operation::Sweep { queue: self.queue(), most: self.dice.random_range(0..3) }
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
                let most = if queue == PLAIN { 1 } else { 4 };
                let priority = self.dice.random_range(0..most);
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
