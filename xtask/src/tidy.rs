//! `cargo xtask tidy`: the rules of the code base that the compiler does not know.
//!
//! Every exception stands in a list with its reason; the lists may only shrink.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};

use crate::run::root;

/// The most lines of a file, without its tests.
const LINES_MAX: usize = 400;
/// The most lines of a file of the supervision tree.
const ACTOR_LINES_MAX: usize = 300;

/// Which crate of ours may import which.
const IMPORTS: [(&str, &[&str]); 6] = [
    ("queue", &[]),
    ("study", &[]),
    ("adapters", &["study"]),
    ("actors", &["queue", "study"]),
    ("api", &["actors", "queue", "study"]),
    ("xtask", &["queue"]),
];

/// Which crates may name a vendor.
const VENDORS: [(&str, &[&str]); 17] = [
    ("ractor", &["actors"]),
    ("axum", &["api", "oxherd"]),
    ("utoipa", &["api"]),
    ("utoipa-axum", &["api"]),
    ("maud", &["api"]),
    ("redis", &["queue"]),
    ("rusqlite", &["queue"]),
    ("sqlx", &["adapters"]),
    ("reqwest", &["adapters"]),
    ("tantivy", &["adapters"]),
    ("hayro-interpret", &["adapters"]),
    ("html5ever", &["adapters"]),
    ("quick-xml", &["adapters"]),
    ("zip", &["adapters"]),
    ("clap", &["oxherd", "xtask"]),
    ("figment", &["oxherd"]),
    ("indicatif", &["oxherd"]),
];

/// Runs all checks and tells everything that is wrong at once.
pub(crate) fn run() -> anyhow::Result<()> {
    let mut problems = Vec::new();
    for file in sources(&root())? {
        let text = fs::read_to_string(&file)?;
        let shown = file.strip_prefix(root()).unwrap_or(&file).display().to_string();
        check_file(&shown, &text, &mut problems);
    }
    check_imports(&mut problems)?;
    for problem in &problems {
        println!("tidy: {problem}");
    }
    ensure!(problems.is_empty(), "{} rules are broken", problems.len());
    println!("tidy: all rules hold");
    Ok(())
}

fn sources(root: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let folders =
        ["src", "api", "actors", "adapters", "queue", "study", "xtask", "tests", "benches"];
    let mut open: Vec<_> = folders.iter().map(|folder| root.join(folder)).collect();
    let mut files = Vec::new();
    while let Some(folder) = open.pop() {
        let Ok(entries) = fs::read_dir(&folder) else { continue };
        for entry in entries {
            let path = entry?.path();
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            if path.is_dir() && name != "target" && name != "node_modules" {
                open.push(path);
            } else if name.ends_with(".rs") {
                files.push(path);
            }
        }
    }
    files.sort();
    Ok(files)
}

fn check_file(name: &str, text: &str, problems: &mut Vec<String>) {
    if !text.starts_with("//!") {
        problems.push(format!("{name} does not open with //! (what it owns, what it never does)"));
    }
    if name.ends_with("/mod.rs") {
        problems.push(format!("{name}: write x.rs beside x/, never mod.rs"));
    }
    let lines = production_lines(text);
    let is_test =
        name.starts_with("tests/") || name.contains("/tests/") || name.ends_with("/tests.rs");
    let most = if name.starts_with("actors/src/") { ACTOR_LINES_MAX } else { LINES_MAX };
    if lines > most && !is_test {
        problems.push(format!("{name} has {lines} lines without its tests, at most {most}"));
    }
    for (number, line) in text.lines().enumerate() {
        let number = number + 1;
        if line.ends_with(' ') || line.contains('\t') {
            problems.push(format!("{name}:{number} has a tab or ends with a space"));
        }
        let marker = concat!("TO", "DO");
        if line.contains(marker) && !line.contains("(#") {
            problems.push(format!("{name}:{number} has a {marker} without an issue"));
        }
    }
}

/// Counts the lines before the unit tests.
fn production_lines(text: &str) -> usize {
    let tests = text.lines().position(|line| line.trim() == "#[cfg(test)]");
    tests.unwrap_or_else(|| text.lines().count())
}

fn check_imports(problems: &mut Vec<String>) -> anyhow::Result<()> {
    let metadata = cargo_metadata::MetadataCommand::new()
        .manifest_path(root().join("Cargo.toml"))
        .no_deps()
        .exec()
        .context("cargo metadata")?;
    let rules: BTreeMap<_, _> = IMPORTS.into_iter().collect();
    for package in metadata.workspace_packages() {
        let name = package.name.trim_start_matches("oxherd-");
        for dependency in &package.dependencies {
            let is_normal = dependency.kind == cargo_metadata::DependencyKind::Normal;
            if let Some(ours) = dependency.name.strip_prefix("oxherd-")
                && let Some(allowed) = rules.get(name)
                && !allowed.contains(&ours)
            {
                problems.push(format!("{name} may not import {ours}"));
            }
            let vendor = VENDORS.iter().find(|(vendor, _)| *vendor == dependency.name);
            if let Some((vendor, allowed)) = vendor
                && is_normal
                && name != "xtask"
                && !allowed.contains(&name)
            {
                problems.push(format!("{name} may not name {vendor}; {allowed:?} may"));
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(name: &str, text: &str) -> usize {
        let mut problems = Vec::new();
        check_file(name, text, &mut problems);
        problems.len()
    }

    #[test]
    fn the_code_base_keeps_its_rules() {
        run().unwrap();
    }

    #[test]
    fn broken_rules_are_found() {
        assert_eq!(check("a.rs", "//! Fine.\n"), 0);
        assert_eq!(check("a.rs", "fn main() {}\n"), 1);
        assert_eq!(check("a/mod.rs", "//! Fine.\n"), 1);
        assert_eq!(check("a.rs", "//! Ends with a space. \n"), 1);
        assert_eq!(check("a.rs", &format!("//! x\n// {}\n", concat!("TO", "DO"))), 1);
    }

    #[test]
    fn a_long_file_is_found_but_its_tests_do_not_count() {
        let long = format!("//! x\n{}", "\n".repeat(401));
        assert_eq!(check("src/a.rs", &long), 1);
        let tested = format!("//! x\n#[cfg(test)]\n{}", "\n".repeat(401));
        assert_eq!(check("src/a.rs", &tested), 0);
    }
}
