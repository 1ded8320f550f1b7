//! `cargo xtask screenshots`: the pages as people see them, to be looked at.

use std::process::Command;

use anyhow::{Context as _, ensure};

use crate::run::root;

/// The test that drives the pages in a browser; it keeps its screenshots when it is told where.
const TEST: &str = "a_person_drops_documents_and_follows_the_plan_in_a_browser";

/// Takes them: three widths, light and dark, English and Korean.
pub(crate) fn take() -> anyhow::Result<()> {
    let folder = root().join("target/screenshots");
    std::fs::create_dir_all(&folder)?;
    let status = Command::new("cargo")
        .args(["test", "--release", "--test", "program", TEST])
        .env("OXHERD_SCREENSHOTS", &folder)
        .current_dir(root())
        .status()
        .context("cargo cannot be started")?;
    ensure!(status.success(), "the pages were not all seen: {status}");
    println!("screenshots are in {}", folder.display());
    Ok(())
}
