//! How everything is spelled in Redis: the keys of BullMQ, and our own beside them.
//!
//! Never talks to Redis. A key name outside this file and the scripts is a bug.

use super::slot;
use crate::error::{QueueError, Result};
use crate::job::{JobId, JobState};

/// The version of BullMQ whose states and events this engine writes.
pub(super) const WIRE_VERSION: &str = "bullmq:6.7.0";

/// What this engine calls itself in the `library` field of a queue.
pub(super) const LIBRARY: &str = concat!("oxherd:", env!("CARGO_PKG_VERSION"));

/// The keys of an installation: BullMQ's under `{prefix}:`, our own under `{prefix}.oxherd:`.
///
/// Our own stand outside BullMQ's key base, where its orphan clean-up would delete them, and share
/// its hash tag if the prefix has one. In a cluster they must: without one in the prefix those of
/// no queue get one of their own.
#[derive(Debug, Clone)]
pub(super) struct Keyspace {
    prefix: String,
    is_clustered: bool,
}

impl Keyspace {
    pub(super) fn new(prefix: &str) -> Result<Self> {
        let refuse = |why: &str| {
            Err(QueueError::Invalid { what: "prefix", why: format!("{prefix:?} {why}") })
        };
        if prefix.is_empty() {
            return refuse("is empty; BullMQ's default is \"bull\"");
        }
        if prefix.contains(':') {
            return refuse("contains ':', which separates the parts of a key");
        }
        Ok(Self { prefix: prefix.to_owned(), is_clustered: false })
    }

    /// The same keys where all of a script have to be in one slot.
    pub(super) fn clustered(self) -> Self {
        Self { is_clustered: true, ..self }
    }

    pub(super) fn is_clustered(&self) -> bool {
        self.is_clustered
    }

    /// What our own keys that belong to no queue begin with in a cluster.
    pub(super) fn own_in_cluster(&self) -> String {
        match slot::tag(&self.prefix) {
            Some(_) => format!("{}.oxherd:", self.prefix),
            None => format!("{{{}.oxherd}}:", self.prefix),
        }
    }

    fn own(&self) -> String {
        if self.is_clustered { self.own_in_cluster() } else { format!("{}.oxherd:", self.prefix) }
    }

    pub(super) fn queue(&self, name: &str) -> Result<QueueKeys> {
        if name.is_empty() || name.contains(':') {
            return Err(QueueError::Invalid {
                what: "queue name",
                why: format!("{name:?} must not be empty or contain ':'"),
            });
        }
        let base = format!("{}:{name}:", self.prefix);
        let meta = format!("{base}meta");
        let mut declared = vec![meta.clone()];
        if self.is_clustered {
            if slot::tag(&base).is_none() {
                return Err(QueueError::CrossSlot {
                    what: format!("the keys of queue {name:?} with prefix {:?}", self.prefix),
                    fix: format!(
                        "give the prefix a hash tag, \"{{{}}}\", in every program that uses the \
                         queues",
                        self.prefix
                    ),
                });
            }
            declared.push(format!("{}.oxherd:{name}:absent", self.prefix));
        }
        Ok(QueueKeys {
            meta,
            declared,
            events: format!("{base}events"),
            marker: format!("{base}marker"),
            cancel_marks: format!("{}.oxherd:{name}:cancel", self.prefix),
            client_name: format!("{}:{}", self.prefix, base64(name.as_bytes())),
            base,
        })
    }

    /// Returns the name of a queue from `{prefix}:{queue}`, without the prefix if it is this one's.
    pub(super) fn name_of<'a>(ours: &QueueKeys, qualified: &'a str) -> &'a str {
        let base = ours.base.trim_end_matches(':');
        let prefix = base.rsplit_once(':').map_or("", |(prefix, _)| prefix);
        let name = qualified.strip_prefix(prefix).and_then(|rest| rest.strip_prefix(':'));
        name.filter(|name| !name.contains(':')).unwrap_or(qualified)
    }

    /// The record that tells how a job stands.
    pub(super) fn status(&self, job: &JobId) -> String {
        format!("{}status:{job}", self.own())
    }

    /// The id of the installation that the store belongs to.
    pub(super) fn installation(&self) -> String {
        format!("{}installation", self.own())
    }
}

/// The keys of one queue.
#[derive(Debug)]
pub(super) struct QueueKeys {
    /// `{prefix}:{queue}:`, before every key of BullMQ.
    pub(super) base: String,
    pub(super) meta: String,
    /// What scripts declare as their keys. In a cluster the second never exists: while its slot
    /// moves to another node, the server refuses a script of which a key is missing before it
    /// begins, and not at the first missing key that it touches, half done.
    pub(super) declared: Vec<String>,
    pub(super) events: String,
    pub(super) marker: String,
    /// Ours: the running jobs that were asked to stop, by the time at which the mark ends.
    pub(super) cancel_marks: String,
    /// What the names of connections for this queue begin with.
    client_name: String,
}

impl QueueKeys {
    /// The slot of all keys, if they have one in common.
    pub(super) fn slot(&self) -> u16 {
        slot::of(&self.meta)
    }

    pub(super) fn job(&self, id: &JobId) -> String {
        format!("{}{id}", self.base)
    }

    pub(super) fn logs(&self, id: &JobId) -> String {
        format!("{}{id}:logs", self.base)
    }

    /// The list or sorted set of a state.
    pub(super) fn state(&self, state: JobState) -> String {
        let name = match state {
            JobState::Waiting => "wait",
            other => other.as_str(),
        };
        format!("{}{name}", self.base)
    }

    /// How many jobs ended so.
    pub(super) fn metrics(&self, ended: JobState) -> String {
        format!("{}metrics:{ended}", self.base)
    }

    /// The starts in the open window of the rate limit.
    pub(super) fn limiter(&self) -> String {
        format!("{}limiter", self.base)
    }

    /// The owner of a deduplication id.
    pub(super) fn deduplication(&self, id: &str) -> String {
        format!("{}de:{id}", self.base)
    }

    /// What is kept of the children of a job: `processed`, `dependencies`, `failed` or
    /// `unsuccessful`.
    pub(super) fn children(&self, parent: &JobId, part: &str) -> String {
        format!("{}{parent}:{part}", self.base)
    }

    /// The schedulers, by the slot of their armed run.
    pub(super) fn schedulers(&self) -> String {
        format!("{}repeat", self.base)
    }

    /// The definition of a scheduler.
    pub(super) fn scheduler(&self, id: &str) -> String {
        format!("{}repeat:{id}", self.base)
    }

    /// The jobs that a sweep has marked.
    pub(super) fn stalled(&self) -> String {
        format!("{}stalled", self.base)
    }

    /// Where BullMQ 5 puts the waiting jobs of a paused queue.
    pub(super) fn legacy_paused(&self) -> String {
        format!("{}paused", self.base)
    }

    /// The name of the connection that reads events.
    pub(super) fn events_client_name(&self) -> String {
        format!("{}:qe", self.client_name)
    }

    /// The name of the connection that waits for markers; nobody counts it.
    pub(super) fn marker_client_name(&self) -> String {
        format!("{}:marker", self.client_name)
    }

    /// The name of a worker's own connection, by which dashboards count workers. Redis refuses
    /// names with spaces and the like, so these are percent-encoded.
    pub(super) fn worker_client_name(&self, worker: Option<&str>) -> String {
        let name = worker.map_or_else(
            || self.client_name.clone(),
            |worker| format!("{}:w:{worker}", self.client_name),
        );
        let encode = |byte: u8| match byte {
            b'!'..=b'~' => char::from(byte).to_string(),
            other => format!("%{other:02X}"),
        };
        name.bytes().map(encode).collect()
    }
}

/// Standard base64 with padding, as BullMQ encodes queue names in client names.
fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let group = chunk.iter().fold(0_u32, |group, byte| group << 8 | u32::from(*byte))
            << (8 * (3 - chunk.len()));
        for place in 0..4 {
            if place <= chunk.len() {
                let index = (group >> (18 - 6 * place)) & 63;
                text.push(char::from(ALPHABET[index as usize]));
            } else {
                text.push('=');
            }
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_spelled_as_bullmq_spells_them() {
        let keys = Keyspace::new("bull").unwrap().queue("mail").unwrap();
        let id = JobId::from_store("7");
        assert_eq!(keys.job(&id), "bull:mail:7");
        assert_eq!(keys.logs(&id), "bull:mail:7:logs");
        assert_eq!(keys.meta, "bull:mail:meta");
        assert_eq!(keys.state(JobState::Waiting), "bull:mail:wait");
        assert_eq!(keys.state(JobState::WaitingChildren), "bull:mail:waiting-children");
        assert_eq!(keys.worker_client_name(None), "bull:bWFpbA==");
        assert_eq!(keys.worker_client_name(Some("w1")), "bull:bWFpbA==:w:w1");
        assert_eq!(keys.events_client_name(), "bull:bWFpbA==:qe");
    }

    #[test]
    fn a_client_name_has_only_what_redis_accepts() {
        let keys = Keyspace::new("bull").unwrap().queue("mail").unwrap();
        assert_eq!(keys.worker_client_name(Some("bär 1\n")), "bull:bWFpbA==:w:b%C3%A4r%201%0A");
    }

    #[test]
    fn our_own_keys_stand_outside_the_base_under_the_same_hash_tag() {
        let space = Keyspace::new("{bull}").unwrap();
        let keys = space.queue("mail").unwrap();
        for key in [keys.cancel_marks.clone(), space.status(&JobId::from_store("7"))] {
            assert!(!key.starts_with("{bull}:"), "{key}");
            assert!(key.starts_with("{bull}"), "{key}");
        }
    }

    #[test]
    fn in_a_cluster_all_keys_of_a_queue_are_in_one_slot_or_it_is_refused_with_the_fix() {
        for (prefix, name) in [("{bull}", "mail"), ("{bull}", "{mail}"), ("bull", "{mail}")] {
            let keys = Keyspace::new(prefix).unwrap().clustered().queue(name).unwrap();
            let id = JobId::from_store("7");
            let ours = [keys.cancel_marks.clone(), keys.declared[1].clone()];
            let theirs = [keys.job(&id), keys.logs(&id), keys.events.clone(), keys.limiter()];
            for key in ours.iter().chain(&theirs) {
                assert_eq!(slot::of(key), keys.slot(), "{key}");
            }
        }
        let refused = Keyspace::new("bull").unwrap().clustered().queue("mail").unwrap_err();
        assert!(matches!(refused, QueueError::CrossSlot { .. }));
        assert!(refused.to_string().contains("\"{bull}\""), "{refused}");
        assert_eq!(Keyspace::new("bull").unwrap().queue("mail").unwrap().declared.len(), 1);
    }

    #[test]
    fn in_a_cluster_the_records_of_all_jobs_are_in_one_slot() {
        let ids = ["7", "8"].map(JobId::from_store);
        for prefix in ["bull", "{bull}"] {
            let space = Keyspace::new(prefix).unwrap();
            let before = space.status(&ids[0]);
            let space = space.clustered();
            let slot = slot::of(&space.own_in_cluster());
            for key in [space.status(&ids[0]), space.status(&ids[1]), space.installation()] {
                assert_eq!(slot::of(&key), slot, "{key}");
            }
            assert_eq!(space.status(&ids[0]) == before, prefix == "{bull}");
        }
    }

    #[test]
    fn names_with_a_colon_are_refused() {
        assert!(Keyspace::new("a:b").is_err());
        assert!(Keyspace::new("").is_err());
        assert!(Keyspace::new("bull").unwrap().queue("a:b").is_err());
        assert!(Keyspace::new("bull").unwrap().queue("").is_err());
    }

    #[test]
    fn base64_pads_as_the_standard_says() {
        let cases = [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("q2", "cTI=")];
        for (plain, encoded) in cases {
            assert_eq!(base64(plain.as_bytes()), encoded);
        }
    }
}
