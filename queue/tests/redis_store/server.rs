//! A Redis server that can be frozen, killed and started again.
//!
//! It dies with this process, however that ends: a shell holds it and waits for our end of a pipe.

use std::future::Future;
use std::io::{BufRead as _, BufReader};
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use oxherd_queue::backend::redis::{RedisOptions, RedisStore};
use oxherd_queue::backend::{Added, Claim, Turn};
use oxherd_queue::clock::SystemClock;
use oxherd_queue::job::{ClaimedJob, Token};
use oxherd_queue::outcome::{Settlement, Verdict};
use oxherd_queue::{Backend, JobId, JobOptions, NewJob, Payload, Store as _};
use redis::aio::MultiplexedConnection;
use tokio::time::Instant;

/// A real server of its own.
pub(crate) struct Server {
    pub(crate) port: u16,
    folder: tempfile::TempDir,
    fsync: &'static str,
    running: Option<Running>,
}

struct Running {
    shell: Child,
    pid: String,
}

/// Runs a test on a server of its own; does nothing where there is no `redis-server`.
pub(crate) fn run<F: Future<Output = ()>>(case: fn(Server) -> F) {
    if Command::new("redis-server").arg("--version").output().is_err() {
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
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let folder = tempfile::tempdir().unwrap();
        let mut server = Self { port, folder, fsync: "everysec", running: None };
        server.restart().await;
        server
    }

    /// Makes the server write before it answers. By default it may answer first while its disk is
    /// slow, and a kill then loses what it answered.
    pub(crate) async fn sync_always(&mut self) {
        self.fsync = "always";
        ask::<String>(&mut self.connect().await, "CONFIG SET appendfsync always").await;
    }

    /// Starts the server on its port and data, and waits until it answers.
    pub(crate) async fn restart(&mut self) {
        let command = format!(
            "redis-server --bind 127.0.0.1 --port {} --appendonly yes --appendfsync {} --save '' --dir '{}' \
             --loglevel warning",
            self.port,
            self.fsync,
            self.folder.path().display()
        );
        let mut shell = Command::new("sh")
            .arg("-c")
            .arg(format!("{command} </dev/null >/dev/null & echo $!; read _; kill -9 $!; wait"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut pid = String::new();
        BufReader::new(shell.stdout.as_mut().unwrap()).read_line(&mut pid).unwrap();
        self.running = Some(Running { shell, pid: pid.trim().to_owned() });
        let deadline = Instant::now() + Duration::from_secs(10);
        loop {
            let answer = async { self.try_connect().await?.send_packed_command(&ping()).await };
            if answer.await.is_ok() {
                return;
            }
            assert!(Instant::now() < deadline, "the server does not answer");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Kills the server as a power cut would.
    pub(crate) fn kill(&mut self) {
        self.signal("-9");
        if let Some(mut running) = self.running.take() {
            drop(running.shell.stdin.take());
            running.shell.wait().unwrap();
        }
    }

    /// Freezes the server: its connections stay open and silent.
    pub(crate) fn freeze(&self) {
        self.signal("-STOP");
    }

    /// Lets a frozen server go on.
    pub(crate) fn thaw(&self) {
        self.signal("-CONT");
    }

    fn signal(&self, signal: &str) {
        if let Some(running) = &self.running {
            let status = Command::new("kill").arg(signal).arg(&running.pid).status().unwrap();
            assert!(status.success());
        }
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
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

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(running) = &mut self.running {
            // A frozen process dies too, but only when it is killed this way.
            let _ = Command::new("kill").arg("-9").arg(&running.pid).status();
            drop(running.shell.stdin.take());
            let _ = running.shell.wait();
        }
    }
}

fn ping() -> redis::Cmd {
    redis::cmd("PING")
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
