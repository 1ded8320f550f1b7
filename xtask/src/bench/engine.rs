//! `cargo xtask bench engine`: what the job engine does on this machine's disk, beside what was
//! measured of others.
//!
//! Times are printed only. Each measurement has a store of its own, in a folder on the disk.

mod embedded;
mod idle;
mod latency;
mod report;

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use self::report::Report;

/// The bytes of data of every job, as in the measurements of the others.
const DATA_BYTES: usize = 200;
/// How many jobs run at a time in the full cycle.
const CONCURRENCY: usize = 50;

/// What to measure, and how to tell it.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct EngineOptions {
    /// Print one JSON document instead of the table.
    #[arg(long)]
    pub(crate) json: bool,
    /// Measure shorter: figures are rougher.
    #[arg(long)]
    pub(crate) quick: bool,
    /// Measure the embedded store only.
    #[arg(long)]
    pub(crate) embedded_only: bool,
    /// The folder in which the stores are made; it must be on a disk to mean anything.
    #[arg(long, default_value = "target/bench")]
    pub(crate) dir: PathBuf,
}

/// Measures and prints.
///
/// # Errors
/// When a store cannot be opened or refuses a call.
pub(crate) fn engine(options: &EngineOptions) -> Result<()> {
    std::fs::create_dir_all(&options.dir)
        .with_context(|| format!("cannot create {}", options.dir.display()))?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let (report, failures) = runtime.block_on(measure(options));
    if options.json {
        println!("{}", report.to_json()?);
    } else {
        print!("{report}");
    }
    if let Some(first) = failures.into_iter().next() {
        return Err(first.context("not everything was measured"));
    }
    Ok(())
}

/// Measures one thing after the other; what fails is told, and the rest is measured all the same.
async fn measure(options: &EngineOptions) -> (Report, Vec<anyhow::Error>) {
    let scale = if options.quick { Scale::QUICK } else { Scale::FULL };
    let dir = &options.dir;
    let mut report = Report::default();
    let mut done = vec![
        latency::disk(dir, scale, &mut report),
        embedded::adds(dir, scale, &mut report).await,
        embedded::cycle(dir, scale, &mut report).await,
        latency::acks(dir, scale, &mut report).await,
        latency::wake_ups(dir, scale, &mut report).await,
    ];
    if !options.embedded_only {
        done.push(idle::commands(dir, scale, &mut report).await);
    }
    (report, done.into_iter().filter_map(Result::err).collect())
}

/// How much is measured.
#[derive(Debug, Clone, Copy)]
struct Scale {
    /// How long producers add.
    seconds: u64,
    /// How many jobs go through a cycle.
    jobs: usize,
    /// How often a cycle is run; the median counts.
    rounds: usize,
    /// How many wake-ups and syncs are timed.
    samples: usize,
}

impl Scale {
    const FULL: Self = Self { seconds: 5, jobs: 50_000, rounds: 3, samples: 1_000 };
    const QUICK: Self = Self { seconds: 1, jobs: 20_000, rounds: 1, samples: 200 };
}

/// Says on the error stream what is going on, so that the output stays clean.
fn say(what: &str) {
    eprintln!("measuring {what} ...");
}

/// Makes a folder for one store, removed when dropped.
fn folder(dir: &Path) -> Result<tempfile::TempDir> {
    tempfile::tempdir_in(dir).with_context(|| format!("cannot use {}", dir.display()))
}

/// Returns the middle one of some figures.
fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures.get(figures.len() / 2).copied().unwrap_or(f64::NAN)
}
