//! The same random operations on both stores: after each step, whatever can be seen is the same.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use oxherd_queue::backend::{Added, Cancelled, Held, Submitted};
use oxherd_queue::job::{ClaimedJob, Token};
use oxherd_queue::outcome::{Settled, Verdict};
use oxherd_queue::{
    Deduplication, JobId, JobOptions, JobState, NewJob, Payload, Position, QueueError, Retention,
};
use proptest::collection::vec;
use proptest::prelude::{Just, Strategy, any};
use proptest::prop_oneof;
use proptest::test_runner::{Config, RngSeed, TestCaseError, TestRunner};

use crate::world::{Kind, World, claim, completed, failed, id, retried, settlement};

/// A step, in words that mean the same on each store.
#[derive(Debug, Clone)]
enum Step {
    Add { name: usize, delayed: bool, attempts: u32, rank: usize },
    AddNumbered { jobs: usize },
    AddOnce { delayed: bool, numbered: bool, rule: usize },
    FreeDeduplication,
    Clean { state: usize, limit: u64 },
    Drain { delayed: bool },
    RetryAll { completed: bool },
    PromoteAll,
    Submit { name: usize, generation: u64 },
    Claim { max: usize },
    Settle { which: usize, how: usize, keep: usize, claim: usize },
    SettleAsStranger { which: usize },
    SettleAll { claim: usize },
    Renew,
    Retry { name: usize, reset: bool },
    Remove { name: usize },
    Cancel { name: usize },
    Promote { name: usize },
    Progress { name: usize },
    ChangeDelay { name: usize },
    ChangePriority { name: usize, priority: u32, front: bool },
    ChangeData { name: usize },
    Log { name: usize, keep: Option<u64> },
    Pause,
    Resume,
}

const NAMES: [&str; 5] = ["a", "b", "c", "d", "e"];
/// Priorities, and whether the job is added in front.
const RANKS: [(u32, bool); 5] = [(0, false), (0, true), (1, false), (1, true), (2, false)];
/// The rules of adds that mean the same; times are far longer than a case.
fn rules() -> Vec<Deduplication> {
    let (simple, last) = (Deduplication::simple("x"), Deduplication::keep_last("x"));
    let throttle = Deduplication::throttle("x", FAR);
    vec![
        Deduplication { reschedule: true, ..simple.clone() },
        Deduplication { replace: true, ..simple.clone() },
        Deduplication { replace: true, ..throttle.clone() },
        Deduplication { replace: true, ..last.clone() },
        Deduplication { extend: true, ..throttle },
        Deduplication::debounce("x", FAR),
        Deduplication { ttl_ms: 1_000_000, extend: true, ..last.clone() },
        simple,
        last,
    ]
}

/// Delays and pauses are far longer than a case: the clocks of the stores need not agree.
const FAR: Duration = Duration::from_secs(3650);

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let name = 0..NAMES.len();
    let step = prop_oneof![
        4 => (name.clone(), any::<bool>(), 1..3_u32, 0..RANKS.len())
            .prop_map(|(name, delayed, attempts, rank)| Step::Add { name, delayed, attempts, rank }),
        1 => (0..4_usize).prop_map(|jobs| Step::AddNumbered { jobs }),
        4 => (any::<bool>(), any::<bool>(), 0..rules().len()).prop_map(|(delayed, numbered, rule)| {
            Step::AddOnce { delayed, numbered, rule }
        }),
        1 => Just(Step::FreeDeduplication),
        1 => (0..JobState::ALL.len(), 0..3_u64).prop_map(|(state, limit)| {
            Step::Clean { state, limit }
        }),
        1 => any::<bool>().prop_map(|delayed| Step::Drain { delayed }),
        1 => any::<bool>().prop_map(|completed| Step::RetryAll { completed }),
        1 => Just(Step::PromoteAll),
        3 => (name.clone(), 0..4_u64)
            .prop_map(|(name, generation)| Step::Submit { name, generation }),
        5 => (0..4_usize).prop_map(|max| Step::Claim { max }),
        6 => (0..4_usize, 0..6_usize, 0..3_usize, 0..3_usize)
            .prop_map(|(which, how, keep, claim)| Step::Settle { which, how, keep, claim }),
        1 => (0..4_usize).prop_map(|which| Step::SettleAsStranger { which }),
        1 => (0..3_usize).prop_map(|claim| Step::SettleAll { claim }),
        1 => Just(Step::Renew),
        2 => (name.clone(), any::<bool>()).prop_map(|(name, reset)| Step::Retry { name, reset }),
        1 => name.clone().prop_map(|name| Step::Remove { name }),
        2 => name.clone().prop_map(|name| Step::Cancel { name }),
        1 => name.clone().prop_map(|name| Step::Promote { name }),
        1 => name.clone().prop_map(|name| Step::Progress { name }),
        1 => name.clone().prop_map(|name| Step::ChangeDelay { name }),
        2 => (name.clone(), 0..3_u32, any::<bool>()).prop_map(|(name, priority, front)| {
            Step::ChangePriority { name, priority, front }
        }),
        1 => name.clone().prop_map(|name| Step::ChangeData { name }),
        1 => (name, proptest::option::of(1..3_u64)).prop_map(|(name, keep)| Step::Log { name, keep }),
        1 => Just(Step::Pause),
        2 => Just(Step::Resume),
    ];
    vec(step, 1..50)
}

#[test]
fn both_stores_do_the_same_for_any_sequence() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let worlds = runtime.block_on(async {
        Some((World::open(Kind::Embedded).await?, World::open(Kind::Redis).await?))
    });
    let Some((embedded, redis)) = worlds else { return };
    let seed = rand::random::<u64>();
    println!("seed {seed}");
    let config = Config {
        cases: 40,
        failure_persistence: None,
        max_shrink_iters: 400,
        rng_seed: RngSeed::Fixed(seed),
        ..Config::default()
    };
    let played = TestRunner::new(config).run(&steps(), |steps| {
        runtime.block_on(async {
            let mut left = Player::new(&embedded).await;
            let mut right = Player::new(&redis).await;
            for (index, step) in steps.iter().enumerate() {
                let (left, right) = (left.play(step).await, right.play(step).await);
                if left != right {
                    let seen =
                        format!("step {index}, {step:?}\nembedded: {left:#?}\nredis: {right:#?}");
                    return Err(TestCaseError::fail(seen));
                }
            }
            Ok(())
        })
    });
    runtime.block_on(async {
        embedded.store.close().await;
        redis.store.close().await;
    });
    if let Err(failure) = played {
        panic!("seed {seed}: {failure}");
    }
}

/// One store under test: a fresh queue, and the locks it holds.
struct Player {
    world: World,
    held: BTreeMap<JobId, ClaimedJob>,
    told_until: Position,
    numbered: Vec<JobId>,
}

/// What can be seen of a queue after a step.
#[derive(Debug, PartialEq)]
struct Seen {
    answer: String,
    events: Vec<String>,
    counts: BTreeMap<&'static str, u64>,
    waiting: [Vec<JobId>; 2],
    jobs: Vec<String>,
    paused: bool,
    owner: Option<JobId>,
}

impl Player {
    async fn new(world: &World) -> Self {
        static CASES: AtomicU64 = AtomicU64::new(0);
        let name = format!("random-{}", CASES.fetch_add(1, Ordering::Relaxed));
        Self {
            world: world.with_queue(&name).await,
            held: BTreeMap::new(),
            told_until: Position::START,
            numbered: Vec::new(),
        }
    }

    async fn play(&mut self, step: &Step) -> Seen {
        let answer = self.answer(step).await;
        let queue = &self.world.queue;
        let events = self.world.words_after(self.told_until).await;
        self.told_until = queue.last_position().await.unwrap();
        let mut ids: Vec<JobId> = NAMES.iter().map(|name| id(name)).collect();
        ids.extend(self.numbered.iter().cloned());
        let found = queue.jobs(&ids).await.unwrap();
        let mut jobs = Vec::new();
        for (id, found) in ids.iter().zip(found) {
            let Some(found) = found else { continue };
            let logs = queue.logs(id, 0, 100).await.unwrap().0;
            let place = queue.place(id).await.unwrap();
            jobs.push(format!("{} {place:?} {logs:?}", description(&found)));
        }
        Seen {
            answer,
            events,
            counts: queue.counts().await.unwrap(),
            waiting: [
                self.world.list(JobState::Waiting).await,
                self.world.list(JobState::Prioritized).await,
            ],
            jobs,
            paused: queue.is_paused().await.unwrap(),
            owner: queue.deduplication_owner("x").await.unwrap(),
        }
    }

    async fn answer(&mut self, step: &Step) -> String {
        let queue = std::sync::Arc::clone(&self.world.queue);
        let named = |name: &usize| id(NAMES[*name]);
        match step {
            Step::Add { name, delayed, attempts, rank } => {
                let delay_ms = if *delayed { u64::try_from(FAR.as_millis()).unwrap() } else { 0 };
                let (priority, lifo) = RANKS[*rank];
                let attempts = *attempts;
                let bare = JobOptions::bare();
                let options = JobOptions { attempts, delay_ms, priority, lifo, ..bare };
                let job = NewJob::new("work", Payload::null()).with_options(options);
                added(&queue.add(vec![job.with_id(named(name))]).await.unwrap())
            }
            Step::AddNumbered { jobs } => {
                let jobs = (0..*jobs).map(|_| crate::world::job("work")).collect();
                let results = queue.add(jobs).await.unwrap();
                self.numbered.extend(results.iter().map(|added| added.id().clone()));
                added(&results)
            }
            Step::AddOnce { delayed, numbered, rule } => {
                let rule = rules().swap_remove(*rule);
                // An owner that became due at once would do so at different times.
                let delayed = *delayed || rule.reschedule;
                let delay_ms = if delayed { u64::try_from(FAR.as_millis()).unwrap() } else { 0 };
                let options = JobOptions { delay_ms, ..JobOptions::bare() }.deduplicated(rule);
                let job = crate::world::job("work").with_options(options);
                let job = if *numbered { job } else { job.with_id(id(NAMES[0])) };
                let results = queue.add(vec![job]).await.unwrap();
                self.numbered.extend(results.iter().map(|added| added.id().clone()));
                added(&results)
            }
            Step::Submit { name, generation } => {
                let data = Payload::parse(format!(r#"{{"generation":{generation}}}"#)).unwrap();
                let job = NewJob::new("work", data).with_options(JobOptions::bare());
                submitted(&queue.submit(vec![job.with_id(named(name))]).await.unwrap())
            }
            Step::Claim { max } => {
                let claimed = queue.claim(&claim(*max)).await.unwrap();
                self.take(claimed.jobs)
            }
            Step::Settle { which, how, keep, claim } => {
                self.settle(*which, *how, *keep, *claim).await
            }
            Step::SettleAsStranger { which } => {
                let Some(mut job) = self.pick(*which).cloned() else { return String::new() };
                job.token = Token::unique();
                settled(&self.world.settle(&job, completed()).await)
            }
            Step::SettleAll { claim: max } => {
                let held = std::mem::take(&mut self.held);
                let all = held.values().map(|job| settlement(job, completed())).collect();
                let turn = queue.settle(all, Some(&claim(*max))).await.unwrap();
                let told: Vec<_> = turn.settled.iter().map(settled).collect();
                format!("{told:?} {}", self.take(turn.claimed.jobs))
            }
            Step::Renew => {
                let held = self.held.values();
                let held: Vec<_> = held
                    .map(|job| Held { id: job.job.id.clone(), token: job.token.clone() })
                    .collect();
                let mut renewal = queue.renew(&held, FAR).await.unwrap();
                renewal.lost.sort();
                renewal.cancelled.sort();
                format!("{renewal:?}")
            }
            _ => self.change(step).await,
        }
    }

    /// Does a step that is about one job or the whole queue, and nothing that is held.
    async fn change(&self, step: &Step) -> String {
        let queue = &self.world.queue;
        let named = |name: &usize| id(NAMES[*name]);
        match step {
            Step::Retry { name, reset } => outcome(queue.retry(&named(name), *reset).await),
            Step::Remove { name } => {
                format!("{:?}", queue.remove(&named(name)).await.map_err(kind))
            }
            Step::Cancel { name } => cancelled(&queue.cancel(&named(name)).await.unwrap()),
            Step::Promote { name } => outcome(queue.promote(&named(name)).await),
            Step::Progress { name } => {
                outcome(queue.progress(&named(name), Payload::parse("7").unwrap()).await)
            }
            Step::ChangeDelay { name } => outcome(queue.change_delay(&named(name), FAR).await),
            Step::ChangePriority { name, priority, front } => {
                let changed = queue.change_priority(&named(name), *priority, *front).await;
                format!("{:?}", changed.map_err(kind))
            }
            Step::ChangeData { name } => {
                let data = Payload::parse(r#"{"generation":2}"#).unwrap();
                format!("{:?}", queue.change_data(&named(name), data).await.map_err(kind))
            }
            Step::Clean { state, limit } => {
                let state = JobState::ALL[*state];
                // Of two jobs that ended in the same millisecond either may be the older one.
                let limit = if state.is_final() { 0 } else { *limit };
                let cleaned = queue.clean(state, Duration::ZERO, limit).await.map_err(kind);
                format!("{:?}", cleaned.map(|ids| ids.len()))
            }
            Step::Drain { delayed } => format!("{:?}", queue.drain(*delayed).await.map_err(kind)),
            Step::RetryAll { completed } => {
                let state = if *completed { JobState::Completed } else { JobState::Failed };
                // The order of several would depend on the milliseconds in which they ended.
                if queue.counts().await.unwrap()[state.as_str()] > 1 {
                    return String::new();
                }
                format!("{:?}", queue.retry_all(state, None).await.map_err(kind))
            }
            Step::PromoteAll => format!("{:?}", queue.promote_all().await.map_err(kind)),
            Step::FreeDeduplication => {
                format!("{:?}", queue.free_deduplication("x", None).await.map_err(kind))
            }
            Step::Log { name, keep } => {
                format!("{:?}", queue.log(&named(name), "row", *keep).await.map_err(kind))
            }
            Step::Pause => format!("{:?}", queue.pause().await.map_err(kind)),
            Step::Resume => format!("{:?}", queue.resume().await.map_err(kind)),
            _ => unreachable!("{step:?}"),
        }
    }

    async fn settle(&mut self, which: usize, how: usize, keep: usize, max: usize) -> String {
        let Some(job) = self.pick(which).cloned() else { return String::new() };
        self.held.remove(&job.job.id);
        let until_ms = self.world.now_ms() + u64::try_from(FAR.as_millis()).unwrap();
        let verdict = match how {
            0 => completed(),
            1 => failed(),
            2 => retried(Duration::ZERO),
            3 => retried(FAR),
            4 => Verdict::Delay { until_ms, reason: Some("X_Y: z".to_owned()) },
            _ => Verdict::HandBack,
        };
        let keep = [None, Some(Retention::ALL), Some(Retention::NONE)][keep];
        let told = oxherd_queue::outcome::Settlement { keep, ..settlement(&job, verdict) };
        let turn = self.world.queue.settle(vec![told], Some(&claim(max))).await.unwrap();
        format!("{} {}", settled(&turn.settled[0]), self.take(turn.claimed.jobs))
    }

    fn pick(&self, which: usize) -> Option<&ClaimedJob> {
        self.held.values().nth(which % self.held.len().max(1))
    }

    fn take(&mut self, jobs: Vec<ClaimedJob>) -> String {
        let text = jobs.iter().map(|job| {
            let job = &job.job;
            format!("{} {}/{}", job.id, job.attempts_made, job.attempts_started)
        });
        let text = text.collect::<Vec<_>>().join(", ");
        self.held.extend(jobs.into_iter().map(|job| (job.job.id.clone(), job)));
        format!("claimed [{text}]")
    }
}

fn description(found: &oxherd_queue::job::JobSnapshot) -> String {
    let job = &found.job;
    format!(
        "{} {} due {} cancel {} data {} attempts {}/{}/{} stalled {} processed {} finished {} \
         progress {:?} result {:?} reason {:?} traces {:?} delay {} priority {} {}",
        job.id,
        found.state,
        found.due_ms.is_some(),
        found.cancel_requested,
        job.data.as_str(),
        job.attempts_made,
        job.attempts_started,
        job.options.attempts,
        job.stalled_count,
        job.processed_on_ms.is_some(),
        job.finished_on_ms.is_some(),
        job.progress,
        job.result,
        job.failed_reason,
        job.stack_trace,
        // The pause of a delay counts from the store's own clock.
        job.delay_ms / 100_000,
        job.priority,
        job.options.lifo,
    )
}

// Answers without what differs by design: positions and tokens.

fn kind(error: QueueError) -> &'static str {
    match error {
        QueueError::NoSuchJob(_) => "no such job",
        QueueError::WrongState { .. } => "wrong state",
        QueueError::Invalid { .. } => "invalid",
        other => panic!("{other}"),
    }
}

fn outcome(result: Result<Position, QueueError>) -> String {
    format!("{:?}", result.map(|_| ()).map_err(kind))
}

fn added(results: &[Added]) -> String {
    let word = |added: &Added| match added {
        Added::Created { id, .. } => format!("created {id}"),
        Added::Duplicate { id } => format!("duplicate {id}"),
        Added::Deduplicated { id } => format!("deduplicated {id}"),
    };
    results.iter().map(word).collect::<Vec<_>>().join(", ")
}

fn submitted(results: &[Submitted]) -> String {
    let word = |submitted: &Submitted| match submitted {
        Submitted::Added { .. } => "added".to_owned(),
        Submitted::Again { .. } => "again".to_owned(),
        Submitted::Unchanged { state } => format!("unchanged {state}"),
    };
    results.iter().map(word).collect::<Vec<_>>().join(", ")
}

fn cancelled(cancelled: &Cancelled) -> String {
    match cancelled {
        Cancelled::Ended { .. } => "ended".to_owned(),
        Cancelled::Requested { foreign, .. } => format!("requested {foreign}"),
        Cancelled::AlreadyFinished { state } => format!("already {state}"),
        Cancelled::Unknown => "unknown".to_owned(),
    }
}

fn settled(settled: &Settled) -> String {
    match settled {
        Settled::Done { state, attempts_made, cancelled, .. } => {
            format!("{state} {attempts_made} {cancelled}")
        }
        Settled::Lost { .. } => "lost".to_owned(),
    }
}
