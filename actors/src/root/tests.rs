//! The whole tree's promises.

mod on_redis;
mod world;

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use async_trait::async_trait;
use oxherd_queue::backend::Claim;
use oxherd_queue::backend::embedded::EmbeddedStore;
use oxherd_queue::clock::{Clock as _, SystemClock};
use oxherd_queue::flow::{Flow, JobKey};
use oxherd_queue::job::{ClaimedJob, Token};
use oxherd_queue::outcome::{Failure, JobError, Settlement, Verdict};
use oxherd_queue::status::{StatusRecord, StatusStore};
use oxherd_queue::worker::{JobContext, Processor, WorkerOptions};
use oxherd_queue::{JobId, JobState, NewJob, Payload, QueueError};
use oxherd_study::accept::{Accepted, Action, Intent};
use oxherd_study::error::ErrorCode;
use oxherd_study::material::EntityError;
use oxherd_study::plan::GenerationStatus;
use oxherd_study::ports::PlanRuns as _;
use oxherd_study::{PlanId, StudyError, UserId};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

use super::*;
use crate::handles::{CancelError, Drain};
use crate::parts::{EdgeSpec, Listener};
use crate::tree::NodeState;
use world::{FakeCatalog, ports, request};

const PATIENCE: Duration = Duration::from_secs(20);

/// A store whose server can be taken away from those who ask whether it is there.
struct Leashed {
    store: Arc<dyn Store>,
    is_away: AtomicBool,
}

#[async_trait]
impl Store for Leashed {
    async fn queue(&self, name: &str) -> Result<Arc<dyn Backend>, QueueError> {
        self.store.queue(name).await
    }

    async fn add_flow(&self, flow: Flow) -> Result<Vec<JobKey>, QueueError> {
        self.store.add_flow(flow).await
    }

    fn status(&self) -> Arc<dyn StatusStore> {
        self.store.status()
    }

    async fn installation(&self, id: &str) -> Result<String, QueueError> {
        self.store.installation(id).await
    }

    async fn ping(&self) -> Result<(), QueueError> {
        if self.is_away.load(Ordering::SeqCst) {
            std::future::pending::<()>().await;
        }
        self.store.ping().await
    }

    async fn close(&self) {
        self.store.close().await;
    }
}

/// Does what the goal of a plan says.
struct Obedient {
    catalog: Arc<FakeCatalog>,
    runs: AtomicU32,
}

#[async_trait]
impl Processor for Obedient {
    async fn run(&self, job: &ClaimedJob, context: &JobContext) -> Result<Payload, JobError> {
        self.runs.fetch_add(1, Ordering::SeqCst);
        let data: Value = job.job.data.decode().unwrap();
        match data["goal"].as_str().unwrap() {
            "block" => {
                context.stopped().await;
                return Err(JobError::Cancelled);
            }
            "fail once" if job.job.attempts_made == 0 => {
                return Err(JobError::Retry(Failure::new("TRY_AGAIN", "as told")));
            }
            "fail" | "fail and linger" => {
                return Err(JobError::Unrecoverable(Failure::new("NO_WAY", "as told")));
            }
            "steps" => {
                for progress in [10, 50, 90] {
                    context.progress(Payload::encode(&progress).unwrap()).await.unwrap();
                }
            }
            _ => {}
        }
        let id = PlanId::parse(job.job.id.as_str()).unwrap();
        self.catalog.finish(&id);
        Ok(Payload::encode(&json!({ "planId": id })).unwrap())
    }

    async fn failed_for_good(&self, job: &ClaimedJob, failure: &Failure) -> Result<(), JobError> {
        let id = PlanId::parse(job.job.id.as_str()).unwrap();
        let error = EntityError { code: failure.code.clone(), message: String::new() };
        let user = UserId::local();
        self.catalog.fail_plan(&user, &id, job.job.generation(), &error, 0).await.unwrap();
        if job.job.data.as_str().contains("linger") {
            sleep(Duration::from_millis(300)).await;
        }
        Ok(())
    }
}

struct Bed {
    store: Arc<Leashed>,
    catalog: Arc<FakeCatalog>,
    handler: Arc<Obedient>,
    handles: Handles,
    ended: JoinHandle<Exit>,
    address: std::net::SocketAddr,
}

struct Setup {
    slots: usize,
    in_queue_max: u32,
    catalog: Arc<FakeCatalog>,
    store: Arc<dyn Store>,
}

impl Default for Setup {
    fn default() -> Self {
        let store = EmbeddedStore::in_memory(Arc::new(SystemClock)).unwrap();
        Self { slots: 2, in_queue_max: 16, catalog: Arc::default(), store }
    }
}

impl Setup {
    async fn start(self) -> Bed {
        let store = Arc::new(Leashed { store: self.store, is_away: AtomicBool::new(false) });
        let catalog = self.catalog;
        let handler = Arc::new(Obedient { catalog: Arc::clone(&catalog), runs: AtomicU32::new(0) });
        let socket = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = socket.local_addr().unwrap();
        let options = TreeOptions {
            reconcile_every: Duration::from_millis(100),
            in_queue_max: self.in_queue_max,
            grace: Duration::from_secs(3),
            faults: true,
            ..TreeOptions::default()
        };
        let parts = TreeParts {
            store: Arc::clone(&store) as _,
            ports: ports(&catalog),
            options,
            clock: Arc::new(SystemClock),
            edge: Box::new(move |_| EdgeSpec {
                listeners: vec![Listener { name: "public".to_owned(), socket }],
                serve: Arc::new(|_, listener, drain| Box::pin(echo(listener, drain))),
            }),
        };
        let (slots, processor) = (self.slots, Arc::clone(&handler) as Arc<dyn Processor>);
        let queue = move |name: &str| QueueSpec {
            name: name.to_owned(),
            slot_kind: "Slot",
            worker: WorkerOptions::default().with_concurrency(slots),
            handlers: Handlers::new().with(PLAN_JOB, Arc::clone(&processor)),
        };
        let tree =
            start_with(parts, move |_, _| vec![queue(PLAN_QUEUE), queue(MATERIAL_QUEUE)]).await;
        let tree = tree.unwrap();
        let handles = tree.handles.clone();
        Bed { store, catalog, handler, handles, ended: tokio::spawn(tree.wait()), address }
    }
}

/// Answers one byte to each connection that sends one.
async fn echo(listener: tokio::net::TcpListener, drain: Drain) -> std::io::Result<()> {
    loop {
        let (mut connection, _) = tokio::select! {
            connection = listener.accept() => connection?,
            () = drain.begun() => return Ok(()),
        };
        let byte = connection.read_u8().await?;
        connection.write_u8(byte).await?;
    }
}

impl Bed {
    async fn accept(&self, action: Action) -> Result<Accepted, StudyError> {
        let intent = Intent {
            user: UserId::local(),
            request_id: "r".to_owned(),
            trace_parent: None,
            now_ms: SystemClock.now_ms(),
            idempotency: None,
            action,
        };
        self.handles.intake.accept(intent).await
    }

    async fn plan(&self, order: &str) -> (PlanId, JobId) {
        let id = PlanId::random();
        let action = Action::CreatePlan { id: id.clone(), request: request(order) };
        self.accept(action).await.unwrap();
        let job = JobId::from_store(id.as_str());
        (id, job)
    }

    /// Asks again and again until the request is taken.
    async fn plan_when_taken(&self, order: &str) -> (PlanId, JobId) {
        let id = PlanId::random();
        let action = || Action::CreatePlan { id: id.clone(), request: request(order) };
        let taken = async {
            while self.accept(action()).await.is_err() {
                sleep(Duration::from_millis(50)).await;
            }
        };
        timeout(PATIENCE, taken).await.expect("it is taken");
        let job = JobId::from_store(id.as_str());
        (id, job)
    }

    async fn record(&self, job: &JobId) -> Arc<StatusRecord> {
        self.handles.status.lookup(job).await.unwrap().expect("the job is known")
    }

    async fn reaches(&self, job: &JobId, state: JobState) -> Arc<StatusRecord> {
        let mut watch = self.handles.status.watch(job);
        let reached =
            watch.wait_for(|record| record.as_ref().is_some_and(|record| record.state == state));
        match timeout(PATIENCE, reached).await {
            Ok(record) => record.unwrap().clone().unwrap(),
            Err(_) => panic!("not {state}: {:?}", self.handles.status.lookup(job).await),
        }
    }

    async fn backend(&self) -> Arc<dyn Backend> {
        self.store.queue(PLAN_QUEUE).await.unwrap()
    }

    async fn until(&self, what: &str, mut is_so: impl FnMut() -> bool) {
        let so = async {
            while !is_so() {
                sleep(Duration::from_millis(2)).await;
            }
        };
        timeout(PATIENCE, so).await.unwrap_or_else(|_| panic!("never: {what}"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_accepted_request_can_be_read_at_once_and_runs_to_its_end() {
    let bed = Setup::default().start().await;
    for _ in 0..300 {
        let (id, job) = bed.plan("ok").await;
        bed.record(&job).await;
        let done = bed.reaches(&job, JobState::Completed).await;
        assert_eq!(done.result, Some(json!({ "planId": id })));
        assert_eq!((done.owner.as_str(), done.progress, done.attempts_made), ("local", 100, 1));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_only_goes_forward_and_each_change_has_a_higher_version() {
    let bed = Setup::default().start().await;
    let id = PlanId::random();
    let job = JobId::from_store(id.as_str());
    let mut watch = bed.handles.status.watch(&job);
    let seen = tokio::spawn(async move {
        let mut seen: Vec<Arc<StatusRecord>> = Vec::new();
        while watch.changed().await.is_ok() {
            let record = watch.borrow_and_update().clone().unwrap();
            let is_last = record.state.is_final();
            seen.push(record);
            if is_last {
                break;
            }
        }
        seen
    });
    let action = Action::CreatePlan { id: id.clone(), request: request("steps") };
    bed.accept(action).await.unwrap();

    let seen = timeout(PATIENCE, seen).await.unwrap().unwrap();

    assert!(seen.windows(2).all(|pair| pair[0].version < pair[1].version));
    assert!(seen.windows(2).all(|pair| pair[0].progress <= pair[1].progress));
    assert_eq!(seen.last().unwrap().state, JobState::Completed);
    let stored = bed.store.status();
    let saved = async {
        while stored.get(std::slice::from_ref(&job)).await.unwrap()[0].as_ref()
            != Some(&**seen.last().unwrap())
        {
            sleep(Duration::from_millis(2)).await;
        }
    };
    timeout(PATIENCE, saved).await.expect("the last word is saved");
}

#[tokio::test(flavor = "multi_thread")]
async fn between_attempts_a_job_is_delayed_with_its_last_failure_and_never_failed() {
    let bed = Setup::default().start().await;
    let (id, job) = bed.plan("fail once").await;
    let delayed = bed.reaches(&job, JobState::Delayed).await;
    assert_eq!(delayed.error.as_ref().unwrap().code, "TRY_AGAIN");
    assert!(delayed.next_attempt_ms.unwrap() > delayed.started_ms.unwrap());
    assert_eq!(bed.catalog.status(&id).0, GenerationStatus::Pending);

    let done = bed.reaches(&job, JobState::Completed).await;
    assert_eq!((done.error.clone(), done.attempts_made), (None, 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_retry_of_a_person_runs_the_same_job_again_as_a_new_generation() {
    let bed = Setup::default().start().await;
    let (id, job) = bed.plan("fail").await;
    let failed = bed.reaches(&job, JobState::Failed).await;
    bed.until("the row says so", || bed.catalog.status(&id).0 == GenerationStatus::Failed).await;

    let action = Action::RetryPlan { id: id.clone(), discard_progress: false };
    bed.accept(action).await.unwrap();
    let again = bed.record(&job).await;

    assert_eq!(again.generation, 2);
    assert!(again.version > failed.version);
    bed.until("it ran again", || bed.handler.runs.load(Ordering::SeqCst) == 2).await;
    bed.reaches(&job, JobState::Failed).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_retry_that_comes_before_the_failed_run_is_settled_follows_it_at_once() {
    let bed = Setup::default().start().await;
    let (id, job) = bed.plan("fail and linger").await;
    bed.until("the row says so", || bed.catalog.status(&id).0 == GenerationStatus::Failed).await;
    assert!(!bed.record(&job).await.state.is_final(), "its job has not ended yet");

    let began = std::time::Instant::now();
    let action = Action::RetryPlan { id: id.clone(), discard_progress: false };
    bed.accept(action).await.unwrap();
    let mut watch = bed.handles.status.watch(&job);
    let first_end = tokio::spawn(async move {
        let ended = |r: &Option<Arc<StatusRecord>>| r.as_ref().is_some_and(|r| r.state.is_final());
        watch.wait_for(ended).await.unwrap().clone().unwrap()
    });
    bed.until("it ran again", || bed.handler.runs.load(Ordering::SeqCst) == 2).await;
    assert!(began.elapsed() < Duration::from_secs(3), "{:?}", began.elapsed());
    let ended = timeout(PATIENCE, first_end).await.unwrap().unwrap();
    assert_eq!((ended.generation, bed.handler.runs.load(Ordering::SeqCst)), (2, 2));
    assert!(ended.started_ms.is_some(), "the end of the first run is not the word of the second");
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_runs_is_cancelled_within_a_second() {
    let bed = Setup::default().start().await;
    let (id, job) = bed.plan("block").await;
    bed.reaches(&job, JobState::Active).await;

    let began = std::time::Instant::now();
    bed.handles.cancel.cancel(&UserId::local(), &job).await.unwrap();
    let ended = bed.reaches(&job, JobState::Failed).await;

    assert!(began.elapsed() < Duration::from_secs(1));
    assert_eq!(ended.error.as_ref().unwrap().code, "CANCELLED");
    assert_eq!(bed.catalog.status(&id), (GenerationStatus::Failed, Some("CANCELLED".to_owned())));
    let again = bed.handles.cancel.cancel(&UserId::local(), &job).await;
    assert!(matches!(again, Err(CancelError::Finished(_))));
    let foreign = bed.handles.cancel.cancel(&UserId::new("mallory"), &job).await;
    assert!(matches!(foreign, Err(CancelError::Unknown)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancel_by_another_process_stops_the_run_here() {
    let bed = Setup::default().start().await;
    let (_, job) = bed.plan("block").await;
    bed.reaches(&job, JobState::Active).await;

    let began = std::time::Instant::now();
    bed.backend().await.cancel(&job).await.unwrap();
    bed.reaches(&job, JobState::Failed).await;
    assert!(began.elapsed() < Duration::from_secs(1), "{:?}", began.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waits_is_cancelled_at_once_in_the_queue_and_in_the_outbox() {
    let bed = Setup { slots: 1, in_queue_max: 2, ..Setup::default() }.start().await;
    let (_, blocks) = bed.plan("block").await;
    bed.until("it runs", || bed.handler.runs.load(Ordering::SeqCst) == 1).await;
    let (_, in_queue) = bed.plan("ok").await;
    let backend = bed.backend().await;
    while backend.jobs(std::slice::from_ref(&in_queue)).await.unwrap()[0].is_none() {
        sleep(Duration::from_millis(2)).await;
    }
    let (_, in_outbox) = bed.plan("ok").await;

    for job in [&in_outbox, &in_queue] {
        let record = bed.handles.cancel.cancel(&UserId::local(), job).await.unwrap();
        assert_eq!(record.state, JobState::Failed);
        let id = PlanId::parse(job.as_str()).unwrap();
        let cancelled = (GenerationStatus::Failed, Some("CANCELLED".to_owned()));
        assert_eq!(bed.catalog.status(&id), cancelled);
    }

    bed.handles.cancel.cancel(&UserId::local(), &blocks).await.unwrap();
    let (_, next) = bed.plan("ok").await;
    bed.reaches(&next, JobState::Completed).await;
    assert_eq!(bed.handler.runs.load(Ordering::SeqCst), 2, "what was cancelled never ran");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_job_of_a_deleted_entity_says_cancelled() {
    let bed = Setup::default().start().await;
    let (_, job) = bed.plan("block").await;
    bed.reaches(&job, JobState::Active).await;

    bed.handles.cancel.forget(&UserId::local(), &job).await;

    let record = bed.record(&job).await;
    assert_eq!(record.state, JobState::Failed);
    assert_eq!(record.error.as_ref().unwrap().code, "CANCELLED");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_user_never_fills_the_queue() {
    let bed = Setup { slots: 1, in_queue_max: 3, ..Setup::default() }.start().await;
    let (_, blocks) = bed.plan("block").await;
    let mut jobs = Vec::new();
    for _ in 0..10 {
        jobs.push(bed.plan("ok").await.1);
    }
    bed.reaches(&blocks, JobState::Active).await;
    sleep(Duration::from_millis(200)).await;
    let found = bed.backend().await.jobs(&jobs).await.unwrap();
    assert_eq!(found.iter().flatten().count(), 2);
    assert_eq!(bed.record(&jobs[9]).await.state, JobState::Waiting);

    bed.handles.cancel.cancel(&UserId::local(), &blocks).await.unwrap();
    for job in &jobs {
        bed.reaches(job, JobState::Completed).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_earlier_process_left_is_relayed_submitted_again_and_readable() {
    let catalog = Arc::new(FakeCatalog::default());
    let (waits, lost) = (PlanId::random(), PlanId::random());
    let now_ms = SystemClock.now_ms();
    catalog.plant(&waits, "local", "ok", false, now_ms);
    catalog.plant(&lost, "local", "ok", true, now_ms - 31_000);
    let bed = Setup { catalog, ..Setup::default() }.start().await;

    for id in [&waits, &lost] {
        let job = JobId::from_store(id.as_str());
        bed.record(&job).await;
        bed.reaches(&job, JobState::Completed).await;
        assert_eq!(bed.catalog.status(id).0, GenerationStatus::Ready);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_a_foreign_worker_ended_shows_in_its_record_and_in_its_row() {
    let bed = Setup { slots: 1, ..Setup::default() }.start().await;
    let (_, blocks) = bed.plan("block").await;
    bed.reaches(&blocks, JobState::Active).await;
    let (id, job) = bed.plan("ok").await;
    let backend = bed.backend().await;
    let claim = Claim {
        max: 1,
        token: Token::unique(),
        lock: Duration::from_secs(30),
        worker: Some("a foreign one".to_owned()),
        rate: None,
    };
    let claimed = async {
        loop {
            if let Some(claimed) = backend.claim(&claim).await.unwrap().jobs.pop() {
                return claimed;
            }
            sleep(Duration::from_millis(2)).await;
        }
    };
    let claimed = timeout(PATIENCE, claimed).await.unwrap();
    assert_eq!(claimed.job.id, job);
    bed.reaches(&job, JobState::Active).await;

    let settlement = Settlement {
        id: job.clone(),
        token: claimed.token.clone(),
        verdict: Verdict::Fail { reason: "smtp down".to_owned(), stack_trace: Vec::new() },
        keep: None,
        attempts_max: 3,
        metrics: None,
    };
    backend.settle(vec![settlement], None).await.unwrap();

    let failed = bed.reaches(&job, JobState::Failed).await;
    assert_eq!(failed.error.as_ref().unwrap().code, "JOB_FAILED");
    bed.catalog.age(&id, 31_000);
    let told = (GenerationStatus::Failed, Some("JOB_FAILED".to_owned()));
    bed.until("the row follows", || bed.catalog.status(&id) == told).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_of_a_foreign_producer_for_an_existing_entity_runs_and_is_shown() {
    let catalog = Arc::new(FakeCatalog::default());
    let id = PlanId::random();
    catalog.plant(&id, "local", "ok", true, SystemClock.now_ms());
    let bed = Setup { catalog, ..Setup::default() }.start().await;
    let job = JobId::from_store(id.as_str());
    let data = Payload::encode(&json!({ "userId": "local", "goal": "ok" })).unwrap();
    bed.backend().await.add(vec![NewJob::new(PLAN_JOB, data).with_id(job.clone())]).await.unwrap();

    bed.until("it ran", || bed.catalog.status(&id).0 == GenerationStatus::Ready).await;
    let shown = async {
        while bed.record(&job).await.state != JobState::Completed {
            sleep(Duration::from_millis(2)).await;
        }
    };
    timeout(PATIENCE, shown).await.expect("its record says so");
    assert_eq!(bed.record(&job).await.owner, "local");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_short_silence_of_the_queue_is_borne_and_a_silent_catalog_refuses_in_time() {
    let bed = Setup::default().start().await;
    bed.plan("ok").await;
    let refused = |error: Result<Accepted, StudyError>| error.unwrap_err().code;
    let create = || Action::CreatePlan { id: PlanId::random(), request: request("ok") };

    bed.store.is_away.store(true, Ordering::SeqCst);
    sleep(Duration::from_millis(600)).await;
    let began = std::time::Instant::now();
    bed.accept(create()).await.expect("the outbox keeps it");
    assert!(began.elapsed() < Duration::from_secs(1), "{:?}", began.elapsed());
    bed.store.is_away.store(false, Ordering::SeqCst);

    bed.catalog.is_silent.store(true, Ordering::SeqCst);
    let began = std::time::Instant::now();
    assert_eq!(refused(bed.accept(create()).await), ErrorCode::StorageUnavailable);
    assert!(began.elapsed() < Duration::from_secs(3), "{:?}", began.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_part_crashes_it_alone_restarts_and_the_service_goes_on() {
    for part in ["Intake", "StatusCache", "Edge", "Reconciler", "Janitor", PLAN_QUEUE] {
        // The root bears three failures a minute; each part has a tree of its own.
        let bed = Setup::default().start().await;
        let find = |name: &str| {
            let tree = bed.handles.tree.tree();
            tree.children.into_iter().find(|child| child.name == name).unwrap()
        };
        assert!(bed.handles.faults.crash(part), "{part}");
        bed.until(part, || {
            let node = find(part);
            node.restarts == 1 && node.state == NodeState::Running
        })
        .await;

        let (_, job) = bed.plan("ok").await;
        bed.reaches(&job, JobState::Completed).await;
        let restarts: u64 = bed.handles.tree.tree().children.iter().map(|c| c.restarts).sum();
        assert_eq!(restarts, 1, "{part}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_waits_while_the_edge_restarts_is_answered() {
    let bed = Setup::default().start().await;
    assert!(bed.handles.faults.crash("Edge"));
    let address = bed.address;
    let answers = tokio::task::spawn_blocking(move || {
        let is_answered = |byte: &u8| {
            let mut connection = TcpStream::connect(address).unwrap();
            connection.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
            let mut answer = [0];
            connection.write_all(&[*byte]).unwrap();
            connection.read_exact(&mut answer).is_ok() && answer == [*byte]
        };
        (0..50_u8).filter(is_answered).count()
    });
    let answered = answers.await.unwrap();
    assert!(answered >= 49, "{answered}: only what the crashed edge had accepted is lost");
}

#[tokio::test(flavor = "multi_thread")]
async fn it_is_ready_when_its_consumers_fetched_and_not_when_it_drains() {
    let bed = Setup::default().start().await;
    bed.until("it started", || bed.handles.tree.is_started()).await;
    bed.until("it is ready", || bed.handles.tree.readiness().iter().all(|check| check.ok)).await;
    let queues = bed.handles.tree.queues().await.unwrap();
    assert_eq!((queues.len(), queues[0].workers), (2, 2));

    bed.handles.drain.begin();

    let checks = bed.handles.tree.readiness();
    assert!(checks.iter().any(|check| check.name == "drain" && !check.ok));
    let exit = timeout(PATIENCE, bed.ended).await.unwrap().unwrap();
    assert_eq!(exit.code(), 0);
}
