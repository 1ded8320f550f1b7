//! What must hold in every state, and what makes two states the same.

use std::collections::HashSet;

use crate::backend::{Consume as _, Inspect as _, Produce as _};
use crate::job::{JobId, JobSnapshot, JobState};
use crate::outcome::Verdict;

use super::super::encoding::Encode as _;
use super::super::machine::Machine;
use super::super::queue_state::{QueueState, Standing};
use super::{RESTLESS, World, claim, job, locked, settlement};

/// Checks that each id is in exactly one state and that nothing refers to nothing.
pub(super) fn check(machine: &Machine) {
    machine.queues().for_each(|(_, queue)| check_queue(queue));
}

fn check_queue(queue: &QueueState) {
    let mut ids = HashSet::new();
    let places = [
        queue.waiting.iter().map(|(order, slot)| (*order, *slot)).collect::<Vec<_>>(),
        queue.delayed.iter().map(|((_, order), slot)| (*order, *slot)).collect(),
        queue.active.iter().map(|(order, slot)| (*order, *slot)).collect(),
        queue.prioritized.iter().map(|((_, turn, _), slot)| (*turn, *slot)).collect(),
        queue.waiting_children.values().map(|slot| (0, *slot)).collect(),
    ];
    let states = [
        JobState::Waiting,
        JobState::Delayed,
        JobState::Active,
        JobState::Prioritized,
        JobState::WaitingChildren,
    ];
    for (state, place) in states.into_iter().zip(&places) {
        for (_, slot) in place {
            let job = &queue.live[*slot];
            assert_eq!(job.place.state(), state);
            assert_eq!(job.hold.is_some(), state == JobState::Active);
            assert!(job.body.attempts_made <= job.body.attempts_started);
            let id = &job.body.id;
            assert!(ids.insert(id.clone()), "{id} is in two states");
            assert!(matches!(queue.index[id], Standing::Live(at) if at == *slot));
        }
    }
    for state in [JobState::Completed, JobState::Failed] {
        for ((finished_ms, id), serial) in queue.ended.order(state) {
            assert!(ids.insert(id.clone()), "{id} is in two states");
            let Standing::Ended(key) = queue.index[id] else { panic!("{id} has not ended") };
            assert_eq!((key.finished_ms, key.serial, key.state), (*finished_ms, *serial, state));
        }
    }
    assert_eq!(ids.len(), queue.index.len(), "each id of the index is in a state");
    assert_eq!(queue.live.iter().count(), places.iter().map(Vec::len).sum::<usize>());
}

/// Writes the logical state in a canonical order.
pub(super) fn fingerprint(machine: &Machine) -> Vec<u8> {
    let mut out = Vec::new();
    machine.last_serial().encode(&mut out);
    for (_, queue) in machine.queues() {
        let last = queue.events.last();
        out.extend(format!("{} {} {}", queue.name, queue.paused, last).into_bytes());
        for number in [queue.last_id, queue.swept_until_ms] {
            number.encode(&mut out);
        }
        queue.back.encode(&mut out);
        queue.front.encode(&mut out);
        queue.deduplications.encode(&mut out);
        queue.limiting.encode(&mut out);
        queue.families.rows().encode(&mut out);
        queue.schedulers.values().cloned().collect::<Vec<_>>().encode(&mut out);
        let mut jobs: Vec<_> = queue.live.iter().map(|(_, job)| job.clone()).collect();
        jobs.sort_by_key(|job| job.body.serial);
        for mut job in jobs {
            // Of an ended job it is not known after an opening, so it may be set without need.
            job.body.has_log = false;
            job.encode(&mut out);
        }
        for state in [JobState::Completed, JobState::Failed] {
            for ((finished_ms, id), serial) in queue.ended.order(state) {
                finished_ms.encode(&mut out);
                serial.encode(&mut out);
                id.encode(&mut out);
            }
        }
    }
    out
}

pub(super) fn fingerprint_of(world: &World) -> Vec<u8> {
    fingerprint(&locked(&world.store.door.shared.machine))
}

/// Everything that callers can see of the jobs, with their logs.
pub(super) async fn visible(world: &World) -> Vec<(JobSnapshot, Vec<String>)> {
    let mut ids: Vec<JobId> =
        world.queue.look(|queue| queue.index.keys().cloned().collect()).unwrap();
    ids.sort();
    let mut visible = Vec::new();
    for (id, found) in ids.iter().zip(world.queue.jobs(&ids).await.unwrap()) {
        let found = found.unwrap_or_else(|| panic!("{id} has lost its rows"));
        visible.push((found, world.queue.logs(id, 0, 100).await.unwrap().0));
    }
    visible
}

#[tokio::test]
async fn a_backlog_that_is_gone_gives_its_room_back() {
    let world = World::new(RESTLESS).await;
    let room = |world: &World| world.queue.look(|queue| queue.live.capacity()).unwrap();
    for _ in 0..20 {
        world.queue.add(vec![job("x"); 200]).await.unwrap();
    }
    let most = room(&world);
    for _ in 0..20 {
        let claimed = world.queue.claim(&claim(200)).await.unwrap().jobs;
        let done = || Verdict::Fail { reason: "over".to_owned(), stack_trace: Vec::new() };
        let settlements = claimed.iter().map(|job| settlement(job, done())).collect();
        world.queue.settle(settlements, None).await.unwrap();
    }
    world.queue.add(vec![job("x"); 5]).await.unwrap();

    let before = world.store.counters().checkpoints;
    while world.store.counters().checkpoints < before + 3 {
        world.queue.resume().await.unwrap();
    }

    assert!(most >= 4000 && room(&world) < 100, "{most}, then {}", room(&world));
    assert_eq!(world.queue.claim(&claim(9)).await.unwrap().jobs.len(), 5);
}
