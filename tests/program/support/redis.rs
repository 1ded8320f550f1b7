//! A Redis server of the test's own, as a child process.

use std::net::TcpListener;
use std::process::Stdio;
use std::time::Duration;

use tempfile::TempDir;
use tokio::process::{Child, Command};

/// A running Redis; it dies with this value.
pub(crate) struct RedisServer {
    child: Option<Child>,
    port: u16,
    folder: TempDir,
}

impl RedisServer {
    /// Starts a server on a free port; `None` where Redis is not installed.
    pub(crate) async fn start() -> Option<Self> {
        let port = free_port();
        let folder = tempfile::tempdir().unwrap();
        let mut server = Self { child: None, port, folder };
        server.resume().await.then_some(server)
    }

    /// Starts the server again on the same port and data.
    pub(crate) async fn resume(&mut self) -> bool {
        let child = Command::new("redis-server")
            .args(["--port", &self.port.to_string(), "--bind", "127.0.0.1"])
            .args(["--appendonly", "yes", "--appendfsync", "everysec", "--save", ""])
            .current_dir(self.folder.path())
            .stdout(Stdio::null())
            .kill_on_drop(true)
            .spawn();
        let Ok(child) = child else { return false };
        self.child = Some(child);
        let url = self.url();
        super::eventually(Duration::from_secs(10), "Redis answers", || async {
            let client = redis::Client::open(url.as_str()).ok()?;
            let mut connection = client.get_multiplexed_async_connection().await.ok()?;
            redis::cmd("PING").query_async::<String>(&mut connection).await.ok()
        })
        .await;
        true
    }

    /// Kills the server at once.
    pub(crate) async fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().await.unwrap();
        }
    }

    /// The server's address.
    pub(crate) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}
