//! A primary, a replica and three sentinels over them, as child processes.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::held::Held;
use crate::redis_process::{RedisProcess, ask, free_port};

/// How long the processes may take to know each other.
const AGREED_WITHIN: Duration = Duration::from_secs(60);

/// Servers of which the sentinels keep one a primary.
#[derive(Debug)]
pub struct RedisSentinels {
    /// The primary at the start, and its replica.
    pub servers: [RedisProcess; 2],
    sentinels: Vec<Sentinel>,
    _folder: tempfile::TempDir,
}

#[derive(Debug)]
struct Sentinel {
    port: u16,
    command: String,
    running: Option<Held>,
}

impl RedisSentinels {
    /// The name by which the sentinels know the primary.
    pub const PRIMARY: &str = "orders";

    /// Starts all of them, with further arguments for the servers, and waits until each knows the
    /// others.
    pub async fn start(settings: &[&str]) -> Self {
        let quick = ["--appendfsync", "no", "--repl-diskless-sync-delay", "0"];
        let settings: Vec<&str> = quick.iter().chain(settings).copied().collect();
        let primary = RedisProcess::start(&settings).await;
        let port = primary.port().to_string();
        let follows = [&settings[..], &["--replicaof", "127.0.0.1", &port]].concat();
        let replica = RedisProcess::start(&follows).await;
        until(replica.port(), "INFO replication", "master_link_status:up").await;
        let folder = tempfile::tempdir().unwrap();
        let mut sentinels = Vec::new();
        for number in 0..3 {
            let path = folder.path().join(format!("{number}.conf"));
            let name = Self::PRIMARY;
            let own = free_port();
            let text = format!(
                "port {own}\nbind 127.0.0.1\nloglevel warning\n\
                 sentinel monitor {name} 127.0.0.1 {port} 2\n\
                 sentinel down-after-milliseconds {name} 1000\n\
                 sentinel failover-timeout {name} 5000\n"
            );
            std::fs::write(&path, text).unwrap();
            let command = format!("redis-server '{}' --sentinel", path.display());
            sentinels.push(Sentinel { port: own, command, running: None });
        }
        let mut all = Self { servers: [primary, replica], sentinels, _folder: folder };
        all.start_sentinels();
        for sentinel in &all.sentinels {
            let question = format!("SENTINEL MASTER {}", Self::PRIMARY);
            until(sentinel.port, &question, "num-slaves\n1\nnum-other-sentinels\n2").await;
        }
        all
    }

    /// Starts the sentinels that were killed.
    pub fn start_sentinels(&mut self) {
        for sentinel in &mut self.sentinels {
            sentinel.running.get_or_insert_with(|| Held::spawn(&sentinel.command));
        }
    }

    /// Kills the sentinels; what they know is on the disk.
    pub fn kill_sentinels(&mut self) {
        for sentinel in &mut self.sentinels {
            sentinel.running = None;
        }
    }

    /// Waits until a server takes itself for a primary.
    pub async fn promoted(&self, server: usize) {
        until(self.servers[server].port(), "INFO replication", "role:master").await;
    }

    /// Host and port of each sentinel, with commas between them.
    #[must_use]
    pub fn places(&self) -> String {
        let places = self.sentinels.iter().map(|sentinel| format!("127.0.0.1:{}", sentinel.port));
        places.collect::<Vec<_>>().join(",")
    }
}

async fn until(port: u16, question: &str, told: &str) {
    let deadline = Instant::now() + AGREED_WITHIN;
    loop {
        let answer = ask(port, question).await;
        if answer.replace('\r', "").contains(told) {
            return;
        }
        assert!(Instant::now() < deadline, "{question}: no {told} in {answer}");
        sleep(Duration::from_millis(50)).await;
    }
}
