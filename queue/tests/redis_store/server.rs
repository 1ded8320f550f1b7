//! A Redis server for one case, and short words for what cases do with its queue.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use faults::RedisProcess;
use oxherd_queue::backend::redis::{RedisOptions, RedisStore};
use oxherd_queue::backend::{Added, Claim, Turn};
use oxherd_queue::clock::SystemClock;
use oxherd_queue::job::{ClaimedJob, Token};
use oxherd_queue::outcome::{Settlement, Verdict};
use oxherd_queue::{Backend, JobId, JobOptions, NewJob, Payload, Store as _};
use redis::aio::MultiplexedConnection;

/// A real server of its own.
pub(crate) struct Server {
    process: RedisProcess,
}

/// Runs a test on a server of its own; does nothing where there is no `redis-server`.
pub(crate) fn run<F: Future<Output = ()>>(case: fn(Server) -> F) {
    if !RedisProcess::is_installed() {
        println!("SKIPPED: this test needs the program redis-server, not installed here");
        return;
    }
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let server = Server::start().await;
        tokio::time::timeout(Duration::from_secs(120), case(server)).await.expect("a case hangs");
    });
    runtime.shutdown_timeout(Duration::from_secs(1));
}

impl Server {
    async fn start() -> Self {
        Self { process: RedisProcess::start(&[]).await }
    }

    /// Makes the server write before it answers. By default it may answer first while its disk is
    /// slow, and a kill then loses what it answered.
    pub(crate) async fn sync_always(&mut self) {
        self.process.set("--appendfsync", "always");
        ask::<String>(&mut self.connect().await, "CONFIG SET appendfsync always").await;
    }

    /// Starts the server on its port and data, and waits until it answers.
    pub(crate) async fn restart(&mut self) {
        self.process.restart().await;
    }

    /// Kills the server as a power cut would.
    pub(crate) fn kill(&mut self) {
        self.process.kill();
    }

    /// Freezes the server: its connections stay open and silent.
    pub(crate) fn freeze(&self) {
        self.process.freeze();
    }

    /// Lets a frozen server go on.
    pub(crate) fn thaw(&self) {
        self.process.thaw();
    }

    pub(crate) fn port(&self) -> u16 {
        self.process.port()
    }

    pub(crate) fn url(&self) -> String {
        self.process.url()
    }

    async fn try_connect(&self) -> redis::RedisResult<MultiplexedConnection> {
        redis::Client::open(self.url())?.get_multiplexed_async_connection().await
    }

    /// A connection of a stranger, who may do anything.
    pub(crate) async fn connect(&self) -> MultiplexedConnection {
        self.try_connect().await.unwrap()
    }

    /// Opens the store with BullMQ's prefix.
    pub(crate) async fn store(&self) -> Arc<RedisStore> {
        open(&self.url()).await
    }

    /// Opens the queue `m`.
    pub(crate) async fn queue(&self) -> Arc<dyn Backend> {
        self.store().await.queue("m").await.unwrap()
    }
}

/// Opens the store behind an address.
pub(crate) async fn open(url: &str) -> Arc<RedisStore> {
    RedisStore::connect(RedisOptions::new(url), Arc::new(SystemClock)).await.unwrap()
}

/// Sends a command and returns its reply as any type.
pub(crate) async fn ask<T: redis::FromRedisValue>(
    connection: &mut MultiplexedConnection,
    command: &str,
) -> T {
    let mut words = command.split_whitespace();
    let mut ask = redis::cmd(words.next().unwrap());
    for word in words {
        ask.arg(word);
    }
    ask.query_async(connection).await.unwrap()
}

/// A job with this JSON as its data and BullMQ's bare options.
pub(crate) fn job(data: &str) -> NewJob {
    NewJob::new("send", Payload::parse(data).unwrap()).with_options(JobOptions::bare())
}

/// Adds one job, which must be new.
pub(crate) async fn add(queue: &Arc<dyn Backend>, job: NewJob) -> JobId {
    match queue.add(vec![job]).await.unwrap().swap_remove(0) {
        Added::Created { id, .. } => id,
        other => panic!("no job was created: {other:?}"),
    }
}

/// A claim for 30 s under a new token.
pub(crate) fn claim(max: usize) -> Claim {
    Claim { max, token: Token::unique(), lock: Duration::from_secs(30), worker: None, rate: None }
}

/// Claims one job, which must be there.
pub(crate) async fn claim_one(queue: &Arc<dyn Backend>) -> ClaimedJob {
    let mut claimed = queue.claim(&claim(1)).await.unwrap().jobs;
    assert_eq!(claimed.len(), 1, "there is a job to claim");
    claimed.swap_remove(0)
}

/// The settlement of a claimed job by its own options.
pub(crate) fn settlement(job: &ClaimedJob, verdict: Verdict) -> Settlement {
    let keep = match verdict {
        Verdict::Complete { .. } => job.job.options.remove_on_complete,
        _ => job.job.options.remove_on_fail,
    };
    Settlement {
        id: job.job.id.clone(),
        token: job.token.clone(),
        verdict,
        keep,
        attempts_max: job.job.options.attempts_max(),
        metrics: None,
    }
}

/// Settles one job without claiming.
pub(crate) async fn settle(queue: &Arc<dyn Backend>, job: &ClaimedJob, verdict: Verdict) -> Turn {
    queue.settle(vec![settlement(job, verdict)], None).await.unwrap()
}

/// The job completed with this JSON as its result.
pub(crate) fn completed(result: &str) -> Verdict {
    Verdict::Complete { result: Payload::parse(result).unwrap() }
}

/// The job failed for good.
pub(crate) fn failed(reason: &str) -> Verdict {
    Verdict::Fail { reason: reason.to_owned(), stack_trace: vec![reason.to_owned()] }
}
