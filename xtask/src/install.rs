//! Installs what the tests need from the registries, when it may.

use std::path::PathBuf;
use std::process::Command;

use crate::run::{is_installed, root, run};

/// The release of cargo-deny that `deny.toml` is written for; others know other licences, so one
/// that happens to be on the machine is not used.
const CARGO_DENY: &str = "0.20.2";

/// A program that tests need, its Debian package, and what is not tested without it.
const PROGRAMS: [(&str, &str, &str); 7] = [
    ("redis-server", "redis-server", "the Redis store"),
    ("pdftotext", "poppler-utils", "PDF text against a second reader"),
    ("chromium", "chromium", "the pages in a browser"),
    ("node", "nodejs", "interoperability with BullMQ, and the pages in a browser"),
    ("npm", "npm", "interoperability with BullMQ, and the pages in a browser"),
    ("pandoc", "pandoc", "DOCX documents made of real manuals"),
    ("dpkg-deb", "dpkg", "real documents"),
];

/// Folders with Node packages, pinned by a lock file.
const NODE_FOLDERS: [&str; 3] = ["tests/node", "tests/interop", "benches/peers"];

/// Installs what is missing; says plainly what cannot be installed and what that leaves untested.
pub(crate) fn all() -> anyhow::Result<()> {
    let missing: Vec<_> = PROGRAMS.iter().filter(|(program, ..)| !is_installed(program)).collect();
    if !missing.is_empty() {
        let packages: Vec<&str> = missing.iter().map(|(_, package, _)| *package).collect();
        if is_installed("apt-get") && is_root() {
            let _ = run("apt-get", &["update", "-qq"]);
            let mut arguments = vec!["install", "-y", "-qq", "--no-install-recommends"];
            arguments.extend(&packages);
            arguments.push("fonts-noto-cjk");
            let _ = run("apt-get", &arguments);
        } else {
            println!("not root on Debian: install {} yourself", packages.join(", "));
        }
    }
    for (program, package, subject) in PROGRAMS {
        if !is_installed(program) {
            println!("NOT INSTALLED: {program} (package {package}); not tested: {subject}");
        }
    }
    if is_installed("npm") {
        for folder in NODE_FOLDERS {
            let folder = root().join(folder);
            let fresh = !folder.join("node_modules/.package-lock.json").exists();
            if folder.join("package-lock.json").exists() && fresh {
                let folder = folder.display().to_string();
                run("npm", &["ci", "--no-audit", "--no-fund", "--prefix", &folder])?;
            }
        }
    }
    Ok(())
}

/// Returns the pinned cargo-deny under `target/tools`, which is built there first if it is missing
/// and `may_install` allows it; `None` if it cannot be had.
pub(crate) fn cargo_deny(may_install: bool) -> Option<PathBuf> {
    let folder = root().join("target/tools");
    let program = folder.join("bin/cargo-deny");
    if !is_pinned(&program) && may_install {
        let (folder, build) = (folder.display().to_string(), folder.join("build"));
        // Built without optimisation: it runs for a second and builds in one instead of five minutes.
        let mut arguments = vec!["install", "cargo-deny", "--version", CARGO_DENY, "--locked"];
        let build = build.display().to_string();
        arguments.extend(["--no-default-features", "--debug", "--quiet", "--force"]);
        arguments.extend(["--root", &folder, "--target-dir", &build]);
        let _ = run("cargo", &arguments);
        let _ = std::fs::remove_dir_all(build);
    }
    is_pinned(&program).then_some(program)
}

fn is_pinned(program: &PathBuf) -> bool {
    let version = Command::new(program).arg("--version").output();
    version.is_ok_and(|said| String::from_utf8_lossy(&said.stdout).trim().ends_with(CARGO_DENY))
}

fn is_root() -> bool {
    std::fs::metadata("/root").is_ok_and(|_| std::fs::read_dir("/root").is_ok())
}
