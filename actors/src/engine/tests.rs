//! The engine's promises.

use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};

use oxherd_queue::backend::ListQuery;
use oxherd_queue::backend::embedded::EmbeddedStore;
use oxherd_queue::clock::SystemClock;
use oxherd_queue::job::{ClaimedJob, Job, JobSnapshot};
use oxherd_queue::worker::{Handlers, JobContext, Processor, WorkerOptions};
use oxherd_queue::{
    Backend, Backoff, Failure, JobError, JobId, JobOptions, JobState, NewJob, Payload, Retention,
};
use tokio::time::{sleep, timeout};

use super::*;
use crate::tree::NodeState;

const PATIENCE: Duration = Duration::from_secs(20);

/// Does what the data of a job says.
#[derive(Default)]
struct Obedient {
    runs: AtomicU32,
    running: AtomicUsize,
    together_max: AtomicUsize,
    told: AtomicU32,
}

#[async_trait::async_trait]
impl Processor for Obedient {
    async fn run(&self, job: &ClaimedJob, context: &JobContext) -> Result<Payload, JobError> {
        self.runs.fetch_add(1, Ordering::SeqCst);
        let together = self.running.fetch_add(1, Ordering::SeqCst) + 1;
        self.together_max.fetch_max(together, Ordering::SeqCst);
        let _leave = Leave(&self.running);
        if job.job.stalled_count >= 2 {
            sleep(Duration::from_millis(50)).await;
            let is_alone = together == 1 && self.running.load(Ordering::SeqCst) == 1;
            assert!(is_alone, "it runs alone");
        }
        let order: String = job.job.data.decode().unwrap();
        match order.as_str() {
            "ok" => {}
            "panic" => panic!("as told"),
            "panic once" => assert!(job.job.attempts_made > 0, "as told"),
            "block" => {
                context.stopped().await;
                return Err(JobError::Cancelled);
            }
            "fail" => return Err(JobError::Unrecoverable(Failure::new("NO_WAY", "as told"))),
            millis => sleep(Duration::from_millis(millis.parse().unwrap())).await,
        }
        Ok(Payload::null())
    }

    async fn failed_for_good(&self, _: &ClaimedJob, _: &Failure) -> Result<(), JobError> {
        self.told.fetch_add(1, Ordering::SeqCst);
        Ok(())
    }
}

struct Leave<'a>(&'a AtomicUsize);

impl Drop for Leave<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

struct Bed {
    store: Arc<EmbeddedStore>,
    backend: Arc<dyn Backend>,
    handler: Arc<Obedient>,
    engine: Engine,
    added: u32,
}

impl Bed {
    async fn start(concurrency: usize) -> Self {
        let store = EmbeddedStore::in_memory(Arc::new(SystemClock)).unwrap();
        Self::start_on(store, concurrency).await
    }

    async fn start_on(store: Arc<EmbeddedStore>, concurrency: usize) -> Self {
        let clock: SharedClock = Arc::new(SystemClock);
        let handler = Arc::new(Obedient::default());
        let worker = WorkerOptions {
            renew_every: Duration::from_millis(200),
            lock: Duration::from_secs(2),
            stalled_every: Duration::from_millis(300),
            ..WorkerOptions::default().with_concurrency(concurrency)
        };
        let spec = QueueSpec {
            name: "work".to_owned(),
            slot_kind: "Work",
            worker,
            handlers: Handlers::new().with("work", Arc::clone(&handler) as Arc<dyn Processor>),
        };
        let backend = store.queue("work").await.unwrap();
        let engine = Engine::start(&*store, vec![spec], clock).await.unwrap();
        Self { store, backend, handler, engine, added: 0 }
    }

    async fn add(&mut self, order: &str, count: u32) -> Vec<JobId> {
        let options = JobOptions {
            backoff: Some(Backoff::fixed(Duration::from_millis(50))),
            remove_on_complete: Some(Retention::ALL),
            ..JobOptions::default()
        };
        let jobs = (0..count).map(|n| {
            let id = JobId::custom(format!("job-{}", self.added + n)).unwrap();
            NewJob::new("work", Payload::encode(order).unwrap())
                .with_id(id)
                .with_options(options.clone())
        });
        let added = self.backend.add(jobs.collect()).await.unwrap();
        self.added += count;
        added.iter().map(|added| added.id().clone()).collect()
    }

    async fn snapshots(&self, ids: &[JobId]) -> Vec<JobSnapshot> {
        let found = self.backend.jobs(ids).await.unwrap();
        found.into_iter().map(Option::unwrap).collect()
    }

    async fn all_are(&self, ids: &[JobId], state: JobState) -> Vec<Job> {
        let reached = async {
            loop {
                let found = self.snapshots(ids).await;
                if found.iter().all(|snapshot| snapshot.state == state) {
                    return found.into_iter().map(|snapshot| snapshot.job).collect();
                }
                sleep(Duration::from_millis(5)).await;
            }
        };
        match timeout(PATIENCE, reached).await {
            Ok(jobs) => jobs,
            Err(_) => panic!("not all {state}: {:?}", self.backend.counts().await),
        }
    }

    fn node(&self, path: &[&str]) -> TreeNode {
        let mut node = self.engine.tree();
        for name in path {
            node = node.children.into_iter().find(|child| child.name == *name).unwrap();
        }
        node
    }

    /// Crashes a part, and waits until it runs again.
    async fn crash(&self, path: &str) -> TreeNode {
        let names: Vec<&str> = path.split('/').collect();
        let before = self.node(&names).restarts;
        assert!(self.engine.faults().crash(path), "{path}");
        let restarted = async {
            loop {
                let node = self.node(&names);
                if node.restarts > before && node.state == NodeState::Running {
                    return node;
                }
                sleep(Duration::from_millis(2)).await;
            }
        };
        timeout(PATIENCE, restarted).await.expect("it is restarted")
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn jobs_run_in_idle_slots_and_never_more_at_a_time() {
    let mut bed = Bed::start(4).await;
    let ids = bed.add("2", 200).await;
    bed.all_are(&ids, JobState::Completed).await;
    assert_eq!(bed.handler.runs.load(Ordering::SeqCst), 200);
    assert_eq!(bed.handler.together_max.load(Ordering::SeqCst), 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_panic_costs_its_job_one_attempt_and_its_slot_nothing() {
    let mut bed = Bed::start(1).await;
    let ids = bed.add("panic once", 1).await;

    let jobs = bed.all_are(&ids, JobState::Completed).await;

    assert_eq!((jobs[0].attempts_made, jobs[0].stalled_count), (2, 0));
    let slot = bed.node(&["work", "WorkerPool", "Work #1"]);
    assert_eq!((slot.restarts, slot.restarts_in_window), (1, 0));
    assert!(slot.last_failure.unwrap().reason.contains("job panicked"));
    assert_eq!(bed.node(&["work", "WorkerPool"]).restarts, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_handler_that_panics_on_every_third_job_escalates_nothing() {
    let mut bed = Bed::start(4).await;
    let mut good = Vec::new();
    let mut bad = Vec::new();
    for _ in 0..30 {
        good.extend(bed.add("ok", 2).await);
        bad.extend(bed.add("panic", 1).await);
    }
    bed.all_are(&good, JobState::Completed).await;
    let jobs = bed.all_are(&bad, JobState::Failed).await;
    assert!(jobs.iter().all(|job| job.attempts_made == 3));
    assert_eq!(bed.handler.told.load(Ordering::SeqCst), 30);
    assert_eq!(bed.node(&["work"]).restarts + bed.node(&["work", "WorkerPool"]).restarts, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_handler_is_paused_and_burns_no_attempts_meanwhile() {
    let mut bed = Bed::start(1).await;
    let ids = bed.add("panic", 40).await;
    let paused = async {
        loop {
            let details = bed.node(&["work", "QueueConsumer"]).details;
            if details.contains_key("pausedJobNames") {
                return;
            }
            sleep(Duration::from_millis(2)).await;
        }
    };
    timeout(PATIENCE, paused).await.unwrap();
    sleep(Duration::from_millis(500)).await;
    let used: u32 = bed.snapshots(&ids).await.iter().map(|found| found.job.attempts_made).sum();
    assert!((11..=14).contains(&used), "{used} attempts used");
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_part_crashes_it_alone_restarts_and_every_job_ends_once() {
    let parts =
        ["LockKeeper", "QueueConsumer", "StalledSweeper", "Scheduler", "WorkerPool/Work #1"];
    for part in parts {
        let mut bed = Bed::start(4).await;
        let ids = bed.add("10", 100).await;
        let restarted = bed.crash(&format!("work/{part}")).await;
        assert_eq!(restarted.restarts, 1, "{part}");
        let jobs = bed.all_are(&ids, JobState::Completed).await;
        assert_eq!(bed.node(&["work"]).restarts, 0, "{part}");
        // A slot that is killed in the middle of a job costs it an attempt; nothing else does.
        let more: u32 = jobs.iter().map(|job| job.attempts_made - 1).sum();
        assert!(more <= u32::from(part.ends_with("#1")), "{part}: {more}");
        assert!(jobs.iter().all(|job| job.stalled_count == 0), "{part}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_supervisor_that_crashes_hands_its_running_jobs_back_without_an_attempt() {
    for part in ["work", "work/WorkerPool"] {
        let mut bed = Bed::start(4).await;
        let ids = bed.add("30", 40).await;
        while bed.engine.queues[0].slots.held() < 4 {
            sleep(Duration::from_millis(1)).await;
        }
        bed.crash(part).await;
        let jobs = bed.all_are(&ids, JobState::Completed).await;
        assert!(jobs.iter().all(|job| job.attempts_made == 1), "{part}");
        assert!(jobs.iter().all(|job| job.stalled_count == 0), "{part}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slot_that_dies_with_its_job_fails_one_attempt_of_it() {
    let mut bed = Bed::start(1).await;
    let ids = bed.add("300", 1).await;
    while bed.handler.runs.load(Ordering::SeqCst) == 0 {
        sleep(Duration::from_millis(1)).await;
    }
    let slot = bed.crash("work/WorkerPool/Work #1").await;
    assert_eq!(slot.restarts_in_window, 0);
    let jobs = bed.all_are(&ids, JobState::Completed).await;
    assert_eq!(jobs[0].attempts_made, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_drain_finishes_what_it_can_and_hands_back_the_rest_unused() {
    let mut bed = Bed::start(2).await;
    let short = bed.add("200", 1).await;
    let long = bed.add("block", 1).await;
    let waiting = bed.add("ok", 3).await;
    while bed.handler.running.load(Ordering::SeqCst) < 2 {
        sleep(Duration::from_millis(1)).await;
    }

    let drain = Drain::default();
    drain.begin();
    let began = std::time::Instant::now();
    let (store, backend) = (Arc::clone(&bed.store), Arc::clone(&bed.backend));
    let exit = bed.engine.wait(&drain, Duration::from_secs(2)).await;

    assert_eq!(exit, Exit::Drained);
    assert!(began.elapsed() < Duration::from_secs(2));
    let found = |ids: Vec<JobId>| {
        let backend = Arc::clone(&backend);
        async move { backend.jobs(&ids).await.unwrap().into_iter().map(Option::unwrap) }
    };
    assert!(found(short).await.all(|found| found.state == JobState::Completed));
    for found in found(long).await.chain(found(waiting).await) {
        assert_eq!((found.state, found.job.attempts_made), (JobState::Waiting, 0));
    }
    drop(store);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_root_that_gives_up_hands_jobs_back_and_asks_for_exit_code_70() {
    let mut bed = Bed::start(1).await;
    let ids = bed.add("block", 1).await;
    while bed.handler.runs.load(Ordering::SeqCst) == 0 {
        sleep(Duration::from_millis(1)).await;
    }
    for _ in 0..3 {
        bed.crash("work").await;
    }
    assert!(bed.engine.faults().crash("work"));

    let backend = Arc::clone(&bed.backend);
    let drain = Drain::default();
    let wait = bed.engine.wait(&drain, Duration::from_secs(5));
    let exit = timeout(PATIENCE, wait).await.unwrap();

    assert_eq!(exit.code(), 70, "{exit}");
    let found = backend.jobs(&ids).await.unwrap().remove(0).unwrap();
    assert_eq!((found.state, found.job.attempts_made), (JobState::Waiting, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_delayed_job_starts_when_it_is_due() {
    let bed = Bed::start(1).await;
    sleep(Duration::from_millis(100)).await;
    let delay = Duration::from_millis(300);
    let job = NewJob::new("work", Payload::encode("ok").unwrap())
        .with_options(JobOptions::default().delayed(delay));
    let added = bed.backend.add(vec![job]).await.unwrap();
    let ids = [added[0].id().clone()];
    let jobs = bed.all_are(&ids, JobState::Completed).await;
    let late_ms = jobs[0].processed_on_ms.unwrap() - jobs[0].timestamp_ms - 300;
    assert!(late_ms < 150, "{late_ms} ms late");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failure_for_good_is_told_to_the_domain_before_the_store_knows() {
    let mut bed = Bed::start(1).await;
    let ids = bed.add("fail", 1).await;
    let jobs = bed.all_are(&ids, JobState::Failed).await;
    assert_eq!(bed.handler.told.load(Ordering::SeqCst), 1);
    assert_eq!(jobs[0].failed_reason.as_deref(), Some("NO_WAY: as told"));
    let query = ListQuery { state: JobState::Failed, skip: 0, limit: 9, newest_first: true };
    assert_eq!(bed.backend.list(query).await.unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_saw_two_deaths_of_its_process_runs_while_nothing_else_does() {
    let store = EmbeddedStore::in_memory(Arc::new(SystemClock)).unwrap();
    let backend = store.queue("work").await.unwrap();
    let suspect = NewJob::new("work", Payload::encode("ok").unwrap());
    let id = backend.add(vec![suspect]).await.unwrap()[0].id().clone();
    let claim = |lock_ms| oxherd_queue::backend::Claim {
        max: 1,
        token: oxherd_queue::job::Token::unique(),
        lock: Duration::from_millis(lock_ms),
        worker: None,
        rate: None,
    };
    for _death in 0..2 {
        assert_eq!(backend.claim(&claim(5)).await.unwrap().jobs.len(), 1);
        let given_back = async {
            while !backend.sweep_stalled(Duration::ZERO, 9).await.unwrap().contains(&id) {
                sleep(Duration::from_millis(5)).await;
            }
        };
        timeout(PATIENCE, given_back).await.unwrap();
    }

    let mut bed = Bed::start_on(store, 4).await;
    let others = bed.add("10", 40).await;
    let jobs = bed.all_are(std::slice::from_ref(&id), JobState::Completed).await;
    assert_eq!((jobs[0].stalled_count, jobs[0].attempts_made), (2, 1));
    bed.all_are(&others, JobState::Completed).await;
}
