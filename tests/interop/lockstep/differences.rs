//! The differences that are meant, each with its reason. Whatever is not in this list has to be
//! equal.
//!
//! Some would stay for the rest of a sequence, so that the steps that bring them are left out:
//! * `drain` while an armed run of a scheduler waits: the package deletes other jobs' hashes and
//!   leaves their ids behind; ours removes by id, and the run stays.
//! * `upsertJobScheduler` in a paused queue whose armed run waits: the package does not find that
//!   run and leaves two; ours replaces it.
//! * `upsertJobScheduler` with a pattern whose next time is that of a run which was promoted and has
//!   begun: the package overwrites that run, so that it stands in two states; ours refuses.
//! * A flow that names a job twice, a job of another living parent, or a parent that does not
//!   exist: the package adds the rest of the tree, and a parent that may wait for ever; ours refuses
//!   it as a whole.
//! * A parent whose completion its children turn into a failure, at a worker that says how long it
//!   keeps failed jobs: the package heeds that, ours the option of the job alone.
//! * `obliterate` while jobs wait for children: the package leaves those behind, without the keys of
//!   their queue; our embedded store removes all.
//! * `retryJobs` and `promoteJobs` of jobs with a priority: the package puts them to `wait`, before
//!   all others; ours heeds the priority.
//! * An add that is kept back under an id of its own (`keepLastIfActive`) which another job takes
//!   meanwhile: the package overwrites that job; ours leaves it.

use super::dump::{Content, Dump, Entry, Event};

/// A difference that is meant.
struct Difference {
    #[expect(dead_code, reason = "read by people, and listed with the reason")]
    what: &'static str,
    #[expect(dead_code, reason = "read by people")]
    why: &'static str,
    /// Takes exactly this difference out of two dumps.
    settle: fn(package: &mut Dump, ours: &mut Dump),
}

const MEANT: [Difference; 5] = [
    Difference {
        what: "`version` and `library` of `meta`",
        why: "each client says there who it is; nothing decides by it",
        settle: |package, ours| {
            for dump in [package, ours] {
                for (name, entry) in dump {
                    if let (true, Content::Hash(fields)) =
                        (name.ends_with(":meta"), &mut entry.content)
                    {
                        fields.remove("version");
                        fields.remove("library");
                    }
                }
            }
        },
    },
    Difference {
        what: "no base marker where nothing waits",
        why: "the package writes `marker` 0 after every start, so that the next idle worker looks; \
              ours leaves it out where there is nothing to find, which saves idle workers a call",
        settle: |package, ours| {
            for queue in super::QUEUES {
                let key = |name: &str| format!("bull:{queue}:{name}");
                let nothing_waits =
                    !ours.contains_key(&key("wait")) && !ours.contains_key(&key("prioritized"));
                if nothing_waits && score(ours, &key("marker"), "0").is_none() {
                    take(package, &key("marker"), "0");
                }
            }
        },
    },
    Difference {
        what: "a base marker although as many jobs run as may",
        why: "the package writes none while the global concurrency is reached, and none when that \
              is raised, so that workers find out by polling; a worker that ours wakes too early \
              looks once, and one that ours wakes at the raise starts at once",
        settle: |package, ours| {
            for queue in super::QUEUES {
                let key = |name: &str| format!("bull:{queue}:{name}");
                let is_paused = matches!(ours.get(&key("meta")),
                    Some(Entry { content: Content::Hash(meta), .. }) if meta.contains_key("paused"));
                if !is_paused && score(package, &key("marker"), "0").is_none() {
                    take(ours, &key("marker"), "0");
                }
            }
        },
    },
    Difference {
        what: "the time of the earliest delayed job in `marker` 1, also after a job was fetched",
        why: "the package leaves it out when the call that delays a job brings another one, and \
              relies on the base marker; ours always says when the next job is due",
        settle: |package, ours| {
            for queue in super::QUEUES {
                let marker = format!("bull:{queue}:marker");
                let due = earliest(ours, &format!("bull:{queue}:delayed"));
                let told = score(ours, &marker, "1");
                // Ours may be too early, when the job that it told is gone, but never too late.
                if told.is_some_and(|told| due.is_none_or(|due| told <= due)) {
                    take(package, &marker, "1");
                    take(ours, &marker, "1");
                }
            }
        },
    },
    Difference {
        what: "the release of a parent by the eviction of a failed child is told last",
        why: "ours settles many runs in one call and evicts after all of them; the package evicts \
              before it tells the end of the job",
        settle: |package, ours| {
            for dump in [package, ours] {
                for entry in dump.values_mut() {
                    if let Content::Stream(events) = &mut entry.content {
                        let is = |event: &Event, name: &str| event["event"] == name;
                        let is_release = |event: &Event| {
                            event.get("prev").is_some_and(|prev| prev == "waiting-children")
                        };
                        let is_end = |event: &Event| {
                            is(event, "failed")
                                || is(event, "retries-exhausted")
                                || is(event, "completed")
                        };
                        releases_first(events, is_release, is_end);
                    }
                }
            }
        },
    },
];

/// Puts the releases of parents before the ends that they follow at once.
pub(super) fn releases_first<T>(
    events: &mut [T],
    is_release: impl Fn(&T) -> bool,
    is_end: impl Fn(&T) -> bool,
) {
    for place in 1..events.len() {
        let mut at = place;
        while at > 0 && is_release(&events[at]) && is_end(&events[at - 1]) {
            events.swap(at, at - 1);
            at -= 1;
        }
    }
}

/// Takes the differences that are meant out of two dumps.
pub(super) fn settle(package: &mut Dump, ours: &mut Dump) {
    for difference in &MEANT {
        (difference.settle)(package, ours);
    }
}

/// When the earliest delayed job is due, with the fraction that markers carry.
fn earliest(dump: &Dump, delayed: &str) -> Option<f64> {
    let Content::Ranked(members) = &dump.get(delayed)?.content else { return None };
    Some(members.first()?.1.parse::<f64>().ok()? / 4096.0)
}

fn score(dump: &Dump, key: &str, member: &str) -> Option<f64> {
    let Content::Ranked(members) = &dump.get(key)?.content else { return None };
    members.iter().find(|(name, _)| name == member)?.1.parse().ok()
}

fn take(dump: &mut Dump, key: &str, member: &str) {
    let Some(Entry { content: Content::Ranked(members), .. }) = dump.get_mut(key) else {
        return;
    };
    members.retain(|(name, _)| name != member);
    if members.is_empty() {
        dump.remove(key);
    }
}
