//! `cargo xtask fixtures`: real documents for the tests, out of Debian packages, and their
//! reference outlines, which are kept in `tests/fixtures/outlines`.
//!
//! The documents are under free licences (GPL, MIT, GFDL: see each package) and are never kept in
//! the repository.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, ensure};

use crate::run::{is_installed, root, run};

/// A document: its name, the package, the path in it, and what is done to it.
struct Fixture {
    name: &'static str,
    package: &'static str,
    path: &'static str,
    make: Make,
}

/// How a file of a package becomes a document.
#[derive(Clone, Copy)]
enum Make {
    /// As it is, or unpacked when its name ends with `.gz`.
    Copy,
    /// By pandoc, into the kind of the name's ending.
    Pandoc,
    /// By iconv, into EUC-KR.
    EucKr,
}

const GUIDE: &str = "installation-guide-amd64";

/// The documents, 1 to 260 pages, of five kinds, in English and Korean.
const FIXTURES: [Fixture; 14] = [
    pdf("en-install.pdf", GUIDE, "usr/share/doc/installation-guide-amd64/en/install.en.pdf.gz"),
    pdf("ko-install.pdf", GUIDE, "usr/share/doc/installation-guide-amd64/ko/install.ko.pdf.gz"),
    pdf("en-faq.pdf", "debian-faq", "usr/share/doc/debian/FAQ/debian-faq.en.pdf.gz"),
    pdf("en-refcard.pdf", "debian-refcard", "usr/share/doc/debian-refcard/refcard-en-a4.pdf.gz"),
    pdf("ko-refcard.pdf", "debian-refcard", "usr/share/doc/debian-refcard/refcard-ko-a4.pdf.gz"),
    pdf(
        "en-devref.pdf",
        "developers-reference",
        "usr/share/developers-reference/developers-reference.pdf",
    ),
    pdf("en-bash.pdf", "bash-doc", "usr/share/doc/bash/bashref.pdf"),
    pdf("en-debmake.pdf", "debmake-doc", "usr/share/doc/debmake-doc/debmake-doc.en.pdf"),
    pdf("ko-install.txt", GUIDE, "usr/share/doc/installation-guide-amd64/ko/install.ko.txt.gz"),
    Fixture {
        name: "ko-install-euckr.txt",
        package: GUIDE,
        path: "usr/share/doc/installation-guide-amd64/ko/install.ko.txt.gz",
        make: Make::EucKr,
    },
    pdf("ko-chapter.html", GUIDE, "usr/share/doc/installation-guide-amd64/ko/ch06s03.html"),
    pdf("en-chapter.html", GUIDE, "usr/share/doc/installation-guide-amd64/en/ch06s03.html"),
    Fixture {
        name: "ko-chapter.docx",
        package: GUIDE,
        path: "usr/share/doc/installation-guide-amd64/ko/ch04s03.html",
        make: Make::Pandoc,
    },
    Fixture {
        name: "en-chapter.md",
        package: GUIDE,
        path: "usr/share/doc/installation-guide-amd64/en/ch02s01.html",
        make: Make::Pandoc,
    },
];

const fn pdf(name: &'static str, package: &'static str, path: &'static str) -> Fixture {
    Fixture { name, package, path, make: Make::Copy }
}

/// Where the documents are put.
fn folder() -> PathBuf {
    root().join("target/fixtures")
}

/// Fetches what is missing.
pub(crate) fn fetch() -> anyhow::Result<()> {
    let folder = folder();
    let missing: Vec<_> = FIXTURES.iter().filter(|f| !folder.join(f.name).exists()).collect();
    if missing.is_empty() {
        return Ok(());
    }
    ensure!(
        is_installed("apt-get"),
        "real documents come from Debian packages; there is no apt-get"
    );
    let packages = folder.join("packages");
    fs::create_dir_all(&packages)?;
    for fixture in missing {
        let unpacked = packages.join(fixture.package);
        if !unpacked.exists() {
            unpack(fixture.package, &packages, &unpacked)?;
        }
        let source = unpacked.join(fixture.path);
        make(&source, &folder.join(fixture.name), fixture.make)
            .with_context(|| format!("{} from {}", fixture.name, source.display()))?;
    }
    println!("{} documents in {}", FIXTURES.len(), folder.display());
    Ok(())
}

fn unpack(package: &str, packages: &Path, into: &Path) -> anyhow::Result<()> {
    let status = Command::new("apt-get")
        .args(["download", "-qq", package])
        .current_dir(packages)
        .status()
        .context("apt-get")?;
    ensure!(status.success(), "package {package} cannot be fetched");
    let entries = fs::read_dir(packages)?.filter_map(Result::ok).map(|entry| entry.path());
    let start = format!("{package}_");
    let is_it = |path: &PathBuf| {
        path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(&start))
    };
    let archive =
        entries.filter(is_it).max().with_context(|| format!("package {package} did not arrive"))?;
    let (archive, into) = (archive.display().to_string(), into.display().to_string());
    run("dpkg-deb", &["-x", &archive, &into])
}

fn make(source: &Path, into: &Path, how: Make) -> anyhow::Result<()> {
    let (from, to) = (source.display().to_string(), into.display().to_string());
    match how {
        // CommonMark alone: pandoc's own Markdown adds attributes that nobody else reads.
        Make::Pandoc if to.ends_with(".md") => {
            run("pandoc", &["--from", "html", "--to", "gfm-raw_html", "--output", &to, &from])
        }
        Make::Pandoc => run("pandoc", &["--from", "html", "--output", &to, &from]),
        Make::EucKr => {
            let script = format!("gunzip -c '{from}' | iconv -c -f utf-8 -t euc-kr > '{to}'");
            run("sh", &["-c", &script])
        }
        Make::Copy if from.ends_with(".gz") => {
            run("sh", &["-c", &format!("gunzip -c '{from}' > '{to}'")])
        }
        Make::Copy => {
            fs::copy(source, into)?;
            Ok(())
        }
    }
}
