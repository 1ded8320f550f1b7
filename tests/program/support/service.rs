//! The service as a child process, on a folder and ports of its own.

use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::time::Duration;

use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

use super::Client;

/// How a service is started.
#[derive(Clone, Default)]
pub(crate) struct Options {
    /// The queues; embedded without it.
    pub(crate) redis_url: Option<String>,
    /// More settings, by their environment names.
    pub(crate) settings: Vec<(&'static str, String)>,
    /// The data folder of a service that ran before.
    pub(crate) data: Option<Arc<TempDir>>,
}

/// A running service; it dies with this value.
pub(crate) struct Service {
    child: Child,
    data: Arc<TempDir>,
    options: Options,
    /// Where the study page is, without a slash at the end.
    pub(crate) public: String,
    /// Where operators look.
    pub(crate) admin: String,
}

impl Service {
    /// Starts a service and waits until it is ready.
    pub(crate) async fn start(options: &Options) -> Self {
        let data = options.data.clone().unwrap_or_else(|| Arc::new(tempfile::tempdir().unwrap()));
        let mut command = Command::new(env!("CARGO_BIN_EXE_oxherd"));
        command
            .arg("serve")
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("OXHERD_DATA_DIR", data.path())
            .env("OXHERD_HTTP__LISTEN", "127.0.0.1:0")
            .env("OXHERD_ADMIN__LISTEN", "127.0.0.1:0")
            .env("OXHERD_TESTING__FAULTS", "true")
            .env("OXHERD_LOG__LEVEL", "warn")
            .current_dir(data.path())
            .stdout(Stdio::piped())
            .kill_on_drop(true);
        if let Some(url) = &options.redis_url {
            command.env("REDIS_URL", url);
        }
        for (name, value) in &options.settings {
            command.env(name, value);
        }
        let mut child = command.spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let (mut public, mut admin) = (String::new(), String::new());
        let reading = async {
            while let Some(line) = lines.next_line().await.unwrap() {
                if let Some(address) = address_in(&line, "Study page") {
                    public = address;
                }
                if let Some(address) = address_in(&line, "Operators") {
                    admin = address;
                }
                if line.contains("Stop with") {
                    return;
                }
            }
            panic!("the service ended before it was ready");
        };
        tokio::time::timeout(Duration::from_secs(30), reading).await.expect("ready within 30 s");
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        let service = Self { child, data, options: options.clone(), public, admin };
        super::eventually(Duration::from_secs(20), "ready", || async {
            let answer = reqwest::get(format!("{}/readyz", service.admin)).await.ok()?;
            answer.status().is_success().then_some(())
        })
        .await;
        service
    }

    /// A client of its public listener.
    pub(crate) fn client(&self) -> Client {
        Client::new(&self.public)
    }

    /// A client of its admin listener.
    pub(crate) fn operator(&self) -> Client {
        Client::new(&self.admin)
    }

    /// Its data folder.
    pub(crate) fn data(&self) -> &Path {
        self.data.path()
    }

    /// Its process id.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id().unwrap()
    }

    /// Kills it at once, as a power cut of the process.
    pub(crate) async fn kill(mut self) -> Options {
        self.child.kill().await.unwrap();
        Options { data: Some(self.data), ..self.options }
    }

    /// Asks it to stop, as an orchestrator does, and waits for its end.
    pub(crate) async fn terminate(mut self, within: Duration) -> (ExitStatus, Options) {
        let pid = self.pid().to_string();
        std::process::Command::new("kill").args(["-TERM", &pid]).status().unwrap();
        let ended = tokio::time::timeout(within, self.child.wait()).await;
        let status = ended.expect("ends within its grace").unwrap();
        (status, Options { data: Some(self.data), ..self.options })
    }
}

fn address_in(line: &str, label: &str) -> Option<String> {
    let (_, rest) = line.split_once(label)?;
    let address = rest.split_whitespace().find(|word| word.starts_with("http://"))?;
    Some(address.trim_end_matches('/').to_owned())
}
