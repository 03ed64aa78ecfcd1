use std::path::Path;
use std::process::{Command, Stdio};

use crate::victim::{Database, Victim};

/// A file system of 4 MiB, where this process may mount one.
pub(crate) struct SmallDisk(pub(crate) tempfile::TempDir);

impl SmallDisk {
    pub(crate) fn mount() -> Option<Self> {
        let dir = tempfile::tempdir().unwrap();
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", "size=4m", "tmpfs"]).arg(dir.path()).stderr(Stdio::null());
        mount.status().is_ok_and(|status| status.success()).then_some(Self(dir))
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(self.0.path()).status();
    }
}

/// The victim, with no file allowed to grow over 2 MiB: the kernel then refuses its writes as a full disk's would be.
pub(crate) fn with_small_files(role: &str, database: &Path, rest: &[&str]) -> Victim {
    let mut shell = Command::new("sh");
    shell.args(["-c", r#"trap "" XFSZ; ulimit -f 4096; exec "$0" "$@""#, env!("CARGO_BIN_EXE_victim")]);
    shell.arg(role).arg(database).args(rest);
    Victim::run(shell)
}

fn assert_nothing_lost(victim: Victim, path: &Path) -> String {
    let said = victim.finish();
    assert!(said.acknowledged.len() > 3, "hardly anything fitted: {:?}", said.other);
    let database = Database::open(path);
    database.assert_sound();
    assert_eq!(database.has(&said.acknowledged), said.acknowledged.len(), "acknowledged jobs are lost");
    said.other.into_iter().find(|line| line.starts_with("error")).expect("the caller got no error")
}

/// On a disk with no room left.
#[test]
fn a_full_disk_is_an_error_to_the_caller_and_damages_nothing() {
    let Some(disk) = SmallDisk::mount() else {
        eprintln!("no file system may be mounted here; the file size limit of the next test has to do");
        return writes_that_the_kernel_refuses_are_an_error_to_the_caller_and_damage_nothing();
    };
    let path = disk.0.path().join("jobs.db");
    let error = assert_nothing_lost(Victim::start("fill", &path, &["100000"]), &path);
    assert!(error.starts_with("error full") && error.contains("disk is full"), "{error}");
}

/// Where the kernel refuses to let the file grow.
#[test]
fn writes_that_the_kernel_refuses_are_an_error_to_the_caller_and_damage_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("jobs.db");
    let error = assert_nothing_lost(with_small_files("fill", &path, &["100000"]), &path);
    assert!(error.starts_with("error full") || error.starts_with("error storage"), "{error}");
    let after = Victim::start("enqueue", &path, &["3", "0"]).finish();
    assert_eq!(after.acknowledged.len(), 3, "there is room without the limit");
}
