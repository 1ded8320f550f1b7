//! `oxherd doctor`: looks at the machine, the configuration and the stores; each finding with its
//! one-line fix.

use std::process::ExitCode;
use std::sync::Arc;

use oxherd_adapters::parser::{ChildParser, ParserOptions};
use oxherd_queue::backend::redis::RedisStore;
use oxherd_queue::clock::SystemClock;
use oxherd_study::accept::jobs::{MATERIAL_QUEUE, PLAN_QUEUE};
use serde::Serialize;

use super::block_on;
use super::config::without_password;
use crate::config::{Config, check};

/// One thing that was looked at.
#[derive(Debug, Serialize)]
struct Finding {
    what: &'static str,
    ok: bool,
    found: String,
    fix: String,
}

impl Finding {
    fn good(what: &'static str, found: impl Into<String>) -> Self {
        Self { what, ok: true, found: found.into(), fix: String::new() }
    }

    fn bad(what: &'static str, found: impl Into<String>, fix: impl Into<String>) -> Self {
        Self { what, ok: false, found: found.into(), fix: fix.into() }
    }
}

/// Runs the command.
pub(crate) fn run(config: &Config, as_json: bool) -> anyhow::Result<ExitCode> {
    let mut findings = settings(config);
    findings.push(data_dir(config));
    findings.extend(ports(config));
    findings.push(block_on(async { Ok(parser().await) })?);
    findings.push(block_on(async { Ok(queues(config).await) })?);
    let all_good = findings.iter().all(|finding| finding.ok);
    if as_json {
        println!("{}", serde_json::to_string(&findings)?);
    } else {
        for finding in &findings {
            let mark = if finding.ok { "ok " } else { "BAD" };
            println!("{mark}  {:<14} {}", finding.what, finding.found);
            if !finding.fix.is_empty() {
                println!("{:20}fix: {}", "", finding.fix);
            }
        }
    }
    Ok(if all_good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn settings(config: &Config) -> Vec<Finding> {
    let problems = check(config);
    if problems.is_empty() {
        return vec![Finding::good("configuration", "every setting fits")];
    }
    let bad = |problem: crate::config::Problem| {
        let found = format!("{}: {}", problem.setting, problem.problem);
        Finding::bad("configuration", found, problem.fix)
    };
    problems.into_iter().map(bad).collect()
}

fn data_dir(config: &Config) -> Finding {
    let dir = &config.data_dir;
    let shown = dir.display();
    let probe = dir.join(".doctor");
    let written = std::fs::create_dir_all(dir)
        .and_then(|()| std::fs::write(&probe, b"probe"))
        .and_then(|()| std::fs::File::open(&probe)?.sync_all())
        .and_then(|()| std::fs::remove_file(&probe));
    match written {
        Ok(()) => Finding::good("data folder", format!("{shown} can be written")),
        Err(error) => Finding::bad(
            "data folder",
            format!("{shown} cannot be written: {error}"),
            "give it to this user, or set data_dir to another folder",
        ),
    }
}

fn ports(config: &Config) -> Vec<Finding> {
    let listeners = [("public port", config.http.listen), ("admin port", config.admin.listen)];
    let look = |(what, listen)| match std::net::TcpListener::bind(listen) {
        Ok(_) => Finding::good(what, format!("{listen} is free")),
        Err(error) if error.kind() == std::io::ErrorKind::AddrInUse => {
            Finding::good(what, format!("{listen} is in use, perhaps by a running service"))
        }
        Err(error) => Finding::bad(
            what,
            format!("{listen} cannot be bound: {error}"),
            "choose another address or port",
        ),
    };
    listeners.into_iter().map(look).collect()
}

async fn parser() -> Finding {
    let options = match ParserOptions::this_program() {
        Ok(options) => options,
        Err(error) => {
            let fix = "start the program by its full path";
            return Finding::bad("parser", format!("cannot find this program: {error}"), fix);
        }
    };
    match ChildParser::new(options).sandbox_state().await {
        Ok(state) => Finding::good("parser", state),
        Err(error) => {
            Finding::bad("parser", error.to_string(), "allow this user to start processes")
        }
    }
}

async fn queues(config: &Config) -> Finding {
    if config.redis.url.is_empty() {
        return Finding::good("queues", "embedded, in the data folder");
    }
    let shown = without_password(&config.redis.url);
    let store = RedisStore::connect(config.redis.options(), Arc::new(SystemClock)).await;
    let fits = store.and_then(|store| {
        [MATERIAL_QUEUE, PLAN_QUEUE].iter().try_for_each(|queue| store.check_name(queue))
    });
    match fits {
        Ok(()) => Finding::good("queues", format!("{shown} answers and keeps what it is given")),
        Err(error) => Finding::bad("queues", error.to_string(), format!("check {shown}")),
    }
}
