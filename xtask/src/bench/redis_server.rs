//! A Redis server for measurements, with its data on the disk, and what it says of its work.

use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};

use super::cpu;

/// A server; killed when dropped.
pub(super) struct Server {
    child: Child,
    pub(super) port: u16,
    /// Where valgrind writes its count, if it counts.
    count: Option<PathBuf>,
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
    /// Starts one; its append-only file, synced every second, only if it is to be durable.
    pub(super) async fn start(folder: &Path, durable: bool) -> Result<Self> {
        Self::launch(Command::new("redis-server"), folder, durable, None).await
    }

    /// Starts one whose instructions are counted.
    pub(super) async fn counted(folder: &Path) -> Result<Self> {
        let count = folder.join("count");
        let mut command = Command::new("valgrind");
        command.args(["--tool=cachegrind", "--cache-sim=no", "--cachegrind-out-file=/dev/null"]);
        command.arg(format!("--log-file={}", count.display())).arg("redis-server");
        Self::launch(command, folder, false, Some(count)).await
    }

    async fn launch(
        mut command: Command,
        folder: &Path,
        durable: bool,
        count: Option<PathBuf>,
    ) -> Result<Self> {
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let child = command
            .args(["--bind", "127.0.0.1", "--port", &port.to_string()])
            .args(["--save", "", "--appendfsync", "everysec"])
            .args(["--appendonly", if durable { "yes" } else { "no" }])
            .arg("--dir")
            .arg(folder)
            .stdout(Stdio::null())
            .spawn()
            .context("cannot start redis-server")?;
        let server = Self { child, port, count };
        let deadline = Instant::now() + Duration::from_secs(60);
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            if Instant::now() > deadline {
                bail!("redis-server does not answer on port {port}");
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Ok(server)
    }

    /// Ends a counted server and returns how many instructions it took.
    pub(super) async fn instructions(mut self) -> Result<u64> {
        let count = self.count.take().context("its instructions are not counted")?;
        let client = redis::Client::open(self.url())?;
        let mut connection = client.get_multiplexed_async_connection().await?;
        // The server closes the connection instead of an answer.
        let _ = redis::cmd("SHUTDOWN").arg("NOSAVE").query_async::<()>(&mut connection).await;
        self.child.wait()?;
        let text = std::fs::read_to_string(&count)?;
        let line = text.lines().find(|line| line.contains("I") && line.contains("refs:"));
        let (_, figure) = line.and_then(|line| line.rsplit_once(' ')).context("no count")?;
        Ok(figure.replace(',', "").parse()?)
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
