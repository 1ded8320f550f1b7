//! Installs what the tests need from the registries, when it may.

use crate::run::{is_installed, root, run};

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
const NODE_FOLDERS: [&str; 2] = ["tests/node", "benches/peers"];

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

fn is_root() -> bool {
    std::fs::metadata("/root").is_ok_and(|_| std::fs::read_dir("/root").is_ok())
}
