//! A disk of a given size for tests of what happens when it is full.

use std::path::Path;
use std::process::Command;

/// A file system in memory, gone when it is dropped.
pub(crate) struct SmallDisk {
    folder: tempfile::TempDir,
}

impl SmallDisk {
    /// Mounts one; says so and returns `None` where that is not allowed.
    pub(crate) fn mount(kib: u32) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &format!("size={kib}k"), "tmpfs"])
            .arg(folder.path())
            .output()
            .is_ok_and(|done| done.status.success());
        if !mounted {
            eprintln!("skipped: a small disk can only be mounted by root on Linux");
            return None;
        }
        Some(Self { folder })
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Fills what is free; returns the file that does.
    pub(crate) fn fill(&self) -> std::path::PathBuf {
        use std::io::Write as _;
        let path = self.path().join("ballast");
        let mut file = std::fs::File::create(&path).unwrap();
        while file.write_all(&[0; 4096]).is_ok() {}
        path
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Lazily: what is open in it is closed after this.
        let _ = Command::new("umount").arg("-l").arg(self.folder.path()).status();
    }
}
