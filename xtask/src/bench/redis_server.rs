//! A Redis server for measurements, with its data on the disk, and what it says of its work.

use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};

use super::cpu;

/// A server; killed when dropped.
pub(super) struct Server {
    child: Child,
    pub(super) port: u16,
}

/// What a server has done so far.
#[derive(Debug, Clone, Copy)]
pub(super) struct Work {
    /// Processor time, where the system tells it.
    pub(super) cpu: Option<Duration>,
    /// Commands, those in scripts counted.
    pub(super) commands: u64,
    /// Bytes received.
    pub(super) bytes: u64,
}

impl Server {
    pub(super) async fn start(folder: &Path) -> Result<Self> {
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let child = Command::new("redis-server")
            .args(["--bind", "127.0.0.1", "--port", &port.to_string()])
            .args(["--save", "", "--appendonly", "yes", "--appendfsync", "everysec"])
            .arg("--dir")
            .arg(folder)
            .stdout(Stdio::null())
            .spawn()
            .context("cannot start redis-server")?;
        let server = Self { child, port };
        let deadline = Instant::now() + Duration::from_secs(10);
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            if Instant::now() > deadline {
                bail!("redis-server does not answer on port {port}");
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Ok(server)
    }

    pub(super) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    pub(super) fn id(&self) -> String {
        self.child.id().to_string()
    }

    /// Reads what it has done so far.
    pub(super) async fn work(&self) -> Result<Work> {
        let client = redis::Client::open(self.url())?;
        let mut connection = client.get_multiplexed_async_connection().await?;
        let stats: String = redis::cmd("INFO").arg("stats").query_async(&mut connection).await?;
        let number = |name: &str| -> Result<u64> {
            let line = stats.lines().find_map(|line| line.strip_prefix(name));
            Ok(line.with_context(|| format!("INFO says no {name}"))?.trim().parse()?)
        };
        Ok(Work {
            cpu: cpu::used(&self.id()),
            commands: number("total_commands_processed:")?,
            bytes: number("total_net_input_bytes:")?,
        })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
