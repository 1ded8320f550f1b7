//! A Redis server as a child process, on a port and a folder of its own.
//!
//! It dies with this process, however that ends: a shell holds it and waits for our end of a pipe.

use std::io::{BufRead as _, BufReader};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep, timeout};

/// How long a server may take to answer: it reads its data first.
const STARTED_WITHIN: Duration = Duration::from_secs(60);

/// A server that keeps its port and its data over deaths.
#[derive(Debug)]
pub struct RedisProcess {
    port: u16,
    folder: tempfile::TempDir,
    settings: Vec<String>,
    running: Option<Running>,
}

#[derive(Debug)]
struct Running {
    shell: Child,
    pid: String,
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

    fn spawn(&self) -> Running {
        let settings: Vec<String> =
            self.settings.iter().map(|setting| format!("'{setting}'")).collect();
        let command = format!(
            "redis-server --bind 127.0.0.1 --port {} --appendonly yes --save '' --dir '{}' \
             --loglevel warning {}",
            self.port,
            self.folder.path().display(),
            settings.join(" ")
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
        Running { shell, pid: pid.trim().to_owned() }
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
        self.signal("-9");
        if let Some(mut running) = self.running.take() {
            drop(running.shell.stdin.take());
            running.shell.wait().unwrap();
        }
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
            let status = Command::new("kill").arg(signal).arg(&running.pid).status().unwrap();
            assert!(status.success());
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

impl Drop for RedisProcess {
    fn drop(&mut self) {
        if let Some(running) = &mut self.running {
            // A frozen process dies too, but only when it is killed this way.
            let _ = Command::new("kill").arg("-9").arg(&running.pid).status();
            drop(running.shell.stdin.take());
            let _ = running.shell.wait();
        }
    }
}

/// Returns a port on which nothing listens now.
#[must_use]
pub fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}
