//! `oxherd enqueue`: adds a job to a queue.

use std::process::ExitCode;

use clap::Args;
use oxherd_adapters::admin::AdminClient;
use serde_json::{Value, json};

use super::block_on;
use crate::config::Config;

/// The job to add.
#[derive(Debug, Args)]
pub(crate) struct Enqueue {
    /// The queue, e.g. material-processing.
    queue: String,
    /// The job's name, e.g. process-material.
    name: String,
    /// The job's data as JSON.
    #[arg(long, value_parser = parse_json)]
    data: Value,
    /// The job's id; a job with this id is never added twice.
    #[arg(long)]
    job_id: Option<String>,
    /// How long until the job becomes due, in milliseconds.
    #[arg(long, value_name = "MS")]
    delay: Option<u64>,
    /// How often the job may be started.
    #[arg(long)]
    attempts: Option<u32>,
}

fn parse_json(text: &str) -> Result<Value, String> {
    serde_json::from_str(text).map_err(|error| format!("not JSON: {error}"))
}

/// Runs the command.
pub(crate) fn run(job: &Enqueue, config: &Config, as_json: bool) -> anyhow::Result<ExitCode> {
    let body = json!({
        "name": job.name, "data": job.data, "jobId": job.job_id, "delay": job.delay,
        "attempts": job.attempts,
    });
    let answer = block_on(async {
        let client = AdminClient::new(config.admin.listen)?;
        Ok(client.post(&format!("/api/queues/{}/jobs", job.queue), &body).await?)
    })?;
    let data = &answer["data"];
    if as_json {
        println!("{data}");
        return Ok(ExitCode::SUCCESS);
    }
    let id = data["jobId"].as_str().unwrap_or_default();
    match data["created"].as_bool() {
        Some(true) => println!("Added job {id} to {}.", job.queue),
        _ => println!("Job {id} stands in {} already; nothing was changed.", job.queue),
    }
    Ok(ExitCode::SUCCESS)
}
