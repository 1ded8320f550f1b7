//! A child process that dies with this one, however that ends: a shell holds it and waits for our end
//! of a pipe.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};

/// A running program, killed when dropped.
#[derive(Debug)]
pub(crate) struct Held {
    shell: Child,
    pid: String,
}

impl Held {
    /// Starts a program by a line of shell.
    pub(crate) fn spawn(command: &str) -> Self {
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
        Self { shell, pid: pid.trim().to_owned() }
    }

    pub(crate) fn signal(&self, signal: &str) {
        let status = Command::new("kill").arg(signal).arg(&self.pid).status().unwrap();
        assert!(status.success());
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        // A frozen process dies too, but only when it is killed this way.
        let _ = Command::new("kill").arg("-9").arg(&self.pid).stderr(Stdio::null()).status();
        drop(self.shell.stdin.take());
        let _ = self.shell.wait();
    }
}
