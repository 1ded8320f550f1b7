//! Every setting of the program: the defaults, a file, the environment, in this order.
//!
//! The only place that reads environment variables.

mod check;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use figment::Figment;
use figment::providers::{Env, Format as _, Serialized, Toml};
use oxherd_queue::backend::redis::RedisOptions;
use serde::{Deserialize, Serialize};

pub(crate) use check::{Problem, check};

/// The file that is read when it is there and no other is named.
pub(crate) const FILE: &str = "oxherd.toml";

impl Redis {
    /// Returns how the store is reached.
    pub(crate) fn options(&self) -> RedisOptions {
        let ca_file = Some(self.ca_file.clone()).filter(|path| !path.as_os_str().is_empty());
        let prefix = self.prefix.clone();
        RedisOptions { prefix, ca_file, ..RedisOptions::new(&self.url) }
    }
}

/// All settings; `config.toml` in the repository says what each is for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Config {
    /// Where the embedded stores and files are kept.
    pub(crate) data_dir: PathBuf,
    /// The public listener.
    pub(crate) http: Http,
    /// The operators' listener.
    pub(crate) admin: Admin,
    /// The shared store of the queues.
    pub(crate) redis: Redis,
    /// Who users are.
    pub(crate) auth: Auth,
    /// The workers.
    pub(crate) worker: Worker,
    /// Limits per user.
    pub(crate) limits: Limits,
    /// Reading documents.
    pub(crate) parser: Parser,
    /// The end of the process.
    pub(crate) shutdown: Shutdown,
    /// The log.
    pub(crate) log: Log,
    /// Doors for tests.
    pub(crate) testing: Testing,
}

/// The public listener.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Http {
    /// Address and port.
    pub(crate) listen: SocketAddr,
    /// Origins that browsers may call from.
    pub(crate) cors_origins: Vec<String>,
}

/// The operators' listener.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Admin {
    /// Address and port.
    pub(crate) listen: SocketAddr,
}

/// The shared store of the queues.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Redis {
    /// Its URL; empty for the embedded store.
    pub(crate) url: String,
    /// The first part of every key.
    pub(crate) prefix: String,
    /// The authorities that may vouch for a server with TLS; those of the system if empty.
    pub(crate) ca_file: PathBuf,
}

/// Who users are.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Auth {
    /// How they are told apart.
    pub(crate) mode: AuthMode,
    /// Signs links; empty to make one.
    pub(crate) signing_key: String,
}

/// How users are told apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum AuthMode {
    /// Not at all: everyone is `local`.
    None,
}

/// The workers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Worker {
    /// Jobs of material-processing at a time; 0 is one per core.
    pub(crate) material_concurrency: usize,
    /// Jobs of plan-generation at a time.
    pub(crate) plan_concurrency: usize,
    /// How long a job of a dead worker stays locked.
    pub(crate) lock_seconds: u64,
    /// How often locks are renewed.
    pub(crate) renew_seconds: u64,
    /// How often jobs of dead workers are looked for.
    pub(crate) stalled_seconds: u64,
    /// How often a job may take its worker down.
    pub(crate) stalled_max: u32,
    /// How long one run may take.
    pub(crate) deadline_seconds: u64,
    /// How old a job may become.
    pub(crate) expires_hours: u64,
}

/// Limits per user.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Limits {
    /// Jobs of one user in the queues at a time.
    pub(crate) jobs_in_queue_per_user: u32,
}

/// Reading documents.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Parser {
    /// How long a document may take.
    pub(crate) seconds: u64,
    /// How much memory it may take.
    pub(crate) memory_mib: u64,
}

/// The end of the process.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Shutdown {
    /// How long running jobs may go on.
    pub(crate) grace_seconds: u64,
}

/// The log.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Log {
    /// What is logged.
    pub(crate) level: String,
    /// In which form.
    pub(crate) format: LogFormat,
}

/// The form of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum LogFormat {
    /// By whether a person watches.
    Auto,
    /// For people.
    Pretty,
    /// For machines.
    Json,
}

/// Doors for tests.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Testing {
    /// Lets tests crash parts of the tree.
    pub(crate) faults: bool,
}

impl Default for Config {
    fn default() -> Self {
        let local = |port| SocketAddr::from(([127, 0, 0, 1], port));
        Self {
            data_dir: PathBuf::from("./data"),
            http: Http { listen: local(8080), cors_origins: Vec::new() },
            admin: Admin { listen: local(9090) },
            redis: Redis { url: String::new(), prefix: "bull".to_owned(), ca_file: PathBuf::new() },
            auth: Auth { mode: AuthMode::None, signing_key: String::new() },
            worker: Worker {
                material_concurrency: 0,
                plan_concurrency: 4,
                lock_seconds: 15,
                renew_seconds: 5,
                stalled_seconds: 5,
                stalled_max: 2,
                deadline_seconds: 1800,
                expires_hours: 24,
            },
            limits: Limits { jobs_in_queue_per_user: 16 },
            parser: Parser { seconds: 30, memory_mib: 512 },
            shutdown: Shutdown { grace_seconds: 25 },
            log: Log { level: "info".to_owned(), format: LogFormat::Auto },
            testing: Testing { faults: false },
        }
    }
}

impl Config {
    /// Reads the settings: defaults, then the file, then the environment.
    ///
    /// # Errors
    /// When a named file is missing, a setting is unknown, or a value does not fit; the text names
    /// the setting and where it came from.
    pub(crate) fn load(file: Option<&Path>) -> anyhow::Result<Self> {
        let mut figment = Figment::from(Serialized::defaults(Self::default()));
        match file {
            Some(file) => {
                anyhow::ensure!(file.is_file(), "there is no file {}", file.display());
                figment = figment.merge(Toml::file_exact(file));
            }
            None => figment = figment.merge(Toml::file(FILE)),
        }
        let config: Self = figment
            .merge(known_names())
            .merge(Env::prefixed("OXHERD_").split("__"))
            .extract()
            .context("the configuration cannot be read")?;
        config.with_port()
    }

    /// Replaces the port alone when the platform gives one (`PORT`).
    fn with_port(mut self) -> anyhow::Result<Self> {
        if let Some(port) = Env::var("PORT") {
            let port = port.parse().with_context(|| format!("PORT is {port:?}, not a port"))?;
            self.http.listen.set_port(port);
        }
        Ok(self)
    }

    /// Returns the jobs of material-processing at a time.
    #[must_use]
    pub(crate) fn material_concurrency(&self) -> usize {
        match self.worker.material_concurrency {
            0 => std::thread::available_parallelism().map_or(1, usize::from),
            slots => slots,
        }
    }
}

/// The names that such deployments already have.
fn known_names() -> Figment {
    let mut figment = Figment::new();
    if let Some(url) = Env::var("REDIS_URL") {
        figment = figment.merge(("redis.url", url));
    }
    if let Some(slots) = Env::var("QUEUE_CONCURRENCY") {
        let slots = slots.parse::<usize>().unwrap_or(usize::MAX);
        figment = figment
            .merge(("worker.material_concurrency", slots))
            .merge(("worker.plan_concurrency", slots));
    }
    figment
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_in_the_repository_says_the_defaults_of_the_code() {
        let text = include_str!("../config.toml");
        let file: Config = toml::from_str(text).unwrap();
        assert_eq!(file, Config::default());
        let default = toml::Value::try_from(Config::default()).unwrap();
        let file: toml::Value = toml::from_str(text).unwrap();
        assert_eq!(file, default, "config.toml names every setting");
    }

    #[test]
    fn every_setting_in_the_file_has_a_reason_above_it() {
        let mut above = "";
        for line in include_str!("../config.toml").lines() {
            let is_setting = line.contains(" = ") && !line.starts_with('#');
            assert!(!is_setting || above.starts_with('#'), "{line}");
            above = line;
        }
    }
}
