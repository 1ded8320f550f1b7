//! What the getters of a store show: the observable state of its queues.
//!
//! Never looks behind the getters, and never changes anything.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt::Debug;
use std::time::Duration;

use oxherd_queue::backend::ListQuery;
use oxherd_queue::flow::Children;
use oxherd_queue::job::JobSnapshot;
use oxherd_queue::{Backend, EventKind, JobId, JobState, Position, Store};

use super::QUEUES;
use super::chooser::DEDUPLICATIONS;
use super::differences::releases_first;
use super::step::HOUR_MS;

/// What is shown, by what was asked.
pub(super) type Seen = BTreeMap<String, String>;

/// The most jobs that are read of a state.
const MOST: u64 = 1000;

/// Looks at one store, and reads its events from where it stopped.
#[derive(Default)]
pub(super) struct Observer {
    heard_until: HashMap<&'static str, Position>,
}

impl Observer {
    /// Asks everything that can be asked.
    pub(super) async fn look(&mut self, store: &dyn Store) -> Seen {
        let mut seen = Seen::new();
        for name in QUEUES {
            let queue = store.queue(name).await.unwrap();
            let mut see = |what: &str, shown: &dyn Debug| {
                // A key begins with the prefix on Redis alone.
                let shown = format!("{shown:?}").replace("child bull:", "child ");
                seen.insert(format!("{name}: {what}"), shown);
            };
            let after = self.heard_until.entry(name).or_default();
            let page = queue.events(*after, 10_000, Duration::ZERO).await.unwrap();
            *after = page.next;
            let mut events: Vec<_> = page.events.into_iter().map(|event| event.kind).collect();
            releases_first(&mut events, is_release, is_end);
            see("events", &events);
            settings(&*queue, &mut see).await;
            for job in jobs(&*queue, &mut see).await {
                about(&*queue, &job, &mut see).await;
            }
        }
        seen
    }
}

fn is_release(event: &EventKind) -> bool {
    matches!(event, EventKind::Waiting { prev: Some(JobState::WaitingChildren), .. })
}

fn is_end(event: &EventKind) -> bool {
    use EventKind::{Completed, Failed, RetriesExhausted};
    matches!(event, Completed { .. } | Failed { .. } | RetriesExhausted { .. })
}

/// Tells the counts and settings of a queue, its schedulers and its deduplication ids.
async fn settings(queue: &dyn Backend, see: &mut impl FnMut(&str, &dyn Debug)) {
    see("counts", &queue.counts().await.unwrap());
    see("counts by priority", &queue.counts_by_priority(&[0, 1, 2, 3, 4]).await.unwrap());
    see("is paused", &queue.is_paused().await.unwrap());
    see("limits", &queue.limits().await.unwrap());
    see("is maxed", &queue.is_maxed().await.unwrap());
    for most in [None, Some(1), Some(3)] {
        let left = queue.rate_limit_left(most).await.unwrap();
        // The time itself is the machine's: only whole hours count.
        let hours = left.map(|left| left.as_millis().div_ceil(u128::from(HOUR_MS)));
        see(&format!("hours of the rate limit for {most:?}"), &hours);
    }
    for ended in [JobState::Completed, JobState::Failed] {
        see(&format!("metrics, {ended}"), &queue.metrics(ended, 0, MOST).await.unwrap());
    }
    see("schedulers", &queue.schedulers(0, MOST).await.unwrap());
    for id in DEDUPLICATIONS {
        let owner = queue.deduplication_owner(id).await.unwrap();
        see(&format!("owner of the deduplication {id}"), &owner);
    }
}

/// Tells the jobs of each state in both orders; returns them.
async fn jobs(queue: &dyn Backend, see: &mut impl FnMut(&str, &dyn Debug)) -> Vec<JobSnapshot> {
    let mut all = Vec::new();
    for state in JobState::ALL {
        let mut query = ListQuery { state, skip: 0, limit: MOST, newest_first: false };
        let oldest_first: Vec<_> =
            queue.list(query).await.unwrap().into_iter().map(without_link).collect();
        query.newest_first = true;
        let newest_first = queue.list(query).await.unwrap();
        see(&format!("{state}, oldest first"), &ids(&oldest_first));
        see(&format!("{state}, newest first"), &ids(&newest_first));
        all.extend(oldest_first);
    }
    all
}

/// Tells all about one job.
async fn about(queue: &dyn Backend, job: &JobSnapshot, see: &mut impl FnMut(&str, &dyn Debug)) {
    let id = &job.job.id;
    let again = queue.jobs(std::slice::from_ref(id)).await.unwrap();
    let again: Vec<_> = again.into_iter().map(|job| job.map(without_link)).collect();
    see(&format!("job {id}"), &again);
    if again[0].as_ref() != Some(job) {
        see(&format!("job {id} as listed"), job);
    }
    let (rows, count) = queue.logs(id, 0, MOST).await.unwrap();
    if count > 0 {
        see(&format!("log of {id}"), &(rows, count));
    }
    let counts = queue.children_counts(id).await.unwrap();
    let children = sorted(queue.children(id).await.unwrap());
    if children != Children::default() || counts != Default::default() {
        see(&format!("children of {id}"), &(counts, children));
    }
    if matches!(job.state, JobState::Waiting | JobState::Prioritized) {
        see(&format!("place of {id}"), &queue.place(id).await.unwrap());
    }
}

/// A job without what its options on Redis say of its parent: the embedded store keeps that apart.
fn without_link(mut job: JobSnapshot) -> JobSnapshot {
    let link = ["parent", "fpof", "cpof", "idof", "rdof"];
    job.job.options.other.retain(|name, _| !link.contains(&name.as_str()));
    job
}

/// The children of a job in an order of our own, where the store has none.
fn sorted(mut children: Children) -> Children {
    children.processed.sort_by(|(one, _), (other, _)| one.cmp(other));
    children.ignored.sort();
    children.unprocessed.sort();
    children
}

fn ids(jobs: &[JobSnapshot]) -> Vec<&JobId> {
    jobs.iter().map(|job| &job.job.id).collect()
}

/// Tells what two stores show differently.
pub(super) fn difference(redis: &Seen, embedded: &Seen) -> Option<String> {
    let asked: BTreeSet<&String> = redis.keys().chain(embedded.keys()).collect();
    let mut lines = Vec::new();
    for what in asked {
        let (redis, embedded) = (redis.get(what), embedded.get(what));
        if redis != embedded {
            let nothing = String::from("-");
            let (redis, embedded) = (redis.unwrap_or(&nothing), embedded.unwrap_or(&nothing));
            lines.push(format!("{what}\n    Redis:    {redis}\n    embedded: {embedded}"));
        }
    }
    (!lines.is_empty()).then(|| lines.join("\n"))
}
