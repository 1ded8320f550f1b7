//! Parents and children in the state, and what the end of a child does to its parent.
//!
//! A parent may stand in another queue. So a queue notes what its jobs mean for parents; it tells its
//! own at once, and the machine carries the other notes over at the end of the operation. Pure: the answer depends on the state
//! alone.

use std::collections::BTreeMap;

use crate::event::{EventKind, Position};
use crate::flow::{ChildFailure, ChildrenCounts, JobKey};
use crate::job::{JobId, JobState, Payload};

use super::encoding::{encoded_enum, encoded_struct};
use super::job_body::Place;
use super::operation::QueueNumber;
use super::queue_state::{End, QueueState, Side, Standing};
use super::slots::Slot;

/// A job in any queue.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Relative {
    pub(super) queue: QueueNumber,
    pub(super) id: JobId,
}

encoded_struct!(Relative { queue, id });

/// The way from a child to its parent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Link {
    pub(super) parent: Relative,
    pub(super) on_failure: ChildFailure,
}

encoded_struct!(Link { parent, on_failure });

encoded_enum!(ChildFailure {
    0 => KeepWaiting {},
    1 => FailParent {},
    2 => ContinueParent {},
    3 => IgnoreDependency {},
    4 => RemoveDependency {},
});

/// What became of a child, as its parent knows it.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Fate {
    Pending {},
    Processed { value: Payload },
    Ignored { reason: String },
    Failed {},
}

encoded_enum!(Fate {
    0 => Pending {},
    1 => Processed { value },
    2 => Ignored { reason },
    3 => Failed {},
});

pub(super) type Kin = BTreeMap<Relative, Fate>;

/// The relations of the jobs of a queue.
#[derive(Debug, Default)]
pub(super) struct Families {
    /// The parent of each child, as long as the child exists.
    pub(super) links: BTreeMap<JobId, Link>,
    /// The children of each parent, as long as the parent exists.
    pub(super) kin: BTreeMap<JobId, Kin>,
    /// What is still to be carried over to parents.
    pub(super) notes: Vec<Note>,
}

/// What happened to a child.
#[derive(Debug)]
pub(super) struct Note {
    pub(super) link: Link,
    pub(super) child: JobId,
    pub(super) news: News,
}

#[derive(Debug)]
pub(super) enum News {
    Completed(Payload),
    Failed(String),
    Removed,
    /// It was cleaned or drained away: a parent in the same queue goes with its last child.
    Erased,
    /// It runs again after its end.
    Back,
}

/// A row of the encoded form of [`Families`].
#[derive(Debug)]
struct LinkRow {
    id: JobId,
    link: Link,
}

#[derive(Debug)]
struct KinRow {
    parent: JobId,
    child: Relative,
    fate: Fate,
}

/// The encoded form of [`Families`].
#[derive(Debug)]
pub(super) struct FamilyRows {
    links: Vec<LinkRow>,
    kin: Vec<KinRow>,
}

encoded_struct!(LinkRow { id, link });
encoded_struct!(KinRow { parent, child, fate });
encoded_struct!(FamilyRows { links, kin });

impl Families {
    pub(super) fn rows(&self) -> FamilyRows {
        let links = self.links.iter();
        let kin =
            self.kin.iter().flat_map(|(parent, kin)| kin.iter().map(move |one| (parent, one)));
        FamilyRows {
            links: links.map(|(id, link)| LinkRow { id: id.clone(), link: link.clone() }).collect(),
            kin: kin
                .map(|(parent, (child, fate))| KinRow {
                    parent: parent.clone(),
                    child: child.clone(),
                    fate: fate.clone(),
                })
                .collect(),
        }
    }

    pub(super) fn of_rows(rows: FamilyRows) -> Self {
        let mut families = Self::default();
        families.links.extend(rows.links.into_iter().map(|row| (row.id, row.link)));
        for KinRow { parent, child, fate } in rows.kin {
            families.kin.entry(parent).or_default().insert(child, fate);
        }
        families
    }

    fn note(&mut self, child: &JobId, news: News) {
        if let Some(link) = self.links.get(child) {
            self.notes.push(Note { link: link.clone(), child: child.clone(), news });
        }
    }

    /// Takes note of the end of a job.
    pub(super) fn ended(&mut self, id: &JobId, end: &End) {
        if self.links.is_empty() {
            return;
        }
        let news = match end {
            End::Completed(value) => News::Completed(value.clone()),
            End::Failed(reason) => News::Failed(reason.clone()),
        };
        self.note(id, news);
    }

    /// Takes note that an ended job runs again.
    pub(super) fn back(&mut self, id: &JobId) {
        self.note(id, News::Back);
    }

    /// Takes note that a job is gone, and forgets what it knew of its children.
    pub(super) fn removed(&mut self, id: &JobId) {
        self.note(id, News::Removed);
        self.links.remove(id);
        self.kin.remove(id);
    }

    /// Takes note that a job was cleaned or drained away.
    pub(super) fn erased(&mut self, id: &JobId) {
        self.note(id, News::Erased);
        self.links.remove(id);
        self.kin.remove(id);
    }

    pub(super) fn counts(&self, parent: &JobId) -> ChildrenCounts {
        let mut counts = ChildrenCounts::default();
        for fate in self.kin.get(parent).into_iter().flat_map(BTreeMap::values) {
            match fate {
                Fate::Pending {} => counts.unprocessed += 1,
                Fate::Processed { .. } => counts.processed += 1,
                Fate::Ignored { .. } => counts.ignored += 1,
                Fate::Failed {} => counts.failed += 1,
            }
        }
        counts
    }

    fn is_done(&self, parent: &JobId) -> bool {
        let mut fates = self.kin.get(parent).into_iter().flat_map(BTreeMap::values);
        !fates.any(|fate| matches!(fate, Fate::Pending {}))
    }

    /// Takes a child off those that are awaited; tells whether it was one.
    fn settle(&mut self, parent: &JobId, child: &Relative) -> bool {
        let Some(kin) = self.kin.get_mut(parent) else { return false };
        if kin.get(child) != Some(&(Fate::Pending {})) {
            return false;
        }
        kin.remove(child);
        true
    }

    fn set(&mut self, parent: &JobId, child: Relative, fate: Fate) {
        self.kin.entry(parent.clone()).or_default().insert(child, fate);
    }
}

impl QueueState {
    /// Tells the parents in this queue what was noted: what a job's end means for them comes before
    /// the word of that end, and before the next claim, as in BullMQ.
    pub(super) fn tell_own_parents(&mut self, now_ms: u64) {
        let own = self.number;
        let is_own = |note: &Note| note.link.parent.queue == own;
        while let Some(at) = self.families.notes.iter().position(is_own) {
            let note = self.families.notes.remove(at);
            let child = Relative { queue: own, id: note.child.clone() };
            let name = JobKey::new(&*self.name, child.id.clone()).to_string();
            self.hear((child, true), &name, note, now_ms);
        }
    }

    /// Lets a parent, which is in this queue, know what happened to a child.
    pub(super) fn hear(
        &mut self,
        (child, is_here): (Relative, bool),
        name: &str,
        note: Note,
        now_ms: u64,
    ) {
        let parent = note.link.parent.id;
        if !self.index.contains_key(&parent) {
            return;
        }
        if matches!(note.news, News::Back) {
            let kin = self.families.kin.get_mut(&parent);
            if let Some(fate) = kin.and_then(|kin| kin.get_mut(&child)) {
                *fate = Fate::Pending {};
            }
            return;
        }
        let policy = note.link.on_failure;
        if matches!((&note.news, policy), (News::Failed(_), ChildFailure::KeepWaiting))
            || !self.families.settle(&parent, &child)
        {
            return;
        }
        match (note.news, policy) {
            (News::Completed(value), _) => {
                self.families.set(&parent, child, Fate::Processed { value });
                self.release_if_done(&parent, now_ms);
            }
            (News::Failed(_), ChildFailure::FailParent) => {
                let reason = format!("child {name} failed");
                self.families.set(&parent, child, Fate::Failed {});
                self.fail_at_next_start(&parent, &reason, now_ms);
            }
            (News::Failed(reason), ChildFailure::ContinueParent) => {
                self.families.set(&parent, child, Fate::Ignored { reason });
                self.release(&parent, now_ms);
            }
            (News::Failed(reason), ChildFailure::IgnoreDependency) => {
                self.families.set(&parent, child, Fate::Ignored { reason });
                self.release_if_done(&parent, now_ms);
            }
            (News::Failed(_), _) => self.release_if_done(&parent, now_ms),
            (News::Removed, _) => self.release_in_front(&parent, now_ms),
            (News::Erased, _) => self.follow(&parent, is_here, now_ms),
            (News::Back, _) => {}
        }
    }

    fn waiting_parent(&self, parent: &JobId) -> Option<Slot> {
        match self.index.get(parent) {
            Some(Standing::Live(slot)) => {
                matches!(self.live[*slot].place, Place::WaitingChildren { .. }).then_some(*slot)
            }
            _ => None,
        }
    }

    /// Gives a parent that waits for nobody back to its queue.
    pub(super) fn release_if_done(&mut self, parent: &JobId, now_ms: u64) {
        if self.families.is_done(parent) {
            self.release(parent, now_ms);
        }
    }

    fn release(&mut self, parent: &JobId, now_ms: u64) {
        if let Some(slot) = self.waiting_parent(parent) {
            self.leave(slot);
            self.release_slot(slot, now_ms);
        }
    }

    fn release_slot(&mut self, slot: Slot, now_ms: u64) {
        let body = &self.live[slot].body;
        let (delay_ms, priority) = (body.delay_ms, body.priority);
        if delay_ms > 0 {
            self.delay(slot, now_ms.saturating_add(delay_ms), now_ms);
            return;
        }
        let side = if priority == 0 { Side::Front } else { Side::Back };
        self.enqueue(slot, side, Some(JobState::WaitingChildren), now_ms);
    }

    /// The last child was removed: in front and at once, as in BullMQ.
    fn release_in_front(&mut self, parent: &JobId, now_ms: u64) {
        if self.families.is_done(parent)
            && let Some(slot) = self.waiting_parent(parent)
        {
            self.leave(slot);
            self.enqueue_plain(slot, Side::Front, Some(JobState::WaitingChildren), now_ms);
        }
    }

    /// The last child was erased: as in BullMQ a parent of the same queue goes as well, one of another
    /// runs; nothing is told.
    fn follow(&mut self, parent: &JobId, is_here: bool, now_ms: u64) {
        if !self.families.is_done(parent) {
            return;
        }
        let Some(slot) = self.waiting_parent(parent) else { return };
        if is_here {
            self.erase_one(parent, now_ms);
        } else {
            self.leave(slot);
            self.line_up_plain(slot, Side::Front);
        }
    }

    fn fail_at_next_start(&mut self, parent: &JobId, reason: &str, now_ms: u64) {
        let Some(Standing::Live(slot)) = self.index.get(parent) else { return };
        let slot = *slot;
        self.live.change(slot).body.history_mut().deferred_failure = Some(reason.into());
        match self.live[slot].place {
            Place::WaitingChildren { .. } => self.release(parent, now_ms),
            Place::Delayed { .. } => {
                self.leave(slot);
                self.live.change(slot).body.delay_ms = 0;
                self.release_slot(slot, now_ms);
            }
            _ => {}
        }
    }

    /// Lets a job that stands nowhere wait for its children since some time, and tells it.
    pub(super) fn await_children(&mut self, slot: Slot, since_ms: u64, now_ms: u64) -> Position {
        let job = self.live.change(slot);
        job.place = Place::WaitingChildren { since_ms };
        job.since_ms = now_ms;
        let id = job.body.id.clone();
        self.waiting_children.insert((since_ms, id.clone()), slot);
        let id = Some(id);
        self.events.push(now_ms, EventKind::Other { name: "waiting-children".to_owned(), id })
    }
}
