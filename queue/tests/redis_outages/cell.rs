//! One cell of the matrix: a server, a worker that is parked or busy, a producer, and a verdict.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use faults::RedisProcess;
use oxherd_queue::backend::redis::{RedisOptions, RedisStore};
use oxherd_queue::clock::SystemClock;
use oxherd_queue::worker::{Handlers, Worker, WorkerOptions};
use oxherd_queue::{
    Backend, Backoff, EventKind, JobId, JobOptions, NewJob, Payload, Position, Store as _,
};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{Instant, sleep};

/// The promise: so soon after Redis answers again jobs are taken.
pub(crate) const TAKING_JOBS_WITHIN: Duration = Duration::from_secs(10);
/// How long the rest may take: jobs whose lock has to run out first, on a slow machine.
const ALL_ENDED_WITHIN: Duration = Duration::from_secs(90);
/// How long a first job may take: a claim whose answer a slow disk held back costs a lock and a sweep.
const STARTED_WITHIN: Duration = Duration::from_secs(150);
/// Runs of each combination.
pub(crate) const RUNS: usize = 4;

/// What the worker does when the fault comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Load {
    /// Its blocking pop is parked on the server.
    Parked,
    /// It runs jobs, and a producer adds more.
    Busy,
}

/// How a server ends whose place another takes.
#[derive(Debug, Clone, Copy)]
pub(crate) enum End {
    /// Its connections are closed.
    Killed,
    /// Its connections stay open and silent.
    Frozen,
}

impl End {
    pub(crate) fn comes_to(self, server: &mut RedisProcess) {
        match self {
            Self::Killed => server.kill(),
            Self::Frozen => server.freeze(),
        }
    }
}

/// When each job was started, by its id.
type Starts = Arc<Mutex<BTreeMap<String, Vec<Instant>>>>;

/// A worker and a producer on one server.
pub(crate) struct Cell {
    pub(crate) name: String,
    /// As the worker and the producer reach the server: over the network that fails.
    queue: Arc<dyn Backend>,
    starts: Starts,
    /// The jobs that the store has told to have.
    acknowledged: Vec<String>,
    producer: Option<(watch::Sender<bool>, JoinHandle<Vec<String>>)>,
    worker: JoinHandle<()>,
}

impl Cell {
    /// Starts the worker, and brings it into the state of the load; `server` is the one that has the
    /// keys, past the network.
    pub(crate) async fn start(
        name: String,
        load: Load,
        server: &RedisProcess,
        by: RedisOptions,
    ) -> Self {
        let starts = Starts::default();
        let worker = tokio::spawn(work(queue(&by).await, load, Arc::clone(&starts)));
        let queue = queue(&by).await;
        let acknowledged = Vec::new();
        let mut cell = Self { name, queue, starts, acknowledged, producer: None, worker };
        cell.add("first").await;
        cell.started("first", STARTED_WITHIN).await.unwrap();
        match load {
            Load::Parked => cell.is_parked(server).await,
            Load::Busy => {
                let (stop, stopped) = watch::channel(false);
                let producer = tokio::spawn(produce(Arc::clone(&cell.queue), stopped));
                cell.producer = Some((stop, producer));
                cell.started("job-2", STARTED_WITHIN).await.unwrap();
            }
        }
        cell
    }

    async fn add(&mut self, id: &str) {
        add_until_told(&self.queue, id).await;
        self.acknowledged.push(id.to_owned());
    }

    /// Lets the producer end.
    pub(crate) async fn stop_producing(&mut self) {
        if let Some((stop, producer)) = self.producer.take() {
            stop.send_replace(true);
            self.acknowledged.extend(producer.await.unwrap());
        }
    }

    /// Adds seconds of work.
    pub(crate) async fn backlog(&mut self) {
        for number in 0..40 {
            self.add(&format!("backlog-{number}")).await;
        }
    }

    /// Waits until the worker has told of its first job and blocks on the server.
    async fn is_parked(&self, server: &RedisProcess) {
        while self.queue.counts().await.unwrap()["completed"] == 0 {
            sleep(Duration::from_millis(20)).await;
        }
        let deadline = Instant::now() + Duration::from_secs(60);
        loop {
            let clients = server.ask("CLIENT LIST").await;
            if clients.lines().any(|client| client.contains("cmd=bzpopmin")) {
                return;
            }
            assert!(Instant::now() < deadline, "{}: never parked: {clients}", self.name);
            sleep(Duration::from_millis(20)).await;
        }
    }

    /// Tells how it went after the fault, whose end was at `back`; with `near`, the first job after it
    /// is added on a connection of its own, past the network.
    pub(crate) async fn verdict(
        mut self,
        back: Instant,
        near: Option<RedisOptions>,
    ) -> Result<String, String> {
        let queue = match near {
            Some(near) => queue(&near).await,
            None => Arc::clone(&self.queue),
        };
        add_until_told(&queue, "probe").await;
        self.acknowledged.push("probe".to_owned());
        let started = self.started("probe", Duration::from_secs(60)).await?;
        let took = started.saturating_duration_since(back);
        let told = format!("{}: taking jobs after {:.1} s", self.name, took.as_secs_f64());
        self.stop_producing().await;
        let acknowledged = std::mem::take(&mut self.acknowledged);
        self.all_ended_once(&acknowledged).await.map_err(|problem| format!("{told}; {problem}"))?;
        self.worker.abort();
        if took > TAKING_JOBS_WITHIN {
            return Err(told);
        }
        Ok(format!("{told}, {} jobs", acknowledged.len()))
    }

    /// Waits for the first start of a job.
    async fn started(&self, id: &str, within: Duration) -> Result<Instant, String> {
        let deadline = Instant::now() + within;
        loop {
            if let Some(start) = self.starts.lock().unwrap().get(id).map(|starts| starts[0]) {
                return Ok(start);
            }
            if Instant::now() > deadline {
                return Err(format!("{}: {id} was not started within {within:?}", self.name));
            }
            sleep(Duration::from_millis(10)).await;
        }
    }

    async fn all_ended_once(&self, acknowledged: &[String]) -> Result<(), String> {
        let deadline = Instant::now() + ALL_ENDED_WITHIN;
        let all = u64::try_from(acknowledged.len()).unwrap();
        loop {
            // A connection that nobody used since the fault is found dead by the first call.
            let counts = self.queue.counts().await;
            match &counts {
                Ok(counts) if counts["completed"] == all && counts.values().sum::<u64>() == all => {
                    break;
                }
                Err(error) if !error.is_transient() => return Err(error.to_string()),
                _ if Instant::now() > deadline => {
                    return Err(format!("{all} acknowledged, but {counts:?}"));
                }
                _ => sleep(Duration::from_millis(100)).await,
            }
        }
        let mut ends: BTreeMap<String, u32> = BTreeMap::new();
        let page = self.queue.events(Position::START, 100_000, Duration::ZERO).await;
        for event in page.map_err(|error| error.to_string())?.events {
            if let EventKind::Completed { id, .. } | EventKind::Failed { id, .. } = event.kind {
                *ends.entry(id.to_string()).or_default() += 1;
            }
        }
        let once = acknowledged.iter().all(|id| ends.get(id) == Some(&1));
        if once { Ok(()) } else { Err(format!("not each ended once: {ends:?}")) }
    }
}

async fn queue(by: &RedisOptions) -> Arc<dyn Backend> {
    let options = RedisOptions { patience: Duration::from_secs(60), ..by.clone() };
    let store = RedisStore::connect(options, Arc::new(SystemClock)).await.unwrap();
    store.queue("m").await.unwrap()
}

/// Runs jobs of a third of a second, so that some are under way whenever the fault comes.
async fn work(queue: Arc<dyn Backend>, load: Load, starts: Starts) {
    // A parked worker says nothing for half a minute: only its blocking pop can notice the fault.
    let swept = if load == Load::Busy { Duration::from_secs(2) } else { Duration::from_secs(30) };
    let options = WorkerOptions {
        concurrency: 4,
        stalled_every: swept,
        stalled_every_idle: swept,
        stalled_max: 50,
        remove_on_complete: None,
        ..WorkerOptions::default()
    };
    let handlers = Handlers::new().with_fn("send", move |id: String, _| {
        starts.lock().unwrap().entry(id).or_default().push(Instant::now());
        async {
            sleep(Duration::from_millis(300)).await;
            Ok(())
        }
    });
    Worker::new(queue, options).unwrap().run(handlers, std::future::pending()).await.unwrap();
}

/// Adds a job every fifth of a second until told to stop; returns what was acknowledged: all.
async fn produce(queue: Arc<dyn Backend>, stopped: watch::Receiver<bool>) -> Vec<String> {
    let mut acknowledged = Vec::new();
    while !*stopped.borrow() {
        let id = format!("job-{}", acknowledged.len());
        add_until_told(&queue, &id).await;
        acknowledged.push(id);
        sleep(Duration::from_millis(200)).await;
    }
    acknowledged
}

/// Adds a job until the store says that it has it; a repeated one changes nothing.
async fn add_until_told(queue: &Arc<dyn Backend>, id: &str) {
    let options = JobOptions {
        attempts: 20,
        backoff: Some(Backoff::fixed(Duration::from_millis(50))),
        ..JobOptions::bare()
    };
    let job = NewJob::new("send", Payload::encode(&id).unwrap())
        .with_id(JobId::custom(id.to_owned()).unwrap())
        .with_options(options);
    while let Err(error) = queue.add(vec![job.clone()]).await {
        assert!(error.is_transient(), "{error}");
    }
}

/// As [`play`], but one test after the other: many servers at a time would starve the rest.
pub(crate) fn play_in_turn<F>(cells: impl IntoIterator<Item = F>)
where
    F: Future<Output = Result<String, String>> + Send + 'static,
{
    static TURN: Mutex<()> = Mutex::new(());
    let _turn = TURN.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    play(cells);
}

/// Plays cells side by side and fails with everything that went wrong in any of them.
pub(crate) fn play<F>(cells: impl IntoIterator<Item = F>)
where
    F: Future<Output = Result<String, String>> + Send + 'static,
{
    if !RedisProcess::is_installed() {
        println!("SKIPPED: this test needs the program redis-server, not installed here");
        return;
    }
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let problems = runtime.block_on(async {
        let mut playing: JoinSet<_> = cells.into_iter().collect();
        let mut problems = Vec::new();
        while let Some(ended) = playing.join_next().await {
            match ended {
                Ok(Ok(told)) => println!("{told}"),
                Ok(Err(problem)) => problems.push(problem),
                Err(panic) => problems.push(panic.to_string()),
            }
        }
        problems
    });
    runtime.shutdown_timeout(Duration::from_secs(1));
    assert!(problems.is_empty(), "{} failed:\n{}", problems.len(), problems.join("\n"));
}
