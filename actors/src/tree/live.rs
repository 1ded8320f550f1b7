//! The living tree behind the health document: one branch per actor, kept across restarts.
//!
//! Supervisors write it; anyone reads it at any time without asking an actor.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use oxherd_queue::clock::SharedClock;
use serde_json::{Map, Value};

use super::{LastFailure, NodeState, TreeNode};
use crate::mailbox::Mailbox;
use crate::restart::Intensity;
use crate::supervisor::Weight;

/// The most slots that are shown one by one.
const SHOWN_MAX: usize = 16;

/// An actor in the living tree.
pub(crate) struct Branch {
    name: String,
    kind: &'static str,
    clock: SharedClock,
    condition: Mutex<Condition>,
    waiting: Arc<AtomicU64>,
    crash: Arc<dyn Fn() -> bool + Send + Sync>,
    details: Option<Details>,
    children: Mutex<Vec<Arc<Branch>>>,
}

/// Says more about an actor; must not wait for anything.
pub(crate) type Details = Box<dyn Fn() -> Map<String, Value> + Send + Sync>;

#[derive(Debug, Clone)]
struct Condition {
    state: NodeState,
    since_ms: u64,
    restarts: u64,
    /// When it failed within the window of its supervisor, milliseconds since the epoch.
    counted_ms: VecDeque<u64>,
    allowed: u32,
    window_ms: u64,
    last_failure: Option<(u64, String)>,
}

impl Branch {
    /// Describes an actor before its first start.
    pub(crate) fn new<M: Send + 'static>(
        name: impl Into<String>,
        kind: &'static str,
        clock: &SharedClock,
        mailbox: &Arc<Mailbox<M>>,
    ) -> Self {
        let condition = Condition {
            state: NodeState::Starting,
            since_ms: clock.now_ms(),
            restarts: 0,
            counted_ms: VecDeque::new(),
            allowed: 0,
            window_ms: 0,
            last_failure: None,
        };
        let crashed = Arc::clone(mailbox);
        Self {
            name: name.into(),
            kind,
            clock: Arc::clone(clock),
            condition: Mutex::new(condition),
            waiting: mailbox.gauge(),
            crash: Arc::new(move || crashed.crash()),
            details: None,
            children: Mutex::default(),
        }
    }

    /// Adds what more there is to say about it.
    pub(crate) fn with_details(self, details: Details) -> Self {
        Self { details: Some(details), ..self }
    }

    /// Replaces how a test crashes it.
    pub(crate) fn with_crash(self, crash: Arc<dyn Fn() -> bool + Send + Sync>) -> Self {
        Self { crash, ..self }
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn kind(&self) -> &'static str {
        self.kind
    }

    /// Returns how it is.
    #[cfg(test)]
    pub(crate) fn state(&self) -> NodeState {
        self.condition().state
    }

    /// Sets how it is.
    pub(crate) fn set_state(&self, state: NodeState) {
        let now_ms = self.clock.now_ms();
        let mut condition = self.condition();
        if condition.state != state {
            condition.state = state;
            condition.since_ms = now_ms;
        }
    }

    /// Sets what its supervisor bears.
    pub(crate) fn set_allowed(&self, intensity: Intensity) {
        let mut condition = self.condition();
        condition.allowed = intensity.failures_max;
        condition.window_ms = u64::try_from(intensity.within.as_millis()).unwrap_or(u64::MAX);
    }

    /// Notes a failure that a restart follows.
    pub(crate) fn failed(&self, reason: &str, weight: Weight) {
        metrics::counter!("oxherd_actor_restarts_total", "actor" => self.kind).increment(1);
        let now_ms = self.clock.now_ms();
        let mut condition = self.condition();
        condition.state = NodeState::Restarting;
        condition.since_ms = now_ms;
        condition.restarts += 1;
        condition.last_failure = Some((now_ms, reason.to_owned()));
        if weight == Weight::Counts {
            condition.counted_ms.push_back(now_ms);
        }
        let since_ms = now_ms.saturating_sub(condition.window_ms);
        while condition.counted_ms.front().is_some_and(|at| *at <= since_ms) {
            condition.counted_ms.pop_front();
        }
    }

    /// Returns when it failed last, in milliseconds since the epoch, and why.
    pub(crate) fn last_failure(&self) -> Option<(u64, String)> {
        self.condition().last_failure.clone()
    }

    pub(crate) fn set_children(&self, children: Vec<Arc<Self>>) {
        *self.children.lock().unwrap_or_else(PoisonError::into_inner) = children;
    }

    pub(crate) fn children(&self) -> Vec<Arc<Self>> {
        self.children.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Crashes the actor at a path of names below this one; tells whether it was there.
    pub(crate) fn crash_at(&self, path: &str) -> bool {
        let (name, rest) = path.split_once('/').unwrap_or((path, ""));
        if name.is_empty() {
            return (self.crash)();
        }
        self.children().iter().any(|child| child.name == name && child.crash_at(rest))
    }

    /// Writes the gauge of every mailbox at and below this branch.
    pub(crate) fn publish_gauges(&self) {
        #[expect(clippy::cast_precision_loss, reason = "at most 1,024")]
        let waiting = self.waiting.load(Ordering::Relaxed) as f64;
        metrics::gauge!("oxherd_actor_mailbox", "actor" => self.kind, "name" => self.name.clone())
            .set(waiting);
        for child in self.children().iter().take(SHOWN_MAX) {
            child.publish_gauges();
        }
    }

    /// Returns the document of this branch.
    pub(crate) fn document(&self) -> TreeNode {
        let condition = self.condition().clone();
        let since_ms = self.clock.now_ms().saturating_sub(condition.window_ms);
        let in_window = condition.counted_ms.iter().filter(|at| **at > since_ms).count();
        let children = self.children();
        let mut shown: Vec<TreeNode> =
            children.iter().take(SHOWN_MAX).map(|child| child.document()).collect();
        if children.len() > SHOWN_MAX {
            shown.push(summary(&children[SHOWN_MAX..]));
        }
        TreeNode {
            name: self.name.clone(),
            kind: self.kind.to_owned(),
            state: condition.state,
            since: rfc3339(condition.since_ms),
            restarts: condition.restarts,
            restarts_in_window: u32::try_from(in_window).unwrap_or(u32::MAX),
            restarts_allowed: condition.allowed,
            last_failure: condition
                .last_failure
                .map(|(at_ms, reason)| LastFailure { at: rfc3339(at_ms), reason }),
            mailbox: self.waiting.load(Ordering::Relaxed),
            details: self.details.as_ref().map(|details| details()).unwrap_or_default(),
            children: shown,
        }
    }

    fn condition(&self) -> MutexGuard<'_, Condition> {
        self.condition.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Sums up children that are not shown one by one: the worst of their states, the sum of counts.
fn summary(children: &[Arc<Branch>]) -> TreeNode {
    let first = children[0].document();
    children[1..].iter().map(|child| child.document()).fold(
        TreeNode { name: format!("{} more", children.len()), ..first },
        |sum, child| {
            let newest = |a: Option<LastFailure>, b: Option<LastFailure>| match (a, b) {
                (Some(a), Some(b)) => Some(if a.at >= b.at { a } else { b }),
                (a, b) => a.or(b),
            };
            TreeNode {
                state: if child.state == NodeState::Running { sum.state } else { child.state },
                restarts: sum.restarts + child.restarts,
                restarts_in_window: sum.restarts_in_window + child.restarts_in_window,
                last_failure: newest(sum.last_failure, child.last_failure),
                mailbox: sum.mailbox + child.mailbox,
                ..sum
            }
        },
    )
}

/// Writes milliseconds since the epoch as RFC 3339 in UTC.
pub(crate) fn rfc3339(ms: u64) -> String {
    let ms = i64::try_from(ms).unwrap_or(i64::MAX);
    let at = jiff::Timestamp::from_millisecond(ms).unwrap_or(jiff::Timestamp::MAX);
    format!("{at:.3}")
}

#[cfg(test)]
mod tests {
    use oxherd_queue::clock::SystemClock;

    use super::*;

    fn branch(name: &str) -> Branch {
        let clock: SharedClock = Arc::new(SystemClock);
        Branch::new(name, "Slot", &clock, &Mailbox::<()>::new())
    }

    #[test]
    fn slots_beyond_sixteen_are_one_line() {
        let pool = branch("pool");
        let slots: Vec<_> = (1..=40).map(|n| Arc::new(branch(&format!("slot {n}")))).collect();
        slots.iter().for_each(|slot| slot.set_state(NodeState::Running));
        slots[30].failed("it broke", Weight::Counts);
        pool.set_children(slots);

        let document = pool.document();

        assert_eq!(document.children.len(), 17);
        let rest = &document.children[16];
        assert_eq!((rest.name.as_str(), rest.restarts), ("24 more", 1));
        assert_eq!(rest.state, NodeState::Restarting);
        assert_eq!(rest.last_failure.as_ref().unwrap().reason, "it broke");
    }

    #[test]
    fn times_are_rfc_3339_with_milliseconds() {
        assert_eq!(rfc3339(1_700_000_000_120), "2023-11-14T22:13:20.120Z");
    }

    #[test]
    fn a_path_leads_to_one_actor_or_to_none() {
        let root = branch("Root");
        let queue = branch("plans").with_crash(Arc::new(|| true));
        let consumer = branch("QueueConsumer").with_crash(Arc::new(|| true));
        queue.set_children(vec![Arc::new(consumer)]);
        root.set_children(vec![Arc::new(queue)]);

        assert!(root.crash_at("plans/QueueConsumer"));
        assert!(root.crash_at("plans"));
        assert!(!root.crash_at("plans/Janitor"));
    }
}
