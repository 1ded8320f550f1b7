//! The log and the metrics of the process.
//!
//! Never logs document text, tokens or keys: what is logged are ids, counts and states.

use std::io::IsTerminal as _;

use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use tracing_subscriber::EnvFilter;

use crate::config::{Log, LogFormat};

/// Buckets of HTTP durations in seconds.
const HTTP_SECONDS: [f64; 10] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 2.0, 10.0];
/// Buckets of job durations in seconds.
const JOB_SECONDS: [f64; 10] = [0.01, 0.05, 0.1, 0.5, 1.0, 2.5, 5.0, 15.0, 60.0, 300.0];

/// Starts the log, on standard error.
///
/// # Errors
/// When the level is not a filter.
pub(crate) fn start_log(log: &Log) -> anyhow::Result<()> {
    let filter = EnvFilter::try_new(&log.level)
        .map_err(|error| anyhow::anyhow!("log.level {:?} is not a filter: {error}", log.level))?;
    let json = match log.format {
        LogFormat::Json => true,
        LogFormat::Pretty => false,
        LogFormat::Auto => !std::io::stderr().is_terminal(),
    };
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_target(false);
    let started = if json {
        builder.json().flatten_event(true).try_init()
    } else {
        builder.with_ansi(std::io::stderr().is_terminal()).compact().try_init()
    };
    started.map_err(|error| anyhow::anyhow!("the log cannot be started: {error}"))
}

/// Starts to collect metrics; the handle renders them as Prometheus text.
///
/// # Errors
/// When another recorder runs already.
pub(crate) fn start_metrics() -> anyhow::Result<PrometheusHandle> {
    let handle = PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Prefix("oxherd_http".into()), &HTTP_SECONDS)?
        .set_buckets_for_metric(Matcher::Prefix("oxherd_job".into()), &JOB_SECONDS)?
        .install_recorder()?;
    Ok(handle)
}
