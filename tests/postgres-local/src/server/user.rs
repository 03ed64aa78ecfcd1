//! PostgreSQL refuses to run as root.

use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};

/// Who runs a server: ourselves, or somebody with fewer rights where we are root.
#[derive(Clone, Copy, Debug)]
pub(super) struct User(Option<(u32, u32)>);

impl User {
    pub(super) fn choose() -> Result<Self> {
        if !rustix::process::geteuid().is_root() {
            return Ok(Self(None));
        }
        let ids = |name: &str| Some((id("-u", name)?, id("-g", name)?));
        let found = ["postgres", "nobody"].into_iter().find_map(ids);
        found.map(|ids| Self(Some(ids))).context("PostgreSQL refuses to run as root, and there is no user `nobody`")
    }

    pub(super) fn run(self, command: &mut Command) {
        if let Self(Some((user, group))) = self {
            // Other groups are left as well.
            command.gid(group).uid(user);
        }
    }

    pub(super) fn give(self, path: &Path) -> Result<()> {
        let Self(Some((user, group))) = self else { return Ok(()) };
        chown(path, Some(user), Some(group)).with_context(|| format!("`{}` cannot be given away", path.display()))
    }
}

fn id(which: &str, name: &str) -> Option<u32> {
    let output = Command::new("id").args([which, name]).output().ok()?;
    String::from_utf8(output.stdout).ok()?.trim().parse().ok()
}
