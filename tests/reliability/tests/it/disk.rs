//! A disk that is soon full.

use std::os::unix::fs::{MetadataExt, chown};
use std::path::Path;
use std::process::{Command, Stdio};

use tempfile::TempDir;

/// A file system of 8 MiB.
pub(crate) struct SmallDisk(TempDir);

impl SmallDisk {
    /// Where this process may mount one.
    pub(crate) fn mount() -> Option<Self> {
        let directory = tempfile::tempdir().unwrap();
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", "size=8m", "tmpfs"]).arg(directory.path()).stderr(Stdio::null());
        mount.status().is_ok_and(|status| status.success()).then_some(Self(directory))
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    /// Lets a server have it that runs as the user whose directory this is.
    pub(crate) fn give_to_the_owner_of(&self, directory: &Path) {
        let owner = directory.metadata().unwrap();
        chown(self.path(), Some(owner.uid()), Some(owner.gid())).unwrap();
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // What is left of it goes with the last who use it.
        let _ = Command::new("umount").arg("--lazy").arg(self.path()).status();
    }
}
