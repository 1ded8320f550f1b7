//! A Redis server of the test's own.

use faults::RedisProcess;

/// A running Redis; it dies with this value.
pub(crate) struct RedisServer(RedisProcess);

impl RedisServer {
    /// Starts a server on a free port; `None` where Redis is not installed.
    pub(crate) async fn start() -> Option<Self> {
        if !RedisProcess::is_installed() {
            return None;
        }
        Some(Self(RedisProcess::start(&[]).await))
    }

    /// Starts the server again on the same port and data.
    pub(crate) async fn resume(&mut self) {
        self.0.restart().await;
    }

    /// Kills the server at once.
    pub(crate) fn kill(&mut self) {
        self.0.kill();
    }

    /// The server's address.
    pub(crate) fn url(&self) -> String {
        self.0.url()
    }
}
