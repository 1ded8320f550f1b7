//! The package, taking steps in a process of Node (`lockstep.mjs`).
//!
//! Never knows what our engine does.

use std::process::Stdio;

use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

use super::step::Step;
use super::{DEADLINE, QUEUES};

/// The package, in a process of Node.
pub(super) struct Package {
    _child: Child,
    steps: ChildStdin,
    answers: Lines<BufReader<ChildStdout>>,
}

impl Package {
    pub(super) fn start(port: &str, database: u8) -> Self {
        let mut child = Command::new("node")
            .args(["lockstep.mjs", port, &database.to_string()])
            .args(QUEUES)
            .current_dir(crate::folder())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let steps = child.stdin.take().unwrap();
        let answers = BufReader::new(child.stdout.take().unwrap()).lines();
        Self { _child: child, steps, answers }
    }

    pub(super) async fn take(&mut self, steps: &[&Step]) -> Vec<Value> {
        let line = format!("{}\n", serde_json::to_string(steps).unwrap());
        self.steps.write_all(line.as_bytes()).await.unwrap();
        let answer = tokio::time::timeout(DEADLINE, self.answers.next_line()).await;
        let answer = answer.expect("the package answers in time").unwrap();
        serde_json::from_str(&answer.expect("the package's process lives")).unwrap()
    }
}
