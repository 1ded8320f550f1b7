//! `oxherd serve`: runs the service until it is told to stop.

use std::process::ExitCode;

use tokio::signal::unix::{SignalKind, signal};

use super::block_on;
use super::config::without_password;
use crate::app::App;
use crate::config::{Config, check};
use crate::telemetry;

/// The exit code of a wrong configuration.
const WRONG_CONFIGURATION: u8 = 2;
/// The exit code of a second signal, as a shell tells of SIGINT.
const ENDED_AT_ONCE: i32 = 130;

/// Runs the command.
pub(crate) fn run(config: Config) -> anyhow::Result<ExitCode> {
    if !tell_problems(&config) {
        return Ok(ExitCode::from(WRONG_CONFIGURATION));
    }
    telemetry::start_log(&config.log)?;
    let metrics = telemetry::start_metrics()?;
    block_on(async move {
        let app = App::start(&config, metrics).await?;
        tell(&app, &config);
        drain_on_signal(app.drain.clone())?;
        let exit = app.run().await;
        tracing::info!("the service ended: {exit}");
        Ok(ExitCode::from(exit.code()))
    })
}

/// Prints everything that is wrong with the configuration; `false` when something is.
pub(crate) fn tell_problems(config: &Config) -> bool {
    let problems = check(config);
    for problem in &problems {
        eprintln!("oxherd: {problem}");
    }
    problems.is_empty()
}

/// Says where everything is.
pub(crate) fn tell(app: &App, config: &Config) {
    let queues = match config.redis.url.as_str() {
        "" => "embedded".to_owned(),
        url => without_password(url),
    };
    println!();
    println!("  Oxherd is ready.");
    println!();
    println!("  Study page   http://{}/      drop a document, say a goal, get a plan", app.public);
    println!("  API          http://{}/docs", app.public);
    println!("  Operators    http://{}/      queues, actors, health, metrics", app.admin);
    println!();
    println!("  Queues       {queues}");
    println!("  Data         {}", config.data_dir.display());
    println!("  Sandbox      {}", app.sandbox);
    println!();
    println!("  Stop with Ctrl-C; running jobs get {} s to end.", config.shutdown.grace_seconds);
    println!();
}

/// Begins the drain at the first SIGTERM or SIGINT; ends the process at the second.
pub(crate) fn drain_on_signal(drain: oxherd_actors::handles::Drain) -> anyhow::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    tokio::spawn(async move {
        tokio::select! { _ = terminate.recv() => {} _ = interrupt.recv() => {} }
        tracing::info!("stopping: running jobs end or go back to the queue");
        drain.begin();
        tokio::select! { _ = terminate.recv() => {} _ = interrupt.recv() => {} }
        tracing::warn!("stopped at once; jobs that ran will run again");
        std::process::exit(ENDED_AT_ONCE);
    });
    Ok(())
}
