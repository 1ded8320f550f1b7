//! Removing jobs together with those below them.
//!
//! Pure: the answer depends on the state and the operation alone.

use std::collections::HashSet;

use crate::job::JobState;

use super::families::{Fate, Relative};
use super::machine::Machine;
use super::operation::Outcome;
use super::queue_state::Standing;

/// The jobs that were met before: a child may come back as its own parent.
type Met = HashSet<(u32, String)>;

impl Machine {
    /// Removes a job and all jobs below it, unless a worker holds one of those that are awaited.
    pub(super) fn remove_tree(&mut self, root: &Relative, now_ms: u64) -> Outcome {
        if self.standing(root).is_none() {
            return Outcome::Removed(false);
        }
        if let Some(held) = self.held_in(root, &mut Met::new(), now_ms) {
            return self.refuse_held(&held);
        }
        let armed = self.queue(root.queue).is_some_and(|queue| queue.is_armed_run(&root.id));
        if armed {
            return Outcome::Denied(crate::error::QueueError::ArmedRun(root.id.clone()));
        }
        self.fell(root, false, &mut Met::new(), now_ms);
        Outcome::Removed(true)
    }

    /// Removes the jobs below a job that it still awaits, but for held and failed ones.
    pub(super) fn remove_awaited(&mut self, root: &Relative, now_ms: u64) -> Outcome {
        self.fell_below(root, true, &mut Met::new(), now_ms);
        Outcome::Done
    }

    fn refuse_held(&self, held: &Relative) -> Outcome {
        Outcome::Denied(crate::error::QueueError::WrongState {
            id: held.id.clone(),
            state: self.state_of(held).unwrap_or(JobState::Active),
            operation: "remove with children",
            needs: "no worker that holds it",
        })
    }

    fn state_of(&self, at: &Relative) -> Option<JobState> {
        let queue = self.queue(at.queue)?;
        Some(match queue.index.get(&at.id)? {
            Standing::Live(slot) => queue.live[*slot].place.state(),
            Standing::Ended(key) => key.state,
        })
    }

    fn is_held(&self, at: &Relative, now_ms: u64) -> bool {
        let Some(queue) = self.queue(at.queue) else { return false };
        match queue.index.get(&at.id) {
            Some(Standing::Live(slot)) => {
                queue.live[*slot].hold.as_ref().is_some_and(|hold| hold.until_ms > now_ms)
            }
            _ => false,
        }
    }

    /// Returns the children of a job: all, or those that it awaits.
    fn children_of(&self, at: &Relative, awaited: bool) -> Vec<Relative> {
        let kin = self.queue(at.queue).and_then(|queue| queue.families.kin.get(&at.id));
        let goes = |fate: &Fate| !awaited || matches!(fate, Fate::Pending {});
        let children = kin.into_iter().flatten().filter(|(_, fate)| goes(fate));
        children.map(|(child, _)| child.clone()).collect()
    }

    fn held_in(&self, at: &Relative, met: &mut Met, now_ms: u64) -> Option<Relative> {
        if !met.insert((at.queue, at.id.to_string())) {
            return None;
        }
        if self.is_held(at, now_ms) {
            return Some(at.clone());
        }
        self.children_of(at, true).iter().find_map(|child| self.held_in(child, met, now_ms))
    }

    fn fell_below(&mut self, at: &Relative, awaited: bool, met: &mut Met, now_ms: u64) {
        for child in self.children_of(at, awaited) {
            let stays = awaited
                && (self.is_held(&child, now_ms)
                    || self.state_of(&child) == Some(JobState::Failed));
            if !stays {
                self.fell(&child, awaited, met, now_ms);
            }
        }
    }

    fn fell(&mut self, at: &Relative, awaited: bool, met: &mut Met, now_ms: u64) {
        if !met.insert((at.queue, at.id.to_string())) {
            return;
        }
        self.fell_below(at, awaited, met, now_ms);
        self.touch(at.queue);
        if let Some(queue) = self.queue_mut(at.queue) {
            queue.remove(&at.id, now_ms);
        }
        self.tell_parents(at.queue, now_ms);
    }
}
