//! What may be wrong with the file that keeps the jobs.

use std::fs;
use std::path::{Path, PathBuf};

use super::Finding;
use crate::output::bytes;

/// A write-ahead log that is larger than this makes reading slow.
const LARGE_LOG: u64 = 64 * 1024 * 1024;

pub(super) fn look(file: &Path) -> Vec<Finding> {
    let mut findings = vec![log(file)];
    findings.extend(permissions(file));
    findings
}

fn log(file: &Path) -> Finding {
    let size = |path: &Path| fs::metadata(path).map_or(0, |metadata| metadata.len());
    let (data, log) = (size(file), size(&beside(file, "-wal")));
    let says = format!("{} of data, {} of log", bytes(data), bytes(log));
    if log > LARGE_LOG {
        return Finding::warn("file", says, "a process reads for very long: look for one that has the file open");
    }
    Finding::ok("file", says)
}

/// The write-ahead log and its index are files beside it.
fn beside(file: &Path, suffix: &str) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

#[cfg(unix)]
fn permissions(file: &Path) -> Option<Finding> {
    use std::os::unix::fs::PermissionsExt as _;
    let mode = fs::metadata(file).ok()?.permissions().mode() & 0o777;
    if mode & 0o002 != 0 {
        let advice = "everybody on this machine can change jobs: chmod o-w";
        return Some(Finding::warn("permissions", format!("{mode:03o}"), advice));
    }
    if mode & 0o004 != 0 {
        let says = format!("{mode:03o}: everybody on this machine can read jobs");
        return Some(Finding::ok("permissions", says));
    }
    Some(Finding::ok("permissions", format!("{mode:03o}")))
}

#[cfg(not(unix))]
fn permissions(_: &Path) -> Option<Finding> {
    None
}
