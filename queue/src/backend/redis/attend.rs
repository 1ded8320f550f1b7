//! Workers as the server sees them: a connection for each, with a name.
//!
//! The connection carries nothing but the name and a sign of life now and then. It is dialled again
//! for ever, as it is given up together with the connection for commands. Never used for jobs.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use redis::Cmd;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

use super::connection::{DIAL_WAIT, Link, backoff};
use super::dial::{Dialer, Line};
use super::{RedisQueue, fault, server};
use crate::backend::{Attend, Attendance, WorkerClient};
use crate::error::{QueueError, Result};

/// How often a connection shows that it lives: load balancers forget one that was silent for 350 s.
const SIGN_OF_LIFE_EVERY: Duration = Duration::from_secs(300);
/// How long the reply to that may take.
const REPLY_WAIT: Duration = Duration::from_secs(3);

/// Shows workers to whoever lists the clients of a server.
pub(super) struct Register {
    dialer: Dialer,
    link: Arc<Link>,
    /// The server refuses names; that was told.
    refused: AtomicBool,
}

/// A connection that is kept until this is dropped.
struct Kept(JoinHandle<()>);

impl Drop for Kept {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Register {
    pub(super) fn new(dialer: Dialer, link: Arc<Link>) -> Self {
        Self { dialer, link, refused: AtomicBool::new(false) }
    }

    /// Keeps a connection of this name.
    fn enter(self: &Arc<Self>, client_name: String) -> Attendance {
        let register = Arc::clone(self);
        Attendance::lasting(Kept(tokio::spawn(async move { register.keep(&client_name).await })))
    }

    /// Dials again and again, until the store is closed or the server refuses the name.
    async fn keep(&self, client_name: &str) {
        let mut failures = 0;
        while !self.link.is_closed() && !self.refused.load(Ordering::Relaxed) {
            match timeout(DIAL_WAIT, self.dialer.dial(None)).await {
                Ok(Ok(mut line)) => match self.sign(&mut line, client_name).await {
                    Ok(()) => {
                        failures = 0;
                        self.stay(&mut line).await;
                    }
                    Err(error) if error.is_transient() => failures += 1,
                    Err(error) => return self.tell_refused(&error),
                },
                _ => failures += 1,
            }
            sleep(backoff(failures)).await;
        }
    }

    async fn sign(&self, line: &mut Line, client_name: &str) -> Result<()> {
        let mut command = redis::cmd("CLIENT");
        command.arg("SETNAME").arg(client_name);
        ask(line, &command).await
    }

    /// Returns when the connection is lost, or may be.
    async fn stay(&self, line: &mut Line) {
        let ping = redis::cmd("PING");
        loop {
            tokio::select! {
                _ = &mut line.driver => return,
                () = self.link.lost() => return,
                () = sleep(SIGN_OF_LIFE_EVERY) => {
                    if ask(line, &ping).await.is_err() {
                        return;
                    }
                }
            }
        }
    }

    fn tell_refused(&self, error: &QueueError) {
        if !self.refused.swap(true, Ordering::Relaxed) {
            tracing::warn!("dashboards will not see workers, Redis refuses their names: {error}");
        }
    }
}

async fn ask(line: &mut Line, command: &Cmd) -> Result<()> {
    let silent = || fault::unconnected("no reply on the connection of a worker");
    timeout(REPLY_WAIT, line.ask(command)).await.map_err(|_| silent())?.map(drop)
}

#[async_trait]
impl Attend for RedisQueue {
    fn attend(&self, worker: Option<&str>) -> Attendance {
        self.register.enter(self.keys.worker_client_name(worker))
    }

    async fn workers(&self) -> Result<Option<Vec<WorkerClient>>> {
        server::workers(&self.link, &self.keys).await
    }
}
