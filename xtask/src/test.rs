//! `cargo xtask test`: the whole gate, in the order in which it fails fastest.

use crate::run::run as command;
use crate::{fixtures, install, tidy};

/// What to leave out.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Installs nothing and fetches nothing.
    #[arg(long)]
    offline: bool,
}

/// Runs everything.
pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    if !options.offline {
        install::all()?;
        if let Err(error) = fixtures::fetch() {
            println!("NOT FETCHED: real documents ({error:#}); their tests are skipped");
        }
    }
    command("cargo", &["fmt", "--all", "--check"])?;
    tidy::run()?;
    match install::cargo_deny(!options.offline) {
        Some(program) => {
            let program = program.display().to_string();
            command(&program, &["--all-features", "check", "bans", "licenses", "sources"])?;
        }
        None => println!(
            "NOT INSTALLED: cargo-deny; licences and sources of dependencies are not checked"
        ),
    }
    command(
        "cargo",
        &["clippy", "--release", "--workspace", "--all-targets", "--", "-D", "warnings"],
    )?;
    command("cargo", &["test", "--release", "--workspace", "--no-fail-fast"])
}
