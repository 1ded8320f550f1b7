//! A Redis server as a child process, on a port and a folder of its own.

use std::net::TcpListener;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep, timeout};

use crate::held::Held;

/// How long a server may take to answer: it reads its data first.
const STARTED_WITHIN: Duration = Duration::from_secs(60);

/// A server that keeps its port and its data over deaths.
#[derive(Debug)]
pub struct RedisProcess {
    port: u16,
    folder: tempfile::TempDir,
    settings: Vec<String>,
    running: Option<Held>,
}

impl RedisProcess {
    /// Tells whether the program `redis-server` is installed.
    #[must_use]
    pub fn is_installed() -> bool {
        Command::new("redis-server").arg("--version").output().is_ok()
    }

    /// Starts a server that writes every change to its append-only file; the settings are further
    /// arguments of the program.
    pub async fn start(settings: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let settings = settings.iter().map(|setting| (*setting).to_owned()).collect();
        let mut server = Self { port: free_port(), folder, settings, running: None };
        server.restart().await;
        server
    }

    /// Sets an argument of the program for the next start.
    pub fn set(&mut self, name: &str, value: &str) {
        self.settings.extend([name.to_owned(), value.to_owned()]);
    }

    /// Starts the server on its port and data, and waits until it answers.
    pub async fn restart(&mut self) {
        self.running = Some(self.spawn());
        let deadline = Instant::now() + STARTED_WITHIN;
        while !self.answers().await {
            assert!(Instant::now() < deadline, "redis-server on port {} is silent", self.port);
            sleep(Duration::from_millis(10)).await;
        }
    }

    fn spawn(&self) -> Held {
        let settings: Vec<String> =
            self.settings.iter().map(|setting| format!("'{setting}'")).collect();
        Held::spawn(&format!(
            "redis-server --bind 127.0.0.1 --port {} --appendonly yes --save '' --dir '{}' \
             --loglevel warning {}",
            self.port,
            self.folder.path().display(),
            settings.join(" ")
        ))
    }

    /// Sends a command with the program `redis-cli`, and returns what it prints.
    pub async fn ask(&self, command: &str) -> String {
        ask(self.port, command).await
    }

    /// Waits until this server has what another, whose replica it is, has now.
    pub async fn catch_up_with(&self, primary: &Self) {
        let deadline = Instant::now() + STARTED_WITHIN;
        let written = primary.offset().await;
        while self.offset().await < written {
            assert!(Instant::now() < deadline, "the replica does not follow");
            sleep(Duration::from_millis(20)).await;
        }
    }

    async fn offset(&self) -> Option<u64> {
        let told = self.ask("INFO replication").await;
        let offset = told.lines().find_map(|line| line.strip_prefix("master_repl_offset:"));
        offset.and_then(|offset| offset.trim_end().parse().ok())
    }

    /// Tells whether the server answers a PING now, if only to ask for a password.
    pub async fn answers(&self) -> bool {
        let answer = async {
            let mut stream = TcpStream::connect(("127.0.0.1", self.port)).await?;
            stream.write_all(b"PING\r\n").await?;
            let mut answer = [0; 5];
            stream.read_exact(&mut answer).await?;
            Ok::<_, std::io::Error>(&answer == b"+PONG" || &answer == b"-NOAU")
        };
        matches!(timeout(Duration::from_secs(1), answer).await, Ok(Ok(true)))
    }

    /// Kills the server as a power cut of its process would.
    pub fn kill(&mut self) {
        self.running = None;
    }

    /// Freezes the server: its connections stay open and silent.
    pub fn freeze(&self) {
        self.signal("-STOP");
    }

    /// Lets a frozen server go on.
    pub fn thaw(&self) {
        self.signal("-CONT");
    }

    fn signal(&self, signal: &str) {
        if let Some(running) = &self.running {
            running.signal(signal);
        }
    }

    /// The port of the server, the same over its whole life.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The address of the server.
    #[must_use]
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// The folder in which the server runs.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }
}

/// The ports for servers: below those that systems give to outgoing connections.
const PORTS: std::ops::Range<u32> = 12_000..32_000;

/// Returns a port on which nothing listens now; each once.
///
/// One that the system chose and that was let go again may be given to a neighbour before its server
/// starts: two clusters side by side then became one.
#[must_use]
pub fn free_port() -> u16 {
    static GIVEN: AtomicU32 = AtomicU32::new(0);
    let count = PORTS.end - PORTS.start;
    // Processes that run side by side begin far from each other.
    let first = std::process::id().wrapping_mul(131) % count;
    loop {
        let place = (first + GIVEN.fetch_add(1, Ordering::Relaxed)) % count;
        let port = u16::try_from(PORTS.start + place).unwrap();
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

/// Sends a command to a server of this machine and returns what `redis-cli` prints.
pub(crate) async fn ask(port: u16, command: &str) -> String {
    let mut program = tokio::process::Command::new("redis-cli");
    program.args(["-p", &port.to_string()]).args(command.split(' '));
    let told = timeout(STARTED_WITHIN, program.output()).await.unwrap().unwrap();
    String::from_utf8_lossy(&told.stdout).trim_end().to_owned()
}
