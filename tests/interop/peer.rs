//! A peer: a process with a client in it, which does what it is told.
//!
//! Never knows what a command means.

use std::collections::HashMap;
use std::process::Stdio;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::sync::oneshot;

/// The argument that makes this program a peer.
pub(crate) const OXHERD: &str = "--peer";
/// How long a command may take.
const DEADLINE: Duration = Duration::from_secs(30);

/// Which client a peer is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Client {
    /// Ours.
    Oxherd,
    /// BullMQ of this major version.
    Node(u8),
    /// bull-board, with a browser in front of it.
    Board,
}

type Answers = Arc<Mutex<HashMap<u64, oneshot::Sender<Value>>>>;

/// A running peer; dies with its last owner.
pub(crate) struct Peer {
    child: Mutex<Child>,
    commands: tokio::sync::Mutex<ChildStdin>,
    answers: Answers,
    number: AtomicU64,
    pub(crate) client: Client,
}

impl Peer {
    /// Starts a peer on a Redis server.
    pub(crate) fn start(client: Client, url: &str) -> Arc<Self> {
        let mut command = match client {
            Client::Oxherd => {
                let mut command = Command::new(std::env::current_exe().unwrap());
                command.args([OXHERD, url]);
                command
            }
            Client::Node(major) => {
                let mut command = Command::new("node");
                let port = url.rsplit(':').next().unwrap();
                command.args(["peer.mjs", &major.to_string(), port]);
                command.args(url.starts_with("redis+cluster").then_some("cluster"));
                command
            }
            Client::Board => {
                let mut command = Command::new("node");
                command.args(["board.mjs", url.rsplit(':').next().unwrap()]);
                command
            }
        };
        let mut child = command
            .current_dir(crate::folder())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let commands = child.stdin.take().unwrap();
        let answers = Answers::default();
        tokio::spawn(read(child.stdout.take().unwrap(), Arc::clone(&answers)));
        Arc::new(Self {
            child: Mutex::new(child),
            commands: tokio::sync::Mutex::new(commands),
            answers,
            number: AtomicU64::new(0),
            client,
        })
    }

    /// Has a command done; an error is the text that the client gave.
    pub(crate) async fn tell(&self, mut command: Value) -> Result<Value, String> {
        let number = self.number.fetch_add(1, Ordering::Relaxed);
        command["number"] = number.into();
        let (sender, receiver) = oneshot::channel();
        self.answers.lock().unwrap().insert(number, sender);
        let line = format!("{command}\n");
        let sent = self.commands.lock().await.write_all(line.as_bytes()).await;
        sent.map_err(|error| format!("the peer {:?} is gone: {error}", self.client))?;
        let answer = tokio::time::timeout(DEADLINE, receiver).await;
        let Ok(Ok(mut answer)) = answer else {
            return Err(format!("no answer of {:?} to {command}", self.client));
        };
        match answer.get("error") {
            Some(error) => Err(error.as_str().unwrap_or_default().to_owned()),
            None => Ok(answer["value"].take()),
        }
    }

    /// Sends a signal (`-KILL`, `-STOP`, `-CONT`) and, after a kill, waits for the end.
    pub(crate) async fn signal(&self, signal: &str) {
        let pid = self.child.lock().unwrap().id().unwrap().to_string();
        let status = Command::new("kill").args([signal, &pid]).status().await.unwrap();
        assert!(status.success());
    }
}

async fn read(stdout: ChildStdout, answers: Answers) {
    let mut lines = BufReader::new(stdout).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        let Ok(answer) = serde_json::from_str::<Value>(&line) else {
            println!("a peer printed: {line}");
            continue;
        };
        let waiting = answers.lock().unwrap().remove(&answer["number"].as_u64().unwrap_or(0));
        if let Some(waiting) = waiting {
            let _ = waiting.send(answer);
        }
    }
    answers.lock().unwrap().clear();
}
