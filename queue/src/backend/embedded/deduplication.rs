//! Which job stands for which deduplication id, and what an add with such an id does.
//!
//! Pure: the answer depends on the state and the operation alone. Ids whose time is over are
//! forgotten at the next operation that asks for one.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use async_trait::async_trait;

use crate::backend::Deduplicate;
use crate::error::Result;
use crate::event::EventKind;
use crate::job::{JobId, JobState};
use crate::options::Deduplication;

use super::encoding::{Decode, Encode, Input, Malformed, encoded_struct};
use super::job_body::Place;
use super::operation::{AddedJob, Operation, Outcome};
use super::queue_handle::{QueueHandle, unexpected};
use super::queue_state::{Moment, QueueState, Standing};

/// The deduplication ids of a queue.
#[derive(Debug, Clone, Default)]
pub(super) struct Deduplications {
    owners: BTreeMap<Arc<str>, Owner>,
    /// The ids by the end of their time, if they have one.
    ends: BTreeSet<(u64, Arc<str>)>,
    /// The id of each owner that has not been deleted.
    owned: HashMap<JobId, Arc<str>>,
    /// What becomes a job when the owner has ended.
    kept: BTreeMap<Arc<str>, AddedJob>,
}

#[derive(Debug, Clone)]
struct Owner {
    job: JobId,
    until_ms: Option<u64>,
}

encoded_struct!(Owner { job, until_ms });
encoded_struct!(Deduplication { id, ttl_ms, extend, replace, keep_last_if_active, reschedule });

impl Encode for Deduplications {
    fn encode(&self, out: &mut Vec<u8>) {
        self.owners.len().encode(out);
        for (id, owner) in &self.owners {
            id.encode(out);
            owner.encode(out);
            (self.owned.get(&owner.job) == Some(id)).encode(out);
        }
        self.kept.len().encode(out);
        for (id, job) in &self.kept {
            id.encode(out);
            job.encode(out);
        }
    }
}

impl Decode for Deduplications {
    fn decode(input: &mut Input<'_>) -> Result<Self, Malformed> {
        let mut all = Self::default();
        for _ in 0..usize::decode(input)? {
            let id: Arc<str> = Decode::decode(input)?;
            let Owner { job, until_ms } = Decode::decode(input)?;
            let exists = bool::decode(input)?;
            all.take(id, job.clone(), until_ms);
            if !exists {
                all.forget_job(&job);
            }
        }
        for _ in 0..usize::decode(input)? {
            let id = Decode::decode(input)?;
            all.kept.insert(id, Decode::decode(input)?);
        }
        Ok(all)
    }
}

impl Deduplications {
    /// Returns the owner of an id.
    pub(super) fn owner(&self, id: &str, now_ms: u64) -> Option<&JobId> {
        let owner = self.owners.get(id)?;
        owner.until_ms.is_none_or(|until| until > now_ms).then_some(&owner.job)
    }

    /// Gives an id to a job.
    fn take(&mut self, id: Arc<str>, job: JobId, until_ms: Option<u64>) {
        self.free(&id);
        self.ends.extend(until_ms.map(|until| (until, Arc::clone(&id))));
        self.owned.insert(job.clone(), Arc::clone(&id));
        self.owners.insert(id, Owner { job, until_ms });
    }

    /// Frees an id; tells whether it was taken.
    fn free(&mut self, id: &str) -> bool {
        let Some((id, owner)) = self.owners.remove_entry(id) else { return false };
        if self.owned.get(&owner.job) == Some(&id) {
            self.owned.remove(&owner.job);
        }
        if let Some(until_ms) = owner.until_ms {
            self.ends.remove(&(until_ms, id));
        }
        true
    }

    /// Forgets the ids whose time is over.
    fn forget_old(&mut self, now_ms: u64) {
        while let Some((_, id)) = self.ends.first().filter(|(until, _)| *until <= now_ms) {
            let id = Arc::clone(id);
            self.free(&id);
        }
    }

    /// Takes note that a job was deleted at its end or later; its id stays taken for its time.
    pub(super) fn forget_job(&mut self, job: &JobId) {
        if !self.owned.is_empty() {
            self.owned.remove(job);
        }
    }

    /// Takes note that a job was removed: its id is free.
    pub(super) fn remove_job(&mut self, job: &JobId) {
        if let Some(id) = self.owned.remove(job) {
            self.free(&id);
            self.kept.remove(&id);
        }
    }
}

impl QueueState {
    /// Decides whether an add makes a job; returns the job that stands for it if not.
    pub(super) fn deduplicate(
        &mut self,
        new: &JobId,
        job: &AddedJob,
        now_ms: u64,
    ) -> Option<JobId> {
        let rule = job.deduplication.as_deref()?;
        let id: Arc<str> = rule.id.as_str().into();
        let until_ms = rule.lasts_ms().map(|lasts| now_ms.saturating_add(lasts));
        self.deduplications.forget_old(now_ms);
        let Some(owner) = self.living_owner(&id) else {
            self.deduplications.take(id, new.clone(), until_ms);
            return None;
        };
        let place = match self.index.get(&owner.job) {
            Some(Standing::Live(slot)) => Some((*slot, self.live[*slot].place)),
            _ => None,
        };
        match place {
            Some((_, Place::Delayed { .. })) if rule.replace => {
                self.replace_owner(rule, &owner, new, now_ms);
                return None;
            }
            Some((_, Place::Active { .. })) if rule.keep_last_if_active => {
                let kept = AddedJob { id: Some(new.clone()), timestamp_ms: None, ..job.clone() };
                self.deduplications.kept.insert(Arc::clone(&id), kept);
                self.deduplications.take(id, owner.job.clone(), None);
                self.tell_deduplicated(rule, &owner.job, new, now_ms);
            }
            _ if rule.replace => {}
            _ => {
                if rule.extend && rule.ttl_ms > 0 {
                    self.deduplications.take(id, owner.job.clone(), until_ms);
                }
                self.tell_deduplicated(rule, &owner.job, new, now_ms);
                if rule.reschedule
                    && let Some((slot, Place::Delayed { .. })) = place
                {
                    self.leave(slot);
                    self.live.change(slot).body.delay_ms = job.delay_ms;
                    let from_ms = job.timestamp_ms.unwrap_or(now_ms);
                    self.delay(slot, from_ms.saturating_add(job.delay_ms), now_ms);
                }
            }
        }
        Some(owner.job)
    }

    /// Returns the owner of an id; one that holds it without end and is gone holds it no more.
    fn living_owner(&mut self, id: &str) -> Option<Owner> {
        let owner = self.deduplications.owners.get(id)?.clone();
        if owner.until_ms.is_none() && !self.index.contains_key(&owner.job) {
            self.deduplications.free(id);
            self.deduplications.kept.remove(id);
            return None;
        }
        Some(owner)
    }

    /// Removes a delayed owner, whose place a new job takes.
    fn replace_owner(&mut self, rule: &Deduplication, owner: &Owner, new: &JobId, now_ms: u64) {
        let Owner { job: old, until_ms: old_until_ms } = owner;
        if let Some(Standing::Live(slot)) = self.index.remove(old) {
            self.leave(slot);
            let body = self.live.remove(slot).body;
            self.bury(&body);
        }
        let removed = EventKind::Removed { id: old.clone(), prev: Some(JobState::Delayed) };
        self.events.push(now_ms, removed);
        self.tell_deduplicated(rule, new, old, now_ms);
        self.deduplications.kept.remove(rule.id.as_str());
        let until_ms = match rule.lasts_ms() {
            Some(_) if !rule.extend => *old_until_ms,
            lasts => lasts.map(|lasts| now_ms.saturating_add(lasts)),
        };
        self.deduplications.take(rule.id.as_str().into(), new.clone(), until_ms);
    }

    fn tell_deduplicated(
        &mut self,
        rule: &Deduplication,
        survivor: &JobId,
        dropped: &JobId,
        now_ms: u64,
    ) {
        let (id, dropped) = (survivor.clone(), dropped.clone());
        let deduplication_id = rule.id.clone();
        self.events.push(now_ms, EventKind::Deduplicated { id, deduplication_id, dropped });
    }

    /// Frees the id of a job that ends, unless its time outlives it, and makes a job of the add
    /// that was kept for then.
    pub(super) fn end_deduplication(&mut self, id: &str, job: &JobId, moment: &mut Moment<'_>) {
        let now_ms = moment.now_ms;
        self.deduplications.forget_old(now_ms);
        let ends = |owner: &Owner| owner.until_ms.is_none() && owner.job == *job;
        if self.deduplications.owners.get(id).is_some_and(ends) {
            self.deduplications.free(id);
        }
        let Some(kept) = self.deduplications.kept.remove(id) else { return };
        self.last_id += 1;
        let next = kept.id.clone().unwrap_or_else(|| JobId::from_store(self.last_id.to_string()));
        if self.index.contains_key(&next) {
            self.events.push(now_ms, EventKind::Duplicated { id: next });
            return;
        }
        let lasts = kept.deduplication.as_deref().and_then(Deduplication::lasts_ms);
        let until_ms = lasts.map(|lasts| now_ms.saturating_add(lasts));
        self.deduplications.take(id.into(), next.clone(), until_ms);
        self.create(next, kept, None, moment);
    }

    pub(super) fn free_deduplication(&mut self, id: &str, owner: Option<&JobId>) -> Outcome {
        let found = self.deduplications.owners.get(id).map(|found| &found.job);
        let may = owner.is_none() || owner == found;
        Outcome::Removed(may && self.deduplications.free(id))
    }
}

#[async_trait]
impl Deduplicate for QueueHandle {
    async fn deduplication_owner(&self, deduplication_id: &str) -> Result<Option<JobId>> {
        let now_ms = self.door.clock.now_ms();
        self.look(|queue| queue.deduplications.owner(deduplication_id, now_ms).cloned())
    }

    async fn free_deduplication(
        &self,
        deduplication_id: &str,
        owner: Option<&JobId>,
    ) -> Result<bool> {
        // One whose time is over has no owner any more.
        if self.deduplication_owner(deduplication_id).await?.is_none() {
            return Ok(false);
        }
        let id = deduplication_id.into();
        let operation = Operation::FreeDeduplication { id, owner: owner.cloned() };
        match self.operate("free deduplication", operation).await? {
            Outcome::Removed(freed) => Ok(freed),
            other => unexpected(&other),
        }
    }
}
