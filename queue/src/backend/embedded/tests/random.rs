//! Random operations with checkpoints all the time: what a crash leaves is what was acknowledged.

use std::collections::BTreeSet;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};

use crate::backend::{
    Change as _, Claim, Clear as _, Consume as _, Held, Limit as _, Maintain as _, Produce as _,
    Store as _,
};
use crate::error::QueueError;
use crate::flow::{ChildFailure, Flow, JobKey, Relate as _};
use crate::job::{ClaimedJob, JobId, JobState, NewJob, Payload};
use crate::options::{Deduplication, JobOptions, RateLimit, Retention};
use crate::outcome::Verdict;
use crate::scheduler::{NewScheduler, Schedule as _};

use super::super::checkpoint::Pace;
use super::super::queue_state::{QueueState, Standing};
use super::state::{check, fingerprint_of, visible};
use super::{RESTLESS, World, claim, id, job, locked, settlement};

/// Plays random operations and remembers the claimed jobs.
struct Player {
    random: StdRng,
    held: Vec<ClaimedJob>,
    disk_is_full: bool,
    refused: u32,
}

impl Player {
    fn some_id(&mut self) -> JobId {
        match self.random.random_range(0..8_u32) {
            0..6 => id(["a", "b", "c", "d", "e", "f"][self.random.random_range(0..6)]),
            _ => JobId::from_store(self.random.random_range(1..40_u32).to_string()),
        }
    }

    fn some_job(&mut self) -> NewJob {
        let length = self.random.random_range(0..200);
        let keep = [None, Some(Retention { count: Some(3), ..Retention::seconds(60) })];
        let options = JobOptions {
            remove_on_complete: keep[self.random.random_range(0..2)],
            remove_on_fail: [None, Some(Retention::NONE)][self.random.random_range(0..2)],
            delay_ms: [0, 0, 0, 500][self.random.random_range(0..4)],
            priority: [0, 0, 1, 2][self.random.random_range(0..4)],
            lifo: self.random.random_bool(0.3),
            deduplication: self.some_deduplication(),
            ..JobOptions::bare()
        };
        let new = job(&"x".repeat(length)).with_options(options);
        if self.random.random_bool(0.3) { new.with_id(self.some_id()) } else { new }
    }

    fn some_deduplication(&mut self) -> Option<Deduplication> {
        let id = ["x", "y"][self.random.random_range(0..2)];
        let rule = Deduplication {
            ttl_ms: [0, 0, 700, 5000][self.random.random_range(0..4)],
            extend: self.random.random(),
            replace: self.random.random_bool(0.3),
            keep_last_if_active: self.random.random_bool(0.5),
            reschedule: self.random.random_bool(0.3),
            ..Deduplication::simple(id)
        };
        self.random.random_bool(0.3).then_some(rule)
    }

    fn some_flow(&mut self) -> Flow {
        let policies = [
            ChildFailure::KeepWaiting,
            ChildFailure::FailParent,
            ChildFailure::ContinueParent,
            ChildFailure::IgnoreDependency,
            ChildFailure::RemoveDependency,
        ];
        let mut some = || {
            let mut job = self.some_job();
            job.options.deduplication = None;
            Flow::new("q", job)
        };
        let (parent, children) = (some(), [some(), some()]);
        let mut flow = Flow { job: parent.job.with_id(self.some_id()), ..parent };
        for child in children {
            flow = flow.with_child(child.on_failure(policies[self.random.random_range(0..5)]));
        }
        let above = self.random.random_bool(0.3).then(|| JobKey::new("q", self.some_id()));
        Flow { parent: above, ..flow }
    }

    fn some_run(&mut self) -> NewJob {
        let options = JobOptions { attempts: 2, ..JobOptions::bare() };
        job(&"x".repeat(self.random.random_range(0..50))).with_options(options)
    }

    fn some_verdict(&mut self) -> Verdict {
        let (reason, stack_trace) = ("BROKEN: it broke".to_owned(), vec!["at a".to_owned()]);
        match self.random.random_range(0..8) {
            0..3 => Verdict::Complete { result: Payload::encode(&[1, 2]).unwrap() },
            3 => Verdict::Fail { reason, stack_trace },
            4 => {
                let pause = Duration::from_millis([0, 300][self.random.random_range(0..2)]);
                Verdict::Retry { reason, stack_trace, pause }
            }
            6 if self.random.random() => Verdict::RateLimited,
            6 => Verdict::WaitForChildren,
            5 => Verdict::Delay { until_ms: 1_700_000_000_500, reason: Some(reason) },
            _ => Verdict::HandBack,
        }
    }

    async fn produce(&mut self, world: &World) -> Result<(), QueueError> {
        let queue = &world.queue;
        let id = self.some_id();
        match self.random.random_range(0..17) {
            15 => world.store.add_flow(self.some_flow()).await.map(drop),
            16 => queue.remove_child_dependency(&id).await.map(drop),
            0..6 => {
                let jobs = (0..self.random.random_range(1..4)).map(|_| self.some_job()).collect();
                queue.add(jobs).await.map(drop)
            }
            6 | 7 => {
                let run = self.random.random_range(0..4_u32);
                let data = Payload::encode(&serde_json::json!({ "generation": run })).unwrap();
                queue.submit(vec![NewJob::new("work", data).with_id(id)]).await.map(drop)
            }
            8 => queue.retry(&id, self.random.random_bool(0.5)).await.map(drop),
            9 => queue.remove(&id).await.map(drop),
            10 => queue.cancel(&id).await.map(drop),
            11 => queue.promote(&id).await.map(drop),
            12 => queue.change_delay(&id, Duration::from_millis(400)).await.map(drop),
            13 => {
                let (priority, front) = (self.random.random_range(0..3), self.random.random());
                queue.change_priority(&id, priority, front).await
            }
            _ => {
                let length = self.random.random_range(0..200);
                queue.change_data(&id, Payload::encode(&"y".repeat(length)).unwrap()).await
            }
        }
    }

    async fn consume(&mut self, world: &World) -> Result<(), QueueError> {
        let queue = &world.queue;
        let id = self.some_id();
        match self.random.random_range(0..10) {
            0..5 => {
                let count = self.held.len().min(self.random.random_range(0..3));
                let mut settlements = Vec::new();
                for job in self.held.drain(..count).collect::<Vec<_>>() {
                    settlements.push(settlement(&job, self.some_verdict()));
                }
                let limit = RateLimit::new(2, Duration::from_secs(1));
                let rate = self.random.random_bool(0.3).then_some(limit);
                let next = Claim { rate, ..claim(self.random.random_range(0..4)) };
                let turn = queue.settle(settlements, Some(&next)).await?;
                for job in &turn.claimed.jobs {
                    assert_eq!(job.unreadable, None, "the input of {} is there", job.job.id);
                }
                self.held.extend(turn.claimed.jobs);
                Ok(())
            }
            5 => {
                let held =
                    |job: &ClaimedJob| Held { id: job.job.id.clone(), token: job.token.clone() };
                let held: Vec<_> = self.held.iter().map(held).collect();
                queue.renew(&held, Duration::from_secs(15)).await.map(drop)
            }
            6 | 7 => queue.log(&id, "a row", Some(3)).await,
            _ => queue.progress(&id, Payload::encode(&7).unwrap()).await.map(drop),
        }
    }

    async fn keep_up(&mut self, world: &World) -> Result<(), QueueError> {
        world.clock.pass(self.random.random_range(0..8000));
        let rate = RateLimit::new(self.random.random_range(1..5), Duration::from_secs(2));
        match self.random.random_range(0..15) {
            11 => world.queue.drain(self.random.random_bool(0.5)).await.map(drop),
            12 => {
                let state = JobState::ALL[self.random.random_range(0..4)];
                world.queue.clean(state, Duration::from_secs(5), 3).await.map(drop)
            }
            13 => world.queue.retry_all(JobState::Failed, None).await.map(drop),
            14 if self.random.random_bool(0.2) => world.queue.obliterate(true).await,
            14 => world.queue.promote_all().await.map(drop),
            8 => world.queue.set_rate(self.random.random_bool(0.5).then_some(rate)).await,
            9 => world.queue.set_concurrency(self.random.random_bool(0.5).then_some(3)).await,
            10 => world.queue.rate_limit(Duration::from_millis(500)).await,
            5 => world.queue.remove_scheduler("s").await.map(drop),
            6 | 7 => {
                let every = Duration::from_secs(self.random.random_range(2..4));
                let scheduler = NewScheduler::every("s", every, self.some_run());
                world.queue.upsert_scheduler(scheduler).await.map(drop)
            }
            0 => world.queue.pause().await,
            1 | 2 => world.queue.resume().await,
            3 => world.queue.sweep_stalled(Duration::from_secs(5), 2).await.map(drop),
            _ => world.queue.promote_due().await.map(drop),
        }
    }

    async fn step(&mut self, world: &World) {
        let done = match self.random.random_range(0..20) {
            0..9 => self.produce(world).await,
            9..18 => self.consume(world).await,
            _ => self.keep_up(world).await,
        };
        match done {
            Ok(())
            | Err(
                QueueError::NoSuchJob(_)
                | QueueError::WrongState { .. }
                | QueueError::NoSuchParent(_)
                | QueueError::ParentTaken { .. }
                | QueueError::Invalid { what: "flow", .. },
            ) => {}
            Err(QueueError::Refused { .. }) if self.disk_is_full => self.refused += 1,
            Err(error) => panic!("{error}"),
        }
    }

    /// Fills the disk now and then for a while.
    fn fill_disk(&mut self, world: &World) {
        if self.random.random_bool(0.05) {
            self.disk_is_full = !self.disk_is_full;
            world.fill_disk(self.disk_is_full);
        }
    }
}

/// Checks that the tables hold what the jobs need and nothing else, once all is written.
async fn check_rows(world: &World) {
    let before = world.store.counters().checkpoints;
    while world.store.counters().checkpoints < before + 3 {
        world.queue.resume().await.unwrap();
    }
    let (ended, logs, all) = keys(world);
    assert_eq!(rows(world, "SELECT serial FROM finished"), ended);
    assert_eq!(rows(world, "SELECT serial FROM record"), ended);
    assert!(rows(world, "SELECT serial FROM payload").is_subset(&all));
    assert!(rows(world, "SELECT DISTINCT job FROM log").is_subset(&logs));
}

/// Returns the serials of the ended jobs, the keys of the logs and all serials.
fn keys(world: &World) -> (BTreeSet<u64>, BTreeSet<u64>, BTreeSet<u64>) {
    let look = |queue: &QueueState| {
        let key = |standing: &Standing| match standing {
            Standing::Live(slot) => {
                let body = &queue.live[*slot].body;
                (false, body.serial, body.log)
            }
            Standing::Ended(key) => (true, key.serial, key.log),
        };
        let keys: Vec<_> = queue.index.values().map(key).collect();
        (
            keys.iter().filter(|(ended, ..)| *ended).map(|(_, serial, _)| *serial).collect(),
            keys.iter().map(|(.., log)| *log).collect(),
            keys.iter().map(|(_, serial, _)| *serial).collect(),
        )
    };
    world.queue.look(look).unwrap()
}

fn rows(world: &World, sql: &str) -> BTreeSet<u64> {
    let connection = locked(&world.connection);
    let mut statement = connection.as_ref().unwrap().prepare(sql).unwrap();
    let rows = statement.query_map([], |row| row.get::<_, i64>(0)).unwrap();
    rows.map(|row| row.unwrap().cast_unsigned()).collect()
}

/// What a game was about, so that a test can tell whether it tested anything.
struct Played {
    checkpoints: u64,
    refused: u32,
}

fn play(seed: u64, pace: Pace, steps: usize, disk_fills: bool) -> Played {
    println!("seed {seed}");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let random = StdRng::seed_from_u64(seed);
        let mut player = Player { random, held: Vec::new(), disk_is_full: false, refused: 0 };
        let mut checkpoints = 0;
        let mut world = World::new(pace).await;
        for _ in 0..steps {
            if disk_fills {
                player.fill_disk(&world);
            }
            let (before, refused) = (fingerprint_of(&world), player.refused);
            player.step(&world).await;
            if player.refused > refused {
                assert!(fingerprint_of(&world) == before, "what is refused changes nothing");
            }
            check(&locked(&world.store.door.shared.machine));
            if player.random.random_bool(0.1) {
                let reopened = world.after_crash(pace).await;
                check(&locked(&reopened.store.door.shared.machine));
                assert!(fingerprint_of(&reopened) == fingerprint_of(&world), "seed {seed}");
                assert_eq!(visible(&reopened).await, visible(&world).await, "seed {seed}");
                if player.random.random_bool(0.3) {
                    checkpoints += world.store.counters().checkpoints;
                    world = reopened;
                    player.disk_is_full = false;
                }
            }
        }
        world.fill_disk(false);
        checkpoints += world.store.counters().checkpoints;
        if pace.journal_bytes < u64::MAX {
            check_rows(&world).await;
        }
        Played { checkpoints, refused: player.refused }
    })
}

#[test]
fn a_crash_at_any_moment_leaves_what_was_acknowledged() {
    let games: Vec<_> = (0..8).map(|_| play(rand::random(), RESTLESS, 300, false)).collect();
    assert!(games.iter().map(|game| game.checkpoints).sum::<u64>() > 20);
}

#[test]
fn a_full_disk_refuses_what_it_cannot_take_and_loses_nothing() {
    let games: Vec<_> = (0..8).map(|_| play(rand::random(), RESTLESS, 300, true)).collect();
    assert!(games.iter().map(|game| game.checkpoints).sum::<u64>() > 2);
    assert!(games.iter().map(|game| game.refused).sum::<u32>() > 2);
}

#[test]
fn replay_of_the_whole_journal_gives_the_same_state() {
    let journal_only = Pace { journal_bytes: u64::MAX, ..RESTLESS };
    play(rand::random(), journal_only, 300, false);
}
